package ios

import (
	"strings"
	"testing"
)

// The documents contradict themselves, and it is the import that has to decide. What is a matter of published blocks is below.

// Words in italics are keywords all the same, and a mode with a misprinted prompt is the mode.
func TestINC06_KeywordsInItalics(t *testing.T) {
	commands{under: inLMA, good: []string{"bri delay min 600; bri delay max 700 -> bri/delay-max = 700"}, bad: []string{"bri delay 600 -> E-PARSE"}}.run(t)
	r := grammar().Import(inLoop+"RP/0/RSP0/CPU0:router(config-pmipv6-lma-ml1)# customer c vrf v\n", Options{Dialect: XR})
	if !sets(r, "mobile-local-loop/customer[name='c']/vrf = v") || r.Count(Refused) > 0 {
		t.Errorf("%+v", r.Items)
	}
}

// A network has one pool for nodes of each IP version and any number for mobile networks: a second one for nodes is another
// value of the same.
func TestINC16_PoolsOfANetwork(t *testing.T) {
	commands{under: inNetwork, good: []string{
		"pool mobile-node ipv4 start-address 10.0.0.2 pool-prefix 24; pool mobile-node ipv4 start-address 10.1.0.2 pool-prefix 16 -> mobile-node/ipv4/start-address = 10.1.0.2",
		"pool mobile-network ipv4 start-address 20.0.0.1 pool-prefix 24 network-prefix 28; pool mobile-network ipv4 start-address 20.0.1.1 pool-prefix 24 network-prefix 28 -> ipv4[start-address='20.0.1.1']/pool-prefix = 24"}}.run(t)
}

// An access list at the tunnels of a gateway is taken, with a warning; a stray word is left out, with a warning; the two names of the limit of a gateway
// are one (INC-17, INC-21, INC-26).
func TestINC17_INC21_INC26_TakenForWhatIsMeant(t *testing.T) {
	commands{dialect: IOS, under: "ip access-list extended a\n permit ip any any\n" + inMAG, good: []string{"tunnel acl a -> mag[name='g']/tunnel/acl = a ! W-MIX"}}.run(t)
	commands{dialect: IOS, good: []string{"ipv6 mobile pmipv6-domain dn1 terminal -> domain[name='dn1'] ! W-MIX"}, bad: []string{"ipv6 mobile pmipv6-domain dn1 at once -> E-PARSE"}}.run(t)
	commands{dialect: IOS, under: inMAG, good: []string{"bce maximum 17 -> mag[name='g']/binding/maximum = 17", "binding maximum 17 -> mag[name='g']/binding/maximum = 17"}}.run(t)
}

// An entry has up to three links, and null, in whatever case, is optional and the last.
func TestINC19_LinksOfAnEntry(t *testing.T) {
	const unmatched = " ! W-REF no link here has the label"
	commands{dialect: IOS, under: inMap,
		good: []string{"set link-type a -> set/link-type = a" + unmatched, "set link-type a b c -> set/link-type = c" + unmatched, "set link-type a b c Null -> set/null = true" + unmatched},
		bad:  []string{"set link-type a b c d null -> up to three labels", "set link-type null a -> null as the last word"}}.run(t)
}

// An interface of an LMA is where its map works; one of a MAG is where nodes attach, and no roaming interface.
func TestINC25_InterfacesOfBothRoles(t *testing.T) {
	commands{dialect: IOS, under: inLMA, good: []string{"interface Ethernet0/2 -> lma[name='l']/interface = Ethernet0/2"}}.run(t)
	commands{dialect: IOS, under: inMAG, good: []string{"interface Ethernet0/2 -> mag[name='g']/interface[name='Ethernet0/2']"},
		bad: []string{"interface eth0; address dynamic; roaming interface eth0 -> E-MUST an access interface cannot be a roaming interface"}}.run(t)
}

