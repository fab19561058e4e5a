package kernel

import (
	"slices"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
)

// foundCount takes over what an earlier process has had counted of a prefix: one that has a route, and a length that is counted. To list the
// elements takes time that grows with the square of their number.
func (c *Carrier) foundCount(at dataplane.VRFPrefix) {
	p := c.places[at.VRF]
	if _, known := c.meter.counts[at]; !known && !p.counted && slices.Contains(p.filter.lanes, laneOf(at.Prefix)) {
		c.meter.counts[at] = count{spot: c.spotOf(at), place: p}
	}
}

func (c *Carrier) spotOf(at dataplane.VRFPrefix) spot {
	return spot{uint32(c.hosts[at.VRF].Group()), at.Prefix}
}

// countsOf reads what a table counts, so that it can be made anew. What is not there any more is lost, but for what was told of it.
func (c *Carrier) countsOf(p *place) (list []netlink.Tally, err error) {
	var owners []dataplane.SessionID
	for _, have := range c.meter.counts {
		if have.place == p {
			t := have.spot.tallies()
			list, owners = append(list, t[:]...), append(owners, have.owner)
		}
	}
	if _, err = p.filter.tallies.Read(list); err != nil {
		return nil, err
	}
	now := map[dataplane.SessionID]dataplane.Counters{} // a session is in one VRF, and so in one place
	for i, owner := range owners {
		now[owner] = now[owner].Plus(countersOf([2]netlink.Tally(list[2*i:])))
	}
	for i, owner := range owners {
		if u := c.meter.usages[owner]; u != nil {
			u.show(now[owner])
			now[owner], u.gone = now[owner].Plus(u.gone), u.carryTo(list[2*i:2*i+2])
		}
	}
	slices.SortFunc(list, bySet)
	return list, nil
}

// forgetCounts is for a table that goes.
func (m *meter) forgetCounts(p *place) {
	for at, have := range m.counts {
		if have.place == p {
			m.own(at, count{})
		}
	}
	p.filter.lanes = nil
}
