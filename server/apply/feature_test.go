package apply

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/server/access"
	"mooring/server/datastore"
	"mooring/server/tree"
)

// EXT-19: services reach the profiles and the gateways that name them, with the encoding.
func TestEXT19_Services(t *testing.T) {
	e := shared()
	c := e.translate(t, nil, e.parse(t, `{"mooring-pmipv6:pmipv6": {
		"domain": [{"name": "d", "nai": [{"id": "n@d", "apn": "voip"}, {"id": "m@d"}], "profile": [{"name": "p", "apn": "web.example"}]}],
		"lma": [{"name": "l", "domain": "d"}],
		"mag": [{"name": "m", "domain": "d"}, {"name": "s", "domain": "d", "apn": "text"}, {"name": "b", "domain": "d", "apn": "in.labels", "ssmo-format": "label"}]}}`))
	profiles := c.Mobility.LMAs["l"].Domain.Profiles
	for name, want := range map[string]string{"n@d": "voip", "m@d": "", "p": "web.example"} {
		if got := profiles.Named(name).APN; got != want {
			t.Errorf("the service of %s is %q, want %q", name, got, want)
		}
	}
	for name, want := range map[string]mobility.MAG{"m": {}, "s": {APN: "text"}, "b": {APN: "in.labels", APNLabels: true}} {
		if got := c.Mobility.MAGs[name]; got.APN != want.APN || got.APNLabels != want.APNLabels {
			t.Errorf("%s names %q, in labels %t", name, got.APN, got.APNLabels)
		}
	}
}

// EXT-20, EXT-28: a node may have a key of its own, and a MAG ask its nodes whether they are still there.
func TestEXT20_KeyOfANode_EXT28_Polls(t *testing.T) {
	e := shared()
	c := e.translate(t, nil, e.parse(t, `{"mooring-pmipv6:pmipv6": {
		"domain": [{"name": "d", "nai": [{"id": "n@d", "auth-option": {"spi": 300, "hex-key": "0102"}}]}],
		"lma": [{"name": "l", "domain": "d"}],
		"mag": [{"name": "m", "domain": "d", "detach-detection": {"interval": 20, "retries": 3}}]}}`))
	key := c.Mobility.LMAs["l"].Domain.Profiles.Node([]byte("n@d")).Key
	if key == nil || key.SPI != 300 || string(key.Secret) != "\x01\x02" {
		t.Errorf("the key of a node is %+v", key)
	}
	want := mobility.Poll{Interval: 20 * time.Second, Timeout: 2 * time.Second, Retries: 3}
	if got := c.Mobility.MAGs["m"].Poll; got != want {
		t.Errorf("nodes are polled with %+v, want %+v", got, want)
	}
}

func TestDisabledIsAbsent(t *testing.T) {
	e := shared()
	root := e.parse(t, base)
	for path, absent := range map[string]func(*Config) bool{
		lmaL + "/enabled": func(c *Config) bool { return c.Mobility.LMAs["l"] == nil && len(c.Dataplane.Blackholes) == 0 },
		magM + "/enabled": func(c *Config) bool { return c.Mobility.MAGs["m"] == nil && len(c.Dataplane.Links) == 0 },
		magM + "/interface[name='access0']/enabled": func(c *Config) bool {
			return len(c.Mobility.MAGs["m"].Links) == 0 && len(c.Dataplane.Links) == 0
		},
	} {
		on := e.translate(t, nil, root)
		off := e.translate(t, on, e.set(t, root, path, "false"))
		if absent(on) || !absent(off) {
			t.Errorf("%s: absent before %t and after %t", path, absent(on), absent(off))
		}
		if absent(e.translate(t, off, root)) {
			t.Errorf("%s: still absent when it is enabled again", path)
		}
	}
}

// The default router is the first host of the subnet or, where the pool begins there, the last.
func TestDefaultRouter(t *testing.T) {
	e := shared()
	for start, want := range map[string]string{"10.0.0.0": "10.0.0.254", "10.0.0.1": "10.0.0.254", "10.0.0.2": "10.0.0.1", "10.0.0.200": "10.0.0.1"} {
		c := e.translate(t, nil, e.merge(t, e.parse(t, base), pools(`{"ipv4": {"start-address": "`+start+`", "pool-prefix": 24}}`)))
		if got := c.Mobility.LMAs["l"].Networks["more"].Pools[0].Router.String(); got != want {
			t.Errorf("a pool from %s on has the router %s, want %s", start, got, want)
		}
	}
}

func TestProfileLookUps(t *testing.T) {
	e := shared()
	c := e.translate(t, nil, e.parse(t, `{"mooring-pmipv6:pmipv6": {"domain": [{"name": "d",
		"nai": [{"id": "n@d"}, {"id": "@d"}], "profile": [{"name": "guest"}, {"name": "@d"}]}], "lma": [{"name": "l", "domain": "d"}]}}`))
	p := c.Mobility.LMAs["l"].Domain.Profiles
	for _, c := range []struct {
		what  string
		found *mobility.Profile
		want  string
	}{
		{"Node(n@d)", p.Node([]byte("n@d")), "n@d"},
		{"Node(x@d)", p.Node([]byte("x@d")), ""},
		{"Node(@d)", p.Node([]byte("@d")), ""}, // a realm is no node
		{"Node()", p.Node(nil), ""},
		{"Realm(@d)", p.Realm([]byte("@d")), "@d"},
		{"Realm(n@d)", p.Realm([]byte("n@d")), ""},
		{"Realm()", p.Realm(nil), ""},
		{"Named(guest)", p.Named("guest"), "guest"},
		{"Named(n@d)", p.Named("n@d"), "n@d"}, // LMA-09: an NAI entry will do
		{"Named(lost)", p.Named("lost"), ""},
	} {
		if name := nameOf(c.found); name != c.want {
			t.Errorf("%s is %q, want %q", c.what, name, c.want)
		}
	}
}

