package element

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/aaa/accountant"
	"mooring/mobility/aaa/disconnect"
	"mooring/mobility/engine"
	"mooring/mobility/scenario"
	"mooring/mobility/transport"
	"mooring/mobility/wire"
	"mooring/server/access"
	"mooring/server/apply"
	"mooring/server/datastore"
	"mooring/server/model"
	"mooring/server/state"
)

// twoCustomers is an LMA with two customers, and a MAG with a node for each of them.
func twoCustomers() *mobility.Config {
	addr := netip.MustParseAddr
	domain := &mobility.Domain{Name: "d", LinkLocal: netip.IPv6Unspecified(), Profiles: scenario.Profiles{
		"@example.com": {Name: "@example.com", Service: mobility.ServiceIPv6}}}
	anchor := &mobility.LMA{
		Name: "lma", Domain: domain, MaxPrefixes: 1, MaxBindings: 100, Lifetime: time.Hour, DeleteWait: time.Millisecond, CreateWait: time.Second,
		TimestampWindow: time.Minute, LearnPeers: true, Customers: map[string]*mobility.Customer{},
		Revocation: mobility.Revocation{DelayMin: time.Second, DelayMax: 2 * time.Second, Retries: 1},
	}
	config := &mobility.Config{LMAs: map[string]*mobility.LMA{"lma": anchor}, MAGs: map[string]*mobility.MAG{}}
	for name, digit := range map[string]string{"CUST1": "1", "CUST2": "2"} {
		at := addr("2001:db8::" + digit)
		anchor.Customers[name] = &mobility.Customer{Name: name, VRF: "VRF" + digit, Transports: []mobility.VRFAddr{{Addr: at}}, Networks: map[string]*mobility.Network{
			"net" + digit: {Name: "net" + digit, Pools: []mobility.Pool{{Start: addr("2001:db8:1::"), Bits: 48, Unit: 64}}}}}
		config.MAGs["mag"+digit] = &mobility.MAG{
			Name: "mag" + digit, Domain: domain, Addresses: []netip.Addr{addr("2001:db8::1" + digit)}, Anchors: []mobility.Peer{{Name: "lma", Addresses: []netip.Addr{at}}},
			MaxBindings: 10, Lifetime: time.Hour, Refresh: time.Minute, InitialRetransmit: time.Second, MaxRetransmit: 8 * time.Second,
			Links: []mobility.AccessLink{{Name: "access" + digit, Access: wire.Access80211, Realm: "example.com"}},
		}
	}
	return config
}

// loop is an element of nothing but machines in a memory network, with a node at each MAG.
func loop(t *testing.T, config *mobility.Config, links ...string) *Element {
	t.Helper()
	host := transport.NewMemory(transport.Conditions{Delay: time.Millisecond}, 1).Host()
	e := loopOver(t, host, nil, config)
	for i, link := range links {
		e.engine.Attached(mobility.Attachment{Kind: mobility.NodeAttached, Link: link, MAC: dataplane.MAC{2, 0, 0x5e, 0x10, 0, byte(i)}})
	}
	settled()
	return e
}

// loopOver is an element of nothing but machines in a network, whose addresses signalling says; nil: nobody asks.
func loopOver(t *testing.T, host interface {
	engine.Transport
	Close() error
}, signalling func() []transport.Status, config *mobility.Config) *Element {
	t.Helper()
	s, err := model.Schema()
	if err != nil {
		t.Fatal(err)
	}
	store, err := datastore.Open(t.Context(), datastore.Options{Schema: s})
	if err != nil {
		t.Fatal(err)
	}
	e := &Element{store: store, state: state.New(s, 0), accounting: accountant.New(accountant.Options{})}
	e.running.Store(&apply.Config{Mobility: config})
	e.engine = engine.New(engine.Options{Transport: host, Dataplane: unmoved{}})
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { e.engine.Run(ctx) })
	t.Cleanup(func() {
		stop()
		host.Close()
		running.Wait()
	})
	obeyed, err := e.engine.Prepare(ctx, nil, config)
	if err != nil {
		t.Fatal(err)
	}
	obeyed.Apply()
	src := state.Sources{Configured: func() *mobility.Config { return config }, Signalling: signalling}
	src.FromEngine(e.engine)
	if err := e.state.MountElement(src); err != nil {
		t.Fatal(err)
	}
	return e
}

