package reconcile

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"mooring/dataplane"
)

const (
	customerBindings = 10_000
	customerPeers    = 50
)

func customerSession(n int) *dataplane.Session {
	return &dataplane.Session{
		ID: dataplane.SessionID(n + 1), Side: dataplane.Anchor,
		Path: dataplane.Path{Tunnel: dataplane.TunnelID{
			Local: netip.MustParseAddr("192.0.2.1"), Peer: netip.AddrFrom4([4]byte{172, 16, 0, byte(n % customerPeers)}), Encap: dataplane.EncapGRE,
		}},
		Prefixes: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}), 32)},
	}
}

// turns takes what is in the inbox, as Run does, until until says so or nothing is left; it returns every batch.
func turns(t *testing.T, p *plan, b *inbox, until func(*item) bool) (batches [][]*item) {
	t.Helper()
	const size = 256
	for range 10_000 {
		changes, _ := b.take(wantedPerBatch*size, size/removedShare)
		if len(changes) > wantedPerBatch*size+size/removedShare {
			t.Fatalf("%d changes in one turn", len(changes))
		}
		for _, c := range changes {
			p.set(c)
		}
		batch, more := p.turn(size)
		if !more && len(changes) == 0 {
			return batches
		}
		effortOf, removing, done := 0, 0, false
		for _, it := range batch {
			effortOf += effort(it.rank())
			if !it.wanted {
				removing += effort(it.rank())
			}
			p.done(it, nil, time.Unix(0, 0), backoff)
			done = done || until(it)
		}
		if effortOf >= size+64 || removing >= size/removedShare+64 {
			t.Fatalf("a turn of effort %d, %d of it to remove", effortOf, removing)
		}
		if batches = append(batches, batch); done {
			return batches
		}
	}
	t.Fatal("there is no end")
	return nil
}

// A customer's bindings go in many turns, of which each is short, and whoever comes meanwhile is served before they are all gone. Routes go
// before the tunnels that they lead into: the host looks for routes into an interface that goes, under a lock that everybody wants.
func TestRemovalOfACustomerIsSliced(t *testing.T) {
	p, b := newPlan(), newInbox(1<<20)
	for n := range customerBindings {
		b.put([]dataplane.Change{{ID: dataplane.SessionID(n + 1), Session: customerSession(n)}})
	}
	never := func(*item) bool { return false }
	turns(t, p, &b, never)
	if p.routes.Len()+len(p.others) != customerBindings+customerPeers {
		t.Fatalf("%d objects", p.routes.Len()+len(p.others))
	}
	for n := range customerBindings {
		b.put([]dataplane.Change{{ID: dataplane.SessionID(n + 1)}})
	}
	other := customerSession(customerBindings)
	other.Path.Tunnel.Peer = netip.MustParseAddr("172.16.1.1")
	b.put([]dataplane.Change{{ID: other.ID, Session: other}})
	before := turns(t, p, &b, func(it *item) bool { return it.wanted && it.heir != nil && it.heir.id == other.ID })
	removed := 0
	for _, batch := range before {
		for _, it := range batch {
			if !it.wanted {
				removed++
			}
		}
	}
	if len(before) > 1 || removed > 64 || p.routes.Len()+len(p.others) < customerBindings-64 {
		t.Errorf("another's session waited for %d turns and %d removals, %d objects are left", len(before), removed, p.routes.Len()+len(p.others))
	}
	routes, tunnels := 0, 0
	for _, batch := range turns(t, p, &b, never) {
		for _, it := range batch {
			if _, ok := it.object().(dataplane.Tunnel); ok {
				tunnels++
			} else if routes++; tunnels > 0 {
				t.Fatal("a route was removed after a tunnel")
			}
		}
	}
	if tunnels != customerPeers || removed+routes != customerBindings || p.routes.Len()+len(p.others) != 2 {
		t.Errorf("%d tunnels and %d routes were removed, %d objects are left", tunnels, removed+routes, p.routes.Len()+len(p.others))
	}
}

