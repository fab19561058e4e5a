package ios

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mooring/server/tree"
)

// One configuration is read in the many forms in which people have it.
func TestDOC07_Forms(t *testing.T) {
	const want = `ipv6 mobile pmipv6-domain d
 encap gre-ipv4
 nai a@r
  service dual
 !
 nai b@r
 !
!
ipv6 mobile pmipv6-lma l domain d
 bce lifetime 300
 network n
 !
!
`
	flat := strings.ReplaceAll(want, " ", "\x00")
	flat = strings.ReplaceAll(strings.ReplaceAll("\n"+flat, "\n\x00\x00", "\n"), "\n\x00", "\n")
	flat = strings.ReplaceAll(flat, "\x00", " ")
	for name, text := range map[string]string{
		"as it is printed":          want,
		"flat":                      flat,
		"without exclamation marks": strings.ReplaceAll(strings.ReplaceAll(want, " !\n", ""), "!\n", ""),
		"with exit and end": "configure terminal\nipv6 mobile pmipv6-domain d\nencap gre-ipv4\nnai a@r\nservice dual\nexit\nnai b@r\nexit\nexit\n" +
			"ipv6 mobile pmipv6-lma l domain d\nbce lifetime 300\nnetwork n\nend\n",
		"of Windows, with tabs":                         strings.ReplaceAll(strings.ReplaceAll(want, "\n", "\r\n"), "\n ", "\n\t"),
		"with a byte order mark and what a router says": "\ufeffBuilding configuration...\n!! IOS XR Configuration 5.3.1\n!! Last configuration change at Thu Jan  1 00:00:00 2026 by root\nhostname r1\n" + want,
		"with comments":                                 "/* one\n two */ " + strings.Replace(want, "\n", "\n! a comment\n /* another */\n", 1),
		"abbreviated":                                   strings.NewReplacer("mobile", "mob", " domain d\n", " dom d\n", "service", "serv", "lifetime", "life").Replace(want),
		"in capitals":                                   strings.NewReplacer("bce lifetime", "BCE Lifetime", "service dual", "SERVICE DUAL", "nai", "NAI").Replace(want),
		"deeply indented":                               strings.ReplaceAll(want, "\n ", "\n        "),
		"wholly indented":                               "    " + strings.ReplaceAll(strings.TrimSuffix(want, "\n"), "\n", "\n    ") + "\n",
		"with something else":                           "router bgp 1\n address-family ipv4 unicast\n !\n!\n" + want,
		"said twice":                                    want + want,
		"corrected":                                     strings.Replace(want, " bce lifetime 300\n", " bce lifetime 400\n bce lifetime 300\n hnp maximum 2\n no hnp maximum 2\n", 1),
		"of a session of IOS XR": `RP/0/RSP0/CPU0:router#configure
RP/0/RSP0/CPU0:router(config)#ipv6 mobile pmipv6-domain d
RP/0/RSP0/CPU0:router(config-pmipv6-domain)#encap gre-ipv4
RP/0/RSP0/CPU0:router(config-pmipv6-domain)# nai a@r
RP/0/RSP0/CPU0:router(config-pmipv6-domain-nai)# service
dual
RP/0/RSP0/CPU0:router(config-pmipv6-domain-nai)# nai b@r
RP/0/RSP0/CPU0:router(config-pmipv6-domain-nai)#exit
RP/0/RSP0/CPU0:router(config)#ipv6 mobile pmipv6-lma l domain d
RP/0/RSP0/CPU0:router(config-pmipv6-lma)#bce lifetime 300
RP/0/RSP0/CPU0:router(config-pmipv6-lma)#network n
RP/0/RSP0/CPU0:router(config-pmipv6-lma-network)#commit
RP/0/RSP0/CPU0:router(config-pmipv6-lma-network)#end
`,
		"of a session with everything around it": `RP/0/RSP0/CPU0:router#show running-config
Thu Jan  1 00:00:00.123 UTC
Building configuration...
!! IOS XR Configuration 7.9.21
RP/0/RSP0/CPU0:router#conf t
RP/0/RSP0/CPU0:router(config)#ipv6 mobile pmipv6-domain d
RP/0/RSP0/CPU0:router(config-pmipv6-domain)#encap gre-ipv4
RP/0/RSP0/CPU0:router(config-pmipv6-domain)# nai a@r
RP/0/RSP0/CPU0:router(config-pmipv6-domain-nai)#pwd
RP/0/RSP0/CPU0:router(config-pmipv6-domain-nai)# service dual
RP/0/RSP0/CPU0:router(config-pmipv6-domain-nai)#exit
RP/0/RSP0/CPU0:router(config-pmipv6-domain)# nai b@r
RP/0/RSP0/CPU0:router(config-pmipv6-domain-nai)#root
RP/0/RSP0/CPU0:router(config)#commit label first comment what there is
RP/0/RSP0/CPU0:router(config)#ipv6 mobile pmipv6-lma l domain d
RP/0/RSP0/CPU0:router(config-pmipv6-lma)#hnp maximum 2
RP/0/RSP0/CPU0:router(config-pmipv6-lma)#abort
RP/0/RSP0/CPU0:router(config)#ipv6 mobile pmipv6-lma l domain d
RP/0/RSP0/CPU0:router(config-pmipv6-lma)#show configuration
RP/0/RSP0/CPU0:router(config-pmipv6-lma)#bce lifetime 300
RP/0/RSP0/CPU0:router(config-pmipv6-lma)#do show version
RP/0/RSP0/CPU0:router(config-pmipv6-lma)#network n
RP/0/RSP0/CPU0:router(config-pmipv6-lma-network)#commit confirmed 60
RP/0/RSP0/CPU0:router(config-pmipv6-lma-network)#end
Uncommitted changes found, commit them before exiting(yes/no/cancel)? [cancel]:yes
RP/0/RSP0/CPU0:router#exit
`,
	} {
		r := grammar().Import(text, Options{Dialect: XR})
		got, _ := grammar().Print(r.Tree, XR)
		if got != want {
			t.Errorf("%s: it becomes\n%s\nfrom\n%s", name, got, text)
		}
		if n := r.Count(Refused); n != 0 && name != "with something else" {
			t.Errorf("%s: %d lines are refused: %+v", name, n, *r.Items[0])
		}
	}
}

