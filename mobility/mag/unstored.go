package mag

import (
	"slices"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/wire"
)

// A node is told of its registration, and its packets are forwarded, when that survives a restart. What cannot be stored is taken for an answer of the
// anchor that was lost: the request is repeated until there is room. Nodes that are registered keep what they have, and are refreshed.

// SetStorable says whether what is registered can be stored. While it cannot, nobody new is.
func (m *Machine) SetStorable(can bool) { m.unstorable = !can }

// unkept says that a registration was granted and cannot be stored; the request for it is repeated.
func (m *Machine) unkept(s *session, out *mobility.Effects) {
	b := m.row(s)
	b.Status = wire.StatusInsufficientResources
	m.table.Put(b)
	s.answered = true
	s.anchor.stats.Dropped[mobility.DropOverload].Add(1)
	out.Events = append(out.Events, mobility.Event{Kind: mobility.RegistrationRefused, Node: b.Node, Peer: b.Ends.Value().Remote, Status: b.Status})
}

// Withhold takes back from effects that could not be stored what would tell anybody of new registrations.
func (m *Machine) Withhold(out *mobility.Effects) {
	for _, change := range out.Store {
		if b := change.New; change.Old == nil && b != nil {
			out.Sessions = slices.DeleteFunc(out.Sessions, func(c dataplane.Change) bool { return c.ID == b.ID })
			out.Grants = slices.DeleteFunc(out.Grants, func(g mobility.Grant) bool {
				return g.Link == b.Under().Link && mobility.LinkID(g.MAC[:]) == b.LinkID
			})
			silence(out, b)
		}
	}
}

// silence removes the events about a registration of which nobody was told.
func silence(out *mobility.Effects, b *mobility.Binding) {
	out.Events = slices.DeleteFunc(out.Events, func(ev mobility.Event) bool {
		return ev.Binding == b || ev.Path != nil && ev.Path.Tunnel == b.Ends.Value().Tunnel
	})
}

// Unstored undoes a registration of which nobody was told, because it could not be stored, and asks for it again.
func (m *Machine) Unstored(now time.Time, id dataplane.SessionID, out *mobility.Effects) {
	s := m.sessions[id]
	if s == nil || !lasting(m.table.Get(id)) { // the node has left meanwhile
		return
	}
	was, b := m.table.Get(id), m.row(s)
	m.withdraw(s, out) // what came after it may have been told
	keep(was, nil, out)
	blank(b)
	m.table.Put(b)
	m.setRegistered(now, s, false)
	m.useTunnel(s, dataplane.TunnelID{}, out)
	silence(out, was)
	s.handoff, s.wait, s.heldUntil = wire.HandoffUnknown, m.cfg.InitialRetransmit, time.Time{}
	m.unkept(s, out)
	m.schedule(s)
}
