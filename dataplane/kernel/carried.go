package kernel

import (
	"maps"
	"slices"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
)

// TunnelUsage implements plane.Meter: what its interfaces have carried, those that are gone too.
func (c *Carrier) TunnelUsage(id dataplane.TunnelID) (dataplane.Counters, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tunnelUsage(id)
}

func (c *Carrier) tunnelUsage(id dataplane.TunnelID) (now dataplane.Counters, known bool) {
	p, t := c.meter.tunnels[id], c.tunnels[id]
	if p == nil && t == nil {
		return now, false
	}
	if p == nil {
		p = c.meter.tunnel(id)
	}
	if t != nil {
		for _, d := range t.devices {
			if d == nil {
				continue
			}
			n, err := c.deviceCounters(d)
			if err != nil {
				c.log.Warn("counters of a tunnel are not to be had", "tunnel", id, "error", err)
				return p.shown, true
			}
			now = now.Plus(n)
		}
	}
	return p.show(now), true
}

// deviceCounters are what an interface has carried, and what was discarded of that, since it is of use here.
func (c *Carrier) deviceCounters(d *device) (n dataplane.Counters, err error) {
	p := c.places[d.vrf]
	if n, err = p.host.DeviceCounters(d.index); err != nil {
		return n, err
	}
	drops, err := p.filter.dropped(d.index)
	n.Drops.Add(drops[d.index])
	return d.since(n), err
}

// keepDrops has tunnels remember what a table has counted that is about to be replaced.
func (c *Carrier) keepDrops(p *place) error {
	owners := map[int]*tunnel{}
	for _, t := range c.tunnels {
		for _, d := range t.devices {
			if d != nil && c.places[d.vrf] == p {
				owners[d.index] = t
			}
		}
	}
	drops, err := p.filter.dropped(slices.Collect(maps.Keys(owners))...)
	for index, n := range drops {
		if n == (dataplane.Drops{}) {
			continue
		}
		if err := p.filter.tallies.Remove(dropTallies(index)); err != nil {
			return err
		}
		c.meter.carried(owners[index].id, dataplane.Counters{Drops: n})
		if err := c.noteGone(owners[index]); err != nil {
			c.log.Warn("what was discarded is not remembered beyond this process", "tunnel", owners[index].id, "error", err)
		}
	}
	return err
}

// tunnel returns what is remembered of a tunnel.
func (m *meter) tunnel(id dataplane.TunnelID) *past {
	if m.tunnels[id] == nil {
		if len(m.tunnels) >= maxPast {
			clear(m.tunnels)
		}
		m.tunnels[id] = new(past)
	}
	return m.tunnels[id]
}

// carried notes what an interface of a tunnel has carried that is gone.
func (m *meter) carried(id dataplane.TunnelID, n dataplane.Counters) {
	p := m.tunnel(id)
	p.gone = p.gone.Plus(n)
}

// found takes over what an earlier process has noted.
func (m *meter) found(id dataplane.TunnelID, gone dataplane.Counters) {
	if gone != (dataplane.Counters{}) && m.tunnels[id] == nil {
		m.tunnel(id).gone = gone
	}
}

// goneOf is what the interface of a path is to remember for later processes: that of the path without keys does for its tunnel.
func (c *Carrier) goneOf(path dataplane.Path) dataplane.Counters {
	if path != (dataplane.Path{Tunnel: path.Tunnel}) {
		return dataplane.Counters{}
	}
	if _, known := c.tunnelUsage(path.Tunnel); !known {
		return dataplane.Counters{}
	}
	return c.meter.tunnel(path.Tunnel).gone
}

// noteGone has the host remember what interfaces had carried that are gone.
func (c *Carrier) noteGone(t *tunnel) error {
	path := dataplane.Path{Tunnel: t.id}
	d := t.devices[path]
	if d == nil || d.adopted || t.configured < 0 {
		return nil
	}
	alias := aliasOf(path, t.configured, c.meter.tunnel(t.id).gone)
	err := c.places[d.vrf].host.SetAlias(d.name, alias)
	if err == nil && d.made != (netlink.Settings{}) {
		d.made.Alias = alias
	}
	return err
}
