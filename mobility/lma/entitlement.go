package lma

import (
	"time"

	"mooring/mobility"
)

// entitlement compares how many bindings there are with how many the operator is entitled to. What goes beyond is served all the same.
type entitlement struct {
	exceeded bool
	peak     uint32
	since    time.Time // that peak is from
}

// EntitlementState describes the use of the entitlement to an operator.
type EntitlementState struct {
	Bindings uint32
	Exceeded bool
	Peak     uint32    // most bindings at one time since Since
	Since    time.Time // when the peak began anew
}

// Entitlement returns the use of the entitlement.
func (m *Machine) Entitlement() EntitlementState {
	e := &m.entitlement
	return EntitlementState{uint32(m.table.Len()), e.exceeded, e.peak, e.since}
}

// LowerMarks makes the high-water marks of all pools, and of the entitlement, begin anew with what is used now.
func (m *Machine) LowerMarks(now time.Time) {
	for _, n := range m.networks {
		n.pools.LowerMarks()
	}
	m.entitlement.peak, m.entitlement.since = uint32(m.table.Len()), now
}

// measure takes note of how many bindings there are by now, and reports whether that crosses the limit.
func (m *Machine) measure() (crossed bool) {
	e, n := &m.entitlement, uint32(m.table.Len())
	e.peak = max(e.peak, n)
	limit := m.cfg.Entitlement.Limit
	was := e.exceeded
	e.exceeded = limit > 0 && n > limit
	return e.exceeded != was
}

// reportUse measures, and tells of a crossing (feature LIC-02).
func (m *Machine) reportUse(out *mobility.Effects) {
	if !m.measure() {
		return
	}
	kind := mobility.EntitlementCleared
	if m.entitlement.exceeded {
		kind = mobility.EntitlementExceeded
	}
	out.Events = append(out.Events, mobility.Event{Kind: kind,
		Usage: &mobility.UsageEvent{Bindings: uint32(m.table.Len()), Limit: m.cfg.Entitlement.Limit}})
}
