package lma

import (
	"net/netip"
	"slices"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/revocation"
	"mooring/mobility/wire"
)

// revoke tells the MAG of a binding that it ends because an operator wants it to, and ends it with the answer, or without one after the last
// repetition (RFC 5846 section 8.1).
func (m *Machine) revoke(now time.Time, b *mobility.Binding, out *mobility.Effects) {
	switch {
	case b.State == mobility.StateRevoking:
		return
	case b.State == mobility.StateDeletePending || m.deaf(b):
		m.end(now, b, mobility.Cleared, out)
		m.resume(now, b, out)
		return
	}
	row := *b
	row.State = mobility.StateRevoking
	out.Store = append(out.Store, mobility.Change{Old: b, New: &row}) // see Restore
	m.table.Put(&row)
	delete(m.unsent, b.ID) // the registration that it answers is overtaken
	if m.mustWait() {
		m.indicateLater(&row, wire.TriggerAdministrative, true)
		return
	}
	m.askToEnd(now, &row, out)
}

// askToEnd tells the MAG of a binding that it ends; where that cannot be, it ends at once.
func (m *Machine) askToEnd(now time.Time, b *mobility.Binding, out *mobility.Effects) {
	if m.revocations.Len() >= revocation.MaxPending || m.deaf(b) || !m.indicate(now, b, wire.TriggerAdministrative, b.ID, out) {
		m.end(now, b, mobility.Cleared, out)
		m.resume(now, b, out)
	}
}

// takeLeave tells the MAG of a binding that has ended or moved.
func (m *Machine) takeLeave(now time.Time, b *mobility.Binding, trigger wire.RevocationTrigger, out *mobility.Effects) {
	switch {
	case m.deaf(b):
	case trigger != wire.TriggerHandoverUnknown && m.mustWait(): // that is asked now, or never
		m.indicateLater(b, trigger, false)
	default:
		m.indicate(now, b, trigger, 0, out)
	}
}

// deaf says whether the MAG of a binding does not know revocations.
func (m *Machine) deaf(b *mobility.Binding) bool {
	ends := b.Ends.Value()
	p := m.peerOf(&ends)
	return p != nil && p.deaf
}

// indicate sends the indication that the MAG of b loses it, and reports whether it could.
func (m *Machine) indicate(now time.Time, b *mobility.Binding, trigger wire.RevocationTrigger, ending dataplane.SessionID, out *mobility.Effects) bool {
	ends := b.Ends.Value()
	via := m.wayTo(now, &ends)
	p := via.peerAt(ends.Remote.Addr(), ends.CareOf)
	count := via.counted(p)
	sign, hash := m.bindingSignature(via, b)
	msg := &wire.Revocation{Trigger: trigger, Seq: m.revocations.Next(), Flags: wire.RevocationP}
	msg.MNID = wire.Some(b.Node.MNID())
	for _, prefix := range b.Prefixes {
		msg.HNPs = append(msg.HNPs, wire.HNP{Prefix: prefix})
	}
	if len(b.Prefixes) == 0 && b.Home.IsValid() { // without a prefix every session of the node would be meant
		msg.Flags |= wire.RevocationV
		msg.IPv4HoARequests = []wire.IPv4HoARequest{{Prefix: b.Home.Prefix()}}
	}
	sign.Home = hash.Home(msg.HNPs)
	from := via.at(netip.AddrPortFrom(ends.Local, controlPort(ends.Local)))
	if out.Message(from, via.at(ends.Remote), msg, sign, m.marking(p).CodePoint) != nil {
		return false
	}
	sent := &out.Send[len(out.Send)-1]
	sent.Unsent = &count.BRIUnsent
	count.BRISent.Add(trigger)
	if m.revocations.Len() < revocation.MaxPending { // else it is said once
		if !m.stands(b) {
			m.departFrom(&ends, via)
		}
		m.revocations.Sent(now, &revocation.Pending{Trigger: trigger, Node: b.Node, Binding: ending, Reason: mobility.Cleared, Sign: sign, Hash: hash, Count: count, Datagram: *sent}, m.cfg.Revocation)
	}
	return true
}

