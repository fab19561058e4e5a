package mag

import (
	"cmp"
	"net/netip"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/wire"
)

// request sends the first Proxy Binding Update of an attempt, as soon as it may; it is repeated until it is answered (RFC 5213 section 6.9.4).
func (m *Machine) request(now time.Time, s *session, handoff wire.Handoff, out *mobility.Effects) {
	s.heldUntil = time.Time{}
	if at := s.mayAsk(); at.After(now) {
		s.heldUntil, s.heldFor = at, handoff
		m.schedule(s)
		return
	}
	s.handoff, s.wait, s.tried, s.parting = handoff, m.cfg.InitialRetransmit, s.tried[:0], false
	m.send(now, s, wire.LifetimeOf(m.cfg.Lifetime), out)
	m.schedule(s)
}

// again repeats a request, with a new number and the time of day (RFC 5213 section 6.9.4).
func (m *Machine) again(now time.Time, s *session, out *mobility.Effects) {
	b := m.table.Get(s.id)
	if !s.answered {
		out.Events = append(out.Events, mobility.Event{Kind: mobility.RegistrationTimedOut, Node: b.Node, Peer: b.Ends.Value().Remote})
	}
	s.anchor.stats.PBURetransmitted.Add(1)
	s.parting = false
	s.wait = min(2*s.wait, m.cfg.MaxRetransmit)
	m.send(now, s, wire.LifetimeOf(m.cfg.Lifetime), out)
	m.schedule(s)
}

// refresh prolongs a registration (RFC 5213 section 6.9.1.3).
func (m *Machine) refresh(now time.Time, s *session, out *mobility.Effects) {
	b := m.row(s)
	b.State = mobility.StateRefreshing
	m.table.Put(b)
	m.request(now, s, wire.HandoffUnchanged, out)
}

// deregister takes leave of the anchor, and waits a moment for its answer (RFC 5213 section 6.9.1.4). What the node had is taken
// back at once: it is not there.
func (m *Machine) deregister(now time.Time, s *session, out *mobility.Effects) {
	if m.table.Get(s.id).State != mobility.StateDisconnecting {
		m.part(now, s, out)
		m.takeLeave(now, s, out)
	}
}

// part takes back what a node has whose registration ends.
func (m *Machine) part(now time.Time, s *session, out *mobility.Effects) {
	b := m.row(s)
	if b.State != mobility.StateInit { // else the anchor may have answered, and the answer been lost
		m.withdraw(s, out)
	}
	keep(m.table.Get(s.id), nil, out)
	b.State = mobility.StateDisconnecting
	m.table.Put(b)
	m.setRegistered(now, s, false)
	m.useTunnel(s, dataplane.TunnelID{}, out)
	s.handoff, s.wait, s.tried, s.parting, s.heldUntil = wire.HandoffUnknown, 0, s.tried[:0], false, time.Time{}
	if s.home.IsValid() {
		s.wants |= mobility.ServiceIPv4 // the anchor may not have heard of its release
	}
}

func (m *Machine) takeLeave(now time.Time, s *session, out *mobility.Effects) {
	m.send(now, s, 0, out)
	m.table.SetAlarm(s.id, now.Add(m.cfg.InitialRetransmit))
}

// schedule sets the alarm for what comes first: the repetition of a request, the refresh, or the end of the registration.
func (m *Machine) schedule(s *session) {
	b := m.table.Get(s.id)
	var at time.Time
	switch {
	case !s.heldUntil.IsZero():
		at = s.heldUntil
	case s.wait > 0:
		at = s.sentAt.Add(s.wait)
	case !s.denied:
		at = s.refreshAt
	}
	if b.State != mobility.StateInit && (at.IsZero() || b.Expires.Time().Before(at)) {
		at = b.Expires.Time()
	}
	m.table.SetAlarm(s.id, at)
}

