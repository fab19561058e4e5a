package ios

import (
	"strings"
	"testing"
)

func TestDOM01_Import(t *testing.T) {
	long := strings.Repeat("n", 126)
	commands{
		good: []string{"ipv6 mobile pmipv6-domain cisco.com -> /pmipv6/domain[name='cisco.com']", "ipv6 mobile pmipv6-domain a; ipv6 mobile pmipv6-domain b -> /pmipv6/domain[name='b']"},
		bad:  []string{"ipv6 mobile pmipv6-domain -> E-MISS <name>", "ipv6 mobile pmipv6-domain " + long + " -> E-RANGE"},
	}.run(t)
}

func TestDOM02_Import(t *testing.T) {
	commands{under: inDomain,
		good: []string{"auth-option spi 100 key ascii key1 -> auth-option/spi = 256", "auth-option spi 0xFFFFFFFF key ascii key1 -> auth-option/spi = 4294967295",
			"auth-option spi decimal 300 key hex 0aFF -> auth-option/hex-key = ***", "auth-option spi 100 key ascii 7 094F471A1A0A -> auth-option/key = ***",
			"auth-option spi 67 key ascii key1 -> auth-option/spi = 103 ! W-MIX SPI 103"},
		bad: []string{"auth-option spi 0xZZ key ascii k -> E-RANGE", "auth-option spi 100000000 key ascii k -> E-RANGE 100000000 has more than 32 bits",
			"auth-option spi 100 key ascii -> E-MISS", "auth-option spi 100 -> E-MISS key", "auth-option key ascii k -> E-PARSE",
			"auth-option spi 100 key hex 0g -> E-RANGE", "auth-option spi 100 key ascii " + strings.Repeat("k", 126) + " -> E-RANGE",
			"auth-option spi 100 key md5 abc -> cannot be turned back", "auth-option spi 100 key ascii 5 abc -> encrypted or hashed",
			"auth-option spi 100 key ascii 7 094F471A1A0 -> E-PARSE bad type 7 key"}}.run(t)
}

func TestDOM03_Import(t *testing.T) {
	commands{under: inDomain, good: []string{"nai example@cisco.com -> nai[id='example@cisco.com']", "nai @realm -> nai[id='@realm']"},
		bad: []string{"nai user -> E-RANGE", "nai a@b@c -> E-RANGE", "nai user@ -> E-RANGE", "nai @" + strings.Repeat("r", 125) + " -> E-RANGE"}}.run(t)
}

func TestDOM04_Import(t *testing.T) {
	commands{under: inNAI, good: []string{"network network2 -> nai[id='@r']/network = network2 ! W-REF there is no network network2"},
		bad: []string{"network -> E-MISS", "network a b -> E-PARSE \"b\" is too much"}}.run(t)
}

func TestDOM05_Import(t *testing.T) {
	commands{under: inNAI, good: []string{"service dual -> service = dual", "service ipv4 -> service = ipv4", "service IPv6 -> service = ipv6"},
		bad: []string{"service both -> E-RANGE \"both\" is none of ipv4, ipv6, dual"}}.run(t)
}

func TestDOM06_Import(t *testing.T) {
	commands{under: inNAI, good: []string{"customer CUST1 -> customer = CUST1 ! W-REF there is no customer CUST1"},
		bad: []string{"customer " + strings.Repeat("c", 33) + " -> E-RANGE"}}.run(t)
}

func TestDOM07_Import(t *testing.T) {
	commands{under: inDomain, good: []string{"lma LMA; ipv6 address 2001:db8::1 -> lma[id='LMA']/ipv6-address = 2001:db8::1", "lma LMA; nai @x; lma LMA -> nai[id='@x']/lma = LMA"},
		bad: []string{"lma LMA; ipv4 address 224.0.0.1 -> E-RANGE"}}.run(t)
	if r := grammar().Import(inNAI+"  lma elsewhere\n", Options{Dialect: XR, Base: decode(t, "{}")}); !strings.Contains(said(r, &Result{}), "E-REF") {
		t.Errorf("an LMA that the domain does not have: %s", said(r, &Result{}))
	}
}

func TestDOM09_Import(t *testing.T) {
	r := grammar().Import(read(t, "testdata/published/xr-domain.txt"), Options{Dialect: XR})
	if !sets(r, "nai[id='example@cisco']") || !sets(r, "nai[id='example@ctc']/service = dual") || sets(r, "nai[id='example@cisco']/service = dual") {
		t.Errorf("the domain has %s", items(r))
	}
}

func TestMP02_Import(t *testing.T) {
	commands{dialect: IOS, under: inDomain, good: []string{"encap udptunnel -> encap = udptunnel", "encap gre-ipv6 -> encap = gre-ipv6"},
		bad: []string{"encap carrier-pigeon -> E-RANGE", "encaps udptunnel -> E-PARSE \"encaps\" is no command that concerns Proxy Mobile IPv6 encap"}}.run(t)
}

