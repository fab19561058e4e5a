package ios

import (
	"strings"
	"testing"

	"mooring/server/tree"
)

func TestLMA01_Import(t *testing.T) {
	commands{under: inDomain, good: []string{"ipv6 mobile pmipv6-lma lma1 domain d -> lma[name='lma1']/domain = d"}, bad: []string{"ipv6 mobile pmipv6-lma lma1 -> E-MISS domain"}}.run(t)
	r := grammar().Import("ipv6 mobile pmipv6-lma lma1 domain elsewhere\n", Options{Dialect: XR, Base: decode(t, "{}")})
	if got := said(r, &Result{}); !strings.HasPrefix(got, "E-REF") {
		t.Errorf("a domain that does not exist: %q", got)
	}
}

func TestLMA02_Import(t *testing.T) {
	commands{under: inLMA, good: []string{"address ipv6 2001:DB8::1 -> address/ipv6 = 2001:db8::1", "address ipv4 192.0.2.1; address ipv4 192.0.2.2 -> address/ipv4 = 192.0.2.2"},
		bad: []string{"address ipv4 224.0.0.1 -> E-RANGE", "address ipv4 0.0.0.0 -> E-RANGE", "address ipv6 :: -> E-RANGE", "address ipv6 ::ffff:192.0.2.1 -> E-RANGE", "address ipv6 ff02::1 -> E-RANGE",
			"address ipv4 192.0.2.1; mobility-service mobile-local-loop; customer c vrf v; transport; address ipv4 192.0.2.1 -> E-UNIQ an LMA has this address itself"}}.run(t)
}

// ranges are numbers that a command takes, and the nearest that it does not.
func ranges(t *testing.T, d Dialect, under, command, leaf string, low, high string, bad ...string) {
	t.Helper()
	c := commands{dialect: d, under: under, good: []string{command + " " + low + " -> " + leaf + " = " + low, command + " " + high + " -> " + leaf + " = " + high}}
	for _, n := range append(bad, "x", "1.5") {
		c.bad = append(c.bad, command+" "+n+" -> E-RANGE")
	}
	c.bad = append(c.bad, command+" -> E-MISS")
	c.run(t)
}

func TestLMA03_Import(t *testing.T) {
	ranges(t, XR, inLMA, "hnp maximum", "hnp/maximum", "1", "3", "0", "4")
}

func TestLMA04_Import(t *testing.T) {
	ranges(t, XR, inLMA, "bce maximum", "bce/maximum", "1", "128000", "0")
	commands{under: inLMA, good: []string{"bce maximum 1000000 -> bce/maximum = 1000000 ! W-MIX 1000000 is beyond the published range 1..128000"}}.run(t)
}

func TestLMA05_Import(t *testing.T) {
	ranges(t, XR, inLMA, "bce lifetime", "bce/lifetime", "10", "65535", "9", "65536")
}

func TestLMA06_Import(t *testing.T) {
	ranges(t, XR, inLMA, "bce delete-wait-time", "bce/delete-wait-time", "100", "65535", "0", "65536")
	ranges(t, IOS, inLMA, "bce delete-wait-time", "bce/delete-wait-time", "1", "65535", "0", "65536")
	commands{under: inLMA, good: []string{"bce delete-wait-time 99 -> bce/delete-wait-time = 99 ! W-MIX 99 is beyond the published range 100..65535"}}.run(t)
}

func TestLMA07_Import(t *testing.T) {
	ranges(t, XR, inLMA, "replay-protection timestamp window", "lma[name='l']/replay-protection/window", "1", "255", "0", "256")
	ranges(t, XR, inDomain, "replay-protection timestamp window", "domain[name='d']/replay-protection/window", "1", "255", "0", "256")
}

func TestLMA09_Import(t *testing.T) {
	commands{under: inLMA, good: []string{"default profile profile1 -> default-profile = profile1 ! W-REF there is no profile profile1"}}.run(t)
	commands{under: inDomain + " nai @r\n !\n!\nipv6 mobile pmipv6-lma l domain d\n", good: []string{"default profile @r -> default-profile = @r"}}.run(t)
}

func TestLMA10_Import(t *testing.T) {
	ranges(t, XR, inLMA, "bri delay max", "bri/delay-max", "1000", "65535", "499", "65536")
	commands{under: inLMA, good: []string{"bri delay min 500; bri delay max 2500 -> bri/delay-min = 500"},
		bad: []string{"bri delay min 3000; bri delay max 2000 -> E-MUST delay-min must not exceed delay-max", "bri delay 500 -> E-PARSE"}}.run(t)
}

