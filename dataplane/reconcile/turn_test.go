package reconcile

import (
	"net/netip"
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
		changes, _ := b.take(changesPerBatch * size)
		if len(changes) > changesPerBatch*size {
			t.Fatalf("%d changes in one turn", len(changes))
		}
		for _, c := range changes {
			p.set(c)
		}
		batch := p.next(size)
		if len(batch) == 0 && len(changes) == 0 {
			return batches
		}
		effortOf, done := 0, false
		for _, it := range batch {
			effortOf += effort(it.rank())
			p.done(it, nil, time.Unix(0, 0), backoff)
			done = done || until(it)
		}
		if effortOf >= size+64 {
			t.Fatalf("a turn of effort %d", effortOf)
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
	if removed > customerBindings/4 || p.routes.Len()+len(p.others) < customerBindings/2 {
		t.Errorf("another's session waited for %d removals, %d objects are left", removed, p.routes.Len()+len(p.others))
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

// What waits is taken in the order of the newest changes, each session once, and the configuration not before what came before it.
func TestInboxOrder(t *testing.T) {
	b := newInbox(2)
	s := customerSession(0)
	b.put([]dataplane.Change{{ID: 1}, {ID: 2}, {ID: 3}})
	select {
	case <-b.roomChannel():
		t.Error("there is room beyond the limit")
	default:
	}
	b.put([]dataplane.Change{{ID: 1, Session: s}})
	b.configure(dataplane.Config{})
	b.put([]dataplane.Change{{ID: 4}})
	first, config := b.take(2)
	if len(first) != 2 || first[0].ID != 2 || first[1].ID != 3 || config != nil {
		t.Errorf("took %v, %v", first, config)
	}
	second, config := b.take(1)
	if len(second) != 1 || second[0] != (dataplane.Change{ID: 1, Session: s}) || config == nil {
		t.Errorf("took %v, %v", second, config)
	}
	<-b.roomChannel()
	if third, config := b.take(5); len(third) != 1 || third[0].ID != 4 || config != nil {
		t.Errorf("took %v, %v", third, config)
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
