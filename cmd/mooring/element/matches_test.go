package element

import (
	"maps"
	"testing"

	"mooring/dataplane"
)

// What is cleared of a list counts from nothing again, and other lists go on; a list that is made anew counts all it has.
func TestMatchesAreCleared(t *testing.T) {
	a, b := dataplane.MatchKey{List: "a", Rule: "10"}, dataplane.MatchKey{List: "b", Rule: "10"}
	counted := map[dataplane.MatchKey]dataplane.Matches{a: {Packets: 5, Octets: 500}, b: {Packets: 7, Octets: 700}}
	m := matches{read: func() map[dataplane.MatchKey]dataplane.Matches { return maps.Clone(counted) }}
	m.clear("a")
	expect := func(when string, ofA, ofB uint64) {
		t.Helper()
		if now := m.since(); now[a] != (dataplane.Matches{Packets: ofA, Octets: ofA * 100}) || now[b].Packets != ofB {
			t.Errorf("%s: %v, want %d and %d", when, now, ofA, ofB)
		}
	}
	expect("cleared", 0, 7)
	counted[a] = dataplane.Matches{Packets: 8, Octets: 800}
	expect("after three more", 3, 7)
	counted[a] = dataplane.Matches{Packets: 2, Octets: 200}
	expect("made anew", 2, 7)
	counted[a] = dataplane.Matches{Packets: 9, Octets: 900}
	expect("and on", 9, 7)
}
