package kernel

import (
	"errors"
	"slices"
	"strings"
	"time"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
)

// meter counts the traffic of sessions: nftables does, by prefix (lane.go), so that counting goes on without a process. Elements belong to
// whose prefix it is at the time. What an element had counted that goes is handed to the next one of its session, so that a
// later process finds all there is.
type meter struct {
	counts  map[dataplane.VRFPrefix]count
	changes map[dataplane.VRFPrefix]dataplane.SessionID // whose each is to be from Settled on; 0: nobody's
	usages  map[dataplane.SessionID]*usage
	unused  []*usage // without a prefix, the one that has been for the longest time first; some have one again
	tunnels map[dataplane.TunnelID]*past
}

// count is what the host counts of a prefix.
type count struct {
	owner dataplane.SessionID // 0: nobody has said yet
	spot  spot
	place *place
}

// usage is the traffic of a session.
type usage struct {
	past
	owner    dataplane.SessionID
	prefixes []dataplane.VRFPrefix // whose elements are its own
	since    time.Time             // without one
}

// past is what was counted by what is no longer there, and what was said last: later numbers are never less.
type past struct{ gone, shown dataplane.Counters }

const (
	remembered = 5 * time.Minute // usage of a session without a prefix
	maxPast    = 1 << 16         // tunnels whose earlier traffic is remembered
	atOnce     = 256             // prefixes that are changed in one transaction
)

func newMeter() meter {
	return meter{
		counts: map[dataplane.VRFPrefix]count{}, changes: map[dataplane.VRFPrefix]dataplane.SessionID{},
		usages: map[dataplane.SessionID]*usage{}, tunnels: map[dataplane.TunnelID]*past{},
	}
}

// Account implements plane.Meter.
func (c *Carrier) Account(at dataplane.VRFPrefix, owner dataplane.SessionID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.meter.forget(time.Now())
	c.account(at, owner)
}

func (c *Carrier) account(at dataplane.VRFPrefix, owner dataplane.SessionID) {
	_, counted := c.meter.counts[at]
	if _, changes := c.meter.changes[at]; counted || changes || owner != 0 {
		c.meter.changes[at] = owner
	}
}

// Settled implements plane.Meter.
func (c *Carrier) Settled() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.recount()
}

// recount has the host count what has changed. What it refuses is tried again by the next Tidy.
func (c *Carrier) recount() {
	if len(c.meter.changes) == 0 {
		return
	}
	changes := c.meter.changes
	c.meter.changes = map[dataplane.VRFPrefix]dataplane.SessionID{}
	work := map[*place][]dataplane.VRFPrefix{}
	for at, owner := range changes {
		have, counted := c.meter.counts[at]
		now := c.countOf(at, owner)
		switch {
		case counted && have.owner == 0 && owner != 0 && have.place == now.place && have.spot == now.spot:
			c.meter.own(at, now) // an earlier process has begun
		case have != now:
			for _, p := range []*place{have.place, now.place} {
				if p != nil && !slices.Contains(work[p], at) {
					work[p] = append(work[p], at)
				}
			}
		}
	}
	for p, list := range work {
		for part := range slices.Chunk(list, atOnce) {
			if err := c.recountAt(p, part, changes); err != nil {
				c.log.Warn("traffic of bindings is not counted", "bindings", len(part), "error", err)
				for _, at := range part {
					c.meter.changes[at] = changes[at]
				}
			}
		}
	}
}

// countOf is how a prefix is to be counted: not at all, where nobody owns it, or its VRF is gone.
func (c *Carrier) countOf(at dataplane.VRFPrefix, owner dataplane.SessionID) count {
	p := c.places[at.VRF]
	if owner == 0 || p == nil || p.lacks != nil {
		return count{}
	}
	return count{owner, c.spotOf(at), p}
}

// recountAt changes what one table counts. What a session has had so far goes with its first new element.
func (c *Carrier) recountAt(p *place, list []dataplane.VRFPrefix, changes map[dataplane.VRFPrefix]dataplane.SessionID) error {
	list = c.meter.withKept(list, changes)
	left := map[dataplane.SessionID]dataplane.Counters{} // what a session has had that no element says
	var remove, add []netlink.Tally
	for _, at := range list {
		have, ok := c.meter.counts[at]
		if !ok || have.place != p {
			continue
		}
		was := have.spot.tallies()
		there, err := p.filter.tallies.Read(was[:])
		if err != nil {
			return err
		}
		for i := range was {
			if there[i] {
				remove = append(remove, was[i])
			}
		}
		left[have.owner] = c.meter.left(left, have.owner).Plus(countersOf(was))
	}
	var lanes []lane
	for _, at := range list {
		now := c.countOf(at, changes[at])
		if now.place != p {
			continue
		}
		if l := laneOf(at.Prefix); !slices.Contains(p.filter.lanes, l) && !slices.Contains(lanes, l) {
			lanes = append(lanes, l)
		}
		add = append(add, now.spot.beginning(c.meter.left(left, now.owner))...)
		left[now.owner] = dataplane.Counters{}
	}
	if err := p.filter.addLanes(lanes); err != nil {
		return err
	}
	slices.SortFunc(remove, bySet)
	slices.SortFunc(add, bySet)
	err := p.filter.tallies.Change(remove, add)
	if isPresent(err) { // what a process had no time to remove counts for nobody
		err = errors.Join(p.filter.tallies.Remove(slices.Concat(remove, add)), p.filter.tallies.Change(nil, add))
	}
	if err != nil {
		return err
	}
	for _, at := range list {
		c.meter.own(at, c.countOf(at, changes[at]))
	}
	for owner, gone := range left {
		if u := c.meter.usages[owner]; u != nil {
			u.gone = gone
		}
	}
	return nil
}

