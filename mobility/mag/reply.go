package mag

import (
	"bytes"
	"net/netip"
	"slices"
	"time"
	"unique"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/wire"
)

// expects finds the session whose last request the acknowledgement answers; nil, and a counter, where nobody waits for it or it
// cannot be trusted (RFC 5213 section 6.9.1.2).
func (m *Machine) expects(now time.Time, in *mobility.Inbound, ack *wire.BindingAck, out *mobility.Effects) *session {
	s := m.asker(in, ack)
	if s == nil {
		m.discard(in, mobility.DropNoSession)
		return nil
	}
	sign := m.signature(s, m.table.Get(s.id).Ends.Value())
	if sign.By == nil {
		if len(ack.Auth) > 0 {
			m.failures.Note(now, in.From.Addr, ack.Auth, out)
			m.discard(in, mobility.DropNoKey)
			return nil
		}
		return s
	}
	if sign.By.Verify(in.Octets, sign.CareOf, s.anchor.Hash.Home(ack.HNPs)) != nil {
		m.failures.Note(now, in.From.Addr, ack.Auth, out)
		m.discard(in, mobility.DropUnauthenticated)
		return nil
	}
	return s
}

func (m *Machine) asker(in *mobility.Inbound, ack *wire.BindingAck) *session {
	for b := range m.table.ByMNID(ack.MNID.Value) {
		s, ends := m.sessions[b.ID], b.Ends.Value()
		waits := s.wait > 0 || s.parting || b.State == mobility.StateDisconnecting
		// A refused sequence number comes with the last accepted one in place of ours (RFC 6275 section 9.5.1).
		mine := ack.Seq == s.sent.Seq || ack.Status == wire.StatusSequenceOutOfWindow
		if waits && mine && ends.Remote.Addr() == in.From.Addr.Addr() && ends.Local == in.To.Addr.Addr() {
			return s
		}
	}
	return nil
}

// reply acts upon an acknowledgement (RFC 5213 section 6.9.1.2, RFC 5844 section 3.2.2.3).
func (m *Machine) reply(now time.Time, s *session, ack *wire.BindingAck, out *mobility.Effects) {
	s.anchor.Lengthen(ack.HNPs)
	b := m.row(s)
	if b.Status != ack.Status {
		b.Status = ack.Status
		m.table.Put(b)
	}
	switch {
	case s.parting:
		m.parted(s, ack)
	case !m.repeats(s, b, ack), grants(ack) && !usable(ack.HNPs):
		// Asking again would only be misunderstood again.
		s.anchor.stats.Dropped[mobility.DropMismatch].Add(1)
		m.deny(s)
	case b.State == mobility.StateDisconnecting:
		m.left(now, s, ack, out)
	case grants(ack) && m.unstorable && b.State == mobility.StateInit:
		m.unkept(s, out)
	case grants(ack):
		m.accepted(now, s, ack, out)
	default:
		m.refused(now, s, ack, out)
	}
}

// parted notes that the anchor has taken the home address back.
func (m *Machine) parted(s *session, ack *wire.BindingAck) {
	s.parting = false
	if ack.Status.Accepted() {
		s.anchor.stats.Deregistration.Add(1)
		s.home = netip.Prefix{}
	}
}

// left notes what the anchor says to a leave. Where only the number or the timestamp was too old, leave is taken once more with
// a newer one, else the anchor would keep the binding for the rest of its lifetime; any other answer is the end.
func (m *Machine) left(now time.Time, s *session, ack *wire.BindingAck, out *mobility.Effects) {
	stale := ack.Status == wire.StatusSequenceOutOfWindow || ack.Status == wire.StatusTimestampLowerThanPrev
	switch {
	case stale && s.mayRetry(now, ack.Status):
		if ack.Status == wire.StatusSequenceOutOfWindow {
			m.seq = ack.Seq
		}
		s.tried = append(s.tried, ack.Status)
		m.takeLeave(now, s, out)
		return
	case ack.Status.Accepted():
		s.anchor.stats.Deregistration.Add(1)
	}
	m.over(now, s, mobility.Deregistered, out)
}

// repeats says whether the acknowledgement repeats what identified the session.
func (m *Machine) repeats(s *session, b *mobility.Binding, ack *wire.BindingAck) bool {
	mayLack := s.anchor.forgives(mobility.OptionsNotRepeated)
	return (ack.Handoff == wire.Some(s.handoff) || mayLack && !ack.Handoff.Set) &&
		(ack.AccessType == wire.Some(b.Access) || mayLack && !ack.AccessType.Set) &&
		(bytes.Equal(ack.LinkLayerID.Value, []byte(b.LinkID)) || mayLack && !ack.LinkLayerID.Set)
}

// grants says whether the acknowledgement makes or prolongs a registration.
func grants(ack *wire.BindingAck) bool { return ack.Status.Accepted() && ack.Lifetime > 0 }