// What belongs to an interface is left out with it, and the warning says which lines that are. All else is judged as if the interface was not there: a slip of
// the hand behind it is refused.
func TestDOC07_BehindAnInterface(t *testing.T) {
	const left = "W-MIX left out: interfaces belong to the host, which configures them and their VRFs"
	const slip = "ipv6x mobile pmipv6-lma L domain d1\n bce maximum 5\n!\n"
	const meant = `"ipv6x" is no command that concerns Proxy Mobile IPv6 ipv6`
	const lines2To4 = left + "; so are lines 2 to 4 "
	for text, want := range map[string][]string{
		"interface Gi0/0\n ip address 192.0.2.1 255.255.255.0\n no shutdown\n ipv6 enable\n!\nvrf definition v\n":                                                     {lines2To4},
		"interface Gi0/0\n ip address 192.0.2.1 255.255.255.0\n no shutdown\n ipv6 enable\nvrf definition v\n":                                                        {lines2To4},
		"  interface Gi0/0\n    no shutdown\n  !\n  vrf definition v\n":                                                                                               {left + "; so is line 2 "},
		"R(config)#interface Gi0/0\nR(config-if)#ip address 192.0.2.1 255.255.255.0\nR(config-if)#no shutdown\nR(config-if)#shutdwn\nR(config-if)#vrf definition v\n": {lines2To4},
		"interface Gi0/0\n shutdown\n!\n" + slip + "vrf definition v\n":                                                                                               {left + "; so is line 2 ", meant},
		"interface Gi0/0\n shutdown\n" + slip + "vrf definition v\n":                                                                                                  {left + "; so is line 2 ", meant},
		"interface Gi0/0\n!\n" + slip + "vrf definition v\n":                                                                                                          {left + " ", meant},
		"interface Gi0/0\nexit\n" + slip + "vrf definition v\n":                                                                                                       {left + " ", meant},
		"interface Gi0/0\n!\nradiuss-server host 192.0.2.4 key k\nvrf definition v\n":                                                                                 {left + " ", `"radiuss-server" is no command that concerns Proxy Mobile IPv6 radius-server`},
		"interface Gi0/0\n shutdown\n!\nrouter bgp 1\n neighbor 192.0.2.2\nvrf definition v\n":                                                                        {left + "; so is line 2 ", `"router" is no command that concerns Proxy Mobile IPv6 `, "skipped, because line 4 was refused"},
		"interface Gi0/0\n!\n shutdown\nvrf definition v\n":                                                                                                           {left + " ", `"shutdown" is no command that concerns Proxy Mobile IPv6 `},
		"interface Gi0/0\nshutdown\nmtu 9000\nvrf definition v\n": {left + " ", `"shutdown" is no command that concerns Proxy Mobile IPv6; if it belongs to line 1, indent it`,
			`"mtu" is no command that concerns Proxy Mobile IPv6 `},
		"R(config)#interface Gi0/0\nR(config-if)#shutdown\nR(config)#" + strings.ReplaceAll(slip, "\n b", "\nR(config-ipv6-pmipv6-lma)#b") + "R(config)#vrf definition v\n": {left + "; so is line 2 ", meant},
	} {
		r := grammar().Import(text, Options{Dialect: IOS})
		got := said(r, &Result{})
		for _, part := range want {
			if !strings.Contains(got+"\n", part) {
				t.Errorf("%q: it says\n%s\nwant %q", text, got, part)
			}
		}
		refused := 0
		for _, part := range want {
			if strings.HasPrefix(part, `"`) {
				refused++
			}
		}
		if r.Count(Refused) != refused || r.Count(Warned) != 1 || !sets(r, "network-instance[name='v']") || sets(r, "maximum = 5") {
			t.Errorf("%q: %d refused, %d warnings, set: %s", text, r.Count(Refused), r.Count(Warned), items(r))
		}
	}
}

