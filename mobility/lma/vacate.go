package lma

import (
	"time"

	"mooring/mobility"
	"mooring/mobility/wire"
)

// Vacate ends up to n bindings of customers that cfg does not have, and reports whether more are left. Whoever is to obey cfg calls it before, as
// long as it reports so, and has time for others in between: the bindings of a customer may be many. Reconfigure ends what is left.
func (m *Machine) Vacate(now time.Time, cfg *mobility.LMA, n int, out *mobility.Effects) (more bool) {
	var r review
	left := 0
	for name, c := range m.customers {
		if cfg.Customers[name] == nil {
			r.customer(name)
			left += len(c.bindings)
		}
	}
	if left <= n {
		return false
	}
	was := m.cfg
	m.cfg = cfg // they have no place in it
	defer func() { m.cfg = was }()
	for b := range m.concerned(&r) {
		if n == 0 {
			break
		}
		m.takeLeave(now, b, wire.TriggerAdministrative, out)
		m.end(now, b, mobility.Unconfigured, out)
		n--
	}
	return true
}
