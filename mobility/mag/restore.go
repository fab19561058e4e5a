package mag

import (
	"time"

	"mooring/dataplane"
	"mooring/mobility"
)

// lasting says whether a row is of a registration, which survives a restart. What is only asked for is asked for again.
func lasting(b *mobility.Binding) bool {
	return b != nil && (b.State == mobility.StateActive || b.State == mobility.StateRefreshing)
}

// keep has what became of a registration survive a restart. Either row may be nil.
func keep(old, now *mobility.Binding, out *mobility.Effects) {
	if !lasting(old) {
		old = nil
	}
	if !lasting(now) {
		now = nil
	}
	if old != nil || now != nil {
		out.Store = append(out.Store, mobility.Change{Old: old, New: now})
	}
}

// Restore takes over the registrations of an earlier process: rows that are the machine's from now on, in the order in which they came to be, and the
// highest identifier that any ever had. What has expired meanwhile, and what the configuration has no room for any more, ends; its
// anchor finds that out by the lifetime. It is called before anything else happens.
//
// Nothing is said of the nodes yet: it is not known whether they are still there. Each is offered what it had when it shows itself, and its
// registration is not prolonged before.
func (m *Machine) Restore(now time.Time, rows []*mobility.Binding, last dataplane.SessionID, out *mobility.Effects) {
	m.lastID = max(m.lastID, last)
	var newest mobility.Instant
	for _, b := range rows {
		m.lastID = max(m.lastID, b.ID)
		if b.Updated >= newest {
			newest, m.seq = b.Updated, b.Sequence
		}
		why := mobility.Unconfigured
		switch {
		case !b.Expires.Time().After(now):
			why = mobility.Expired
		case m.resume(now, b, out):
			continue
		}
		out.Store = append(out.Store, mobility.Change{Old: b})
		out.Events = append(out.Events, mobility.Event{Kind: mobility.BindingDeleted, Node: b.Node, Peer: b.Ends.Value().Remote, Reason: why, Binding: b})
	}
}

// resume goes on with a registration, if the configuration has room for it.
func (m *Machine) resume(now time.Time, b *mobility.Binding, out *mobility.Effects) bool {
	s := &session{id: b.ID, place: place{link: b.Under().Link}, unseen: true}
	if copy(s.place.mac[:], b.LinkID) != len(s.place.mac) || m.places[s.place] != nil {
		return false
	}
	s.profile = m.profileOf(b.Node)
	way, ok := m.route(s.profile)
	if !ok {
		return false
	}
	s.encap, s.wanted = way.encap, way.encap
	s.wants = s.profile.Service
	if !m.adopt(s, b) {
		return false
	}
	s.wants = b.Service() // the node released the rest, or the anchor refused it
	s.prefixes, s.home, s.stamp = b.Prefixes, b.Home.Prefix(), b.Timestamp
	s.sentAt = b.Expires.Time().Add(-b.Lifetime)
	s.refreshAt = s.sentAt.Add(time.Duration(b.Refresh) * time.Second)
	b.State, b.Install = mobility.StateActive, mobility.InstallPending
	m.places[s.place], m.sessions[s.id] = s, s
	m.table.Put(b)
	m.setRegistered(now, s, true)
	m.useTunnel(s, b.Ends.Value().Tunnel, new(mobility.Effects)) // that it is there is no news
	m.table.SetAlarm(s.id, b.Expires.Time())
	out.Sessions = append(out.Sessions, m.dataplane(s, b))
	return true
}

// recognise offers a node what it had before the restart, when it shows itself for the first time after it.
func (m *Machine) recognise(s *session, b *mobility.Binding, out *mobility.Effects) {
	if s.unseen {
		s.unseen = false
		out.Grants = append(out.Grants, m.grant(s, b))
	}
}

// wane ends the registration of a node that has not shown itself since a restart, at the end of its lifetime.
func (m *Machine) wane(now time.Time, s *session, b *mobility.Binding, out *mobility.Effects) {
	if ends := b.Expires.Time(); ends.After(now) {
		m.table.SetAlarm(s.id, ends)
		return
	}
	m.end(now, s, mobility.Expired, out)
}

// LastID returns the highest identifier that any binding ever had.
func (m *Machine) LastID() dataplane.SessionID { return m.lastID }
