package mag

import (
	"net/netip"
	"slices"
	"time"

	"mooring/mobility"
)

// anchor is an LMA of the configuration.
type anchor struct {
	*mobility.Peer
	stats *mobility.Statistics
}

// AnchorState describes an LMA to an operator.
type AnchorState struct {
	Name       string
	Statistics *mobility.Statistics
}

// Anchors yields the LMAs, in the order of the configuration.
func (m *Machine) Anchors(yield func(AnchorState) bool) {
	for _, a := range m.anchors {
		if !yield(AnchorState{a.Name, a.stats}) {
			return
		}
	}
}

// configureAnchors takes the LMAs over. Those that have a name from before go on counting.
func (m *Machine) configureAnchors(now time.Time) {
	old := m.anchors
	m.anchors = make([]*anchor, len(m.cfg.Anchors))
	for i := range m.cfg.Anchors {
		a := &anchor{Peer: &m.cfg.Anchors[i]}
		if known := slices.IndexFunc(old, func(was *anchor) bool { return was.Name == a.Name }); known >= 0 {
			a.stats = old[known].stats
		} else {
			a.stats = m.stats.Part(now)
		}
		m.anchors[i] = a
	}
}

// countedFor returns what counts the signalling of the LMA that has an address, and of the gateway as a whole; where none has it, the
// latter.
func (m *Machine) countedFor(address netip.Addr) *mobility.Statistics {
	for _, a := range m.anchors {
		if slices.Contains(a.Addresses, address) {
			return a.stats
		}
	}
	return &m.stats
}