// A comment that nobody closed has the rest of the text: that is refused where it begins, and not lost.
func TestDOC07_UnclosedComment(t *testing.T) {
	for text, want := range map[string]string{
		"vrf v\n/* below is the LMA\n" + inLMA:               "2 E-PARSE */ is missing ^/*",
		"vrf v\n/* one */ \t/* two\n" + inLMA + "/* three\n": "2 E-PARSE */ is missing ^/*",
		"/* one\n */ /* ü */ /* two\n\n":                     "2 E-PARSE */ is missing ^/*",
		"R(config)# /* one\nR(config)# vrf v\n":              "1 E-PARSE */ is missing ^/*",
		"R(config)#vrf\n/*\n":                                "2 E-PARSE */ is missing ^/*",
	} {
		r := grammar().Import(text, Options{Dialect: XR})
		if text == "R(config)#vrf\n/*\n" {
			r.Items = r.Items[1:] // of the command that ends early
		}
		compareItems(t, &r.Report, []string{want})
		if len(r.Items) > 0 && sets(r, "lma[name='l']") {
			t.Errorf("%q: what is in the comment is taken: %s", text, items(r))
		}
	}
	r := grammar().Import("/* one\n two */ /* three */ vrf v\n/**/\n/* four */", Options{Dialect: XR})
	if compareItems(t, &r.Report, nil); !sets(r, "network-instance[name='v']") {
		t.Errorf("what stands behind a comment sets %s", items(r))
	}
}

