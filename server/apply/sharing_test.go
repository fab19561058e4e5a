package apply

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"mooring/mobility/trie"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

func everything(t testing.TB) *tree.Node {
	t.Helper()
	text, err := os.ReadFile("testdata/everything.json")
	if err != nil {
		t.Fatal(err)
	}
	return shared().parse(t, string(text))
}

// parts are the pieces of a configuration that can be taken over, by name.
func parts(c *Config) map[string]any {
	p := map[string]any{"mobility": c.Mobility, "dataplane": c.Dataplane, "manage": c.Manage, "accounting": c.Accounting}
	for name, m := range c.Mobility.LMAs {
		p["lma "+name] = m
		p["lma "+name+" domain"] = m.Domain
		p["lma "+name+" profiles"] = m.Domain.Profiles
		p["lma "+name+" key"] = m.Domain.Key
		for network, n := range m.Networks {
			p["lma "+name+" network "+network] = n
		}
		if peers := byName(m.Peers); len(peers) > 0 {
			p["lma "+name+" peers"] = m.Peers
			p["lma "+name+" peer"] = peers[0]
			p["lma "+name+" peer key"] = peers[0].Key
		}
	}
	for name, m := range c.Mobility.MAGs {
		p["mag "+name] = m
		if len(m.Links) > 0 {
			p["mag "+name+" links"] = &m.Links[0]
		}
	}
	return p
}

// TestSharing changes one thing and looks at which pieces are others; everything else is the same piece of memory.
func TestSharing(t *testing.T) {
	const domain, lma, mag = "/mooring-pmipv6:pmipv6/domain[name='example.net']", "/mooring-pmipv6:pmipv6/lma[name='lma1']", "/mooring-pmipv6:pmipv6/mag[name='mag1']"
	root := everything(t)
	e := shared()
	before := e.translate(t, nil, root)
	for _, c := range []struct {
		path, value string
		others      []string
	}{
		{"/mooring-system:system/host-name", "new", []string{"manage"}},
		{"/ietf-netconf-acm:nacm/enable-nacm", "false", nil},
		{domain + "/nai[id='node1@example.net']/service", "ipv6", []string{"lma lma1", "lma lma1 domain", "lma lma1 profiles", "mag mag1", "mobility"}},
		{domain + "/nai[id='node1@example.net']", "", []string{"lma lma1", "lma lma1 domain", "lma lma1 profiles", "mag mag1", "mobility"}},
		{domain + "/profile[name='guest']/service", "ipv6", []string{"lma lma1", "lma lma1 domain", "lma lma1 profiles", "mag mag1", "mobility"}},
		{domain + "/auth-option/key", "new", []string{"lma lma1", "lma lma1 domain", "lma lma1 key", "lma lma1 peer", "lma lma1 peer key", "lma lma1 peers", "mag mag1", "mobility"}},
		{domain + "/lma[id='lma2']/ipv4-address", "198.51.100.3", []string{"lma lma1", "lma lma1 domain", "mag mag1", "mobility"}},
		{"/mooring-pmipv6:pmipv6/domain[name='other.example']/encap", "gre-ipv4", []string{"lma lma2", "lma lma2 domain", "lma lma2 key", "mobility"}},
		{lma + "/bce/lifetime", "700", []string{"lma lma1", "mobility"}},
		{lma + "/mag[id='mag2'][domain='example.net']/ipv6-address", "2001:db8:100::13", []string{"lma lma1", "lma lma1 peers", "mobility"}},
		{lma + "/network[name='home']/pool/mobile-node/ipv4/default-router", "192.0.2.2", []string{"lma lma1", "lma lma1 network home", "mobility"}},
		{lma + "/network[name='home']/pool/mobile-node/ipv4/start-address", "192.0.3.9", nil}, // and its router is outside now
		{mag + "/binding/lifetime", "400", []string{"mag mag1", "mobility"}},
		{mag + "/interface[name='access0']/realm", "x.net", []string{"mag mag1", "mag mag1 links", "mobility"}},
		{mag + "/interface[name='access1']", "", []string{"dataplane", "mag mag1", "mag mag1 links", "mobility"}},
	} {
		t.Run(c.path+"="+c.value, func(t *testing.T) {
			after, _, err := e.Translate(before, e.set(t, root, c.path, c.value))
			if err != nil && c.others != nil {
				t.Fatal(err)
			}
			if err != nil {
				return
			}
			old, now := parts(before), parts(after)
			var others []string
			for _, name := range slices.Sorted(maps.Keys(old)) {
				if old[name] != now[name] {
					others = append(others, name)
				}
			}
			if !slices.Equal(others, c.others) {
				t.Errorf("other pieces: %q, want %q", others, c.others)
			}
		})
	}
}

