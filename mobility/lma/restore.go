package lma

import (
	"slices"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/wire"
)

// Restore takes over the bindings of an earlier process: rows that are the machine's from now on, in the order in which they came to be, and
// the highest identifier that any ever had. What has expired meanwhile, and what the configuration has no room for any more, ends. MAGs whom the earlier
// process asked to end bindings are asked again, as often as it would have. It is called before anything else happens.
func (m *Machine) Restore(now time.Time, rows []*mobility.Binding, last dataplane.SessionID, out *mobility.Effects) {
	m.lastID = max(m.lastID, last)
	m.revocations.Begin(uint16(now.UnixMilli())) // a MAG takes a number that it has answered of late for a repetition
	for _, b := range rows {
		m.lastID = max(m.lastID, b.ID)
		if why := m.unfit(now, b); why != 0 {
			if why == mobility.Unconfigured && b.State != mobility.StateDeletePending {
				m.takeLeave(now, b, wire.TriggerAdministrative, out)
			}
			out.Store = append(out.Store, mobility.Change{Old: b})
			out.Events = append(out.Events, mobility.Event{Kind: mobility.BindingDeleted, Node: b.Node, Peer: b.Ends.Value().Remote, Reason: why, Binding: b})
			continue
		}
		b.Install = mobility.InstallPending
		m.meetAgain(now, b)
		m.table.Put(b)
		m.table.SetAlarm(b.ID, b.Expires.Time())
		m.count(now, b.Ends.Value(), +1, new(mobility.Effects)) // that its tunnel is there is no news
		m.countTenant(b, +1)
		out.Sessions = append(out.Sessions, m.session(b))
		if b.State == mobility.StateRevoking {
			m.indicateLater(b, wire.TriggerAdministrative, true)
		}
	}
	m.measure() // whoever was beyond the entitlement before is beyond it still, and has been told
}

// unfit says why a restored binding ends; 0: it does not, and has its addresses from the pools.
func (m *Machine) unfit(now time.Time, b *mobility.Binding) mobility.DeleteReason {
	switch {
	case !b.Expires.Time().After(now) && b.State == mobility.StateDeletePending:
		return mobility.Deregistered
	case !b.Expires.Time().After(now):
		return mobility.Expired
	case !m.stands(b), !m.entitled(b): // as if the configuration had changed under it
		return mobility.Unconfigured
	case !m.claim(b):
		return mobility.Unconfigured
	}
	return 0
}

// claim takes all addresses of a binding from the pools, or none.
func (m *Machine) claim(b *mobility.Binding) bool {
	network := m.networks[b.Tenancy]
	if network == nil {
		return false
	}
	taken := &mobility.Holding{Tenancy: b.Tenancy}
	fail := func() bool {
		m.takeBack(new(mobility.Holding), taken)
		return false
	}
	for i, p := range b.Prefixes {
		if network.pools.ReservePrefix(p) != nil {
			return fail()
		}
		taken.Prefixes = b.Prefixes[:i+1]
	}
	for i, p := range b.Networks {
		if network.pools.ReserveNetwork(p) != nil {
			return fail()
		}
		taken.Networks = b.Networks[:i+1]
	}
	if b.Home.IsValid() {
		if _, _, err := network.pools.ReserveHome(b.Home.Prefix()); err != nil {
			return fail()
		}
	}
	return true
}

// meetAgain makes the MAG of a restored binding known, where it is not configured.
func (m *Machine) meetAgain(now time.Time, b *mobility.Binding) {
	ends := b.Ends.Value()
	p, _ := m.meetAt(now, &ends)
	if created := b.Created.Time(); p.since.IsZero() || created.Before(p.since) {
		p.since = created
	}
	if updated := b.Updated.Time(); updated.After(p.last) {
		p.rejoin(&ends, updated)
	}
}

// meetAt returns the MAG at the far end of a path, and whether it was not known before. nil: the anchor does not have its own end any more.
func (m *Machine) meetAt(now time.Time, ends *mobility.Ends) (p *peer, isNew bool) {
	via := m.transportOf(ends)
	if via == nil {
		return nil, false
	}
	if p = m.sender(via, ends.Remote.Addr()); p == nil {
		p = m.sender(via, ends.CareOf)
	}
	if p != nil {
		return p, false
	}
	p = &peer{via: via, addr: ends.Remote.Addr(), usable: true, stats: via.stats.Part(now)}
	via.peers[p.addr] = p
	return p, true
}

// rejoin takes over the way to a MAG as it was when it was heard of last.
func (p *peer) rejoin(ends *mobility.Ends, last time.Time) {
	if p.remote != ends.Remote {
		p.translate(ends.Remote)
	}
	p.local, p.stated, p.last = ends.Local, ends.CareOf, last
}

// SetStorable says whether what is accepted can be stored. While it cannot, nothing is.
func (m *Machine) SetStorable(can bool) { m.unstorable = !can }

// turnsAway deals with a request that cannot be stored, if it cannot. A refresh gets no answer: a refusal would have the MAG take back what the
// node has, which is good for the rest of the lifetime (RFC 5213 section 6.9.1.2); it asks again.
func (m *Machine) turnsAway(r *request, b *mobility.Binding, out *mobility.Effects) bool {
	switch {
	case !m.unstorable:
		return false
	case b != nil && b.State == mobility.StateActive && r.fromMAGOf(b) && r.update.Lifetime > 0:
		r.discard(mobility.DropOverload)
	default:
		m.refuse(r, wire.StatusInsufficientResources, out)
	}
	return true
}

// Withhold takes back from effects that could not be stored what would acknowledge them: to the peer it looks as if its request had been lost.
func (m *Machine) Withhold(out *mobility.Effects) {
	if len(out.Store) == 0 {
		return
	}
	for i := range out.Send {
		out.Send[i].CountUnsent()
	}
	out.Send = out.Send[:0]
	out.Events = slices.DeleteFunc(out.Events, func(ev mobility.Event) bool {
		return ev.Kind == mobility.BindingCreated || ev.Kind == mobility.TunnelEstablished
	})
}

// Unstored undoes a registration of which nobody was told, because it could not be stored.
func (m *Machine) Unstored(now time.Time, id dataplane.SessionID, out *mobility.Effects) {
	b := m.table.Get(id)
	if b == nil {
		return
	}
	m.end(now, b, mobility.Replaced, out)
	out.Events = slices.DeleteFunc(out.Events, func(ev mobility.Event) bool { // nobody was told of its beginning
		return ev.Binding == b || ev.Kind == mobility.TunnelReleased && ev.Path.Tunnel == b.Ends.Value().Tunnel
	})
}

// LastID returns the highest identifier that any binding ever had.
func (m *Machine) LastID() dataplane.SessionID { return m.lastID }