// Both generations of the heartbeat command set the same leaves: the one with a timeout, and the one with a label and natreboot, the words of which stand in any bracket.
func TestINC27_HeartbeatOfBothGenerations(t *testing.T) {
	commands{under: inLMA, good: []string{"heartbeat interval 100 retries 5 timeout 10 -> heartbeat/timeout = 10"}}.run(t)
	commands{dialect: IOS, under: inLMA, good: []string{"heartbeat interval 300 retries 2 -> heartbeat/timeout = 10",
		"heartbeat interval 300 retries 2 natreboot -> lma[name='l']/heartbeat/nat-reboot = true",
		"heartbeat interval 300 retries 2 label x natreboot -> heartbeat-label[label='x']/nat-reboot = true",
		"heartbeat interval 300 retries 2 timeout 20 -> heartbeat/timeout = 20"}}.run(t)
}

// Intervals that the standard advises against are taken, as published, without a word.
func TestINC28_ShortIntervals(t *testing.T) {
	commands{under: inLMA, good: []string{"heartbeat interval 10 retries 1 timeout 10 -> heartbeat/interval = 10"}}.run(t)
	commands{dialect: IOS, under: inMAG, good: []string{"heartbeat interval 15 retries 1 -> mag[name='g']/heartbeat/interval = 15"}}.run(t)
}

// A pool may be called like a keyword, and the keyword of a pool has two spellings.
func TestINC30_PoolsCalledLikeKeywords(t *testing.T) {
	commands{dialect: IOS, under: "ip local pool v4pool 10.0.0.1 10.0.0.9\n" + inNetwork, good: []string{"pool ipv4 v4pool pfxlen 24 -> named-pool/ipv4/name = v4pool"}}.run(t)
	commands{dialect: IOS, under: inNetwork, good: []string{"mobile-network v4pool 20.0.0.1 pool-prefix 24 network-prefix 30 -> mobile-network/ipv4[start-address='20.0.0.1']/network-prefix = 30",
		"mobile-network pool 20.0.0.1 pool-prefix 24 network-prefix 30 -> mobile-network/ipv4[start-address='20.0.0.1']/network-prefix = 30"}}.run(t)
}

// Prompts of all modes that the documents print are prompts, and lead nowhere else than the commands themselves.
func TestDOC06_Prompts(t *testing.T) {
	for dialect, lines := range map[Dialect]string{
		XR: `(config)# ipv6 mobile pmipv6-domain d
(config-pmipv6-domain)# nai @r
(config-pmipv6-domain-nai)# service dual
(config)# ipv6 mobile pmipv6-lma l domain d
(config-pmipv6-lma)# mag m d
(config-pmipv6-lma-mag)# ipv4 address 192.0.2.9
(config-pmipv6-lma)# network n
(config-pmipv6-lma-network)# pool mobile-node ipv4 start-address 10.0.0.2 pool-prefix 24
(config-pmipv6-lma)# mobility-service mobile-local-loop
(config-pmipv6-lma-mll)# customer c vrf v
(config-pmipv6-lma-mll-cust)# network authorized cn
(config-pmipv6-lma-mll-cust-network)# pool mobile-node ipv4 start-address 10.1.0.2 pool-prefix 24
(config-pmipv6-lma-mll-cust)# transport vrf s
(config-pmipv6-lma-mll-cust-tpt)# address ipv4 192.0.2.1`,
		IOS: `(config)# ip access-list extended a
(config-ext-nacl)# permit ip any any
(config)# ipv6 mobile pmipv6-domain d
(config-ipv6-pmipv6-domain)# encap udptunnel
(config-ipv6-pmipv6-domain)# mobile-map m 10
(config-ipv6-pmipv6-domain-mobile-map)# match access-list a
(config)# ipv6 mobile pmipv6-lma l domain d
(config-ipv6-pmipv6-lma)# network n
(config-ipv6-pmipv6lma-network)# mobile-network pool 20.0.0.1 pool-prefix 24 network-prefix 30
(config)# ipv6 mobile pmipv6-mag g domain d
(config-ipv6-pmipv6-mag)# multipath
(config-ipv6-pmipv6-mag)# address dynamic
(config-ipv6-pmipv6-mag-addr-dyn)# roaming interface eth0 label x
(config-ipv6-pmipv6-mag)# mobility-service hybrid-access
(config-ipv6-pmipv6-mag-haccess-svc)# profile-definition p
(config-ipv6-pmipv6-mag-haccess-profile-def-svc)# jitter 50`,
	} {
		var bare, prompted strings.Builder
		for line := range strings.Lines(lines) {
			_, command, _ := strings.Cut(line, "# ")
			bare.WriteString(command)
			prompted.WriteString("Device" + line)
		}
		want, got := grammar().Import(bare.String(), Options{Dialect: dialect}), grammar().Import(prompted.String(), Options{Dialect: dialect})
		if want.Count(Refused) > 0 || got.Count(Refused) > 0 || !got.Tree.Equal(want.Tree) {
			t.Errorf("with prompts it is another configuration:\n%+v\n%+v", want.Items, got.Items)
		}
	}
}