// TestChangesAddUp makes random changes one after the other: what comes out is what a translation of the whole gives, and no
// earlier configuration has changed.
func TestChangesAddUp(t *testing.T) {
	e := shared()
	rnd := rand.New(rand.NewPCG(5, 5))
	var leaves []*schema.Node
	var collect func(def *schema.Node)
	collect = func(def *schema.Node) {
		if def.Config && (def.Kind == schema.Leaf || def.Kind == schema.LeafList) && (strings.Contains(def.Path(), "pmipv6:") || strings.Contains(def.Path(), "gnmi")) {
			leaves = append(leaves, def)
		}
		for _, child := range def.Children {
			collect(child)
		}
	}
	collect(e.schema.Root)
	root := everything(t)
	config := e.translate(t, nil, root)
	first, text := config, dump(config)
	made := 0
	for range 1500 {
		next := root
		for range 1 + rnd.IntN(3) {
			next = e.mutate(t, rnd, next, leaves)
		}
		changed, _, err := e.Translate(config, next)
		whole, _, wholeErr := e.Translate(nil, next)
		if !slices.Equal(slices.Sorted(slices.Values(said(tree.Errors(err)))), slices.Sorted(slices.Values(said(tree.Errors(wholeErr))))) {
			t.Fatalf("as a change: %v\nas a whole: %v", err, wholeErr)
		}
		if err != nil {
			continue
		}
		made++
		if got, want := dump(changed), dump(whole); got != want {
			t.Fatalf("as a change:\n%s\nas a whole:\n%s", got, want)
		}
		kept, fresh := said(slices.Collect(changed.Warnings())), said(slices.Collect(whole.Warnings()))
		if !slices.Equal(kept, fresh) {
			t.Fatalf("warnings kept: %q, of a whole translation: %q", kept, fresh)
		}
		root, config = next, changed
		if rnd.IntN(40) == 0 {
			root = everything(t) // as a rollback
		}
	}
	if made < 300 {
		t.Errorf("only %d changes went through", made)
	}
	if dump(first) != text {
		t.Error("the first configuration has changed")
	}
}

// mutate sets or removes a random node where the types allow it.
func (e *element) mutate(t *testing.T, rnd *rand.Rand, root *tree.Node, leaves []*schema.Node) *tree.Node {
	for range 100_000 { // of a nearly empty tree little can be changed
		def := leaves[rnd.IntN(len(leaves))]
		above := instances(root, schema.Path{}, def.Parent)
		if len(above) == 0 {
			continue
		}
		at := above[rnd.IntN(len(above))]
		value, err := def.Type.ParseCanonical(candidates[rnd.IntN(len(candidates))])
		if err != nil {
			continue
		}
		edit := tree.At(e.schema, at.Append(def), tree.Merge, tree.NewLeaf(def, value))
		switch {
		case def.IsKey() && rnd.IntN(2) == 0:
			edit = tree.At(e.schema, at, tree.Remove, nil)
		case def.IsKey():
			edit = copied(e.schema, at, root.Get(at), def, value, rnd.IntN(2) == 0)
		case def.Kind == schema.LeafList:
			edit = tree.At(e.schema, at.Append(def, value), tree.Merge, nil)
		case !def.Mandatory && rnd.IntN(3) == 0:
			edit = tree.At(e.schema, at.Append(def), tree.Remove, nil)
		}
		changed, err := tree.Apply(root, edit)
		if err != nil {
			t.Fatal(err)
		}
		return changed
	}
	t.Fatal("nothing can be changed")
	return nil
}

