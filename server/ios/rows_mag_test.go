package ios

import (
	"strings"
	"testing"
)

func TestMAG01_Import(t *testing.T) {
	commands{dialect: IOS, under: inDomain, good: []string{"ipv6 mobile pmipv6-mag mag1 domain d -> mag[name='mag1']/domain = d"}, bad: []string{"ipv6 mobile pmipv6-ma mag1 domain d -> E-PARSE \"pmipv6-ma\" cannot stand here, but pmipv6-domain, pmipv6-lma, pmipv6-mag pmipv6-mag"}}.run(t)
}

func TestMAG02_Import(t *testing.T) {
	ranges(t, IOS, inMAG, "binding maximum", "mag[name='g']/binding/maximum", "1", "128000", "0")
	ranges(t, IOS, inMAG, "bce maximum", "mag[name='g']/binding/maximum", "1", "128000", "0")
}

func TestMAG03_Import(t *testing.T) {
	commands{dialect: IOS, under: inMAG, good: []string{"lma l d -> mag[name='g']/lma[id='l'][domain='d']", "lma x d; ipv4 address 192.0.2.7; encap gre-ipv4 -> lma[id='x'][domain='d']/encap = gre-ipv4"}, bad: []string{"lma l -> E-MISS"}}.run(t)
	r := grammar().Import(inMAG+" lma x d\n", Options{Dialect: IOS, Base: decode(t, "{}")})
	if got := said(r, &Result{}); !strings.Contains(got, "an LMA needs an address") || r.Count(Refused) != 1 {
		t.Errorf("an LMA without an address: %q", got)
	}
}

func TestROAM01_Import(t *testing.T) {
	commands{dialect: IOS, under: inMAG, good: []string{"address dynamic; roaming interface Ethernet 0/0 -> roaming[interface='Ethernet0/0']"},
		bad: []string{"address ipv4 192.0.2.1; address dynamic -> E-MUST the gateway has static addresses"}}.run(t)
}

func TestROAM03_Import(t *testing.T) {
	ranges(t, IOS, inMAG+" address dynamic\n", "roaming interface eth0 priority", "roaming[interface='eth0']/priority", "1", "100", "0", "101")
}

func TestROAM04_Import(t *testing.T) {
	commands{dialect: IOS, under: inMAG + " address dynamic\n", good: []string{"roaming interface eth0 egress-att 3G -> egress-att = 3gpp-utran", "roaming interface eth0 egress-att ETHERNET -> egress-att = ethernet",
		"roaming interface eth0 egress-att LTE -> egress-att = 3gpp-e-utran", "roaming interface eth0 egress-att wlan -> egress-att = wlan"}, bad: []string{"roaming interface eth0 egress-att 5G -> E-RANGE \"5G\" is none of 3G, ETHERNET, LTE, WLAN"}}.run(t)
}

func TestROAM05_Import(t *testing.T) {
	commands{dialect: IOS, under: inMAG + " multipath\n address dynamic\n", good: []string{"roaming interface Ethernet1/0 priority 1 egress-att LTE label lte_intf -> label = lte_intf", "roaming interface eth0 -> roaming[interface='eth0'] ! W-MIX with multipath a roaming interface needs a label"},
		bad: []string{"roaming interface eth0 label NULL -> E-RANGE"}}.run(t)
}

func TestMP04_Import(t *testing.T) {
	commands{dialect: IOS, under: inMAG, good: []string{"multipath -> mag[name='g']/multipath = true"}}.run(t)
}

func TestMMAP07_Import(t *testing.T) {
	withMap := inDomain + " encap udptunnel\n mobile-map MAP1 10\n!\nipv6 mobile pmipv6-mag g domain d\n"
	commands{dialect: IOS, under: withMap, good: []string{"multipath; mobile-map MAP1 -> mag[name='g']/mobile-map = MAP1"}, bad: []string{"mobile-map MAP1 -> E-MUST a mobile map needs multipath"}}.run(t)
}

func TestMMAP12_Import(t *testing.T) {
	commands{dialect: IOS, under: inMAG, good: []string{"interface Ethernet 0/2 -> mag[name='g']/interface[name='Ethernet0/2']"},
		bad: []string{"interface eth0; address dynamic; roaming interface eth0 -> E-MUST an access interface cannot be a roaming interface"}}.run(t)
}

func TestTUN04_Import(t *testing.T) {
	commands{dialect: IOS, under: inMAG, good: []string{"tunnel nat outside -> tunnel/nat = outside", "tunnel nat inside -> tunnel/nat = inside"}, bad: []string{"tunnel nat sideways -> E-RANGE"}}.run(t)
}

func TestLMN01_Import(t *testing.T) {
	commands{dialect: IOS, under: inMAG, good: []string{"logical-mn n@r -> logical-mn[nai='n@r']"}, bad: []string{"logical-mn @r -> E-RANGE", "logical-mn n -> E-RANGE"}}.run(t)
}