// It is in the forms of the other dialect, too, which has no commit.
func TestDOC07_FormsOfIOS(t *testing.T) {
	const want = "ipv6 mobile pmipv6-domain d\n encap udptunnel\n!\nipv6 mobile pmipv6-lma l domain d\n multipath\n network n\n !\n!\n"
	for name, text := range map[string]string{
		"as it is printed": want,
		"of show running-config": "Device#show running-config\nBuilding configuration...\n\nCurrent configuration : 1234 bytes\n!\n" +
			"! Last configuration change at 00:00:00 UTC Thu Jan 1 2026\n!\n" + want + "end\n",
		"of a session": `Device>enable
Password:
Device#configure terminal
Enter configuration commands, one per line.  End with CNTL/Z.
Device(config)#ipv6 mobile pmipv6-domain d
Device(config-ipv6-pmipv6-domain)#encap udptunnel
Device(config-ipv6-pmipv6-domain)#exit
Device(config)#ipv6 mobile pmipv6-lma l domain d
Device(config-ipv6-pmipv6-lma)#bce lifetime 300
Device(config-ipv6-pmipv6-lma)#no bce lifetime 300
Device(config-ipv6-pmipv6-lma)#multipath
Device(config-ipv6-pmipv6-lma)#do show ipv6 mobile pmipv6 lma
Device(config-ipv6-pmipv6-lma)#network n
Device(config-ipv6-pmipv6lma-network)#^Z
Device#write memory
Building configuration...
[OK]
Device#copy running-config startup-config
Destination filename [startup-config]?
`,
	} {
		r := grammar().Import(text, Options{Dialect: IOS})
		if got, _ := grammar().Print(r.Tree, IOS); got != want || r.Count(Refused) > 0 {
			t.Errorf("%s: it becomes\n%s\nrefused: %s", name, got, said(r, &Result{}))
		}
	}
}

// What replaces everything on a router does not here, and that is said; a command of a session that nobody was at is refused.
func TestWordsOfSessions(t *testing.T) {
	for text, want := range map[string]string{
		"vrf v\ncommit replace\n": "W-MIX here, what the text does not name stays as it is ",
		"show running-config\n":   `E-PARSE "show" is no command that concerns Proxy Mobile IPv6 `,
		"vrf v\ncommit\n":         "",
	} {
		if got := said(grammar().Import(text, Options{Dialect: XR}), &Result{}); got != want {
			t.Errorf("%q: it says %q, want %q", text, got, want)
		}
	}
}

// Routers tell LMAs and MAGs of one name apart by their domains, and customers by their VRFs. Here a name is one entry: a second one is refused with all that it
// has, and does not become part of the first. Who says the same again, or takes the first out, means it.
func TestLMA01_MAG01_MLL02_ImportOfNamesakes(t *testing.T) {
	const domains = "ipv6 mobile pmipv6-domain d1\n encap udptunnel\n!\nipv6 mobile pmipv6-domain d2\n encap udptunnel\n!\n"
	const lma, customer = domains + "ipv6 mobile pmipv6-lma l domain d1\n bce lifetime 300\n!\n", inLoop + "  customer c vrf v\n   bce lifetime 300\n  !\n"
	for _, c := range []struct {
		dialect         Dialect
		text, want, not string
		remark          string
		skipped         int
	}{
		{XR, lma + "ipv6 mobile pmipv6-lma l domain d2\n bce maximum 5\n!\n", "lma[name='l']/domain = d1", "bce/maximum = 5", "10 E-UNIQ lma l has the domain d1 since line 7 ^d2", 1},
		{IOS, domains + "ipv6 mobile pmipv6-mag g domain d1\n!\nipv6 mobile pmipv6-mag g domain d2\n bce maximum 5\n!\n", "mag[name='g']/domain = d1", "maximum = 5",
			"9 E-UNIQ mag g has the domain d1 since line 7 ^d2", 1},
		{XR, customer + "  customer c vrf w\n   mobile-map m\n  !\n", "customer[name='c']/vrf = v", "mobile-map = m", "8 E-UNIQ customer c has the vrf v since line 5 ^w", 1},
		{XR, lma + "ipv6 mobile pmipv6-lma l domain d1\n bce maximum 5\n!\n", "bce/maximum = 5", "domain = d2", "", 0},
		{XR, lma + "no ipv6 mobile pmipv6-lma l domain d1\nipv6 mobile pmipv6-lma l domain d2\n bce maximum 5\n!\n", "bce/maximum = 5", "", "", 0},
		{XR, customer + "  no customer c vrf v\n  customer c vrf w\n", "customer[name='c']/vrf = w", "", "", 0},
	} {
		r := grammar().Import(c.text, Options{Dialect: c.dialect})
		var want []string
		if c.remark != "" {
			want = []string{c.remark}
		}
		compareItems(t, &r.Report, want)
		if r.Count(Skipped) != c.skipped || !sets(r, c.want) || c.not != "" && sets(r, c.not) {
			t.Errorf("%q: %d lines are skipped, set: %s", c.text, r.Count(Skipped), items(r))
		}
	}
}

