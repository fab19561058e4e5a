package ios

import (
	"strings"
	"testing"
)

const inServer = "radius-server host 10.10.10.2 auth-port 1645 acct-port 1646\n"

func TestAAA01_Import(t *testing.T) {
	commands{good: []string{"radius-server host 10.10.10.2 auth-port 1645 acct-port 1646; key 7 094F471A1A0A -> server[name='10.10.10.2']/acct-port = 1646",
		"radius-server host 10.10.10.2; key cisco -> server[name='10.10.10.2']/address = 10.10.10.2 ! W-MIX no acct-port is said: routers then use 1646"},
		bad: []string{"radius-server host 10.10.10.2 auth-port 0 -> E-RANGE", "radius-server host 10.10.10.2 acct-port 65536 -> E-RANGE", "radius-server host -> E-MISS", inServer + " -> E-MISS"}}.run(t)
}

func TestAAA02_Import(t *testing.T) {
	commands{under: inServer + " key x\n", good: []string{"key 7 094F471A1A0A -> shared-secret = ***", "key 0 clear -> shared-secret = ***", "key clear -> shared-secret = ***"},
		bad: []string{"key 7 094F471A1A0 -> E-PARSE bad type 7 key", "key 7 164F471A1A0A -> E-PARSE bad type 7 key: its first two digits are a number up to 15", "key 7 09ZZ -> E-PARSE bad type 7 key",
			"key 6 abcdef -> encrypted or hashed", "key 5 abcdef -> encrypted or hashed"}}.run(t)
	r := grammar().Import(inServer+" key 7 094F471A1A0A\n", Options{Dialect: XR})
	var secret string
	for _, s := range instances(r.Tree, (&warner{importer: &importer{Grammar: grammar()}}).find("system/aaa/radius/server/shared-secret")) {
		secret = s
	}
	if secret != "cisco" {
		t.Errorf("the secret is %q", secret)
	}
	for _, i := range r.Items {
		if text := i.Text + strings.Join(i.Paths, ""); strings.Contains(text, "cisco") || strings.Contains(text, "094F") {
			t.Errorf("the report tells the secret: %s", text)
		}
	}
}

func TestAAA03_Import(t *testing.T) {
	commands{under: inServer + " key x\n!\n", good: []string{"aaa accounting mobile default group radius -> mobile[name='default']/group = radius", "aaa accounting mobile default broadcast group radius -> broadcast = true",
		"aaa group server radius G; server 10.10.10.2; aaa accounting mobile default group G group radius -> group = G"},
		bad: []string{"aaa accounting mobile default group diameter -> E-MUST Diameter is not supported", "aaa accounting mobile default -> E-MISS",
			"aaa accounting mobile default group radius group radius group radius group radius group radius -> E-PARSE"}}.run(t)
}

func TestAAA03_ImportUnknownGroup(t *testing.T) {
	r := grammar().Import("aaa accounting mobile default group elsewhere\n", Options{Dialect: XR, Base: decode(t, "{}")})
	if got := said(r, &Result{}); !strings.HasPrefix(got, "E-REF the RADIUS group is not configured") {
		t.Errorf("it says %q", got)
	}
}

func TestAAA04_Import(t *testing.T) {
	ranges(t, XR, "", "radius-server timeout", "radius/timeout", "1", "1000", "0", "1001")
	ranges(t, XR, "", "radius-server retransmit", "radius/retransmit", "1", "100", "0", "101")
	commands{under: inServer + " key x\n!\n", good: []string{"radius-server deadtime 3 -> radius/dead-time = 3", "aaa group server radius G; server 10.10.10.2; vrf MGMT; source-interface MgmtEth 0/0 -> group[name='G']/source-interface = MgmtEth0/0"}}.run(t)
	commands{dialect: IOS, good: []string{"radius server one; address ipv4 10.0.0.1 auth-port 1812 acct-port 1813; key k -> server[name='one']/acct-port = 1813"}}.run(t)
}

func TestRAD10_Import(t *testing.T) {
	commands{good: []string{"aaa server radius dynamic-author; port 3799 -> dynamic-authorization/port = 3799"}, bad: []string{"aaa server radius dynamic-author; port 0 -> E-RANGE"}}.run(t)
}

func TestACL01_Import(t *testing.T) {
	commands{dialect: IOS, good: []string{"ip access-list extended LB010ACL -> acl[name='LB010ACL']"}, bad: []string{"ip access-list extended " + strings.Repeat("a", 65) + " -> E-RANGE"}}.run(t)
	commands{good: []string{"ipv4 access-list a; 10 permit ipv4 any any -> aces/ace[name='10']"}}.run(t)
}

func TestACL02_Import(t *testing.T) {
	commands{dialect: IOS, under: "ip access-list extended a\n", good: []string{"permit tcp any any -> matches/ipv4/protocol = 6", "permit udp any any -> matches/ipv4/protocol = 17", "permit icmp any any -> matches/ipv4/protocol = 1",
		"permit ip any any -> ace[name='10']", "permit 47 any any -> matches/ipv4/protocol = 47"}, bad: []string{"permit carrier any any -> E-PARSE unknown protocol", "permit tcp any -> E-MISS", "permit -> E-MISS"}}.run(t)
}

func TestACL03_Import(t *testing.T) {
	commands{dialect: IOS, under: "ip access-list extended a\n", good: []string{"permit ip any 10.255.224.0 0.0.0.255 -> matches/ipv4/destination-ipv4-network = 10.255.224.0/24"},
		bad: []string{"permit ip any 10.0.0.0 0.0.255.0 -> its ones are not all at the end", "permit ip any 10.0.0.0 -> E-"}}.run(t)
}

func TestACL04_Import(t *testing.T) {
	commands{dialect: IOS, under: "ip access-list extended a\n", good: []string{"deny ip host 10.2.2.2 any -> matches/ipv4/source-ipv4-network = 10.2.2.2/32", "deny ip host 10.2.2.2 any -> actions/forwarding = ietf-access-control-list:drop"}}.run(t)
}

func TestACL05_Import(t *testing.T) {
	commands{dialect: IOS, under: "ip access-list extended a\n", good: []string{"permit tcp any any eq www -> matches/tcp/destination-port/port = 80", "permit udp any range 10 20 any -> matches/udp/source-port/upper-port = 20",
		"permit ip any any; deny ip any any; 15 permit tcp any any -> ace[name='15']"}, bad: []string{"permit tcp any any eq nonsense -> E-PARSE unknown port", "permit icmp any any eq 80 -> E-PARSE", "permit tcp any any eq 65536 -> E-RANGE"}}.run(t)
	r := grammar().Import("ip access-list extended a\n permit ip any any\n deny ip any any\n 15 permit tcp any any\n", Options{Dialect: IOS})
	if text, _ := grammar().Print(r.Tree, IOS); !strings.Contains(text, " 10 permit ip any any\n 15 permit tcp any any\n 20 deny ip any any\n") {
		t.Errorf("the order is lost:\n%s", text)
	}
}
