package reconcile

import (
	"net/netip"
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

func session1() *dataplane.Session {
	return &dataplane.Session{ID: 1, Side: dataplane.Anchor, Prefixes: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")},
		Path: dataplane.Path{Tunnel: dataplane.TunnelID{Encap: dataplane.EncapIP}}}
}