func TestLMN02_Import(t *testing.T) {
	commands{dialect: IOS, under: inLMN, good: []string{"mobile network Ethernet 0/3 label a learn-prefix skip-register -> mobile-network[interface='Ethernet0/3']/skip-register = true"},
		bad: []string{"mobile network e0; logical-mn o@r; mobile network e0 -> E-UNIQ the interface belongs to another logical mobile node"}}.run(t)
}

func TestLMN04_Import(t *testing.T) {
	commands{dialect: IOS, under: inLMN, good: []string{"address dynamic -> address-dynamic = true", "home interface Loopback 0 -> home-interface = Loopback0", "service dual -> logical-mn[nai='n@r']/service = dual",
		"fixed interface Gi0/1 watch ipv4 10.0.0.0 length 8 -> fixed/watch = 10.0.0.0/8", "reverse-tunnel route ipv4 10.0.0.0/8 5 -> reverse-tunnel/route[prefix='10.0.0.0/8']/distance = 5"},
		bad: []string{"address dynamic; service dual -> E-MUST with address-dynamic the service can only be ipv4"}}.run(t)
}

func TestHYB01_Import(t *testing.T) {
	commands{dialect: IOS, under: inMAG, good: []string{"multipath; mobility-service hybrid-access -> mag[name='g']/hybrid-access"}, bad: []string{"mobility-service hybrid-access -> E-MUST hybrid access needs multipath"}}.run(t)
}

func TestHYB02_Import(t *testing.T) {
	commands{dialect: IOS, under: inHybrid, good: []string{"profile-definition haccess-voice -> profile[name='haccess-voice']"}}.run(t)
}

func TestHYB03_Import(t *testing.T) {
	ranges(t, IOS, inProfile, "jitter", "jitter/value", "1", "1000", "0", "1001")
}

func TestHYB04_Import(t *testing.T) {
	ranges(t, IOS, inProfile, "rtt", "rtt/value", "1", "5000", "0", "5001")
}

func TestHYB05_Import(t *testing.T) {
	ranges(t, IOS, inProfile, "packet-loss", "packet-loss/value", "1", "100", "0", "101")
	commands{dialect: IOS, under: inProfile, bad: []string{"packet loss 2 -> E-PARSE"}}.run(t)
}

func TestEXT23_Import(t *testing.T) {
	ranges(t, IOS, inHybrid, "sla interval", "sla/interval", "4", "6000", "3", "6001")
	commands{dialect: IOS, under: inHybrid, good: []string{"no disable-sla -> sla/enabled = true", "sla-responder-stats disable -> sla/responder-statistics = false"}}.run(t)
}

func TestEXT24_Import(t *testing.T) {
	commands{dialect: IOS, under: inProfile, good: []string{"jitter 50 low-threshold 40 -> jitter/low-threshold = 40", "mos 400 -> mos/value = 400"}, bad: []string{"jitter 50 low-threshold 60 -> E-MUST low-threshold must not exceed value"}}.run(t)
}

func TestEXT25_Import(t *testing.T) {
	ranges(t, IOS, inHybrid, "bandwidth-ratio label lte", "bandwidth-ratio[label='lte']/ratio", "1", "15", "0", "16")
}

func TestEXT26_Import(t *testing.T) {
	commands{dialect: IOS, under: inMAG, good: []string{"tunnel-template Tunnel 3 -> tunnel-template = Tunnel3", "tunnel-template Tunnel3 label lte -> tunnel-template-label[label='lte']/interface = Tunnel3"}}.run(t)
}

func TestEXT27_Import(t *testing.T) {
	commands{dialect: IOS, under: inMAG, good: []string{"binding lifetime 3600 -> binding/lifetime = 3600", "binding init-retx-time 500 -> binding/init-retx-time = 500"},
		bad: []string{"binding lifetime 3601 -> E-MUST lifetime must be a multiple of 4", "binding init-retx-time 40000 -> E-MUST init-retx-time must not exceed max-retx-time"}}.run(t)
}

func TestEXT28_Import(t *testing.T) {
	commands{dialect: IOS, under: inMAG, good: []string{"discover-mn-detach poll interval 10 timeout 2 retries 2 -> detach-detection/retries = 2"}, bad: []string{"discover-mn-detach poll interval 10 -> E-MISS", "discover-mn-detach poll interval 9 timeout 2 retries 2 -> E-RANGE"}}.run(t)
}

func TestEXT29_Import(t *testing.T) {
	commands{dialect: IOS, under: inMAG, good: []string{"local-routing-mag -> mag[name='g']/local-routing", "sessionmgr -> session-manager = true"}, bad: []string{"sessionmgr; local-routing-mag -> E-MUST a session manager and local routing exclude each other"}}.run(t)
}