func TestLMA11_Import(t *testing.T) {
	ranges(t, XR, inLMA, "bri retries", "bri/retries", "1", "10", "0", "11")
}

func TestLMA13_Import(t *testing.T) {
	commands{under: inLMA, good: []string{"dynamic mag learning -> dynamic-mag-learning = true"}, bad: []string{"dynamic mag -> E-MISS learning"}}.run(t)
}

func TestLMA14_Import(t *testing.T) {
	commands{under: inLMA, good: []string{"aaa accounting -> aaa/accounting/enabled = true"}}.run(t)
}

func TestLMA15_Import(t *testing.T) {
	ranges(t, XR, inLMA, "aaa accounting interim", "aaa/accounting/interim-interval", "1", "86400", "0", "86401")
	commands{under: inLMA, good: []string{"aaa accounting interim 2 -> aaa/accounting/enabled = true"}}.run(t)
}

func TestLMA17_Import(t *testing.T) {
	commands{under: inLMA, good: []string{"heartbeat interval 100 retries 5 timeout 10 -> heartbeat/retries = 5", "heartbeat interval 10 retries 1 timeout 20 -> heartbeat/timeout = 20 ! W-MIX the timeout, 20 seconds, is longer",
		"heartbeat interval 5 retries 1 timeout 5 -> heartbeat/interval = 5 ! W-MIX 5 is beyond the published range"},
		bad: []string{"heartbeat interval 100 retries 5 -> E-MISS", "heartbeat interval 100 -> E-MISS retries", "heartbeat interval 0 retries 1 timeout 1 -> E-RANGE interval takes 1..3600",
			"heartbeat interval 3601 retries 1 timeout 1 -> E-RANGE", "heartbeat interval 100 retries 11 timeout 1 -> E-RANGE", "heartbeat interval 100 retries 0 timeout 1 -> E-RANGE", "heartbeat interval 100 retries 1 timeout 0 -> E-RANGE"}}.run(t)
}

func TestLMA19_Import(t *testing.T) {
	commands{under: inLMA, good: []string{"network network1 -> network[name='network1']"}, bad: []string{"network " + strings.Repeat("n", 126) + " -> E-RANGE"}}.run(t)
}

// pools tests the command of a pool, as far as the lengths go.
func pools(t *testing.T, d Dialect, under, command, start string, length, lengthBad []string) {
	t.Helper()
	c := commands{dialect: d, under: under}
	for _, l := range length {
		c.good = append(c.good, command+" "+start+" "+l+" -> /pool-prefix = "+strings.Fields(l)[1])
	}
	for _, l := range lengthBad {
		c.bad = append(c.bad, command+" "+start+" "+l+" -> E-")
	}
	c.bad = append(c.bad, command+" "+start+" -> E-MISS pool-prefix", command+" 224.0.0.1 pool-prefix 24 network-prefix 28 -> E-")
	c.run(t)
}

func TestLMA20_Import(t *testing.T) {
	pools(t, XR, inNetwork, "pool mobile-node ipv4 start-address", "192.168.0.2", []string{"pool-prefix 8", "pool-prefix 30"}, []string{"pool-prefix 7", "pool-prefix 31"})
	commands{under: inNetwork + "  pool mobile-network ipv4 start-address 192.168.1.1 pool-prefix 24 network-prefix 30\n", bad: []string{"pool mobile-node ipv4 start-address 192.168.0.2 pool-prefix 8 -> E-MUST the pool 192.168.1.0/24 overlaps 192.0.0.0/8"}}.run(t)
}

func TestLMA21_Import(t *testing.T) {
	pools(t, XR, inNetwork, "pool mobile-node ipv6 start-address", "2002:10::1", []string{"pool-prefix 8", "pool-prefix 62"}, []string{"pool-prefix 63", "pool-prefix 64", "pool-prefix 62 network-prefix 64"})
}

func TestLMA22_Import(t *testing.T) {
	pools(t, XR, inNetwork, "pool mobile-network ipv4 start-address", "20.20.20.1", []string{"pool-prefix 24 network-prefix 28", "pool-prefix 8 network-prefix 32"},
		[]string{"pool-prefix 24 network-prefix 23", "pool-prefix 24", "pool-prefix 7 network-prefix 8", "pool-prefix 31 network-prefix 32", "pool-prefix 24 network-prefix 33"})
}

