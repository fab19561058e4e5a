package ios

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mooring/server/tree"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// What is there already where a block goes that refers to others.
const (
	domainAndEncap = `{"mooring-pmipv6:pmipv6": {"domain": [{"name": "D1", "encap": "udptunnel", "lma": [{"id": "LMA1", "ipv4-address": "9.9.9.1"}]},
		{"name": "dn1"}]}}`
	domainOnly  = `{"mooring-pmipv6:pmipv6": {"domain": [{"name": "D1"}, {"name": "dn1"}]}}`
	ciscoOnly   = `{"mooring-pmipv6:pmipv6": {"domain": [{"name": "cisco.com"}]}}`
	mapInDomain = `{"mooring-pmipv6:pmipv6": {"domain": [{"name": "dn1", "encap": "udptunnel", "mobile-map": [{"name": "mobilemap1"}]}],
		"lma": [{"name": "lmal", "domain": "dn1", "multipath": true}]}}`
)

// The configurations that the two documents publish are imported letter by letter. What is said of them is all that is said: line, kind, a part of the
// text, and the word under the caret. Their contradictions are in inconsistencies_test.go.
func TestDOC08_PublishedBlocks(t *testing.T) {
	for _, c := range []struct {
		file, base string
		want       []string
	}{
		{"xr-domain", "", []string{"3 W-MIX SPI 103 (0x67) ^67", "5 W-REF network network2 ^network2", "8 W-REF network network3 ^network3", "10 W-REF customer CUST1 ^CUST1"}},
		{"xr-peer-mag", ciscoOnly, []string{"8 W-REF profile profile1 ^profile1", "11 W-REF domain dn1 ^dn1", "14 W-MIX gre-ipv6 ^gre-ipv6", "15 W-REF tunnel-ip97 ^tunnel-ip"}},
		{"xr-peer-mag", "", []string{"1 W-NEED domain ^cisco.com", "8 W-REF profile profile1 ^profile1", "11 W-REF domain dn1 ^dn1", "14 W-MIX gre-ipv6 ^gre-ipv6", "15 W-REF tunnel-ip97 ^tunnel-ip"}},
		{"xr-dynamic-mag", ciscoOnly, []string{"9 W-REF profile profile1 ^profile1"}},
		{"xr-mobile-local-loop", "", []string{"7 W-REF network CUST1 ^CUST1"}},
		{"ios-udp-encapsulation", "", []string{"4 E-PARSE did you mean encap? ^encaps"}},
		{"ios-udp-encapsulation-task", "", nil},
		{"ios-roaming-interface", "", []string{"3 E-PARSE did you mean pmipv6-mag? ^pmipv6-ma"}},
		{"ios-roaming-interface-task", domainOnly, nil},
		{"ios-multipath-lma", domainAndEncap, nil},
		{"ios-multipath-lma", domainOnly, []string{"4 E-MUST multipath needs the encap udptunnel in the domain ^multipath"}},
		{"ios-access-lists", "", nil},
		{"ios-tunnel-acl", domainOnly, nil},
		{"ios-mobile-maps", "", []string{"5 W-REF access list LB010ACL ^LB010ACL", "6 W-REF label lte_intf_3g_intf ^lte_intf_3g_intf", "9 W-REF access list icmp ^icmp",
			"10 W-REF label lte_intf_3g_intf ^lte_intf_3g_intf", "10 W-REF label wifi_intf ^wifi_intf"}},
		{"ios-mobile-map-lma", mapInDomain, []string{"4 W-MIX sequence number is ignored ^10"}},
		{"ios-tunnel-mtu", domainOnly, nil},
		{"ios-pools", domainOnly, nil},
		{"ios-pools-task", domainOnly, []string{"6 E-PARSE pool-prefix ^pool-prefix", "7 E-MUST overlaps ^10.20.2.2", "8 E-PARSE pool-prefix ^pool-prefix"}},
		{"ios-heartbeat", domainOnly, nil},
		{"ios-multipath-management-lma", domainAndEncap, []string{"5 W-REF access list voice ^voice", "11 W-REF profile RegularMn ^RegularMn", "18 W-REF local-pool v4pool ^v4pool",
			"26 W-REF local-pool rv4pool ^rv4pool", "28 W-REF local-pool netpool2 ^netpool2"}},
		{"ios-multipath-management-lma", "", []string{"5 W-REF access list voice ^voice", "11 W-REF profile RegularMn ^RegularMn", "13 W-NEED multipath needs the encap udptunnel ^multipath",
			"18 W-REF local-pool v4pool ^v4pool", "26 W-REF local-pool rv4pool ^rv4pool", "28 W-REF local-pool netpool2 ^netpool2"}},
		{"ios-multipath-management-mag", domainAndEncap, []string{"5 W-REF access list voice ^voice"}},
		{"ios-multipath-management-mag", "", []string{"5 W-REF access list voice ^voice", "16 W-NEED encap udptunnel ^multipath", "20 W-NEED an LMA needs an address ^LMA1"}},
	} {
		t.Run(c.file, func(t *testing.T) {
			r := importBlock(t, c.file, c.base)
			compareItems(t, &r.Report, c.want)
			var out bytes.Buffer
			if err := tree.WriteJSON(&out, r.Tree, "  "); err != nil {
				t.Fatal(err)
			}
			compareFile(t, filepath.Join("testdata/published", c.file+".json"), out.String())
		})
	}
}