func bySet(a, b netlink.Tally) int { return strings.Compare(a.Set, b.Set) }

// withKept adds a prefix of each session that loses another and gains none, so that what it has had finds an element.
func (m *meter) withKept(list []dataplane.VRFPrefix, changes map[dataplane.VRFPrefix]dataplane.SessionID) []dataplane.VRFPrefix {
	loses := map[dataplane.SessionID]bool{}
	for _, at := range list {
		loses[m.counts[at].owner] = true
	}
	for _, at := range list {
		delete(loses, changes[at])
	}
	for owner := range loses {
		u := m.usages[owner]
		if u == nil {
			continue
		}
		for _, at := range u.prefixes {
			if _, changed := changes[at]; !changed {
				changes[at] = owner
				list = append(list, at)
				break
			}
		}
	}
	return list
}

// left is what a session has had that no element says, as far as that is decided, or else as it was.
func (m *meter) left(decided map[dataplane.SessionID]dataplane.Counters, owner dataplane.SessionID) dataplane.Counters {
	if n, ok := decided[owner]; ok || m.usages[owner] == nil {
		return n
	}
	return m.usages[owner].gone
}

// own notes that a prefix is counted so from now on.
func (m *meter) own(at dataplane.VRFPrefix, now count) {
	if u := m.usages[m.counts[at].owner]; u != nil {
		u.prefixes = slices.DeleteFunc(u.prefixes, func(one dataplane.VRFPrefix) bool { return one == at })
		if len(u.prefixes) == 0 {
			u.since = time.Now()
			m.unused = append(m.unused, u)
		}
	}
	if now.owner == 0 {
		delete(m.counts, at)
		return
	}
	m.counts[at] = now
	if m.usages[now.owner] == nil {
		m.usages[now.owner] = &usage{owner: now.owner}
	}
	u := m.usages[now.owner]
	u.prefixes = append(u.prefixes, at)
}

// forget drops what has been without a prefix for long.
func (m *meter) forget(now time.Time) {
	for len(m.unused) > 0 {
		u := m.unused[0]
		if len(u.prefixes) == 0 && now.Sub(u.since) < remembered {
			return
		}
		if len(u.prefixes) == 0 && m.usages[u.owner] == u {
			delete(m.usages, u.owner)
		}
		m.unused[0], m.unused = nil, m.unused[1:]
	}
}

// SessionUsage implements plane.Meter.
func (c *Carrier) SessionUsage(id dataplane.SessionID) (dataplane.Counters, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	u := c.meter.usages[id]
	if u == nil {
		return dataplane.Counters{}, false
	}
	var now dataplane.Counters
	for _, at := range u.prefixes {
		have := c.meter.counts[at]
		t := have.spot.tallies()
		there, err := have.place.filter.tallies.Read(t[:])
		if err != nil {
			c.log.Warn("traffic of a binding is not to be had", "prefix", at.Prefix, "error", err)
			return u.shown, true
		}
		if !there[0] || !there[1] { // somebody has taken them away
			c.meter.changes[at] = id
			defer c.recount()
		}
		now = now.Plus(countersOf(t))
	}
	return u.show(now), true
}

// show returns what was counted, of which now is still there. What somebody has taken away, as far as anybody was told of it, is gone.
func (p *past) show(now dataplane.Counters) dataplane.Counters {
	total := p.gone.Plus(now)
	lost := p.shown.Since(total)
	p.gone, p.shown = p.gone.Plus(lost), total.Plus(lost)
	return p.shown
}

// carryTo has elements say what is gone, of which nothing is left then.
func (p *past) carryTo(t []netlink.Tally) (left dataplane.Counters) {
	t[0].Packets, t[0].Octets = t[0].Packets+p.gone.RxPackets, t[0].Octets+p.gone.RxOctets
	t[1].Packets, t[1].Octets = t[1].Packets+p.gone.TxPackets, t[1].Octets+p.gone.TxOctets
	return left
}

func countersOf(t [2]netlink.Tally) dataplane.Counters {
	return dataplane.Counters{RxPackets: t[0].Packets, RxOctets: t[0].Octets, TxPackets: t[1].Packets, TxOctets: t[1].Octets}
}

// beginning are the elements of a spot that has had this much.
func (at spot) beginning(n dataplane.Counters) []netlink.Tally {
	t := at.tallies()
	t[0].Packets, t[0].Octets, t[1].Packets, t[1].Octets = n.RxPackets, n.RxOctets, n.TxPackets, n.TxOctets
	return t[:]
}