// TestReport compares what people read with what they should.
func TestReport(t *testing.T) {
	r := grammar().Import(read(t, "testdata/report.txt"), Options{Dialect: XR})
	var got strings.Builder
	if err := r.Write(&got); err != nil {
		t.Fatal(err)
	}
	compareFile(t, "testdata/report.want", got.String())
}

// Indentation tells where a line stands that two modes know.
func TestIndentationDecides(t *testing.T) {
	for text, want := range map[string]string{
		"%s  bce lifetime 300\n bce lifetime 600\n":      "lma[name='l']/bce/lifetime = 600",
		"%s  bce lifetime 300\n  bce lifetime 600\n":     "customer[name='c']/bce/lifetime = 600",
		"%s  bce lifetime 300\n  !\n bce lifetime 600\n": "lma[name='l']/bce/lifetime = 600",
	} {
		r := grammar().Import(strings.Replace(text, "%s", "ipv6 mobile pmipv6-lma l domain d\n mobility-service mobile-local-loop\n customer c vrf v\n", 1), Options{Dialect: XR})
		if !sets(r, want) {
			t.Errorf("%q does not set %s, but %s", text, want, items(r))
		}
	}
}

// Nothing is taken of what stands below a refused line, and nothing is said of it but that, with the line that was refused.
func TestBelowRefused(t *testing.T) {
	for text, skipped := range map[string]int{
		"router bgp 65000\n neighbor 192.0.2.1\n  remote-as 1\n!\nvrf v\n":                                2,
		"ipv6 mobile pmipv6-mga g domain d\n address dynamic\n  roaming interface eth0\nvrf v\n":          2,
		"ipv6 mobile pmipv6-lma l domain " + strings.Repeat("d", 200) + "\n bce lifetime 300\n!\nvrf v\n": 1,
	} {
		r := grammar().Import(text, Options{Dialect: XR})
		if r.Count(Refused) != 1 || r.Count(Skipped) != skipped || !sets(r, "network-instance[name='v']") || sets(r, "lifetime = 300") {
			t.Errorf("%q: %d refused, %d skipped, set: %s", text, r.Count(Refused), r.Count(Skipped), items(r))
		}
		refused := slices.IndexFunc(r.Items, func(i *Item) bool { return i.Outcome == Refused })
		for _, i := range r.Items {
			if want := fmt.Sprintf("because line %d was refused", r.Items[refused].Line); i.Outcome == Skipped && !strings.HasSuffix(i.Message, want) {
				t.Errorf("%q: line %d is %s, want %s", text, i.Line, i.Message, want)
			}
		}
	}
}

// What is left of a text of which a part is wrong is valid.
func TestPartial(t *testing.T) {
	const text = "ipv6 mobile pmipv6-domain d\nipv6 mobile pmipv6-lma l domain d\n hnp maximum 2\n hnp maximum 9\n bri delay min 3000\n bri delay max 2000\n mag m d\n network n\n  pool mobile-node ipv4 start-address 10.0.0.1 pool-prefix 24\n"
	r := grammar().Import(text, Options{Dialect: XR, Partial: true})
	if n := r.Count(Refused); n != 3 {
		t.Errorf("%d are refused, want the limit, the delays and the MAG without an address", n)
	}
	got, _ := grammar().Print(r.Tree, XR)
	const want = "ipv6 mobile pmipv6-domain d\n!\nipv6 mobile pmipv6-lma l domain d\n hnp maximum 2\n network n\n  pool mobile-node ipv4 start-address 10.0.0.1 pool-prefix 24\n !\n!\n"
	if got != want {
		t.Errorf("what is left is\n%s", got)
	}
	if err := grammar().rules.Check(tree.Diff(nil, r.Tree)); err != nil {
		t.Error(err)
	}
}

