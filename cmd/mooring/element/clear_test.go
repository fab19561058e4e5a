package element

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/engine"
	"mooring/mobility/scenario"
	"mooring/mobility/transport"
	"mooring/mobility/trie"
	"mooring/mobility/wire"
	"mooring/server/access"
	"mooring/server/apply"
	"mooring/server/datastore"
	"mooring/server/model"
	"mooring/server/state"
)

// crossroads is an anchor and two gateways with two nodes each, which are there all the time.
func crossroads() *mobility.Config {
	domain := &mobility.Domain{Name: "lab.example", Profiles: scenario.Profiles{"@lab.example": {Name: "@lab.example", Network: "home", Service: mobility.ServiceIPv6}}}
	lma := netip.MustParseAddr("2001:db8:0:1::2")
	anchor := &mobility.LMA{Name: "lma", Domain: domain, Addresses: []netip.Addr{lma}, MaxPrefixes: 3, MaxBindings: 100, Lifetime: time.Hour, DeleteWait: time.Second,
		CreateWait: time.Second, TimestampWindow: time.Second, Revocation: mobility.Revocation{DelayMin: time.Second, DelayMax: 2 * time.Second, Retries: 1},
		Networks: map[string]*mobility.Network{"home": {Name: "home", Pools: []mobility.Pool{{Start: netip.MustParseAddr("2001:db8:100::"), Bits: 40, Unit: 64}}}}}
	config := &mobility.Config{LMAs: map[string]*mobility.LMA{"lma": anchor}, MAGs: map[string]*mobility.MAG{}}
	var peers trie.Map[*mobility.Peer]
	for i, name := range []string{"mag1", "mag2"} {
		at := []netip.Addr{netip.MustParseAddr(fmt.Sprintf("2001:db8:0:1%d::2", i+1))}
		peers = peers.With(name, &mobility.Peer{Name: name, Domain: "lab.example", Addresses: at}, nil)
		config.MAGs[name] = &mobility.MAG{Name: name, Domain: domain, Addresses: at, Anchors: []mobility.Peer{{Name: "lma", Addresses: []netip.Addr{lma}}}, MaxBindings: 100,
			Lifetime: time.Hour, Refresh: 10 * time.Minute, InitialRetransmit: time.Second, MaxRetransmit: 4 * time.Second,
			Links: []mobility.AccessLink{{Name: "access-" + name, Access: wire.Access80211, Realm: "lab.example"}}}
	}
	anchor.Peers = peers
	return config
}

// LMA-12: an operator clears all bindings of an anchor, those of a node, and those with a MAG: just these end, each with one indication, trigger 1, to its MAG. The
// nodes are there, so that all are registered anew.
func TestLMA12_ClearsJustThose(t *testing.T) {
	s, err := model.Schema()
	if err != nil {
		t.Fatal(err)
	}
	config := crossroads()
	synctest.Test(t, func(t *testing.T) {
		store, err := datastore.Open(t.Context(), datastore.Options{Schema: s})
		if err != nil {
			t.Fatal(err)
		}
		host := transport.NewMemory(transport.Conditions{Delay: time.Millisecond}, 1).Host()
		e := &Element{store: store, state: state.New(s, 0)}
		e.running.Store(&apply.Config{Mobility: config})
		var mu sync.Mutex
		var cleared []string
		e.engine = engine.New(engine.Options{Transport: host, Dataplane: unmoved{}, Events: func(events []engine.Event) {
			mu.Lock()
			defer mu.Unlock()
			for _, ev := range events {
				if ev.Machine.Role == engine.RoleLMA && ev.Kind == mobility.BindingDeleted {
					cleared = append(cleared, fmt.Sprint(ev.Node, " ", ev.Reason))
				}
			}
		}})
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := e.engine.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		defer running.Wait()
		defer host.Close()
		defer stop()
		obeyed, err := e.engine.Prepare(ctx, nil, config)
		if err != nil {
			t.Fatal(err)
		}
		obeyed.Apply()
		for i := range byte(4) {
			link := []string{"access-mag1", "access-mag2"}[i/2]
			e.engine.Attached(mobility.Attachment{Kind: mobility.NodeAttached, Link: link, MAC: dataplane.MAC{2, 0, 0, 0, 0, i}})
		}
		settle := func() {
			time.Sleep(time.Minute)
			synctest.Wait()
		}
		settle()
		lma, registry := e.engine.LMA("lma"), e.actions(s)
		told := func() map[string]uint64 {
			peers, err := lma.Peers(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			by := map[string]uint64{}
			for _, p := range peers {
				for trigger, n := range p.Statistics.BRISent.All() {
					by[fmt.Sprint(p.Name, " ", uint8(trigger))] = n
				}
			}
			return by
		}
		third := ""
		for b := range lma.Table.All() {
			if b.Node.String() == "020000000002@lab.example" {
				third = state.BindingID(b.ID)
			}
		}
		for _, c := range []struct {
			input string
			want  string         // the nodes whose bindings end
			mags  map[string]int // indications by the MAG that is told and the trigger
		}{
			{`{"id": "` + third + `"}`, "2", map[string]int{"mag2 1": 1}},
			{`{"nai": "020000000001@lab.example"}`, "1", map[string]int{"mag1 1": 1}},
			{`{"mag": "mag2"}`, "2 3", map[string]int{"mag2 1": 2}},
			{`{"mag": "mag1"}`, "0 1", map[string]int{"mag1 1": 2}},
			{`{"all": [null]}`, "0 1 2 3", map[string]int{"mag1 1": 2, "mag2 1": 2}},
		} {
			if n := lma.Table.Len(); n != 4 {
				t.Fatalf("before %s there are %d bindings", c.input, n)
			}
			before := told()
			mu.Lock()
			cleared = nil
			mu.Unlock()
			n := runAction(t, e, registry, access.Element, "/mooring-pmipv6:pmipv6/lma[name='lma']", "clear-binding", c.input)
			settle()
			var want []string
			for node := range strings.FieldsSeq(c.want) {
				want = append(want, "02000000000"+node+"@lab.example cleared")
			}
			mu.Lock()
			slices.Sort(cleared)
			if !slices.Equal(cleared, want) || n != fmt.Sprint(len(want)) {
				t.Errorf("%s: %s are said to be cleared, %q ended, want %q", c.input, n, cleared, want)
			}
			mu.Unlock()
			after := told()
			for who, n := range after {
				if int(n-before[who]) != c.mags[who] {
					t.Errorf("%s: %d indications more to %s (trigger), want %d", c.input, n-before[who], who, c.mags[who])
				}
			}
		}
	})
}