func nameOf(p *mobility.Profile) string {
	if p == nil {
		return ""
	}
	return p.Name
}

// TestInTheStore commits through a store: what is refused leaves the native configuration as it was, warnings come back.
func TestInTheStore(t *testing.T) {
	e := shared()
	seen := &consumer{}
	pipeline := &datastore.Consumers[*Config]{
		Translator: func(old *Config, c datastore.Change) (*Config, []*tree.Error, error) {
			return e.Translator.Translate(old, c.Changes)
		},
		List: []datastore.Consumer[*Config]{seen},
	}
	store, err := datastore.Open(t.Context(), datastore.Options{Schema: e.schema, Rules: e.rules, Pipeline: pipeline, Startup: func() (*tree.Node, error) { return e.parse(t, base), nil }})
	if err != nil {
		t.Fatal(err)
	}
	commit := func(document string) ([]*tree.Error, error) {
		c := store.NewSession(access.Element, 0).Private()
		if err := c.Replace(e.merge(t, store.Running().Root, document)); err != nil {
			t.Fatal(err)
		}
		result, err := c.Commit(t.Context(), datastore.CommitOptions{})
		if err != nil {
			return nil, err
		}
		return result.Warnings, nil
	}
	if len(seen.running.Mobility.LMAs) != 1 || len(seen.running.Dataplane.Blackholes) != 2 {
		t.Fatalf("at start: %s", dump(seen.running))
	}
	before := seen.running
	if _, err := commit(pools(`{"ipv4": {"start-address": "192.0.2.20", "pool-prefix": 24}}`)); err == nil || seen.running != before {
		t.Errorf("overlapping pools were committed: %v", err)
	}
	warnings, err := commit(`{"mooring-pmipv6:pmipv6": {"lma": [{"name": "l", "default-profile": "lost"}]}}`)
	if err != nil || len(warnings) != 1 || warnings[0].AppTag != BadReference {
		t.Errorf("a name that leads nowhere: %v, %v", said(warnings), err)
	}
	if seen.running.Mobility.LMAs["l"].DefaultProfile != "lost" || seen.running.Dataplane != before.Dataplane {
		t.Error("the consumer does not have what was committed, and what stayed")
	}
}

type consumer struct{ running, next *Config }

func (c *consumer) Prepare(_ context.Context, _ datastore.Change, _, next *Config) (datastore.Prepared, error) {
	c.next = next
	return c, nil
}

func (c *consumer) Apply() { c.running = c.next }
func (c *consumer) Abort() {}

// EXT-06, EXT-07, EXT-38: which routes of an LMA are told, and with which distance. A customer's own distance goes before the LMA's.
func TestEXT06_Redistribution(t *testing.T) {
	e := shared()
	root := e.parse(t, loopBase)
	lma := "/mooring-pmipv6:pmipv6/lma[name='LMA']"
	pool := netip.MustParsePrefix("10.10.10.0/24")
	c := e.translate(t, nil, root)
	for _, step := range []struct {
		path, value  string
		hosts, pools dataplane.Standing // of CUST2
		others       uint8              // distance of CUST1
	}{
		{"/redistribute", "pools", dataplane.Standing{}, dataplane.Standing{Told: true}, 0},
		{"/mobile-route/admin-distance", "200", dataplane.Standing{Distance: 200}, dataplane.Standing{Told: true, Distance: 200}, 200},
		{"/redistribute", "host-prefix", dataplane.Standing{Told: true, Distance: 200}, dataplane.Standing{Distance: 200}, 200},
		{"/mobile-local-loop/customer[name='CUST2']/mobile-route/admin-distance", "255", dataplane.Standing{Told: true, Distance: 255}, dataplane.Standing{Distance: 255}, 200},
		{"/redistribute", "disabled", dataplane.Standing{Distance: 255}, dataplane.Standing{Distance: 255}, 200},
	} {
		root = e.set(t, root, lma+step.path, step.value)
		c = e.translate(t, c, root)
		m := c.Mobility.LMAs["LMA"]
		if m.HostRoutes("CUST2") != step.hosts || m.PoolRoutes("CUST2") != step.pools || m.HostRoutes("CUST1").Distance != step.others {
			t.Errorf("%s %s: hosts%s, pools%s, of CUST1%s", step.path, step.value, m.HostRoutes("CUST2"), m.PoolRoutes("CUST2"), m.HostRoutes("CUST1"))
		}
		hole := dataplane.Blackhole{VRFPrefix: dataplane.VRFPrefix{VRF: "VRF2", Prefix: pool}, Standing: step.pools}
		if !slices.Contains(c.Dataplane.Blackholes, hole) {
			t.Errorf("%s %s: %v are discarded", step.path, step.value, c.Dataplane.Blackholes)
		}
	}
	for _, value := range []string{"0", "256"} {
		if said := refused(t, `{"mooring-pmipv6:pmipv6": {"domain": [{"name": "d"}], "lma": [{"name": "l", "domain": "d", "mobile-route": {"admin-distance": `+value+`}}]}}`); len(said) != 1 {
			t.Errorf("distance %s: %q", value, said)
		}
	}
}