// wayTo returns the transport of a binding, or what stands in for it.
func (m *Machine) wayTo(now time.Time, ends *mobility.Ends) *transport {
	via := m.departing(ends)
	if via.isAt(ends.Tunnel.VRF, ends.Local) {
		return via
	}
	for _, addr := range []netip.Addr{ends.Remote.Addr(), ends.CareOf} {
		if known := m.own.peers[addr]; known != nil && known.cfg != nil {
			via.peers[addr] = &peer{via: via, cfg: known.cfg, addr: addr, usable: known.usable, stats: m.stats.Part(now)}
		}
	}
	return via
}

// departing returns the transport of a binding. For one that the configuration has no more, and had when the binding was stored, another stands in:
// its customer's key is not known any more, that of a MAG, a node or the domain is.
func (m *Machine) departing(ends *mobility.Ends) *transport {
	if via := m.transportOf(ends); via != nil && via.isAt(ends.Tunnel.VRF, ends.Local) {
		return via
	}
	if gone := m.departed[mobility.VRFAddr{VRF: ends.Tunnel.VRF, Addr: ends.Local}]; gone != nil {
		return gone
	}
	return newTransport(ends.Tunnel.VRF, nil, &m.stats)
}

// repeatedAtOnce is how many indications a step repeats or gives up, so that others do not wait: a customer who leaves may have had many bindings.
const repeatedAtOnce = 256

// repeat sends indications again that were not acknowledged, and gives up those that were sent often enough.
func (m *Machine) repeat(now time.Time, out *mobility.Effects) {
	for range repeatedAtOnce {
		p, again := m.revocations.Due(now, m.cfg.Revocation)
		if p == nil {
			return
		}
		if again {
			p.Count.BRISent.Add(p.Trigger)
			out.Send = append(out.Send, p.Datagram)
			continue
		}
		out.Events = append(out.Events, mobility.Event{Kind: mobility.RevocationTimedOut, Node: p.Node, Peer: p.To.Addr})
		m.revoked(now, p, out)
	}
}

// revoked does what was to be done when the MAG has heard of a revocation, or can be waited for no longer.
func (m *Machine) revoked(now time.Time, p *revocation.Pending, out *mobility.Effects) {
	if b := m.table.Get(p.Binding); b != nil {
		m.end(now, b, p.Reason, out)
		m.resume(now, b, out)
	}
}

// revocationAck takes in what a MAG says to an indication (RFC 5846 section 6.2.2).
func (m *Machine) revocationAck(now time.Time, via *transport, in *mobility.Inbound, msg *wire.RevocationAck, out *mobility.Effects) {
	p := m.revocations.Find(msg.Seq, in.From)
	sender := via.speaker(in.From.Addr)
	if p == nil || m.wayOf(p.From) != via {
		via.counted(sender).BRADiscarded.Add(1)
		via.drop(sender, mobility.DropRevocation)
		return
	}
	sign := p.Sign
	sign.Home = p.Hash.Home(msg.HNPs)
	if !mobility.Authentic(sign, in, msg.Auth) {
		m.notAuthentic(now, via, in, msg.Auth, out)
		p.Count.BRADiscarded.Add(1)
		via.drop(sender, mobility.DropRevocation)
		return
	}
	p.Count.BRAReceived.Add(msg.Status)
	m.revocations.Remove(p)
	switch {
	case p.Binding != 0:
		m.revoked(now, p, out)
	case p.Trigger == wire.TriggerHandoverUnknown:
		m.learnWhere(now, p, msg.Status, out)
	}
}

// askWhere asks the MAG of a binding whether its node has left, because it may have come to another MAG.
func (m *Machine) askWhere(now time.Time, b *mobility.Binding, out *mobility.Effects) {
	asked := func(p *revocation.Pending) bool { return p.Trigger == wire.TriggerHandoverUnknown && m.went(p, b) }
	if !slices.ContainsFunc(m.revocations.About(b.Node), asked) {
		m.takeLeave(now, b, wire.TriggerHandoverUnknown, out)
	}
}

