package reconcile

import (
	"net/netip"
	"slices"
	"testing"

	"mooring/dataplane"
)

// A session's traffic is counted for it from the moment that this is wanted, and not after; that of an access side never is. What a host
// holds does not say for whom it is counted, and is the same.
func TestMetering(t *testing.T) {
	p := newPlan()
	anchor := session1()
	p.set(dataplane.Change{ID: anchor.ID, Session: anchor})
	owner := func() dataplane.SessionID {
		for it := range p.all {
			if r, ok := it.object().(dataplane.Route); ok {
				return r.Owner
			}
		}
		t.Fatal("there is no route")
		return 0
	}
	for _, wanted := range []bool{false, true, false} {
		p.configure(dataplane.Config{Meter: wanted})
		p.steps(new(inbox), 1, map[*item]bool{})
		if got := owner() == anchor.ID; got != wanted {
			t.Errorf("counted: %t, want %t", got, wanted)
		}
	}
	anchor.Side, anchor.Link = dataplane.Access, "access"
	for _, o := range expand(anchor, true) {
		if r, ok := o.(dataplane.Route); ok && r.Owner != 0 {
			t.Errorf("%v is counted", o)
		}
	}
	a := dataplane.Route{VRFPrefix: dataplane.VRFPrefix{Prefix: anchor.Prefixes[0]}, Owner: 7}
	b := a
	b.Owner = 0
	if !sameOnHost(a, b) || sameOnHost(a, dataplane.Route{}) {
		t.Error("objects are compared by what no host holds")
	}
}

// That sessions are counted from now on, or not any more, changes nothing else: who has a prefix that several want has it still.
func TestMeteringKeepsHeirs(t *testing.T) {
	p, later := newPlan(), map[dataplane.SessionID]netip.Prefix{}
	for n := range 100 {
		first, second := customerSession(n), customerSession(n)
		second.ID += 1000
		later[second.ID] = first.Prefixes[0]
		p.set(dataplane.Change{ID: first.ID, Session: first})
		p.set(dataplane.Change{ID: second.ID, Session: second})
	}
	p.steps(new(inbox), 256, map[*item]bool{})
	for _, wanted := range []bool{true, false} {
		p.configure(dataplane.Config{Meter: wanted})
		if steps := p.steps(new(inbox), 256, map[*item]bool{}); len(steps) != len(later) {
			t.Errorf("counted %t: %d steps of %d routes", wanted, len(steps), len(later))
		}
		for id, prefix := range later {
			it := p.route(dataplane.RouteKey{Prefix: prefix})
			if it.heir.id != id || it.route().Owner != (map[bool]dataplane.SessionID{true: id}[wanted]) {
				t.Errorf("counted %t: %v is counted for %d, and is that of %d, not of %d", wanted, it.route(), it.route().Owner, it.heir.id, id)
			}
		}
	}
}

// A customer's bindings come to be counted in many turns, of which each is short, and whoever comes meanwhile is served within three.
func TestMeteringIsSliced(t *testing.T) {
	p, b := newPlan(), newInbox(1<<20)
	for n := range customerBindings {
		b.put([]dataplane.Change{{ID: dataplane.SessionID(n + 1), Session: customerSession(n)}})
	}
	never := func(*item) bool { return false }
	turns(t, p, &b, never)
	p.configure(dataplane.Config{Meter: true})
	begun := turns(t, p, &b, func(it *item) bool { return it.heir.id%100 == 0 })
	other := customerSession(customerBindings)
	b.put([]dataplane.Change{{ID: other.ID, Session: other}, {ID: 1}, {ID: 2, Session: customerSession(1)}})
	before := turns(t, p, &b, func(it *item) bool { return it.heir != nil && it.heir.id == other.ID })
	if len(before) > 3 {
		t.Errorf("another's session waited for %d turns", len(before))
	}
	again := 0
	for _, batch := range slices.Concat(begun, before, turns(t, p, &b, never)) {
		again += len(batch)
	}
	if again < customerBindings || again > customerBindings+10 {
		t.Errorf("%d objects were made or removed for %d bindings", again, customerBindings)
	}
	for it := range p.routes.All() {
		if it.state != Installed || it.route().Owner != it.heir.id {
			t.Fatalf("%v is %s, and counted for %d", it.route(), it.state, it.route().Owner)
		}
	}
}

func session1() *dataplane.Session {
	return &dataplane.Session{ID: 1, Side: dataplane.Anchor, Prefixes: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")},
		Path: dataplane.Path{Tunnel: dataplane.TunnelID{Encap: dataplane.EncapIP}}}
}
