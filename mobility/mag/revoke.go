package mag

import (
	"net/netip"
	"time"

	"mooring/mobility"
	"mooring/mobility/revocation"
	"mooring/mobility/wire"
)

// revoke ends a registration by telling its LMA (RFC 5846 section 9.2), and reports whether it could. The session is over when the LMA has
// acknowledged that; where the LMA cannot or does not, leave is taken of it as ever.
func (m *Machine) revoke(now time.Time, s *session, why mobility.DeleteReason, out *mobility.Effects) bool {
	if m.cfg.Revocation.DelayMin == 0 || !s.registered || s.anchor.deaf || m.revocations.Len() >= revocation.MaxPending {
		return false
	}
	b := m.table.Get(s.id)
	ends := b.Ends.Value()
	msg := &wire.Revocation{Trigger: wire.TriggerAdministrative, Seq: m.revocations.Next(), Flags: wire.RevocationP}
	msg.MNID = wire.Some(b.Node.MNID())
	for _, prefix := range b.Prefixes {
		msg.HNPs = append(msg.HNPs, wire.HNP{Prefix: prefix})
	}
	if len(b.Prefixes) == 0 && b.Home.IsValid() { // without a prefix every session of the node would be meant
		msg.Flags |= wire.RevocationV
		msg.IPv4HoARequests = []wire.IPv4HoARequest{{Prefix: b.Home.Prefix()}}
	}
	sign := m.anchorSignature(s.anchor, ends.Local)
	from, to := mobility.Endpoint{Addr: netip.AddrPortFrom(ends.Local, ends.Remote.Port())}, mobility.Endpoint{Addr: ends.Remote}
	if out.Message(from, to, msg, sign, m.marking(s.anchor).CodePoint) != nil {
		return false
	}
	sent := &out.Send[len(out.Send)-1]
	sent.Unsent = &s.anchor.stats.BRIUnsent
	s.anchor.stats.BRISent.Add(msg.Trigger)
	m.part(now, s, out)
	s.cleared = true
	m.table.SetAlarm(s.id, b.Expires.Time())
	m.revocations.Sent(now, &revocation.Pending{Trigger: msg.Trigger, Node: b.Node, Binding: s.id, Reason: why, Sign: sign, Hash: s.anchor.Hash,
		Count: s.anchor.stats, Datagram: *sent}, m.cfg.Revocation)
	return true
}

// repeat sends indications again that were not acknowledged, and takes leave of whoever does not acknowledge them at all.
func (m *Machine) repeat(now time.Time, out *mobility.Effects) {
	for p, again := m.revocations.Due(now, m.cfg.Revocation); p != nil; p, again = m.revocations.Due(now, m.cfg.Revocation) {
		if again {
			p.Count.BRISent.Add(p.Trigger)
			out.Send = append(out.Send, p.Datagram)
			continue
		}
		out.Events = append(out.Events, mobility.Event{Kind: mobility.RevocationTimedOut, Node: p.Node, Peer: p.To.Addr})
		m.takeLeave(now, m.sessions[p.Binding], out)
	}
}

// revocationAck takes in what an LMA says to an indication (RFC 5846 section 9.2).
func (m *Machine) revocationAck(now time.Time, in *mobility.Inbound, msg *wire.RevocationAck, out *mobility.Effects) {
	p := m.revocations.Find(msg.Seq, in.From)
	authentic := p != nil && mobility.Authentic(p.Sign, in, msg.Auth)
	if p != nil && !authentic {
		m.failures.Note(now, in.From.Addr, msg.Auth, out)
	}
	if !authentic {
		m.countedFor(in.From.Addr.Addr()).BRADiscarded.Add(1)
		m.drop(in, mobility.DropRevocation)
		return
	}
	p.Count.BRAReceived.Add(msg.Status)
	m.revocations.Remove(p)
	switch s := m.sessions[p.Binding]; msg.Status {
	case wire.RevocationSuccess, wire.RevocationPartialSuccess, wire.RevocationNoBinding:
		m.over(now, s, p.Reason, out)
	default:
		m.takeLeave(now, s, out)
	}
}

// notUnderstood takes leave of an LMA that does not know revocations, and reports whether one was on its way.
func (m *Machine) notUnderstood(now time.Time, a *anchor, in *mobility.Inbound, out *mobility.Effects) bool {
	given := m.revocations.RemoveTo(in.From)
	a.deaf = a.deaf || len(given) > 0
	for _, p := range given {
		m.takeLeave(now, m.sessions[p.Binding], out)
	}
	return len(given) > 0
}

// over ends a session that its LMA has not any more. A node that is still attached although its session was cleared is registered anew.
func (m *Machine) over(now time.Time, s *session, why mobility.DeleteReason, out *mobility.Effects) {
	m.end(now, s, why, out)
	if s.cleared && m.present[s.place] {
		m.serve(now, s.place, out)
	}
}

// recant drops the indication that a session ends, because it does not, or has ended.
func (m *Machine) recant(s *session) {
	if p := m.revocations.Of(s.id); p != nil {
		m.revocations.Remove(p)
	}
}