// settled waits until messages have come and gone.
func settled() {
	time.Sleep(100 * time.Millisecond)
	synctest.Wait()
}

// RAD-10, LMA-12: what a Disconnect-Request selects ends by revocation: its MAG is told with trigger 1, and nobody else is.
func TestRAD10_DisconnectRevokes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := loop(t, twoCustomers(), "access1", "access2")
		l := e.engine.LMA("lma")
		told := func() string {
			settled()
			return fmt.Sprint(l.Table.Len(), " bindings, told: ", l.Statistics.BRISent.Load(wire.TriggerAdministrative), ", answered: ", l.Statistics.BRAReceived.Load(wire.RevocationSuccess))
		}
		for _, c := range []struct {
			what string
			want disconnect.Selection
			n    int
			err  error
			told string
		}{
			{"a customer's nodes by the address of another", disconnect.Selection{Customer: "CUST1", Home: netip.MustParseAddr("10.0.0.1")}, 0, nil, "2 bindings, told: 0, answered: 0"},
			{"another anchor's", disconnect.Selection{Customer: "CUST1", Anchor: "lma9"}, 0, disconnect.ErrOtherNAS, "2 bindings, told: 0, answered: 0"},
			{"a prefix that both customers have, of one", disconnect.Selection{Customer: "CUST1", Prefix: []netip.Prefix{netip.MustParsePrefix("2001:db8:1::/64")},
				Address: netip.MustParseAddr("2001:db8::1")}, 1, nil, "1 bindings, told: 1, answered: 1"},
			{"the other", disconnect.Selection{VRF: "VRF2"}, 1, nil, "0 bindings, told: 2, answered: 2"},
		} {
			n, err := e.disconnect(t.Context(), &c.want)
			if got := told(); n != c.n || err != c.err || got != c.told {
				t.Errorf("%s: %d, %v; %s; want %d, %v; %s", c.what, n, err, got, c.n, c.err, c.told)
			}
		}
	})
}

// MLL-04, OPS-12: bindings and counters of one customer are cleared, each by either action, and those of the other stay.
func TestOPS12_ClearsOneCustomer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := loop(t, twoCustomers(), "access1", "access2")
		const at = "/mooring-pmipv6:pmipv6/lma[name='lma']"
		value := func(customer, leaf string) string {
			settled()
			return leafOf(t, e.state, at+"/mobile-local-loop/customer[name='"+customer+"']/statistics/"+leaf)
		}
		registry := e.actions(e.store.Schema())
		for _, c := range []struct{ at, action, input, want, counts, of string }{
			{at, "clear-statistics", `{"customer": "CUST3"}`, "data-missing", "1 1", "pbu/received"},
			{at, "clear-binding", `{"customer": "CUST3"}`, "data-missing", "1 1", "bce-count"},
			{at, "clear-statistics", `{"customer": "CUST2"}`, "", "1 0", "pbu/received"},
			{at, "clear-binding", `{"customer": "CUST1"}`, "1", "0 1", "bce-count"},
			{at + "/mobile-local-loop/customer[name='CUST1']", "clear-bindings", `{}`, "0", "0 1", "bce-count"},
			{at + "/mobile-local-loop/customer[name='CUST2']", "clear-bindings", `{}`, "1", "0 0", "bce-count"},
			{"/mooring-pmipv6:pmipv6/lma[name='other']/mobile-local-loop/customer[name='CUST2']", "clear-bindings", `{}`, "operation-failed", "0 0", "bce-count"},
		} {
			value("CUST1", c.of)
			got := runAction(t, e, registry, access.Element, c.at, c.action, c.input)
			if c.want != "" && got != c.want {
				t.Errorf("%s %s: %s, want %s", c.action, c.input, got, c.want)
			}
			if counts := value("CUST1", c.of) + " " + value("CUST2", c.of); counts != c.counts {
				t.Errorf("%s at %s: %s of the customers is %s, want %s", c.action, c.at, c.of, counts, c.counts)
			}
			if since := value("CUST2", "discontinuity-time"); c.want == "" && since != got {
				t.Errorf("cleared at %s, shown since %s", got, since)
			}
		}
	})
}