// Every command of the lists that the second document has of its releases is known, tunnel acl of its text among them.
func TestDOC01_Import(t *testing.T) {
	commands{dialect: IOS, under: inDomain, good: []string{"encap udptunnel -> encap = udptunnel", "mobile-map m 10 -> mobile-map[name='m']/entry[sequence='10']"}}.run(t)
	commands{dialect: IOS, under: inMap, good: []string{"match access-list a -> match/access-list = a ! W-REF", "set link-type a null -> set/null = true ! W-REF"}}.run(t)
	commands{dialect: IOS, under: "ip access-list extended a\n permit ip any any\n" + inDomain + " encap udptunnel\n mobile-map m 10\nipv6 mobile pmipv6-lma l domain d\n",
		good: []string{"heartbeat interval 15 retries 1 -> heartbeat/interval = 15", "interface eth0 -> lma[name='l']/interface = eth0", "multipath; mobile-map m -> lma[name='l']/mobile-map = m",
			"multipath -> lma[name='l']/multipath = true", "tunnel mtu 1360 -> lma[name='l']/tunnel/mtu = 1360", "tunnel acl a -> lma[name='l']/tunnel/acl = a"}}.run(t)
	commands{dialect: IOS, under: inNetwork, good: []string{"mobile-network pool 20.0.0.1 pool-prefix 24 network-prefix 30 -> mobile-network/ipv4[start-address='20.0.0.1']"}}.run(t)
	commands{dialect: IOS, under: inMAG, good: []string{"address dynamic; roaming interface eth0 -> roaming[interface='eth0']", "tunnel nat outside -> tunnel/nat = outside"}}.run(t)
}

func TestDOC02_Import(t *testing.T) {
	commands{dialect: IOS, under: inMAG, good: []string{"address dynamic -> address/dynamic", "bce maximum 9 -> binding/maximum = 9", "heartbeat interval 15 retries 1 -> heartbeat/retries = 1"}}.run(t)
	commands{dialect: IOS, under: inLMA, good: []string{"bce maximum 9 -> bce/maximum = 9", "default profile p -> default-profile = p ! W-REF", "dynamic mag learning -> dynamic-mag-learning = true"}}.run(t)
	commands{dialect: IOS, under: inHybrid, good: []string{"profile-definition p -> hybrid-access/profile[name='p']"}}.run(t)
	commands{dialect: IOS, under: inProfile, good: []string{"jitter 50 -> jitter/value = 50", "packet-loss 2 -> packet-loss/value = 2", "rtt 100 -> rtt/value = 100"}}.run(t)
	commands{dialect: IOS, under: inMap, good: []string{"traffic-profile p -> traffic-profile = p ! W-REF"}}.run(t)
}

// The contradictions of published blocks.

const publishedPeer = "lma[name='lma1']/mag[id='mag1'][domain='dn1']"