func TestLMA23_Import(t *testing.T) {
	pools(t, XR, inNetwork, "pool mobile-network ipv6 start-address", "2002:20:0:1::1", []string{"pool-prefix 40 network-prefix 64"}, []string{"pool-prefix 40 network-prefix 39", "pool-prefix 65 network-prefix 65"})
}

func TestLMA25_Import(t *testing.T) {
	r := grammar().Import("configure\n"+inLMA+" hnp maximum 2\ncommit\n hnp maximum 3\nabort\nend\n", Options{Dialect: XR})
	if text, _ := grammar().Print(r.Tree, XR); !strings.Contains(text, "hnp maximum 2\n") {
		t.Errorf("what was aborted counts:\n%s", text)
	}
	r = grammar().Import(inLMA+" hnp maximum 2\n no hnp maximum\n", Options{Dialect: XR})
	if text, _ := grammar().Print(r.Tree, XR); strings.Contains(text, "hnp") || len(r.Removed) != 1 {
		t.Errorf("what was removed counts, or is not removed elsewhere: %s\n%s", r.Removed, text)
	}
}

func TestPEER01_Import(t *testing.T) {
	commands{under: inLMA, good: []string{"mag mag1 d; ipv4 address 192.0.2.1 -> mag[id='mag1'][domain='d']", "mag mag1 dn1; ipv4 address 192.0.2.1 -> mag[id='mag1'][domain='dn1'] ! W-REF there is no domain dn1"},
		bad: []string{"mag mag1 -> E-MISS <domain>"}}.run(t)
}

func TestPEER02_Import(t *testing.T) {
	commands{under: inLMA, good: []string{"mag m d; ipv6 address 2004:DC5::2 -> ipv6-address = 2004:dc5::2"},
		bad: []string{"mag m d -> E-MISS a MAG needs an IPv4 or an IPv6 address", "mag m d; ipv4 address 192.0.2.1; mag n d; ipv4 address 192.0.2.1 -> E-UNIQ", "mag m d; ipv4 address 255.255.255.255 -> E-RANGE"}}.run(t)
}

func TestPEER03_Import(t *testing.T) {
	commands{under: inPeer, good: []string{"auth-option spi 87E key ascii key2 -> mag[id='m'][domain='d']/auth-option/spi = 2174"}, bad: []string{"auth-option spi 87E key -> E-MISS"}}.run(t)
}

func TestPEER04_Import(t *testing.T) {
	commands{under: inPeer, good: []string{"encap gre-ipv4 -> mag[id='m'][domain='d']/encap = gre-ipv4", "encap gre-ipv6 -> encap = gre-ipv6 ! W-MIX gre-ipv6 needs an IPv6 address"},
		bad: []string{"no ipv4 address; ipv6 address 2001:db8::9; encap gre-ipv4 -> E-MUST encap gre-ipv4 needs an ipv4-address of the MAG"}}.run(t)
}

func TestPEER05_Import(t *testing.T) {
	commands{under: inPeer, good: []string{"tunnel interface tunnel-ip 097 -> tunnel-interface = tunnel-ip97 ! W-REF nothing here makes the interface tunnel-ip97"}}.run(t)
	commands{under: "interface tunnel-ip97\n ipv4 address 10.0.0.1/30\n!\n" + inPeer, good: []string{"tunnel interface tunnel-ip 097 -> tunnel-interface = tunnel-ip97"}}.run(t)
}

func TestDSCP01_Import(t *testing.T) {
	ranges(t, XR, inLMA, "dscp control-plane", "lma[name='l']/dscp/control-plane", "1", "63", "0", "64")
	commands{under: inLMA, good: []string{"dscp control-plane 45 force -> dscp/force = true"}, bad: []string{"dscp force -> E-PARSE", "dscp control-plane force -> E-RANGE"}}.run(t)
}

func TestMP03_Import(t *testing.T) {
	commands{dialect: IOS, under: inLMA, good: []string{"multipath -> lma[name='l']/multipath = true"}}.run(t)
}

func TestMP01_Import(t *testing.T) {
	commands{dialect: IOS, under: inDomain + " encap gre-ipv4\nipv6 mobile pmipv6-lma l domain d\n", bad: []string{"multipath -> E-MUST multipath needs the encap udptunnel in the domain"}}.run(t)
}

