package mag

import (
	"slices"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/binding"
	"mooring/mobility/heartbeat"
	"mooring/mobility/revocation"
	"mooring/mobility/wire"
)

// Machine is a mobile access gateway. One goroutine uses it; its Table and Statistics may be read by others.
type Machine struct {
	cfg      *mobility.MAG
	table    *binding.Table
	stats    mobility.Statistics
	anchors  []*anchor      // in the order of the configuration
	present  map[place]bool // the nodes that are attached, served or not
	places   map[place]*session
	sessions map[dataplane.SessionID]*session
	keys     map[*mobility.Key]*wire.Authenticator
	beats    heartbeat.Monitor[*path]
	healths  heartbeat.Board[pathKey]
	// revocations are the indications that LMAs have not acknowledged.
	revocations revocation.Queue

	failures mobility.AuthFailures
	tunnels  map[dataplane.TunnelID]int // sessions by the tunnel that they use
	restarts uint32                     // our restart counter (RFC 5847 section 3.2)
	lastID   dataplane.SessionID
	seq      uint16                // of the last request (RFC 5213 section 6.9.1.1)
	stamp    wire.Timestamp        // of the last request of any node (RFC 5213 section 6.9.1.1)
	update   wire.BindingUpdate    // memory of the request being built
	service  wire.ServiceSelection // likewise

	unstorable bool // nothing can be stored
	leaving    bool // see Leave
}

// New returns the gateway that cfg describes, without bindings. The machine is the owner of table. restarts is what it tells its peers as restart
// counter (RFC 5847 section 3.2).
func New(now time.Time, cfg *mobility.MAG, table *binding.Table, restarts uint32) *Machine {
	m := &Machine{
		cfg:      cfg,
		table:    table,
		stats:    mobility.Statistics{Began: now},
		present:  map[place]bool{},
		places:   map[place]*session{},
		sessions: map[dataplane.SessionID]*session{},
		keys:     map[*mobility.Key]*wire.Authenticator{},
		tunnels:  map[dataplane.TunnelID]int{},
		restarts: restarts,
	}
	m.beats.Changed = func(p *heartbeat.Path[*path]) { m.healths.Put(pathKey{p.Owner.anchor.Name, p.Owner.local}, p.Health) }
	m.configureAnchors(now)
	return m
}

// Statistics returns the counters; anybody may read them at any time.
func (m *Machine) Statistics() *mobility.Statistics { return &m.stats }

// Receive takes in a message that was sent to one of the gateway's addresses.
func (m *Machine) Receive(now time.Time, in *mobility.Inbound, out *mobility.Effects) {
	if in.Err != nil {
		m.drop(in, mobility.ReasonOf(in.Err))
		return
	}
	ack, ok := in.Message.(*wire.BindingAck)
	if !ok {
		m.receiveOther(now, in, out)
		return
	}
	if ack.Flags&wire.AckP == 0 && !m.anchorAt(in.From.Addr.Addr()).forgives(mobility.ProxyFlagMissing) {
		m.discard(in, mobility.DropNotProxy)
		return
	}
	if s := m.expects(now, in, ack, out); s != nil {
		s.anchor.stats.PBAReceived.Add(ack.Status)
		m.reply(now, s, ack, out)
	}
}

// receiveOther takes in what is no Binding Acknowledgement.
func (m *Machine) receiveOther(now time.Time, in *mobility.Inbound, out *mobility.Effects) {
	switch msg := in.Message.(type) {
	case *wire.Heartbeat:
		m.heartbeat(now, in, msg, out)
	case *wire.Revocation:
		m.revoked(now, in, msg, out)
	case *wire.RevocationAck:
		m.revocationAck(now, in, msg, out)
	case *wire.BindingError:
		m.bindingError(now, in, msg, out)
	default:
		m.drop(in, mobility.DropUnexpected)
	}
}

// Attached takes in what was noticed on an access link.
func (m *Machine) Attached(now time.Time, a mobility.Attachment, out *mobility.Effects) {
	at := place{a.Link, a.MAC}
	switch a.Kind {
	case mobility.NodeAttached:
		m.present[at] = true
		m.serve(now, at, out)
	case mobility.NodeDetached:
		m.leave(now, at, out)
	case mobility.HomeWanted:
		m.wantHome(now, at, out)
	case mobility.HomeReleased:
		if s := m.places[at]; s != nil {
			m.releaseHome(now, s, out)
		}
	case mobility.LinkLost:
		for _, at := range m.on(a.Link) {
			m.leave(now, at, out)
		}
	}
}

// Installed takes in what became of a session in the dataplane.
func (m *Machine) Installed(now time.Time, result dataplane.Result, out *mobility.Effects) {
	s := m.sessions[result.ID]
	if s == nil {
		return
	}
	b := m.row(s)
	b.Install = mobility.Installed
	if result.Err != nil {
		b.Install = mobility.InstallFailed
	}
	m.table.Put(b)
}

// Deadline returns when Advance has something to do, at the latest.
func (m *Machine) Deadline() (at time.Time, ok bool) {
	var first mobility.Deadline
	first.Include(m.table.NextAlarm())
	first.Include(m.beats.Deadline())
	first.Include(m.revocations.Deadline())
	return first.Get()
}