// forgetAsking drops the question where the node of a binding is that has ended or moved: its MAG hears of that, where it is to hear of anything.
func (m *Machine) forgetAsking(b *mobility.Binding) {
	ends := b.Ends.Value()
	m.revocations.RemoveAbout(b.Node, func(p *revocation.Pending) bool {
		return p.Trigger == wire.TriggerHandoverUnknown &&
			p.To.Addr == ends.Remote && p.From.Addr.Addr() == ends.Local && p.From.VRF == ends.Tunnel.VRF // the transport may be gone
	})
}

// learnWhere goes on with a node of which nobody knew whether it moved: its old MAG says that it has left, or that it is still there (RFC 5846 section
// 8.1, RFC 5213 section 5.4.1.2).
func (m *Machine) learnWhere(now time.Time, p *revocation.Pending, status wire.RevocationStatus, out *mobility.Effects) {
	if status != wire.RevocationMNAttached {
		for b := range m.table.ByNode(p.Node) {
			if m.went(p, b) && b.State == mobility.StateActive {
				m.suspend(now, b, out)
			}
		}
	}
	m.resumeNode(now, waiter{m.wayOf(p.From).customer.name(), p.Node}, out)
}

// suspend treats a binding as if its MAG had de-registered it.
func (m *Machine) suspend(now time.Time, old *mobility.Binding, out *mobility.Effects) {
	row := *old
	b := &row
	b.State, b.Expires = mobility.StateDeletePending, mobility.At(now.Add(m.cfg.DeleteWait))
	out.Store = append(out.Store, mobility.Change{Old: old, New: b})
	m.table.Put(b)
	m.table.SetAlarm(b.ID, b.Expires.Time())
	delete(m.unsent, b.ID)
	out.Sessions = append(out.Sessions, m.session(b))
	out.Events = append(out.Events, mobility.Event{Kind: mobility.BindingDeregistered, Node: b.Node, Peer: b.Ends.Value().Remote, Binding: b})
}

// handover is the trigger for the MAG that a node has left (RFC 5846 section 5.1).
func handover(old, b *mobility.Binding) wire.RevocationTrigger {
	if old.Access == b.Access {
		return wire.TriggerHandoverSameATT
	}
	return wire.TriggerHandoverOtherATT
}

// overrule drops the indications to a MAG about a node that it has registered anew: they are about what was before.
func (m *Machine) overrule(b *mobility.Binding) {
	m.revocations.RemoveAbout(b.Node, func(p *revocation.Pending) bool {
		return p.Binding == b.ID || p.Binding == 0 && m.went(p, b)
	})
}

// went says whether an indication went to the MAG of a binding.
func (m *Machine) went(p *revocation.Pending, b *mobility.Binding) bool {
	ends := b.Ends.Value()
	return p.To.Addr == ends.Remote && m.wayOf(p.From) == m.transportOf(&ends)
}

// answered drops the indications about a node that its MAG has obeyed: it has de-registered the node.
func (m *Machine) answered(node mobility.NodeID, via *transport, by netip.AddrPort) {
	m.revocations.RemoveAbout(node, func(p *revocation.Pending) bool {
		return p.Binding == 0 && p.To.Addr == by && m.wayOf(p.From) == via
	})
}

// bindingSignature is how messages about one binding are authenticated: with the key of the node, its MAG, the customer or the domain, unless that is for registrations
// only.
func (m *Machine) bindingSignature(via *transport, b *mobility.Binding) (sign mobility.Signature, hash mobility.HomeAddressHash) {
	ends := b.Ends.Value()
	p := via.peerAt(ends.Remote.Addr(), ends.CareOf)
	if p != nil && p.cfg != nil {
		hash = p.cfg.Hash
	}
	sign = m.peerSignature(via, p, ends.CareOf)
	if profile, _ := m.profileOf(b.Node.MNID()); profile != nil && profile.Key != nil {
		sign = mobility.Signature{By: m.authenticator(profile.Key)}
	}
	sign.CareOf = ends.CareOf
	return sign, hash
}