func TestMMAP06_Import(t *testing.T) {
	withMap := inDomain + " encap udptunnel\n mobile-map MAP1 10\nipv6 mobile pmipv6-lma l domain d\n"
	commands{dialect: IOS, under: withMap, good: []string{"multipath; mobile-map MAP1 -> lma[name='l']/mobile-map = MAP1", "multipath; mobile-map MAP1 10 -> mobile-map = MAP1 ! W-MIX the sequence number is ignored"},
		bad: []string{"mobile-map MAP1 -> E-MUST a mobile map needs multipath"}}.run(t)
}

func TestMMAP08_Import(t *testing.T) {
	r := grammar().Import(inLMA+" multipath\n mobile-map a\n mobile-map b\n", Options{Dialect: IOS})
	if text, _ := grammar().Print(r.Tree, IOS); strings.Contains(text, "mobile-map a") || !strings.Contains(text, "mobile-map b") {
		t.Errorf("the second map does not replace the first:\n%s", text)
	}
}

func TestMMAP11_Import(t *testing.T) {
	commands{dialect: IOS, under: inLMA, good: []string{"interface gigabitethernet 0/0/0 -> lma[name='l']/interface = gigabitethernet0/0/0", "interface Ethernet0/2 -> interface = Ethernet0/2"}, bad: []string{"interface -> E-MISS"}}.run(t)
}

func TestTUN01_Import(t *testing.T) {
	ranges(t, IOS, inLMA, "tunnel mtu", "lma[name='l']/tunnel/mtu", "1280", "17916", "67", "17917")
	ranges(t, IOS, inMAG, "tunnel mtu", "mag[name='g']/tunnel/mtu", "68", "17916", "67", "17917")
	commands{dialect: IOS, under: inDomain + " nai @r\n  service dual\n!\nipv6 mobile pmipv6-lma l domain d\n", good: []string{"tunnel mtu 1000 -> tunnel/mtu = 1000 ! W-MIX IPv6 needs links of 1280 octets"}}.run(t)
}

func TestTUN02_Import(t *testing.T) {
	commands{dialect: IOS, under: "ip access-list extended acl1\n permit ip any any\n" + inLMA, good: []string{"tunnel acl acl1 -> lma[name='l']/tunnel/acl = acl1"}}.run(t)
	commands{dialect: IOS, under: "ip access-list extended acl1\n permit ip any any\n" + inMAG, good: []string{"tunnel acl acl1 -> mag[name='g']/tunnel/acl = acl1 ! W-MIX"}}.run(t)
	r := grammar().Import(inLMA+" tunnel acl acl9\n", Options{Dialect: IOS, Base: decode(t, "{}")})
	if got := said(r, &Result{}); !strings.HasPrefix(got, "E-REF") {
		t.Errorf("an access list that does not exist: %q", got)
	}
}

func TestNETP02_Import(t *testing.T) {
	pools(t, IOS, inNetwork, "mobile-network pool", "20.20.2.1", []string{"pool-prefix 24 network-prefix 30", "pool-prefix 30 network-prefix 32"}, []string{"pool-prefix 24 network-prefix 20", "pool-prefix 31 network-prefix 32"})
}

func TestNETP03_Import(t *testing.T) {
	pools(t, IOS, inNetwork, "mobile-network v6pool", "2001:db8::1", []string{"pool-prefix 48 network-prefix 64"}, []string{"pool-prefix 48 pool-prefix 48 network-prefix 30", "pool-prefix 48 network-prefix 30"})
	commands{dialect: IOS, under: inNetwork, bad: []string{"mobile-network pool 2001:DB8::1 pool-prefix 48 network-prefix 64 -> E-RANGE start-address"}}.run(t)
}

func TestNETP04_Import(t *testing.T) {
	commands{dialect: IOS, under: inNetwork + "  mobile-network pool 10.20.2.1 pool-prefix 24 network-prefix 30\n", good: []string{"mobile-network pool 10.20.3.1 pool-prefix 24 network-prefix 30 -> ipv4[start-address='10.20.3.1']"},
		bad: []string{"mobile-network pool 10.20.2.2 pool-prefix 24 network-prefix 30 -> E-MUST the pool 10.20.2.0/24 overlaps"}}.run(t)
}