func TestMMAP01_Import(t *testing.T) {
	commands{dialect: IOS, under: inDomain, good: []string{"mobile-map mobilemap1 255 -> mobile-map[name='mobilemap1']/entry[sequence='255']",
		"mobile-map m 10; loadbalance; mobile-map m 10 -> mobile-map[name='m']/entry[sequence='10']/load-balance = true"},
		bad: []string{"mobile-map m 0 -> E-RANGE sequence takes 1..255", "mobile-map m 256 -> E-RANGE", "mobile-map m -> E-MISS <sequence>"}}.run(t)
}

func TestMMAP02_Import(t *testing.T) {
	commands{dialect: IOS, under: inMap, good: []string{"match access-list voice -> match/access-list = voice ! W-REF there is no access list voice"},
		bad: []string{"match voice -> E-PARSE"}}.run(t)
}

func TestMMAP03_Import(t *testing.T) {
	const unmatched = " ! W-REF no link here has the label"
	commands{dialect: IOS, under: inMap, good: []string{"set link-type lte 3g wifi null -> set/link-type = wifi" + unmatched, "set link-type a; set link-type b -> set/link-type = b" + unmatched},
		bad: []string{"set link-type a b c d -> E-PARSE", "set link-type a b c d null -> up to three labels"}}.run(t)
	r := grammar().Import(inMap+"  set link-type z y x\n  set link-type c b a\n", Options{Dialect: IOS})
	if text, _ := grammar().Print(r.Tree, IOS); !strings.Contains(text, "set link-type c b a\n") {
		t.Errorf("the order is lost:\n%s", text)
	}
}

func TestMMAP04_Import(t *testing.T) {
	commands{dialect: IOS, under: inMap, good: []string{"set link-type null -> set/null = true", "set link-type lte NULL -> set/null = true ! W-REF"},
		bad: []string{"set link-type null lte -> null as the last word", "set link-type a null b -> null as the last word"}}.run(t)
}

func TestMMAP05_Import(t *testing.T) {
	r := grammar().Import(inMap+"  set link-type lte null\n  set link-type lte\n", Options{Dialect: IOS})
	if text, _ := grammar().Print(r.Tree, IOS); !strings.Contains(text, "set link-type lte\n") {
		t.Errorf("the map still discards:\n%s", text)
	}
}

func TestMMAP13_Import(t *testing.T) {
	commands{dialect: IOS, under: inMap, good: []string{"traffic-profile voice -> traffic-profile = voice ! W-REF there is no profile voice"}, bad: []string{"traffic-profile -> E-MISS"}}.run(t)
}

func TestMMAP14_Import(t *testing.T) {
	commands{dialect: IOS, under: inMap, good: []string{"set link-type lte_intf_3g_intf null -> set/link-type = lte_intf_3g_intf ! W-REF no link here has the label lte_intf_3g_intf"}}.run(t)
}

func TestEXT19_Import(t *testing.T) {
	long, label := strings.Repeat("x", 62), strings.Repeat("y", 64)
	bad := []string{"apn " + long + "." + long + ".x -> E-RANGE", "apn " + label + " -> E-RANGE apn: a service is one or more labels", "apn web..example -> E-RANGE apn: a service is one or more labels", "apn -> E-MISS"}
	commands{under: inNAI, good: []string{"apn internet -> nai[id='@r']/apn = internet", "apn " + long + "." + long + " -> nai[id='@r']/apn = " + long + "." + long}, bad: bad}.run(t)
	commands{dialect: IOS, under: inMAG, good: []string{"apn internet.example -> mag[name='g']/apn = internet.example", "ssmo-format label -> mag[name='g']/ssmo-format = label"},
		bad: append(bad, "ssmo-format bits -> E-PARSE")}.run(t)
}

func TestEXT20_Import(t *testing.T) {
	commands{dialect: IOS, under: inNAI, good: []string{"auth-option spi 1ff key ascii k -> nai[id='@r']/auth-option/spi = 511", "gre-encap-key up 7 -> gre-key/uplink = 7",
		"no mobility-service mobile-local-loop -> nai[id='@r']/mobile-local-loop = false"}, bad: []string{"gre-encap-key down 0 -> E-RANGE"}}.run(t)
}

func TestEXT21_Import(t *testing.T) {
	commands{dialect: IOS, under: inDomain, good: []string{"mag m; ipv4 address 192.0.2.1 -> mag[id='m']/ipv4-address = 192.0.2.1", "local-routing-mag -> local-routing = true",
		"mn-profile-load-aaa -> profile-from-aaa = true"}}.run(t)
}

func TestEXT22_Import(t *testing.T) {
	commands{dialect: IOS, under: inMap, good: []string{"ip df 0 -> set-df = clear", "ip df 1 -> set-df = set", "loadbalance -> load-balance = true"}, bad: []string{"ip df 2 -> E-RANGE"}}.run(t)
}