// FuzzImport gives the importer anything: it never panics, every error has its line and a column within it or right behind, and what is taken
// of a text that has no errors can be written and read again.
func FuzzImport(f *testing.F) {
	f.Add(seed("testdata/published/xr-mobile-local-loop.txt"), true)
	f.Add(seed("testdata/published/ios-multipath-management-mag.txt"), false)
	f.Add(seed("testdata/published/ios-pools-task.txt"), false)
	f.Add(seed("testdata/report.txt"), true)
	f.Add("no\nno no\n! \n/*\nRP/0/RSP0/CPU0:router(config)#\nkey 7 0\nip access-list extended a\n 5 permit tcp any any eq\n no 5\nabort\nno radius-server host 1.1.1.1 key 7 09\n", false)
	f.Fuzz(func(t *testing.T, text string, xr bool) {
		d := IOS
		if xr {
			d = XR
		}
		checkAnything(t, text, d)
	})
}

// checkAnything imports a text and looks for what may never be.
func checkAnything(t *testing.T, text string, d Dialect) {
	t.Helper()
	lines := strings.Split(text, "\n")
	for _, partial := range []bool{false, true} {
		r := grammar().Import(text, Options{Dialect: d, Partial: partial})
		for _, i := range r.Items {
			if i.Outcome == Refused && (i.Line < 1 || i.Line > len(lines) || i.Column < 1 || i.Column > len([]rune(i.Text))+2) {
				t.Errorf("%+v", i)
			}
		}
		if r.Count(Refused) > 0 && !partial {
			continue
		}
		printed, _ := grammar().Print(r.Tree, d)
		again := grammar().Import(printed, Options{Dialect: d})
		if !again.Tree.Equal(r.Tree) {
			t.Errorf("from\n%s\nanother configuration comes back:\n%s\n%s", text, printed, differences(r.Tree, again.Tree))
		}
	}
}

// Published texts with words and lines left out, doubled and exchanged do no harm.
func TestMangledTexts(t *testing.T) {
	names, err := filepath.Glob("testdata/published/*.txt")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	random := rand.New(rand.NewPCG(1, 1))
	for range *mangled {
		name := names[random.IntN(len(names))]
		d := IOS
		if strings.HasPrefix(filepath.Base(name), "xr-") {
			d = XR
		}
		pieces := strings.SplitAfter(seed(name), "\n")
		for range 1 + random.IntN(4) {
			if random.IntN(2) == 0 { // among words of all lines, else among lines
				pieces = strings.SplitAfter(strings.Join(pieces, ""), " ")
			} else {
				pieces = strings.SplitAfter(strings.Join(pieces, ""), "\n")
			}
			i, j := random.IntN(len(pieces)), random.IntN(len(pieces))
			switch random.IntN(4) {
			case 0:
				pieces = slices.Delete(pieces, i, i+1)
			case 1:
				pieces = slices.Insert(pieces, i, pieces[j])
			case 2:
				pieces[i], pieces[j] = pieces[j], pieces[i]
			default:
				pieces = slices.Insert(pieces, i, "no ")
			}
			if len(pieces) == 0 {
				break
			}
		}
		if checkAnything(t, strings.Join(pieces, ""), d); t.Failed() {
			return
		}
	}
}

// mangled is how many texts TestMangledTexts tries.
var mangled = flag.Int("mangled", 150, "how many texts to mangle")

// Texts that no router writes cost no more than their size.
func TestLongTexts(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for text, refused := range map[string]int{long: 1, "ipv6 mobile " + long: 1, inLMA + " bce lifetime " + long: 1, strings.Repeat("no ", 1<<16): 1, strings.Repeat("!\n", 1<<16): 0,
		"/*" + long: 1, inLMA + strings.Repeat(" hnp maximum 2\n", 1<<12): 0, strings.Repeat("(config", 1<<12): 1} {
		if got := grammar().Import(text, Options{Dialect: XR}).Count(Refused); got != refused {
			t.Errorf("%.30s...: %d refused, want %d", text, got, refused)
		}
	}
}
