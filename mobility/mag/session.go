package mag

import (
	"net/netip"
	"slices"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/wire"
)

// place is where a node is attached.
type place struct {
	link string
	mac  dataplane.MAC
}

// session is what the machine knows of a registration beside its row in the table.
type session struct {
	id      dataplane.SessionID
	place   place
	anchor  *anchor
	profile *mobility.Profile

	wants    mobility.Service // IP versions to ask for
	refused  mobility.Service // IP versions that the anchor said no to
	prefixes []netip.Prefix   // to name in the next request
	home     netip.Prefix     // to name in the next request
	offered  dataplane.Key    // for packets to us, in the last request for GRE
	encap    dataplane.Encap  // to ask for
	wanted   dataplane.Encap  // what the configuration wants to be asked for

	sent       wire.BindingUpdate // the last request, without its options
	handoff    wire.Handoff       // of the last request
	stamp      wire.Timestamp     // of the last request
	sentAt     time.Time
	recent     [maxUpdateRate]time.Time // of the last requests, the newest first
	heldUntil  time.Time                // a request is held back until then; zero: none
	heldFor    wire.Handoff             // what it will say
	wait       time.Duration            // until the request is repeated; 0: no answer is awaited
	parting    bool                     // an answer to the release of the home address is awaited
	answered   bool                     // it was refused, and is repeated nevertheless
	tried      []wire.Status            // the refusals upon which it was repeated at once
	refreshAt  time.Time
	denied     bool               // no request until the configuration changes
	registered bool               // its row is active or being refreshed
	moved      bool               // its node came by another link, and no request was accepted since
	cleared    bool               // an operator has ended it
	tunnel     dataplane.TunnelID // that it is counted to use
	unseen     bool               // it is from before a restart, and its node has not shown itself since
}

// maxUpdateRate is how many Binding Updates may be sent within a second, MAX_UPDATE_RATE (RFC 6275 sections 11.8 and 12). We count those of a
// session: in a whole gateway it is exceeded as soon as a few nodes come at once.
const maxUpdateRate = 3

// mayAsk says when the next request for the session may be sent.
func (s *session) mayAsk() time.Time {
	oldest := s.recent[maxUpdateRate-1]
	if oldest.IsZero() {
		return oldest
	}
	return oldest.Add(time.Second)
}

// mayRetry says whether a request may be repeated at once upon a refusal.
func (s *session) mayRetry(now time.Time, upon wire.Status) bool {
	return !slices.Contains(s.tried, upon) && !s.mayAsk().After(now)
}

// row returns a copy of the session's row to change and put back.
func (m *Machine) row(s *session) *mobility.Binding {
	row := *m.table.Get(s.id)
	return &row
}

// blank makes b the row of a session of which nothing is agreed, now or any more.
func blank(b *mobility.Binding) {
	b.State, b.Expires = mobility.StateInit, 0
	b.Hold(func(h *mobility.Holding) { h.Prefixes, h.Home, h.Router = nil, mobility.HomeAddress{}, mobility.IPv4{} })
}

// dataplane is what the binding wants of the forwarding plane.
func (m *Machine) dataplane(s *session, b *mobility.Binding) dataplane.Change {
	d := &dataplane.Session{
		ID:       b.ID,
		Side:     dataplane.Access,
		Path:     b.Path(),
		Link:     s.place.link,
		LinkAddr: s.place.mac,
		MTU:      m.cfg.TunnelMTU,
	}
	d.Prefixes = append(d.Prefixes, b.Prefixes...)
	if b.Home.IsValid() {
		d.Prefixes = append(d.Prefixes, b.Home.Alone())
	}
	return dataplane.Change{ID: b.ID, Session: d}
}

// grant is what the node shall be offered.
func (m *Machine) grant(s *session, b *mobility.Binding) mobility.Grant {
	g := mobility.Grant{
		Link:     s.place.link,
		MAC:      s.place.mac,
		Prefixes: b.Prefixes,
		Home:     b.Home.Prefix(),
		Router:   b.Router.Addr(),
		MTU:      m.cfg.TunnelMTU,
		Expires:  b.Expires.Time(),
	}
	if m.asksForLinkLocal() && b.LinkLocal != 0 {
		g.LinkLocal = b.LinkLocal.Addr()
	}
	return g
}

// withdraw takes everything back from the node and from the forwarding plane.
func (m *Machine) withdraw(s *session, out *mobility.Effects) {
	out.Sessions = append(out.Sessions, dataplane.Change{ID: s.id})
	out.Grants = append(out.Grants, mobility.Grant{Link: s.place.link, MAC: s.place.mac})
}

// end forgets the session.
func (m *Machine) end(now time.Time, s *session, why mobility.DeleteReason, out *mobility.Effects) {
	b := m.table.Get(s.id)
	if b.State != mobility.StateInit && b.State != mobility.StateDisconnecting {
		m.withdraw(s, out)
	}
	keep(b, nil, out)
	m.setRegistered(now, s, false)
	m.useTunnel(s, dataplane.TunnelID{}, out)
	m.table.Delete(s.id)
	delete(m.sessions, s.id)
	m.recant(s)
	if m.places[s.place] == s {
		delete(m.places, s.place)
	}
	out.Events = append(out.Events, mobility.Event{Kind: mobility.BindingDeleted, Node: b.Node, Peer: b.Ends.Value().Remote, Reason: why, Binding: b})
}