// What waits is taken in the order of the newest changes, each session once, those that are wanted before those that are not, and the configuration
// not before what came before it.
func TestInboxOrder(t *testing.T) {
	b := newInbox(100)
	s, other := customerSession(0), customerSession(6)
	took := func(n, removed int, configured bool, want ...dataplane.Change) {
		t.Helper()
		if changes, config := b.take(n, removed); !slices.Equal(changes, want) || (config != nil) != configured {
			t.Errorf("took %v, %v, want %v", changes, config, want)
		}
	}
	b.put([]dataplane.Change{{ID: 1}, {ID: 2}, {ID: 3}, {ID: 7, Session: other}, {ID: 5}, {ID: 6}})
	b.put([]dataplane.Change{{ID: 1, Session: s}})
	b.configure(dataplane.Config{})
	b.put([]dataplane.Change{{ID: 4}})
	took(1, 1, false, dataplane.Change{ID: 7, Session: other}, dataplane.Change{ID: 2})
	took(4, 2, false, dataplane.Change{ID: 1, Session: s}, dataplane.Change{ID: 3}, dataplane.Change{ID: 5})
	took(1, 1, true, dataplane.Change{ID: 6})
	took(1, 1, false, dataplane.Change{ID: 4})
	took(1, 1, false)
}

// Much that is removed does not keep an inbox full: as much of it is taken as of what is wanted.
func TestInboxRoom(t *testing.T) {
	b := newInbox(4)
	b.put([]dataplane.Change{{ID: 1}, {ID: 2}, {ID: 3}, {ID: 4}})
	select {
	case <-b.roomChannel():
		t.Error("there is room beyond the limit")
	default:
	}
	if changes, _ := b.take(2, 1); len(changes) != 2 {
		t.Errorf("took %v", changes)
	}
	<-b.roomChannel()
	if changes, _ := b.take(2, 1); len(changes) != 1 {
		t.Errorf("took %v of what does not fill it", changes)
	}
}

// A session that is removed and wanted again, or the other way round, is what came last, wherever it waits.
func TestInboxTakesTheNewest(t *testing.T) {
	b, s := newInbox(100), customerSession(0)
	b.put([]dataplane.Change{{ID: 1, Session: s}, {ID: 2}, {ID: 1}, {ID: 2, Session: s}})
	b.configure(dataplane.Config{})
	if changes, config := b.take(8, 0); len(changes) != 1 || changes[0] != (dataplane.Change{ID: 2, Session: s}) || config != nil {
		t.Errorf("took %v, %v", changes, config)
	}
	if changes, config := b.take(0, 1); len(changes) != 1 || changes[0] != (dataplane.Change{ID: 1}) || config == nil {
		t.Errorf("took %v, %v", changes, config)
	}
}

// While the host makes an object, it may come to be wanted otherwise, or not at all: its turn comes again.
func TestChangeUnderWay(t *testing.T) {
	for _, failed := range []error{nil, errTakenAway} {
		p, s := newPlan(), customerSession(0)
		now := time.Unix(1, 0)
		p.set(dataplane.Change{ID: s.ID, Session: s})
		first := p.next(256)
		blocked := *s
		blocked.Blocked = true // another route, and no tunnel
		p.set(dataplane.Change{ID: s.ID, Session: &blocked})
		for _, it := range first {
			p.done(it, failed, now, backoff)
		}
		if results := p.report(); len(results) != 0 {
			t.Errorf("after %v: told of %v, which is another session by now", failed, results)
		}
		second := p.next(256)
		if len(second) != 2 || !second[0].wanted || second[1].wanted {
			t.Fatalf("after %v: %d objects come again", failed, len(second))
		}
		if r, ok := second[0].object().(dataplane.Route); !ok || !r.Via.Blackhole {
			t.Errorf("after %v: %v comes again", failed, second[0].object())
		}
		p.set(dataplane.Change{ID: s.ID}) // now the route is not wanted at all
		for _, it := range second {
			p.done(it, nil, now, backoff)
		}
		for _, it := range p.next(256) {
			p.done(it, nil, now, backoff)
		}
		if n := p.routes.Len() + len(p.others); n != 0 {
			t.Errorf("after %v: %d objects are left", failed, n)
		}
	}
}
