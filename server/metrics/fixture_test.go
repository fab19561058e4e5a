package metrics

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"
	"unique"

	"mooring/dataplane"
	"mooring/dataplane/reconcile"
	"mooring/mobility"
	"mooring/mobility/binding"
	"mooring/mobility/lma"
	"mooring/mobility/mag"
	"mooring/mobility/pool"
	"mooring/mobility/transport"
	"mooring/mobility/wire"
	"mooring/server/model"
	"mooring/server/state"
	"mooring/server/tree/schema"
)

// element compiles the schema that an element serves. It takes a while.
var element = sync.OnceValue(func() *schema.Schema {
	s, err := model.Schema()
	if err != nil {
		panic(err)
	}
	return s
})

var start = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

func addr(text string) netip.Addr { return netip.MustParseAddr(text) }

// plane is a dataplane with one tunnel.
type plane struct{}

func (plane) Tunnels() ([]reconcile.TunnelStatus, dataplane.Drops) {
	t := reconcile.TunnelStatus{ID: dataplane.TunnelID{Local: addr("2001:db8::1"), Peer: addr("2001:db8::11"), Encap: dataplane.EncapIP}, Sessions: 3,
		State: reconcile.Installed, Since: start.Add(time.Minute)}
	t.MTU, t.RxPackets, t.RxOctets, t.TxPackets, t.TxOctets = 1460, 7, 700, 8, 800
	t.Drops.Spoofed = 9
	return []reconcile.TunnelStatus{t}, dataplane.Drops{NoSession: 11}
}

func (plane) Counts() (pending, installed, failed int)  { return 1, 2, 3 }
func (plane) Objects() []reconcile.ObjectStatus         { return nil }
func (plane) Repairs() ([]reconcile.Repair, uint64)     { return nil, 4 }
func (plane) Object(any) (reconcile.ObjectStatus, bool) { return reconcile.ObjectStatus{}, false }

func (plane) Session(dataplane.SessionID) (reconcile.SessionStatus, bool) {
	return reconcile.SessionStatus{}, false
}

// populated is the state of an element with an LMA that has some bindings, and a MAG.
func populated(t testing.TB, bindings int) *state.State {
	t.Helper()
	s := state.New(element(), 0)
	if err := s.MountElement(sources(bindings)); err != nil {
		t.Fatal(err)
	}
	return s
}

func sources(bindings int) state.Sources {
	common := &mobility.Domain{Name: "example.net"}
	config := &mobility.Config{
		LMAs: map[string]*mobility.LMA{"lma1": {Name: "lma1", Domain: common, Addresses: []netip.Addr{addr("2001:db8::1"), addr("198.51.100.1")}}},
		MAGs: map[string]*mobility.MAG{"mag1": {Name: "mag1", Domain: common, Addresses: []netip.Addr{addr("2001:db8::11")},
			Anchors: []mobility.Peer{{Name: "lma1", Domain: "example.net", Addresses: []netip.Addr{addr("2001:db8::1")}}}}},
	}
	lma1 := anchor(bindings)
	return state.Sources{
		Configured: func() *mobility.Config { return config },
		LMAs:       func() []state.LMA { return []state.LMA{lma1} },
		MAGs: func() []state.MAG {
			return []state.MAG{{Name: "mag1", Table: binding.New(), Statistics: &mobility.Statistics{Began: start},
				Anchors: func(context.Context) ([]mag.AnchorState, error) { return nil, nil }}}
		},
		Signalling: func() []transport.Status {
			return []transport.Status{
				{Address: transport.Address{Addr: addr("2001:db8::1")}, Counters: transport.Counters{Received: 5, Sent: 6}},
				{Address: transport.Address{Addr: addr("198.51.100.1")}, Err: fmt.Errorf("the host does not have it")},
				{Address: transport.Address{Addr: addr("2001:db8::11")}},
			}
		},
		Dataplane: plane{}, Version: "1.2.3", Started: start,
		Certificate: func() state.Certificate {
			return state.Certificate{Fingerprint: "ab", SelfSigned: true, NotAfter: start}
		},
		Denied: func() state.Denied { return state.Denied{Operations: 1, DataWrites: 2, Notifications: 3} },
		Commit: func() state.Commit { return state.Commit{ID: "17", Time: start} },
	}
}

// anchor is an LMA that something has happened to.
func anchor(bindings int) state.LMA {
	counters := &mobility.Statistics{Began: start}
	peer := counters.Part(start)
	peer.PBUReceived.Add(42)
	peer.Initial.Add(40)
	peer.PBASent.Add(wire.StatusAccepted)
	peer.PBASent.Add(wire.StatusProhibited)
	peer.Dropped[mobility.DropNotProxy].Add(4)
	return state.LMA{
		Name: "lma1", Table: table(bindings), Statistics: counters,
		Peers: func(context.Context) ([]lma.PeerState, error) {
			return []lma.PeerState{{Address: addr("2001:db8::11"), Bindings: bindings, Changed: start, Statistics: peer}}, nil
		},
		Networks: func(context.Context) (map[string][]pool.Usage, error) {
			return map[string][]pool.Usage{"home": {
				{Pool: mobility.Pool{Start: addr("10.0.0.2"), Bits: 8, Unit: 32}, Total: 1000, Used: 250, HighWater: 300},
				{Pool: mobility.Pool{Start: addr("2001:db8:8000::"), Bits: 33, Unit: 64}, Total: 1 << 31, Used: 3, HighWater: 4, Exhausted: start},
			}}, nil
		},
	}
}

// table is a binding cache.
func table(n int) *binding.Table {
	t := binding.New()
	ends := unique.Make(mobility.Ends{Local: addr("2001:db8::1"), Remote: netip.AddrPortFrom(addr("2001:db8::11"), 0), CareOf: addr("2001:db8::11"), Peer: "mag1"})
	for i := range n {
		t.Put(&mobility.Binding{
			ID: dataplane.SessionID(i + 1), Ends: ends, State: mobility.StateActive,
			Holding: &mobility.Holding{
				Node:     mobility.NAI(fmt.Sprintf("node%07d@example.net", i)),
				Prefixes: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}), 64)},
			},
		})
	}
	return t
}
