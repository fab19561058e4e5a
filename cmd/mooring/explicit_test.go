package main

import (
	"bytes"
	"math/rand/v2"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"mooring/cmd/mooring/client"
	"mooring/server/model"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// everyMode has a node for most modes of an anchor, so that there are places for values that are the default.
const everyMode = `radius-server host 192.0.2.50 auth-port 1645 acct-port 1646
 key 7 045802150C2E
!
aaa group server radius AAA
 server 192.0.2.50 auth-port 1645 acct-port 1646
!
aaa accounting mobile default start-stop group AAA
vrf blue
ipv6 mobile pmipv6-domain d1
 encap gre-ipv4
 nai mn1@d1
  network home
 !
!
ipv6 mobile pmipv6-lma lma1 domain d1
 address ipv4 192.0.2.1
 heartbeat interval 100 retries 5 timeout 10
 aaa accounting interim 10
 network home
  pool mobile-node ipv4 start-address 198.51.100.2 pool-prefix 24
 !
 mag m1 d1
  ipv4 address 192.0.2.9
 !
 mobility-service mobile-local-loop
  customer c1 vrf blue
   auth-option spi 1000 key ascii secret
   network authorized away
    pool mobile-node ipv4 start-address 203.0.113.2 pool-prefix 24
   !
   transport vrf blue
    address ipv4 192.0.2.2
   !
  !
 !
!
`

// What an element has been told, values among it that are the default and switches that are off, becomes a text and, from that, the very same configuration.
func TestExplicitDefaultsComeBack(t *testing.T) {
	h, dir := newHost(t, "h"), t.TempDir()
	p := run(t, h, dir)
	importing := func(args ...string) string {
		t.Helper()
		o := complete(t, h, privileged, append([]string{"import", "--state-dir", dir}, args...)...)
		if o.expect(t, 0); o.code != 0 {
			t.Fatalf("import %s\n%s", args, o.out)
		}
		return o.out
	}
	fresh := p.explicit()
	importing("--from", "ios-xr", write(t, "base.cfg", everyMode), "--target", "local")
	base := p.explicit()

	served, err := model.Schema()
	must(t, err)
	for seed := range uint64(3) {
		random := rand.New(rand.NewPCG(seed, 0))
		want := base
		var chosen []string
		eachDefault(base, nil, func(path schema.Path, value string) {
			if random.IntN(2) == 0 || served.Find(path.Last().Node.Path()) == nil {
				return
			}
			want = with(t, want, path, value)
			chosen = append(chosen, path.String())
		})
		if len(chosen) < 4 {
			t.Fatalf("there are only %d places for a default: %s", len(chosen), chosen)
		}
		must(t, p.replace(jsonOf(t, want)))
		if got := p.explicit(); !got.Equal(want) {
			t.Fatalf("seed %d: the element was told\n%s\nand has\n%s", seed, jsonOf(t, want), jsonOf(t, got))
		}
		text := importing("--to", "ios-xr")

		must(t, p.replace(jsonOf(t, fresh)))
		if got := p.explicit(); !got.Equal(fresh) {
			t.Fatalf("something is left: %s", jsonOf(t, got))
		}
		importing("--from", "ios-xr", write(t, "router.cfg", text), "--target", "local")
		if got := p.explicit(); !got.Equal(want) {
			t.Errorf("seed %d: of %s\n%s\nbecomes\n%s\nand that\n%s", seed, chosen, jsonOf(t, want), text, jsonOf(t, got))
		}
	}
}

// explicit is what was set of the configuration, by the schema that has everything.
func (p *process) explicit() *tree.Node {
	p.t.Helper()
	c, err := (&client.Target{StateDir: p.dir}).Dial()
	must(p.t, err)
	defer c.Close()
	text, _, err := c.Configuration(p.t.Context())
	must(p.t, err)
	whole, err := model.Whole()
	must(p.t, err)
	root, err := tree.DecodeJSON(bytes.NewReader(text), whole.Root, tree.DecodeOptions{})
	must(p.t, err)
	return root
}

// replace makes a JSON object the whole configuration, over the local socket.
func (p *process) replace(object string) error {
	c, err := (&client.Target{StateDir: p.dir}).Dial()
	must(p.t, err)
	defer c.Close()
	_, err = c.Set(p.t.Context(), &gpb.SetRequest{Replace: []*gpb.Update{{
		Path: &gpb.Path{}, Val: &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: []byte(object)}},
	}}})
	return err
}

func jsonOf(t *testing.T, root *tree.Node) string {
	t.Helper()
	var text bytes.Buffer
	must(t, tree.WriteJSON(&text, root, " "))
	return text.String()
}

// eachDefault calls f for each leaf of what there is that holds its default without being set.
func eachDefault(n *tree.Node, path schema.Path, f func(schema.Path, string)) {
	for kid, byDefault := range n.Effective() {
		at := path.Append(kid.Schema())
		switch {
		case !kid.Schema().Config:
		case kid.IsList():
			for e := range kid.Entries() {
				eachDefault(e, append(path[:len(path):len(path)], e.Step()), f)
			}
		case kid.Schema().Kind == schema.Container:
			eachDefault(kid, at, f)
		case byDefault && kid.Schema().Kind == schema.Leaf && len(kid.Schema().Whens) == 0:
			f(at, kid.Value())
		}
	}
}

func with(t *testing.T, root *tree.Node, path schema.Path, value string) *tree.Node {
	t.Helper()
	root, err := tree.Apply(root, tree.At(root.Schema().Schema(), path, tree.Merge, tree.NewLeaf(path.Last().Node, value)))
	must(t, err)
	return root
}