// Advance does what is due: requests are repeated, bindings refreshed, those that nobody confirmed end.
func (m *Machine) Advance(now time.Time, out *mobility.Effects) {
	for b := m.table.PopAlarm(now); b != nil; b = m.table.PopAlarm(now) {
		m.ring(now, m.sessions[b.ID], b, out)
	}
	m.beat(now, out)
	m.repeat(now, out)
}

func (m *Machine) ring(now time.Time, s *session, b *mobility.Binding, out *mobility.Effects) {
	if b.State == mobility.StateDisconnecting {
		m.over(now, s, mobility.Deregistered, out)
		return
	}
	if s.unseen {
		m.wane(now, s, b, out)
		return
	}
	if b.State != mobility.StateInit && !b.Expires.Time().After(now) {
		m.lapse(now, s, mobility.Expired, out)
	}
	switch {
	case s.denied:
	case !s.heldUntil.IsZero():
		m.request(now, s, s.heldFor, out)
	case s.wait > 0:
		m.again(now, s, out)
	default:
		m.refresh(now, s, out)
	}
}

// Reconfigure makes the gateway obey cfg. Registrations that cfg has no room for end; nodes that were turned away get another
// chance.
func (m *Machine) Reconfigure(now time.Time, cfg *mobility.MAG, out *mobility.Effects) {
	was := m.cfg
	m.cfg = cfg
	m.keys = map[*mobility.Key]*wire.Authenticator{}
	m.configureAnchors(now)
	for _, s := range m.all() {
		m.review(now, s, was, out)
	}
	for _, at := range sorted(m.present) {
		if s := m.places[at]; s == nil || !s.registered || s.denied {
			m.serve(now, at, out)
		}
	}
}

// review lets a session obey a configuration in place of the one that was. Leave of its anchor is taken as that one has it.
func (m *Machine) review(now time.Time, s *session, was *mobility.MAG, out *mobility.Effects) {
	b, wanted := m.table.Get(s.id), s.wants
	if !m.adopt(s, b) {
		is := m.cfg
		m.cfg = was
		m.dismiss(now, s, out)
		m.cfg = is
		return
	}
	if b.State == mobility.StateDisconnecting {
		return
	}
	if m.cfg.TunnelMTU != was.TunnelMTU && b.State != mobility.StateInit {
		out.Sessions = append(out.Sessions, m.dataplane(s, b))
		out.Grants = append(out.Grants, m.grant(s, b))
	}
	switch {
	case s.denied || s.wants == wanted:
	case b.State == mobility.StateInit:
		m.request(now, s, s.handoff, out)
	default:
		m.request(now, s, wire.HandoffUnchanged, out)
	}
}

// Leave ends up to n bindings of a gateway that is to be no more, and reports whether more are left. Whoever calls Close calls it before, as long as it reports
// so, and has time for others in between: the bindings may be very many. From the first call on no node is served.
func (m *Machine) Leave(now time.Time, n int, out *mobility.Effects) (more bool) {
	if m.table.Len() <= n {
		return false
	}
	m.leaving = true
	for b := range m.table.All() {
		if n == 0 {
			break
		}
		m.dismiss(now, m.sessions[b.ID], out)
		n--
	}
	return true
}

// Close takes leave of the anchors and ends every binding, because the gateway is no more.
func (m *Machine) Close(now time.Time, out *mobility.Effects) {
	for _, s := range m.all() {
		m.dismiss(now, s, out)
	}
}

// dismiss takes leave of the anchor of a session without waiting for its answer.
func (m *Machine) dismiss(now time.Time, s *session, out *mobility.Effects) {
	m.deregister(now, s, out)
	if m.sessions[s.id] == s {
		m.end(now, s, mobility.Unconfigured, out)
	}
}

// Clear takes leave of the anchor of a session because an operator wants it to, and reports whether there was one. A node that is
// still attached is registered anew.
func (m *Machine) Clear(now time.Time, id dataplane.SessionID, out *mobility.Effects) bool {
	s := m.sessions[id]
	if s == nil {
		return false
	}
	if !m.revoke(now, s, mobility.Cleared, out) {
		m.deregister(now, s, out)
		s.cleared = true
		m.over(now, s, mobility.Cleared, out)
	}
	return true
}

// all lists the sessions in the order of their identifiers.
func (m *Machine) all() (list []*session) {
	for _, s := range m.sessions {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b *session) int { return int(a.id) - int(b.id) })
	return list
}

// discard counts an acknowledgement that is not looked into.
func (m *Machine) discard(in *mobility.Inbound, why mobility.DropReason) {
	m.drop(in, why)
	m.countedFor(in.From.Addr.Addr()).PBADiscarded.Add(1)
}

// drop counts a message that is thrown away, for the anchor that has the address it came from.
func (m *Machine) drop(in *mobility.Inbound, why mobility.DropReason) {
	m.countedFor(in.From.Addr.Addr()).Dropped[why].Add(1)
}
