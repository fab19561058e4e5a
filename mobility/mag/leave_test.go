package mag

import (
	"net/netip"
	"testing"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/binding"
	"mooring/mobility/scenario"
)

// A gateway that is to be no more takes leave a few registrations at a time, and serves nobody from the first on.
func TestLeave(t *testing.T) {
	const nodes, atOnce = 10, 4
	m := New(scenario.Start, &mobility.MAG{
		Addresses: []netip.Addr{netip.MustParseAddr("2001:db8:1::1")}, MaxBindings: 2 * nodes,
		Anchors: []mobility.Peer{{Name: "lma1", Addresses: []netip.Addr{netip.MustParseAddr("2001:db8:ffff::1")}}},
		Domain:  &mobility.Domain{Profiles: scenario.Profiles{"@any": {Name: "@any", Service: mobility.ServiceIPv6}}},
		Links:   []mobility.AccessLink{{Name: "access0", Realm: "any"}},
	}, binding.New(), 0)
	out := new(mobility.Effects)
	attach := func(node byte) {
		m.Attached(scenario.Start, mobility.Attachment{Kind: mobility.NodeAttached, Link: "access0", MAC: dataplane.MAC{2, 5: node}}, out)
	}
	for i := range nodes {
		attach(byte(i))
	}
	if m.table.Len() != nodes {
		t.Fatalf("%d nodes are served", m.table.Len())
	}
	left := nodes
	for m.Leave(scenario.Start, atOnce, out) {
		attach(nodes)
		if left -= atOnce; m.table.Len() != left || len(m.sessions) != left {
			t.Fatalf("%d registrations are left, and %d sessions, want %d", m.table.Len(), len(m.sessions), left)
		}
	}
	if left > atOnce {
		t.Errorf("%d registrations are left", left)
	}
	if m.Close(scenario.Start, out); m.table.Len()+len(m.sessions) != 0 {
		t.Errorf("%d registrations and %d sessions are left in the end", m.table.Len(), len(m.sessions))
	}
}