// send builds and sends a Proxy Binding Update (RFC 5213 sections 6.9.1.1 to 6.9.1.4, RFC 5844 section 3.2.2).
func (m *Machine) send(now time.Time, s *session, lifetime wire.Lifetime, out *mobility.Effects) {
	b := m.table.Get(s.id)
	ends := b.Ends.Value()
	m.seq++
	m.stamp = max(wire.TimestampOf(now), m.stamp+1) // a node that was cleared begins anew in the same instant
	s.stamp = max(m.stamp, s.stamp+1)
	u := &m.update
	*u = wire.BindingUpdate{
		Seq:      m.seq,
		Flags:    wire.UpdateA | wire.UpdateP,
		Lifetime: lifetime,
		Options: wire.Options{
			MNID:            wire.Some(b.Node.MNID()),
			HNPs:            namedPrefixes(u.HNPs[:0], s),
			IPv4HoARequests: namedHome(u.IPv4HoARequests[:0], s),
			Handoff:         wire.Some(s.handoff),
			AccessType:      wire.Some(b.Access),
			LinkLayerID:     wire.Some(wire.LinkLayerID(b.LinkID)),
			Timestamp:       wire.Some(s.stamp),
			Auth:            u.Auth[:0],
		},
	}
	if apn := b.Under().APN; apn != "" && lifetime > 0 && s.handoff != wire.HandoffUnchanged {
		m.service = wire.AppendService(m.service[:0], apn, m.cfg.APNLabels)
		u.ServiceSelection = wire.Some(m.service) // which is said once (RFC 5149 section 4.1)
	}
	if s.anchor.forgives(mobility.SequenceOnly) {
		u.Timestamp = wire.Opt[wire.Timestamp]{}
	}
	if m.asksForLinkLocal() {
		u.LinkLocal = wire.Some(b.LinkLocal.Addr())
	}
	if s.encap == dataplane.EncapUDP && ends.Local.Is4() {
		u.Flags |= wire.UpdateF
		u.AltIPv4CareOf = wire.Some(ends.CareOf) // by which the anchor finds out about a translator on the way
	}
	if s.encap == dataplane.EncapGRE {
		s.offered = m.downlinkKey(s)
		u.GREKey = wire.Some(wire.GREKey{Keyed: s.offered.Set, Key: s.offered.Value})
	}
	s.sent, s.sentAt, s.answered = wire.BindingUpdate{Seq: u.Seq, Flags: u.Flags, Lifetime: u.Lifetime}, now, false
	copy(s.recent[1:], s.recent[:])
	s.recent[0] = now
	sign := m.signature(s, ends)
	sign.Home = s.anchor.Hash.Home(u.HNPs)
	from, to := mobility.Endpoint{Addr: netip.AddrPortFrom(ends.Local, ends.Remote.Port())}, mobility.Endpoint{Addr: ends.Remote}
	if err := out.Message(from, to, u, sign, m.marking(s.anchor).CodePoint); err != nil {
		s.anchor.stats.PBUUnsent.Add(1)
	} else {
		out.Send[len(out.Send)-1].Unsent = &s.anchor.stats.PBUUnsent
	}
	s.anchor.stats.PBUSent.Add(1)
}

// asksForLinkLocal says whether the anchor is asked for our address on access links, or reminded of it: where the domain has no fixed one
// (RFC 5213 section 6.9.1.1).
func (m *Machine) asksForLinkLocal() bool { return m.cfg.Domain.LinkLocal.IsUnspecified() }

// namedPrefixes are the home network prefixes of the session, or one that asks for some.
func namedPrefixes(hnps []wire.HNP, s *session) []wire.HNP {
	if s.wants&mobility.ServiceIPv6 == 0 {
		return hnps
	}
	for _, p := range s.prefixes {
		hnps = append(hnps, wire.HNP{Prefix: p})
	}
	if len(hnps) == 0 {
		hnps = append(hnps, wire.HNP{Prefix: netip.PrefixFrom(netip.IPv6Unspecified(), 0)})
	}
	return hnps
}

// namedHome is the home address of the session, or one that asks for it.
func namedHome(homes []wire.IPv4HoARequest, s *session) []wire.IPv4HoARequest {
	if s.wants&mobility.ServiceIPv4 == 0 {
		return homes
	}
	home := s.home
	if !home.IsValid() {
		home = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	return append(homes, wire.IPv4HoARequest{Prefix: home})
}

// downlinkKey is the GRE key that the anchor shall put on packets to the node (RFC 5845 section 3.2): the fixed one of the node, or one for the session.
func (m *Machine) downlinkKey(s *session) dataplane.Key {
	fixed := s.profile.GREKeys.Downlink
	if fixed == 0 && m.cfg.GREKeys.Unmade {
		return dataplane.Key{}
	}
	return dataplane.Key{Value: cmp.Or(fixed, uint32(s.id)), Set: true}
}

// signature is how we and the anchor authenticate; the zero value where no key is configured. The nearest key counts: the
// node's, the anchor's, the domain's.
func (m *Machine) signature(s *session, ends mobility.Ends) mobility.Signature {
	key := m.cfg.Domain.Key
	if s.anchor.forgives(mobility.Unauthenticated) {
		key = nil
	}
	if s.anchor.Key != nil {
		key = s.anchor.Key
	}
	if s.profile.Key != nil {
		key = s.profile.Key
	}
	if key == nil {
		return mobility.Signature{}
	}
	return mobility.Signature{By: m.authenticator(key), CareOf: ends.CareOf}
}

func (m *Machine) authenticator(key *mobility.Key) *wire.Authenticator {
	by := m.keys[key]
	if by == nil {
		by = wire.NewAuthenticator(key.SPI, key.Secret)
		m.keys[key] = by
	}
	return by
}