func TestNETP05_Import(t *testing.T) {
	commands{dialect: IOS, under: "ip local pool v4pool 10.0.0.1 10.0.0.9\n" + inNetwork, good: []string{"pool ipv4 v4pool pfxlen 24 -> named-pool/ipv4/prefix-length = 24", "pool ipv4 other pfxlen 0 -> named-pool/ipv4/name = other ! W-REF there is no local-pool other",
		"pool ipv6 v4pool pfxlen 128 -> named-pool/ipv6/prefix-length = 128"}, bad: []string{"pool ipv4 v4pool pfxlen 33 -> E-RANGE prefix-length takes 0..32", "pool ipv6 v4pool pfxlen 129 -> E-RANGE", "pool ipv4 v4pool -> E-MISS"}}.run(t)
}

func TestNETP06_Import(t *testing.T) {
	commands{dialect: IOS, under: inNetwork, good: []string{"mobile-network v4pool 10.0.0.1 pool-prefix 24 network-prefix 30 -> ipv4[start-address='10.0.0.1']/network-prefix = 30"}}.run(t)
}

func TestHB01_Import(t *testing.T) {
	commands{dialect: IOS, under: inLMA, good: []string{"heartbeat interval 300 retries 2 -> lma[name='l']/heartbeat/timeout = 10", "heartbeat interval 5 retries 1 -> heartbeat/timeout = 5", "heartbeat interval 1 retries 1 timeout 1 -> heartbeat/timeout = 1"},
		bad: []string{"heartbeat interval 0 retries 1 -> E-RANGE", "heartbeat interval 300 retries 11 -> E-RANGE", "heartbeat interval 3601 retries 1 -> E-RANGE", "heartbeat -> E-MISS"}}.run(t)
	commands{dialect: IOS, under: inMAG, good: []string{"heartbeat interval 15 retries 1 -> mag[name='g']/heartbeat/interval = 15"}}.run(t)
}

func TestHB02_Import(t *testing.T) {
	commands{dialect: IOS, under: inLMA, good: []string{"heartbeat interval 300 retries 2 label label1 natreboot -> heartbeat-label[label='label1']/nat-reboot = true"}, bad: []string{"heartbeat interval 300 retries 2 label null -> E-RANGE"}}.run(t)
}

func TestHB03_Import(t *testing.T) {
	commands{dialect: IOS, under: inLMA, good: []string{"heartbeat interval 300 retries 2 natreboot -> heartbeat/nat-reboot = true"}, bad: []string{"heartbeat natreboot -> E-PARSE \"natreboot\" cannot stand here, but interval"}}.run(t)
}

func TestEXT02_Import(t *testing.T) {
	ranges(t, XR, inLMA, "bce create-wait-time", "bce/create-wait-time", "1", "65535", "0", "65536")
}

func TestEXT03_Import(t *testing.T) {
	commands{under: inLMA, good: []string{"enforce heartbeat-to-mag -> enforce-heartbeat-to-mag = true"}, bad: []string{"enforce -> E-MISS"}}.run(t)
}

func TestEXT05_Import(t *testing.T) {
	for mode, leaf := range map[string]string{inLMA: "lma[name='l']", inMAG: "mag[name='g']"} {
		commands{dialect: IOS, under: mode, good: []string{"generate grekey -> " + leaf + "/gre-key/generate = true", "no generate grekey -> " + leaf + "/gre-key/generate = false", "ignore grekey -> " + leaf + "/gre-key/ignore = true"}}.run(t)
	}
}

func TestEXT06_Import(t *testing.T) {
	commands{under: inLMA, good: []string{"redistribute home-address host-prefix -> redistribute = host-prefix", "redistribute home-address disable -> redistribute = disabled"}, bad: []string{"redistribute home-address all -> E-PARSE", "redistribute -> E-MISS"}}.run(t)
}

func TestEXT11_Import(t *testing.T) {
	commands{under: inLMA, good: []string{"pgw subscriber continuity -> pgw-subscriber-continuity = true"}}.run(t)
}

func TestEXT12_Import(t *testing.T) {
	commands{dialect: IOS, under: inLMA, good: []string{"mobile-network unauthorized -> mobile-network-authorization = unauthorized", "mobile-network aaa-authorized -> mobile-network-authorization = aaa"}, bad: []string{"mobile-network free -> E-PARSE"}}.run(t)
}

