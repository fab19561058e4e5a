package mag

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"mooring/mobility"
	"mooring/mobility/wire"
)

// revoked ends what an LMA says has ended with it (RFC 5846 section 9.1). An indication of somebody else, or one that is not authentic, is not
// answered.
func (m *Machine) revoked(now time.Time, in *mobility.Inbound, msg *wire.Revocation, out *mobility.Effects) {
	a, local := m.anchorAt(in.From.Addr.Addr()), in.To.Addr.Addr()
	sign := m.revocationSignature(a, local, msg)
	authentic := mobility.Authentic(sign, in, msg.Auth)
	if !authentic {
		m.failures.Note(now, in.From.Addr, msg.Auth, out)
	}
	if a == nil || !authentic {
		m.countedFor(in.From.Addr.Addr()).BRIDiscarded.Add(1)
		m.drop(in, mobility.DropRevocation)
		return
	}
	a.stats.BRIReceived.Add(msg.Trigger)
	status, again := a.said(now, msg.Seq)
	if !again {
		status = m.obey(now, a, local, msg, out)
		a.obeyed = append(a.obeyed, obeyed{msg.Seq, status, now})
	}
	ack := &wire.RevocationAck{Status: status, Seq: msg.Seq, Flags: msg.Flags}
	ack.MNID = msg.MNID
	sign.Home = a.Hash.Home(nil)
	if out.Message(in.To, in.From, ack, sign, m.marking(a).Answer(in.CodePoint)) == nil {
		out.Send[len(out.Send)-1].Unsent = &a.stats.BRAUnsent
		a.stats.BRASent.Add(status)
	}
}

func (m *Machine) obey(now time.Time, a *anchor, local netip.Addr, msg *wire.Revocation, out *mobility.Effects) wire.RevocationStatus {
	global := msg.Flags&wire.RevocationG != 0
	with := func(s *session) bool {
		return s.anchor == a && m.table.Get(s.id).Ends.Value().Local == msg.AltCareOf.Or(msg.AltIPv4CareOf.Or(local))
	}
	switch {
	case msg.Flags&wire.RevocationP == 0:
		return wire.RevocationFunctionNotSupported
	case msg.Trigger > wire.TriggerOutOfSync && msg.Trigger != wire.TriggerPerPeerPolicy && msg.Trigger != wire.TriggerLocalPolicy:
		return wire.RevocationTriggerNotSupported
	case global != (msg.Trigger >= wire.TriggerPerPeerPolicy), msg.Trigger == wire.TriggerPerPeerPolicy && msg.MNID.Set:
		return wire.RevocationFunctionNotSupported
	case msg.Trigger == wire.TriggerPerPeerPolicy:
		m.endAll(now, m.sessionsWhere(with), msg.Trigger, out)
		return wire.RevocationSuccess
	case !msg.MNID.Set:
		return wire.RevocationIdentityRequired
	case global:
		return m.endRealm(now, m.sessionsWhere(with), msg, out)
	}
	var there []*session
	for b := range m.table.ByMNID(msg.MNID.Value) {
		if s := m.sessions[b.ID]; with(s) {
			there = append(there, s)
		}
	}
	return m.endNamed(now, there, msg, out)
}

// sessionsWhere lists the sessions that match picks, in the order of their identifiers.
func (m *Machine) sessionsWhere(match func(*session) bool) []*session {
	return slices.DeleteFunc(m.all(), func(s *session) bool { return !match(s) })
}

// endRealm ends the sessions of the nodes of one realm; those below it are others (RFC 5846 section 8.1).
func (m *Machine) endRealm(now time.Time, there []*session, msg *wire.Revocation, out *mobility.Effects) wire.RevocationStatus {
	realm, ok := mobility.NodeIDOf(msg.MNID.Value).NAI()
	if !ok || !strings.HasPrefix(realm, "@") {
		return wire.RevocationIdentityRequired
	}
	m.endAll(now, slices.DeleteFunc(there, func(s *session) bool {
		nai, ok := m.table.Get(s.id).Node.NAI()
		return !ok || nai[max(strings.LastIndexByte(nai, '@'), 0):] != realm
	}), msg.Trigger, out)
	return wire.RevocationSuccess
}