// usable says whether nodes can make addresses of the prefixes, for which they need 64 bits (RFC 4862 section 5.5.3, RFC 4291 section 2.5.1).
func usable(hnps []wire.HNP) bool {
	return !slices.ContainsFunc(hnps, func(p wire.HNP) bool { return !p.IsUnspecified() && p.Prefix.Bits() > 64 })
}

// accepted takes over what the anchor gave.
func (m *Machine) accepted(now time.Time, s *session, ack *wire.BindingAck, out *mobility.Effects) {
	old := m.table.Get(s.id)
	b := m.row(s)
	b.Hold(func(h *mobility.Holding) { m.hold(h, ack) })
	m.agree(s, b, ack)
	b.Lifetime = min(ack.Lifetime, s.sent.Lifetime).Duration()
	b.Updated, b.Expires = mobility.At(now), mobility.At(s.sentAt.Add(b.Lifetime))
	b.Sequence, b.Handoff, b.Timestamp = s.sent.Seq, s.handoff, s.stamp
	b.State = mobility.StateActive
	s.prefixes, s.home, s.wait = b.Prefixes, b.Home.Prefix(), 0
	refresh := m.refreshAfter(b.Lifetime, ack.RefreshAdvice.Value.Duration())
	s.refreshAt, b.Refresh = s.sentAt.Add(refresh), uint32(refresh/time.Second)

	kind, counter := mobility.BindingRefreshed, &s.anchor.stats.Refresh
	switch {
	case old.State == mobility.StateInit:
		kind, counter = mobility.BindingCreated, &s.anchor.stats.Initial
	case s.moved:
		kind, counter = mobility.BindingHandover, &s.anchor.stats.Handover
	}
	s.moved = false
	counter.Add(1)
	if old.State == mobility.StateInit || old.Path() != b.Path() || !old.SameAddresses(b) {
		b.Install = mobility.InstallPending
		out.Sessions = append(out.Sessions, m.dataplane(s, b))
	}
	m.table.Put(b)
	keep(old, b, out)
	m.obeyControl(now, s.anchor, ack)
	m.setRegistered(now, s, true)
	m.useTunnel(s, b.Ends.Value().Tunnel, out)
	m.schedule(s)
	out.Grants = append(out.Grants, m.grant(s, b))
	out.Events = append(out.Events, mobility.Event{Kind: kind, Node: b.Node, Peer: b.Ends.Value().Remote, Status: ack.Status, Binding: b, Before: old.Ends})
}

// hold takes over the addresses that the anchor gave.
func (m *Machine) hold(h *mobility.Holding, ack *wire.BindingAck) {
	if prefixes := given(ack); !slices.Equal(h.Prefixes, prefixes) {
		h.Prefixes = prefixes
	}
	h.Home, h.Router = mobility.HomeAddress{}, mobility.IPv4{}
	if ack.IPv4HoAReply.Set && ack.IPv4HoAReply.Value.Status.Accepted() {
		h.Home, h.Router = mobility.HomeOf(ack.IPv4HoAReply.Value.Prefix), mobility.IPv4Of(ack.DefaultRouter.Value)
	}
	switch given := mobility.LinkLocalOf(ack.LinkLocal.Value); {
	case !m.asksForLinkLocal():
		h.LinkLocal = 0
	case given != 0:
		h.LinkLocal = given
	}
}

func given(ack *wire.BindingAck) (prefixes []netip.Prefix) {
	for _, hnp := range ack.HNPs {
		if !hnp.IsUnspecified() {
			prefixes = append(prefixes, hnp.Prefix.Masked())
		}
	}
	return prefixes
}

// agree settles the tunnel (RFC 5844 section 4, RFC 5845 section 3.2).
func (m *Machine) agree(s *session, b *mobility.Binding, ack *wire.BindingAck) {
	ends := b.Ends.Value()
	tunnel := dataplane.TunnelID{Local: ends.Local, Peer: ends.Remote.Addr(), Encap: dataplane.EncapIP}
	b.Tx, b.Rx = dataplane.Key{}, dataplane.Key{}
	switch {
	case s.encap == dataplane.EncapGRE && ack.GREKey.Set:
		tunnel.Encap = dataplane.EncapGRE
		if ack.GREKey.Value.Keyed && !m.cfg.GREKeys.Unused {
			b.Tx, b.Rx = dataplane.Key{Value: ack.GREKey.Value.Key, Set: true}, s.offered
		}
	case s.encap == dataplane.EncapGRE && ack.Status != wire.StatusGREKeyNotRequired:
		s.encap = 0 // the anchor does not know the option: it is not sent again
	case s.sent.Flags&wire.UpdateF != 0 && ack.NATDetection.Value.ForceUDP:
		tunnel.Encap, tunnel.Port = dataplane.EncapUDP, mobility.DataPort
	}
	if ends.Tunnel != tunnel {
		ends.Tunnel = tunnel
		b.Ends = unique.Make(ends)
	}
}