// importBlock imports a block that the documents publish, letter by letter.
func importBlock(t *testing.T, file, base string) *Result {
	t.Helper()
	dialect := IOS
	if strings.HasPrefix(file, "xr-") {
		dialect = XR
	}
	return grammar().Import(read(t, filepath.Join("testdata/published", file+".txt")), Options{Dialect: dialect, Base: decode(t, base)})
}

// expect checks what a text sets, what it does not, and that this is said of it.
func expect(t *testing.T, r *Result, set, unset, what []string) {
	t.Helper()
	for _, path := range set {
		if !sets(r, path) {
			t.Errorf("%s is not set, but %s", path, items(r))
		}
	}
	for _, path := range unset {
		if strings.Contains(modules.ReplaceAllString(items(r), "/"), path) {
			t.Errorf("%s is set: %s", path, items(r))
		}
	}
	for _, part := range what {
		if got := said(r, &Result{}); !strings.Contains(got, part) {
			t.Errorf("it says %q, want %q", got, part)
		}
	}
}

// compareItems compares everything that is said of a text with what is expected: "line code part of the text ^word under the caret".
func compareItems(t *testing.T, r *Report, want []string) {
	t.Helper()
	var got []string
	for _, i := range r.Items {
		if i.Message == "" || i.Outcome == Skipped {
			continue
		}
		text := fmt.Sprintf("%d %s %s", i.Line, i.Code, i.Message)
		if i.Hint != "" {
			text += "; did you mean " + i.Hint + "?"
		}
		got = append(got, text+" ^"+caret(t, i))
	}
	same := slices.EqualFunc(got, want, func(got, want string) bool {
		want, under, _ := strings.Cut(want, " ^")
		words := strings.SplitN(want, " ", 3)
		return strings.HasPrefix(got, words[0]+" "+words[1]+" ") && strings.Contains(got, words[2]) && strings.HasSuffix(got, " ^"+under)
	})
	if !same {
		t.Errorf("it says\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// decode reads a configuration; "" is none.
func decode(t *testing.T, text string) *tree.Node {
	t.Helper()
	if text == "" {
		return nil
	}
	root, err := tree.DecodeJSON(strings.NewReader(text), grammar().schema.Root, tree.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func compareFile(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want := read(t, name); got != want {
		t.Errorf("%s differs; got\n%s", name, got)
	}
}

// seed is read for seeds of a fuzz target, which fails without them.
func seed(name string) string {
	text, err := os.ReadFile(name)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// The example that the lab imports is the published one, letter by letter.
func TestMLL24_ImportOfTheLab(t *testing.T) {
	if got, want := read(t, "../../examples/lab/mll/lma.cfg"), read(t, "testdata/published/xr-mobile-local-loop.txt"); got != want {
		t.Errorf("the lab imports\n%s", got)
	}
}