// population is a domain of n nodes with an LMA and a MAG.
func population(t testing.TB, n int) *tree.Node {
	t.Helper()
	var b strings.Builder
	b.WriteString(`{"mooring-pmipv6:pmipv6": {"lma": [{"name": "l", "domain": "d", "address": {"ipv6": ["2001:db8::1"]},
		"network": [{"name": "home", "pool": {"mobile-node": {"ipv6": {"start-address": "2001:db8:2::", "pool-prefix": 40}}}}]}],
		"mag": [{"name": "m", "domain": "d", "address": {"ipv6": "2001:db8::2"}}],
		"domain": [{"name": "d", "lma": [{"id": "l", "ipv6-address": "2001:db8::1"}], "nai": [`)
	for i := range n {
		fmt.Fprintf(&b, `%s{"id": "node%07d@d", "network": "home", "service": "dual", "lma": "l"}`, map[bool]string{true: ",", false: ""}[i > 0], i)
	}
	b.WriteString(`]}]}}`)
	root, err := tree.DecodeJSON(strings.NewReader(b.String()), shared().schema.Root, tree.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// A commit of one node costs that node, however many there are.
func TestOneNodeOfManyAllocatesLittle(t *testing.T) {
	e := shared()
	const limit = 320 // of allocations: it takes about 270, most of them for paths
	for _, n := range []int{1_000, 100_000} {
		root := population(t, n)
		before := e.translate(t, nil, root)
		changed := e.set(t, root, fmt.Sprintf("/mooring-pmipv6:pmipv6/domain[name='d']/nai[id='node%07d@d']/service", n/2), "ipv4")
		if got := testing.AllocsPerRun(20, func() { e.translate(t, before, changed) }); got > limit {
			t.Errorf("%d nodes: a change of one takes %v allocations, want at most %d", n, got, limit)
		}
		after := e.translate(t, before, changed)
		key := []byte(fmt.Sprintf("node%07d@d", n/2))
		was, is := before.Mobility.LMAs["l"].Domain.Profiles.Node(key), after.Mobility.LMAs["l"].Domain.Profiles.Node(key)
		if was == nil || is == nil || was.Service == is.Service {
			t.Errorf("the change is lost: %+v became %+v", was, is)
		}
		if other := []byte("node0000001@d"); before.Mobility.LMAs["l"].Domain.Profiles.Node(other) != after.Mobility.LMAs["l"].Domain.Profiles.Node(other) {
			t.Error("a node that did not change was translated again")
		}
	}
}

// many is a configuration with n entries of a list, and the one where a leaf differs.
func many(t *testing.T, n int, open string, entry func(i int) string, end, leaf, value string) (root, changed *tree.Node) {
	t.Helper()
	var entries []string
	for i := range n {
		entries = append(entries, entry(i))
	}
	text := `{"mooring-pmipv6:pmipv6": {"domain": [{"name": "d"}], ` + open + strings.Join(entries, ",") + end + `}}`
	root, err := tree.DecodeJSON(strings.NewReader(text), shared().schema.Root, tree.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return root, shared().set(t, root, "/mooring-pmipv6:pmipv6/"+leaf, value)
}

// A commit of one MAG that an LMA knows, or of one node of an access interface, costs that one and takes over the others.
func TestOneEntryOfManyAllocatesLittle(t *testing.T) {
	e := shared()
	const limit = 250 // of allocations: it takes about 200, however many there are, most of them for paths
	for _, list := range []struct {
		name, open       string
		entry            func(i int) string
		end, leaf, value string
		differ           func(a, b *Config) int
	}{
		{
			"MAGs", `"lma": [{"name": "l", "domain": "d", "mag": [`, func(i int) string {
				return fmt.Sprintf(`{"id": "mag%d", "domain": "d", "ipv6-address": "2001:db8::1:%x", "auth-option": {"spi": 1000, "key": "secret"}}`, i, i)
			},
			`]}]`, "lma[name='l']/mag[id='mag77'][domain='d']/encap", "gre-ipv6",
			func(a, b *Config) int { return differing(a.Mobility.LMAs["l"].Peers, b.Mobility.LMAs["l"].Peers) },
		},
		{
			"nodes", `"mag": [{"name": "m", "domain": "d", "interface": [{"name": "i", "node": [`, func(i int) string {
				return fmt.Sprintf(`{"link-layer-address": "02:00:00:00:%02x:%02x", "nai": "n%d@d"}`, i>>8, i&0xff, i)
			},
			`]}]}]`, "mag[name='m']/interface[name='i']/node[link-layer-address='02:00:00:00:00:4d']/nai", "other@d",
			func(a, b *Config) int {
				return differing(a.Mobility.MAGs["m"].Links[0].Nodes, b.Mobility.MAGs["m"].Links[0].Nodes)
			},
		},
	} {
		for _, n := range []int{100, 10_000} {
			root, changed := many(t, n, list.open, list.entry, list.end, list.leaf, list.value)
			before := e.translate(t, nil, root)
			if got := testing.AllocsPerRun(20, func() { e.translate(t, before, changed) }); got > limit {
				t.Errorf("%d %s: a change of one takes %v allocations, want at most %d", n, list.name, got, limit)
			}
			if got := list.differ(before, e.translate(t, before, changed)); got != 1 {
				t.Errorf("%d %s: %d differ, want 1", n, list.name, got)
			}
		}
	}
}

func differing[V comparable](a, b trie.Map[V]) (n int) {
	for range trie.Changes(a, b) {
		n++
	}
	return n
}

// BenchmarkOneNode translates a change of one node among n.
func BenchmarkOneNode(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			e := shared()
			root := population(b, n)
			before := e.translate(b, nil, root)
			changed := e.set(b, root, fmt.Sprintf("/mooring-pmipv6:pmipv6/domain[name='d']/nai[id='node%07d@d']/service", n/2), "ipv4")
			b.ReportAllocs()
			for b.Loop() {
				e.translate(b, before, changed)
			}
		})
	}
}

// BenchmarkAll translates everything.
func BenchmarkAll(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			root := population(b, n)
			b.ReportAllocs()
			for b.Loop() {
				shared().translate(b, nil, root)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/entry")
		})
	}
}