// The refresh leaves time for this many seconds of repetitions, as far as the lifetime allows (RFC 8127 section 3.1.1 has 40 s).
const refreshMargin = 40 * time.Second

// refreshAfter says how long after the request a registration is refreshed.
func (m *Machine) refreshAfter(lifetime, advice time.Duration) time.Duration {
	after := max(lifetime-refreshMargin, lifetime/2)
	for _, limit := range []time.Duration{m.cfg.Refresh, advice} {
		if limit > 0 {
			after = min(after, limit)
		}
	}
	return after
}

// refused decides what a refusal leaves to try.
func (m *Machine) refused(now time.Time, s *session, ack *wire.BindingAck, out *mobility.Effects) {
	b := m.table.Get(s.id)
	s.answered = true
	out.Events = append(out.Events, mobility.Event{Kind: mobility.RegistrationRefused, Node: b.Node, Peer: b.Ends.Value().Remote, Status: ack.Status})
	switch ack.Status {
	case wire.StatusSequenceOutOfWindow:
		m.seq = ack.Seq
		m.retry(now, s, ack.Status, out)
	case wire.StatusTimestampLowerThanPrev:
		m.retry(now, s, ack.Status, out)
	case wire.StatusTimestampMismatch:
		// The clocks are apart. Ours is set by who sets it, not by the anchor (section 6.9.1.2); the request goes on being repeated.
	case wire.StatusNotAuthorizedForHNP, wire.StatusPrefixSetMismatch:
		named := len(s.prefixes) > 0
		s.prefixes = nil
		m.lapse(now, s, mobility.Refused, out)
		m.retryIf(named, now, s, ack.Status, out)
	case wire.StatusNotAuthorizedForIPv4HoA:
		named := s.home.IsValid()
		s.home = netip.Prefix{}
		m.lapse(now, s, mobility.Refused, out)
		m.retryIf(named, now, s, ack.Status, out)
	case wire.StatusNotAuthorizedForIPv4:
		m.without(mobility.ServiceIPv4, now, s, ack.Status, out)
	case wire.StatusNotAuthorizedForIPv6:
		m.without(mobility.ServiceIPv6, now, s, ack.Status, out)
	case wire.StatusGREKeyRequired:
		offered := s.encap == dataplane.EncapGRE
		s.encap = dataplane.EncapGRE
		m.retryIf(!offered, now, s, ack.Status, out)
	case wire.StatusAuthFail, wire.StatusServiceNotAuthorized, wire.StatusProxyRegNotEnabled, wire.StatusNotLMAForThisMN, wire.StatusMAGNotAuthorized:
		m.lapse(now, s, mobility.Refused, out)
		m.deny(s)
	default:
		m.lapse(now, s, mobility.Refused, out)
		m.later(s)
	}
}

// retry asks again at once, once upon each kind of refusal: the second of a kind waits its time, and so does what comes too soon.
func (m *Machine) retry(now time.Time, s *session, upon wire.Status, out *mobility.Effects) {
	if !s.mayRetry(now, upon) {
		return
	}
	s.tried = append(s.tried, upon)
	m.send(now, s, wire.LifetimeOf(m.cfg.Lifetime), out)
	m.schedule(s)
}

func (m *Machine) retryIf(sensible bool, now time.Time, s *session, upon wire.Status, out *mobility.Effects) {
	if sensible {
		m.retry(now, s, upon, out)
	} else {
		m.later(s)
	}
}

// without goes on with what the node may have beside an IP version.
func (m *Machine) without(version mobility.Service, now time.Time, s *session, upon wire.Status, out *mobility.Effects) {
	s.wants &^= version
	s.refused |= version
	m.lapse(now, s, mobility.Refused, out)
	if s.wants == 0 {
		m.deny(s)
		return
	}
	m.retry(now, s, upon, out)
}

// later lets the refused request rest for the longest interval.
func (m *Machine) later(s *session) {
	s.wait = m.cfg.MaxRetransmit
	m.schedule(s)
}

// deny stops asking until the configuration changes or the node comes anew.
func (m *Machine) deny(s *session) {
	s.wait, s.denied = 0, true
	m.schedule(s)
}

// lapse takes back what a registration gave that is no longer valid.
func (m *Machine) lapse(now time.Time, s *session, why mobility.DeleteReason, out *mobility.Effects) {
	b := m.row(s)
	if b.State == mobility.StateInit {
		return
	}
	m.withdraw(s, out)
	keep(m.table.Get(s.id), nil, out)
	s.handoff = wire.HandoffUnknown
	out.Events = append(out.Events, mobility.Event{Kind: mobility.BindingDeleted, Node: b.Node, Peer: b.Ends.Value().Remote, Reason: why, Binding: m.table.Get(s.id)})
	blank(b)
	m.table.Put(b)
	m.setRegistered(now, s, false)
	m.useTunnel(s, dataplane.TunnelID{}, out)
}