func TestEXT14_Import(t *testing.T) {
	commands{dialect: IOS, under: inLMA, good: []string{"replay-protection timestamp window ignore -> replay-protection/mode = ignore", "replay-protection timestamp window ignore; replay-protection timestamp window 18 -> replay-protection/window = 18"}}.run(t)
	commands{dialect: IOS, under: inDomain, good: []string{"replay-protection timestamp window ignore -> domain[name='d']/replay-protection/mode = ignore"}}.run(t)
}

func TestEXT15_Import(t *testing.T) {
	commands{dialect: IOS, under: inLMA, good: []string{"ani -> lma[name='l']/ani = true"}}.run(t)
	commands{dialect: IOS, under: inMAG, good: []string{"ani -> mag[name='g']/ani = true"}}.run(t)
}

func TestEXT16_Import(t *testing.T) {
	ranges(t, IOS, inLMA, "rat 3gppeutran priority", "rat[type='3gpp-e-utran']/priority", "0", "255", "256")
	commands{dialect: IOS, under: inLMA, bad: []string{"rat pigeon priority 3 -> E-RANGE \"pigeon\" is none of"}}.run(t)
}

func TestDSCP06_Import(t *testing.T) {
	commands{under: inLMA, good: []string{"dscp control-plane 45 force -> lma[name='l']/dscp/force = true"}, bad: []string{"dscp control-plane 45 forced -> E-PARSE"}}.run(t)
	r := grammar().Import(inLMA+" dscp control-plane 45 force\n dscp control-plane 45\n", Options{Dialect: XR})
	if text, _ := grammar().Print(r.Tree, XR); strings.Contains(text, "force") {
		t.Errorf("the command without force leaves it:\n%s", text)
	}
}

func TestNETP01_Import(t *testing.T) {
	commands{dialect: IOS, under: inLMA, good: []string{"network net1; network net2; network net3 -> network[name='net3']"}, bad: []string{"network -> E-MISS"}}.run(t)
}

func TestINC18_Import(t *testing.T) {
	withMap := inDomain + " encap udptunnel\n mobile-map m 10\n!\nipv6 mobile pmipv6-lma l domain d\n multipath\nipv6 mobile pmipv6-mag g domain d\n multipath\n"
	for _, mode := range []string{"ipv6 mobile pmipv6-lma l domain d\n", "ipv6 mobile pmipv6-mag g domain d\n"} {
		commands{dialect: IOS, under: withMap + mode, good: []string{"mobile-map m 10 -> /mobile-map = m ! W-MIX the sequence number is ignored"}, bad: []string{"mobile-map m ten -> E-PARSE"}}.run(t)
	}
}

func TestINC21_Import(t *testing.T) {
	commands{dialect: IOS, good: []string{"ipv6 mobile pmipv6-domain dn1 terminal -> domain[name='dn1'] ! W-MIX the word terminal means nothing here"}}.run(t)
}

func TestEXT01_Import(t *testing.T) {
	commands{under: inLMA, good: []string{"bce refresh-time 400 -> bce/refresh-time = 400"}, bad: []string{"bce refresh-time 5 -> E-MUST refresh-time must be a multiple of 4", "bce refresh-time 3 -> E-RANGE"}}.run(t)
}

func TestEXT07_Import(t *testing.T) {
	ranges(t, XR, inLMA, "mobile-route admin-distance", "lma[name='l']/mobile-route/admin-distance", "1", "255", "0", "256")
}

func TestEXT13_Import(t *testing.T) {
	commands{under: inPeer, good: []string{"dscp control-plane 10 force -> mag[id='m'][domain='d']/dscp/force = true"}}.run(t)
}

// NETP-06 is about the text alone: both keywords say the same.
func TestNETP06_KeywordsAreTheSame(t *testing.T) {
	say := func(keyword string) string {
		r := grammar().Import(inNetwork+"  mobile-network "+keyword+" 10.0.0.1 pool-prefix 24 network-prefix 30\n", Options{Dialect: IOS})
		if n := r.Count(Refused) + r.Count(Warned); n > 0 {
			t.Errorf("%s: %d lines are refused or warned of", keyword, n)
		}
		var text strings.Builder
		if err := tree.WriteJSON(&text, r.Tree, ""); err != nil {
			t.Fatal(err)
		}
		return text.String()
	}
	if pool, v4pool := say("pool"), say("v4pool"); pool != v4pool || !strings.Contains(pool, "10.0.0.1") {
		t.Errorf("pool is %s, and v4pool %s", pool, v4pool)
	}
}