func TestEXT30_Import(t *testing.T) {
	commands{dialect: IOS, under: inLMN, good: []string{"home interface Loopback 0 -> home-interface = Loopback0"}, bad: []string{"home interface -> E-MISS"}}.run(t)
}

func TestEXT31_Import(t *testing.T) {
	commands{dialect: IOS, under: inLMN, good: []string{"mobile network e0 learn-prefix -> mobile-network[interface='e0']/learn-prefix = true", "mobile network e0 skip-register -> skip-register = true", "mobile network e0 label lte -> mobile-network[interface='e0']/label = lte"},
		bad: []string{"mobile network e0 skip-register learn-prefix -> E-PARSE", "mobile network e0 label -> E-MISS"}}.run(t)
}

func TestEXT32_Import(t *testing.T) {
	commands{dialect: IOS, under: inLMN, good: []string{"address dynamic -> logical-mn[nai='n@r']/address-dynamic = true"}, bad: []string{"address dynamic; service ipv6 -> E-MUST with address-dynamic the service can only be ipv4"}}.run(t)
}

func TestEXT33_Import(t *testing.T) {
	commands{dialect: IOS, under: inLMN, good: []string{"service ipv6 -> logical-mn[nai='n@r']/service = ipv6"}, bad: []string{"service none -> E-RANGE"}}.run(t)
}

func TestEXT34_Import(t *testing.T) {
	commands{dialect: IOS, under: inLMN, good: []string{"fixed interface Gi0/1 watch ipv4 10.0.0.0 length 8 -> fixed/watch = 10.0.0.0/8", "fixed interface Gi0/1 -> fixed/interface = Gi0/1"}, bad: []string{"fixed interface Gi0/1 watch ipv4 10.0.0.0 length 33 -> E-RANGE", "fixed interface Gi0/1 watch ipv4 10.0.0.0 -> E-MISS"}}.run(t)
}

func TestEXT35_Import(t *testing.T) {
	commands{dialect: IOS, under: inLMN, good: []string{"reverse-tunnel route ipv4 10.0.0.0/8 255 -> route[prefix='10.0.0.0/8']/distance = 255", "reverse-tunnel route ipv6 2001:db8::/32 -> reverse-tunnel/route[prefix='2001:db8::/32']"},
		bad: []string{"reverse-tunnel route ipv4 10.0.0.0/8 256 -> E-RANGE", "reverse-tunnel route ipv4 10.0.0.0/33 -> E-RANGE"}}.run(t)
}

func TestEXT39_Import(t *testing.T) {
	commands{dialect: IOS, under: inMAG, good: []string{"bri delay min 500 -> mag[name='g']/bri/delay-min = 500", "bri retries 10 -> mag[name='g']/bri/retries = 10"}, bad: []string{"bri delay min 499 -> E-RANGE"}}.run(t)
}

func TestROAM02_Import(t *testing.T) {
	commands{dialect: IOS, under: inMAG + " address dynamic\n", good: []string{"roaming interface Ethernet 0/0; roaming interface Cellular 0/1/0 -> roaming[interface='Cellular0/1/0']"}, bad: []string{"roaming interface -> E-MISS", "roaming eth0 -> E-PARSE"}}.run(t)
}

func TestINC17_Import(t *testing.T) {
	commands{dialect: IOS, under: "ip access-list extended a\n permit ip any any\n" + inMAG, good: []string{"tunnel acl a -> mag[name='g']/tunnel/acl = a ! W-MIX the documents know access lists at the tunnels of LMAs"}}.run(t)
}

func TestINC26_Import(t *testing.T) {
	commands{dialect: IOS, under: inMAG, good: []string{"bce maximum 128000 -> mag[name='g']/binding/maximum = 128000"}}.run(t)
}

func TestEXT36_Import(t *testing.T) {
	commands{dialect: IOS, under: inMAG + " mobility-service mobile-local-loop\n", good: []string{"reverse-tunnel default-route 7 -> reverse-tunnel/distance = 7", "ignore home-address -> mag[name='g']/mobile-local-loop/ignore-home-address = true", "egress interface Dialer 1 -> egress-interface = Dialer1"}}.run(t)
}

func TestEXT37_Import(t *testing.T) {
	commands{dialect: IOS, under: inMAG + " lma l d\n", good: []string{"vrfid WAN -> lma[id='l'][domain='d']/vrf = WAN", "dscp control-plane 9 -> lma[id='l'][domain='d']/dscp/control-plane = 9", "ipv4 address 192.0.2.3 -> ipv4-address = 192.0.2.3"}}.run(t)
}

func TestEXT17_Import(t *testing.T) {
	commands{dialect: IOS, under: inMAG, good: []string{"role LTE -> role = lte"}, bad: []string{"role 3gma -> E-RANGE"}}.run(t)
}