// The task that is introduced as learning MAGs configures one, and learns none.
func TestINC01_PeerMAGIsConfigured(t *testing.T) {
	expect(t, importBlock(t, "xr-peer-mag", ciscoOnly), []string{publishedPeer}, []string{"dynamic-mag-learning"}, nil)
}

// A MAG may be of a domain that nobody has, which is said.
func TestINC08_PeerOfAnotherDomain(t *testing.T) {
	r := importBlock(t, "xr-peer-mag", ciscoOnly)
	expect(t, r, []string{"lma[name='lma1']/domain = cisco.com", publishedPeer}, nil, []string{"W-REF there is no domain dn1"})
	if n := r.Count(Refused); n > 0 {
		t.Errorf("%d lines are refused", n)
	}
}

// The address below a MAG is that of the MAG, whatever the text says around it.
func TestINC09_AddressIsThatOfTheMAG(t *testing.T) {
	expect(t, importBlock(t, "xr-peer-mag", ciscoOnly), []string{publishedPeer + "/ipv4-address = 192.168.0.4"}, []string{"lma[name='lma1']/address/ipv4"}, nil)
}

// An encapsulation for which one side has no address is taken whole, with a warning.
func TestINC11_EncapsulationWithoutAnAddress(t *testing.T) {
	r := importBlock(t, "xr-peer-mag", ciscoOnly)
	expect(t, r, []string{publishedPeer + "/encap = gre-ipv6", publishedPeer + "/auth-option/spi = 2174", publishedPeer + "/tunnel-interface = tunnel-ip97"}, nil,
		[]string{"W-MIX"})
	if n := r.Count(Refused); n > 0 {
		t.Errorf("%d lines are refused", n)
	}
}

// A profile may name a network that nobody has, which is said.
func TestINC12_NetworkThatNobodyHas(t *testing.T) {
	r := importBlock(t, "xr-mobile-local-loop", "")
	expect(t, r, []string{"nai[id='@CUST1']/network = CUST1"}, nil, []string{"W-REF there is no network CUST1"})
	if n := r.Count(Refused); n > 0 {
		t.Errorf("%d lines are refused", n)
	}
}

// An LMA whose customers have transports needs no address and no limit of prefixes of its own.
func TestINC14_AddressesInTransportsAlone(t *testing.T) {
	r := importBlock(t, "xr-mobile-local-loop", "")
	expect(t, r, []string{"transport[vrf='CUSTSP']/ipv4-address = 15.15.15.2", "transport[vrf='CUSTSP']/ipv6-address = 2002:16::2"},
		[]string{"lma[name='LMA']/address", "lma[name='LMA']/hnp"}, nil)
	if n := r.Count(Refused); n > 0 {
		t.Errorf("%d lines are refused", n)
	}
}

// Lines that cannot be meant are refused and not guessed; what the syntax says is taken.
func TestINC15_LinesThatCannotBeMeant(t *testing.T) {
	r := importBlock(t, "ios-pools-task", domainOnly)
	expect(t, r, nil, []string{"2001:db8", "mobile-network/ipv6"}, []string{"E-PARSE", "E-MUST"})
	if n := r.Count(Refused); n != 3 {
		t.Errorf("%d lines are refused, want 3", n)
	}
	commands{dialect: IOS, under: inNetwork,
		good: []string{"mobile-network v6pool 2001:db8:: pool-prefix 48 network-prefix 64 -> mobile-network/ipv6[start-address='2001:db8::']/network-prefix = 64"},
		bad:  []string{"mobile-network v6pool 2001:db8:: pool-prefix 48 network-prefix 30 -> E-MUST"}}.run(t)
}

// A map below an LMA has no sequence number: one is left out, with a warning. The interface is the LMA's.
func TestINC18_SequenceNumberTooMany(t *testing.T) {
	expect(t, importBlock(t, "ios-mobile-map-lma", mapInDomain), []string{"lma[name='lmal']/mobile-map = mobilemap1", "lma[name='lmal']/interface = gigabitethernet0/0/0"},
		[]string{"entry[sequence='10']"}, []string{"W-MIX the sequence number is ignored"})
}

