package plane

import "mooring/dataplane"

// Meter is a carrier that counts the traffic of sessions, each by itself. Usage of what is gone may be asked for some minutes.
type Meter interface {
	// Account says whose traffic goes by the route that Enter is told of next; of 0 nobody's.
	Account(at dataplane.VRFPrefix, owner dataplane.SessionID)
	// Settled says that no more routes come for now: what Account, Enter and Leave have said counts from here on.
	Settled()
	// SessionUsage returns what was counted of a session, and whether it is counted.
	SessionUsage(dataplane.SessionID) (dataplane.Counters, bool)
	// TunnelUsage returns what a tunnel has carried, also before it was last made anew, and whether it is known.
	TunnelUsage(dataplane.TunnelID) (dataplane.Counters, bool)
}

// SessionUsage returns the traffic of a session through all carriers that count it, and whether one does.
func (p *Plane) SessionUsage(id dataplane.SessionID) (dataplane.Counters, bool) {
	return p.usage(func(m Meter) (dataplane.Counters, bool) { return m.SessionUsage(id) })
}

// TunnelUsage returns the traffic of a tunnel through all carriers, and whether one knows it.
func (p *Plane) TunnelUsage(id dataplane.TunnelID) (dataplane.Counters, bool) {
	return p.usage(func(m Meter) (dataplane.Counters, bool) { return m.TunnelUsage(id) })
}

func (p *Plane) usage(of func(Meter) (dataplane.Counters, bool)) (total dataplane.Counters, known bool) {
	for _, c := range p.carriers {
		m, ok := c.(Meter)
		if !ok {
			continue
		}
		if u, ok := of(m); ok {
			known = true
			total.RxPackets += u.RxPackets
			total.RxOctets += u.RxOctets
			total.TxPackets += u.TxPackets
			total.TxOctets += u.TxOctets
		}
	}
	return total, known
}