// endNamed ends those of a node's sessions that an indication names, or the IPv4 part of one.
func (m *Machine) endNamed(now time.Time, there []*session, msg *wire.Revocation, out *mobility.Effects) wire.RevocationStatus {
	switch {
	case msg.Flags&wire.RevocationV != 0 && len(msg.IPv4HoARequests) == 0:
		return wire.RevocationIPv4HoARequired
	case msg.Flags&wire.RevocationV != 0:
		home := msg.IPv4HoARequests[0].Prefix.Addr()
		there = slices.DeleteFunc(there, func(s *session) bool { b := m.table.Get(s.id); return !b.Home.IsValid() || b.Home.Addr() != home })
	}
	status, named := wire.RevocationSuccess, there
	if len(msg.HNPs) > 0 {
		named = nil
		for _, hnp := range msg.HNPs {
			i := slices.IndexFunc(there, func(s *session) bool { return slices.Contains(m.table.Get(s.id).Prefixes, hnp.Prefix.Masked()) })
			switch {
			case i < 0:
				status = wire.RevocationPartialSuccess
			case !slices.Contains(named, there[i]):
				named = append(named, there[i])
			}
		}
	}
	switch {
	case len(named) == 0:
		return wire.RevocationNoBinding
	case slices.ContainsFunc(named, func(s *session) bool { return m.isHere(now, s, msg.Trigger) }):
		return wire.RevocationMNAttached
	case msg.Flags&wire.RevocationV != 0 && len(m.table.Get(named[0].id).Prefixes) > 0:
		m.loseHome(named[0], out)
	default:
		m.endAll(now, named, msg.Trigger, out)
	}
	return status
}

// An indication may be on its way for so long: longer than one is repeated as a rule (RFC 5846 section 11).
const longestWay = 5 * time.Second

// isHere says whether the node of a session is attached although its LMA believes that it went to another MAG. That it did is certain where the
// LMA moved the session, and an attachment that we know of is then old news; but where it is new, the indication is: the node has come back.
func (m *Machine) isHere(now time.Time, s *session, trigger wire.RevocationTrigger) bool {
	switch trigger {
	case wire.TriggerHandoverUnknown:
		return m.present[s.place]
	case wire.TriggerHandoverSameATT, wire.TriggerHandoverOtherATT:
		return m.present[s.place] && (s.wait > 0 || !s.heldUntil.IsZero() || now.Sub(s.sentAt) < longestWay)
	}
	return false
}

// obeyed is an indication that was answered.
type obeyed struct {
	seq    uint16
	status wire.RevocationStatus
	at     time.Time
}

// said returns what an indication was answered that comes again, and forgets those that can come no more.
func (a *anchor) said(now time.Time, seq uint16) (status wire.RevocationStatus, again bool) {
	a.obeyed = slices.DeleteFunc(a.obeyed, func(o obeyed) bool { return now.Sub(o.at) > 2*longestWay })
	for _, o := range a.obeyed {
		if o.seq == seq {
			return o.status, true
		}
	}
	return 0, false
}

// loseHome goes on without the IPv4 home address of a session.
func (m *Machine) loseHome(s *session, out *mobility.Effects) {
	old := m.table.Get(s.id)
	b := m.row(s)
	s.wants, s.home = s.wants&^mobility.ServiceIPv4, netip.Prefix{}
	b.Hold(func(h *mobility.Holding) { h.Home, h.Router = mobility.HomeAddress{}, mobility.IPv4{} })
	b.Install = mobility.InstallPending
	keep(old, b, out)
	m.table.Put(b)
	out.Sessions = append(out.Sessions, m.dataplane(s, b))
	out.Grants = append(out.Grants, m.grant(s, b))
}

// endAll ends sessions without a word to the LMA. Where that is about the binding, and not about the node, one that is still attached is registered
// anew after a while, or when it shows itself.
func (m *Machine) endAll(now time.Time, list []*session, trigger wire.RevocationTrigger, out *mobility.Effects) {
	gone := trigger >= wire.TriggerHandoverSameATT && trigger <= wire.TriggerAccessNetwork
	for _, s := range list {
		if gone || !m.present[s.place] || m.table.Get(s.id).State == mobility.StateDisconnecting {
			m.end(now, s, mobility.Revoked, out)
			continue
		}
		m.lapse(now, s, mobility.Revoked, out)
		s.prefixes, s.home, s.denied, s.wait = nil, netip.Prefix{}, false, 0
		s.heldUntil, s.heldFor = now.Add(m.cfg.MaxRetransmit), wire.HandoffUnknown
		m.schedule(s)
	}
}

// revocationSignature is how a revocation is authenticated: with the key of the node that it is about, or as any message that is about none.
func (m *Machine) revocationSignature(a *anchor, local netip.Addr, msg *wire.Revocation) mobility.Signature {
	sign := m.anchorSignature(a, local)
	for b := range m.table.ByMNID(msg.MNID.Value) {
		if s := m.sessions[b.ID]; s.anchor == a && s.profile.Key != nil {
			sign = mobility.Signature{By: m.authenticator(s.profile.Key), CareOf: local}
		}
	}
	if a != nil {
		sign.Home = a.Hash.Home(msg.HNPs)
	}
	return sign
}