// Misprints are refused with what was probably meant, but for one that no word could be taken for.
func TestINC22_Misprints(t *testing.T) {
	expect(t, importBlock(t, "ios-udp-encapsulation", ""), []string{"domain[name='D1']"}, []string{"encap"}, []string{"E-PARSE", "encap"})
	expect(t, importBlock(t, "ios-roaming-interface", ""), nil, []string{"mag["}, []string{"E-PARSE", "pmipv6-mag"})
	for _, file := range []string{"ios-udp-encapsulation", "ios-roaming-interface"} { // both begin with "configuration terminal"
		if n := importBlock(t, file, "").Count(Refused); n != 1 {
			t.Errorf("%s: %d lines are refused", file, n)
		}
	}
}

// An LMA below a MAG is one that the MAG registers with: no service is switched on.
func TestINC24_AnchorOfAGateway(t *testing.T) {
	expect(t, importBlock(t, "ios-multipath-management-mag", domainAndEncap), []string{"mag[name='MAG1']/lma[id='LMA1'][domain='D1']"}, []string{"/pmipv6/lma["}, nil)
}

// Names are as they are written.
func TestINC29_CaseOfNames(t *testing.T) {
	commands{under: inNetwork + inNAI, good: []string{"network n -> nai[id='@r']/network = n", "network N -> nai[id='@r']/network = N ! W-REF there is no network N"}}.run(t)
	expect(t, importBlock(t, "ios-multipath-management-lma", domainAndEncap), []string{"default-profile = RegularMn"}, nil, []string{"W-REF there is no profile RegularMn"})
}

// A parameter index of the range that the standard reserves is taken, with a warning.
func TestINC34_ReservedNumbers(t *testing.T) {
	expect(t, importBlock(t, "xr-domain", ""), []string{"domain[name='cisco.com']/auth-option/spi = 103"}, nil, []string{"W-MIX SPI 103 (0x67)"})
}

// A global command is one wherever it is indented.
func TestINC35_CommandAtTheWrongPlace(t *testing.T) {
	r := importBlock(t, "xr-mobile-local-loop", "")
	expect(t, r, []string{"/system/aaa/accounting/mobile[name='default']/group = radius", "server[name='10.10.10.2']/acct-port = 1646"}, nil, nil)
}

// Modes close by what follows, not by indentation, and an exclamation mark closes none whose commands follow.
func TestINC07_IndentationWithoutMeaning(t *testing.T) {
	r := importBlock(t, "xr-domain", "") // "!" is right after the domain, and nothing is indented
	expect(t, r, []string{"domain[name='cisco.com']/auth-option/key = ***", "nai[id='example@ctc']/customer = CUST1"}, nil, nil)
	if n := r.Count(Refused); n > 0 {
		t.Errorf("%d lines are refused", n)
	}
	commands{under: strings.ReplaceAll(inNetwork, "\n ", "\n"),
		good: []string{"pool mobile-node ipv4 start-address 10.0.0.2 pool-prefix 24; bce lifetime 300 -> lma[name='l']/bce/lifetime = 300"}}.run(t)
}

// Exit leaves one mode, whatever the texts say that it returns to; end leaves all.
func TestINC23_ExitLeavesOneMode(t *testing.T) {
	commands{under: inDomain + " nai @r\n exit\n encap udptunnel\nexit\n" + strings.TrimPrefix(inNetwork, inDomain+" encap udptunnel\n"),
		good: []string{"exit; hnp maximum 2 -> lma[name='l']/hnp/maximum = 2", "exit; exit; ipv6 mobile pmipv6-domain e -> domain[name='e']"},
		bad:  []string{"exit; exit; hnp maximum 2 -> E-PARSE", "end; hnp maximum 2 -> E-PARSE"}}.run(t)
}
