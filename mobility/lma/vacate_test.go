package lma

import (
	"net/netip"
	"slices"
	"testing"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/scenario"
	"mooring/mobility/wire"
)

// The bindings of a customer that goes end so many in a turn, the oldest first, and are looked for once: a turn takes no longer where there are more.
// What ends by itself meanwhile is passed over, and what is registered anew ends as well.
func TestMLL04_VacatingTakesTurns(t *testing.T) {
	const bindings, atOnce = 1000, 30
	m, without := withBindings(t, bindings, false)
	var ended []dataplane.SessionID
	more := true
	for turn := 0; more; turn++ {
		var out mobility.Effects
		if more = m.Vacate(scenario.Start, without, atOnce, &out); more && len(out.Sessions) == 0 || len(out.Sessions) > atOnce {
			t.Fatalf("turn %d ends %d bindings", turn, len(out.Sessions))
		}
		for _, change := range out.Sessions {
			ended = append(ended, change.ID)
		}
		if turn > 0 {
			continue
		}
		if n := len(m.vacating); n != bindings-atOnce {
			t.Fatalf("after a turn, %d are to end", n)
		}
		m.end(scenario.Start, m.table.Get(bindings/2), mobility.Deregistered, new(mobility.Effects))
		m.Receive(scenario.Start, arriving(t, mobility.Endpoint{VRF: "SP1", Addr: netip.MustParseAddrPort("10.0.0.1:5436")},
			mobility.Endpoint{VRF: "SP1", Addr: netip.MustParseAddrPort("15.15.15.2:5436")}, &wire.BindingUpdate{Flags: wire.UpdateA | wire.UpdateP, Seq: 1, Lifetime: 100, Options: wire.Options{
				MNID: wire.Some(wire.MNID{Subtype: wire.IDNAI, ID: []byte("new@any")}), HNPs: []wire.HNP{{Prefix: netip.MustParsePrefix("2001:db8:ffff:ff77::/64")}},
				Handoff: wire.Some(wire.HandoffNewInterface), AccessType: wire.Some(wire.Access80211), Timestamp: wire.Some(wire.TimestampOf(scenario.Start))}}), new(mobility.Effects))
	}
	if !slices.IsSorted(ended) || slices.Contains(ended, bindings/2) || m.vacating != nil {
		t.Errorf("%d bindings ended, the oldest first: %t; %d are remembered", len(ended), slices.IsSorted(ended), len(m.vacating))
	}
	var rest mobility.Effects
	m.Reconfigure(scenario.Start, without, &rest)
	if n := len(ended) + len(rest.Sessions); n != bindings || m.table.Len() != 0 {
		t.Errorf("%d bindings ended, %d are left", n, m.table.Len())
	}
}
