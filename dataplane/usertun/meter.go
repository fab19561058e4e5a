package usertun

import (
	"time"

	"mooring/dataplane"
)

// meters count the traffic of sessions by themselves, and remember for a while what is gone. Carrier.mu is held, but for what packets add.
type meters struct {
	owners  map[dataplane.VRFPrefix]dataplane.SessionID
	usages  map[dataplane.SessionID]*usage
	unused  []*usage // without a route, the one that has been for the longest time first; some have one again
	tunnels map[dataplane.TunnelID]dataplane.Counters
}

// usage is the traffic of a session.
type usage struct {
	owner  dataplane.SessionID
	number uint32 // by which the kernel knows it; never used twice
	fast   *accelerator
	routes int
	since  time.Time // without a route
	rx, tx traffic
}

const (
	remembered = 5 * time.Minute // usage of a session without a route
	maxPast    = 1 << 16         // tunnels whose earlier traffic is remembered
)

func newMeters() meters {
	return meters{
		owners: map[dataplane.VRFPrefix]dataplane.SessionID{}, usages: map[dataplane.SessionID]*usage{},
		tunnels: map[dataplane.TunnelID]dataplane.Counters{},
	}
}

// Account implements plane.Meter.
func (c *Carrier) Account(at dataplane.VRFPrefix, owner dataplane.SessionID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.meters.forget(time.Now())
	if owner == 0 {
		delete(c.meters.owners, at)
		return
	}
	c.meters.owners[at] = owner
	if c.meters.usages[owner] == nil {
		c.numbered++
		u := &usage{owner: owner, number: c.numbered, fast: c.fast[at.VRF]}
		c.meters.usages[owner] = u
		u.fast.putAccount(u.number)
	}
}

// Settled implements plane.Meter: everything counts at once.
func (c *Carrier) Settled() {}

// of returns the usage that a route for the prefix counts for; nil if it counts for none.
func (m *meters) of(at dataplane.VRFPrefix) *usage { return m.usages[m.owners[at]] }

// forget drops what has been without a route for long.
func (m *meters) forget(now time.Time) {
	for len(m.unused) > 0 {
		u := m.unused[0]
		if u.routes == 0 && now.Sub(u.since) < remembered {
			return
		}
		if u.routes == 0 && m.usages[u.owner] == u {
			delete(m.usages, u.owner)
			u.fast.removeAccount(u.number)
		}
		m.unused[0], m.unused = nil, m.unused[1:]
	}
}

// rest notes the usages that have just lost their last route.
func (m *meters) rest(u *usage, now time.Time) {
	if u != nil && u.routes == 0 {
		u.since = now
		m.unused = append(m.unused, u)
	}
}

// SessionUsage implements plane.Meter.
func (c *Carrier) SessionUsage(id dataplane.SessionID) (dataplane.Counters, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	u := c.meters.usages[id]
	if u == nil {
		return dataplane.Counters{}, false
	}
	total := u.fast.account(u.number)
	total.RxPackets += u.rx.packets.Load()
	total.RxOctets += u.rx.octets.Load()
	total.TxPackets += u.tx.packets.Load()
	total.TxOctets += u.tx.octets.Load()
	return total, true
}

// TunnelUsage implements plane.Meter.
func (c *Carrier) TunnelUsage(id dataplane.TunnelID) (dataplane.Counters, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	total, known := c.meters.tunnels[id]
	if t := c.tunnels[id]; t != nil {
		total, known = total.Plus(t.counters()), true
	}
	return total, known
}

// keep takes over what the kernel has counted, before it forgets.
func (m *meters) keep(a *accelerator) {
	for _, u := range m.usages {
		if u.fast == a {
			carried := a.account(u.number)
			u.rx.add(int(carried.RxPackets), int(carried.RxOctets))
			u.tx.add(int(carried.TxPackets), int(carried.TxOctets))
			u.fast = nil
		}
	}
}

// past keeps what a tunnel has carried that is removed.
func (m *meters) past(t *tunnel) {
	if _, known := m.tunnels[t.id]; !known && len(m.tunnels) >= maxPast {
		clear(m.tunnels)
	}
	m.tunnels[t.id] = m.tunnels[t.id].Plus(t.counters())
}
