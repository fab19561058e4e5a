package lma

import (
	"slices"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/wire"
)

// Vacate ends up to n bindings of customers that cfg does not have, and reports whether more are left. Whoever is to obey cfg calls it before, as
// long as it reports so, and has time for others in between: the bindings of a customer may be many. Reconfigure ends what is left.
func (m *Machine) Vacate(now time.Time, cfg *mobility.LMA, n int, out *mobility.Effects) (more bool) {
	left := 0
	for name, c := range m.customers {
		if cfg.Customers[name] == nil {
			left += len(c.bindings)
		}
	}
	if left <= n {
		m.vacating = nil
		return false
	}
	if len(m.vacating) == 0 { // at first, and where MAGs have registered anew since
		m.vacating = m.bindingsWithout(cfg)
	}
	was := m.cfg
	m.cfg = cfg // they have no place in it
	defer func() { m.cfg = was }()
	for ; n > 0 && len(m.vacating) > 0; m.vacating = m.vacating[1:] {
		b := m.table.Get(m.vacating[0])
		if b == nil || cfg.Customers[b.Tenant().Customer] != nil { // it has ended meanwhile, or has a place again
			continue
		}
		m.takeLeave(now, b, wire.TriggerAdministrative, out)
		m.end(now, b, mobility.Unconfigured, out)
		n--
	}
	return true
}

// bindingsWithout lists the bindings of customers that cfg does not have, the oldest first.
func (m *Machine) bindingsWithout(cfg *mobility.LMA) (list []dataplane.SessionID) {
	for name, c := range m.customers {
		if cfg.Customers[name] != nil {
			continue
		}
		for id := range c.bindings {
			list = append(list, id)
		}
	}
	slices.Sort(list)
	return list
}
