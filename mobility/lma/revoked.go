package lma

import (
	"net/netip"
	"slices"
	"time"

	"mooring/mobility"
	"mooring/mobility/wire"
)

// revokedBy ends what a MAG says has ended with it (RFC 5846 section 8.2). An indication that is not authentic is not answered.
func (m *Machine) revokedBy(now time.Time, via *transport, in *mobility.Inbound, msg *wire.Revocation, out *mobility.Effects) {
	p := via.speaker(in.From.Addr)
	sign := m.peerSignature(via, p, in.From.Addr.Addr())
	authentic := mobility.Authentic(sign, in, msg.Auth)
	if !authentic {
		m.notAuthentic(now, via, in, msg.Auth, out)
	}
	if p == nil || !authentic {
		via.counted(p).BRIDiscarded.Add(1)
		via.drop(p, mobility.DropRevocation)
		return
	}
	count := p.stats // p may go with its last binding
	count.BRIReceived.Add(msg.Trigger)
	status := m.obey(now, p, msg, out)
	ack := &wire.RevocationAck{Status: status, Seq: msg.Seq, Flags: msg.Flags}
	ack.MNID = msg.MNID
	if out.Message(in.To, in.From, ack, sign, m.marking(p).Answer(in.CodePoint)) == nil {
		out.Send[len(out.Send)-1].Unsent = &count.BRAUnsent
		count.BRASent.Add(status)
	}
}

func (m *Machine) obey(now time.Time, p *peer, msg *wire.Revocation, out *mobility.Effects) wire.RevocationStatus {
	global := msg.Flags&wire.RevocationG != 0
	careOf := msg.AltCareOf.Or(msg.AltIPv4CareOf.Or(p.careOf()))
	switch {
	case msg.Flags&wire.RevocationP == 0:
		return wire.RevocationFunctionNotSupported
	case msg.Trigger > wire.TriggerOutOfSync && msg.Trigger != wire.TriggerPerPeerPolicy && msg.Trigger != wire.TriggerLocalPolicy:
		return wire.RevocationTriggerNotSupported
	case global != (msg.Trigger >= wire.TriggerPerPeerPolicy), msg.Trigger == wire.TriggerLocalPolicy:
		return wire.RevocationFunctionNotSupported
	case global && (!msg.MNID.Set || p.cfg == nil || !p.cfg.RevokeAll || !p.speaksFor(careOf)):
		return wire.RevocationGlobalNotAuthorized
	case global:
		m.endWhere(now, func(b *mobility.Binding) bool { return p.registered(m, b, careOf) }, msg.Trigger, out)
		return wire.RevocationSuccess
	case !msg.MNID.Set:
		return wire.RevocationIdentityRequired
	}
	return m.endNamed(now, p, careOf, msg, out)
}

// registered says whether a MAG has registered a binding with a care-of address. The same address in another transport is another's.
func (p *peer) registered(m *Machine, b *mobility.Binding, careOf netip.Addr) bool {
	ends := b.Ends.Value()
	return ends.CareOf == careOf && m.transportOf(&ends) == p.via
}

// speaksFor says whether a MAG may speak for the bindings with a care-of address.
func (p *peer) speaksFor(careOf netip.Addr) bool {
	return careOf == p.careOf() || careOf == p.addr || p.cfg != nil && slices.Contains(p.cfg.Addresses, careOf)
}

// endNamed ends the bindings of one node that an indication names.
func (m *Machine) endNamed(now time.Time, by *peer, careOf netip.Addr, msg *wire.Revocation, out *mobility.Effects) wire.RevocationStatus {
	var there []*mobility.Binding
	for b := range m.table.ByMNID(msg.MNID.Value) {
		if by.registered(m, b, careOf) {
			there = append(there, b)
		}
	}
	switch {
	case len(there) == 0:
		return wire.RevocationNoBinding
	case msg.Flags&wire.RevocationV != 0:
		return m.endHome(now, there, msg, out)
	case len(msg.HNPs) == 0:
		m.endAll(now, there, msg.Trigger, out)
		return wire.RevocationSuccess
	}
	var named []*mobility.Binding
	status := wire.RevocationSuccess
	for _, hnp := range msg.HNPs {
		i := slices.IndexFunc(there, func(b *mobility.Binding) bool { return slices.Contains(b.Prefixes, hnp.Prefix.Masked()) })
		switch {
		case i < 0:
			status = wire.RevocationPartialSuccess
		case !slices.Contains(named, there[i]):
			named = append(named, there[i])
		}
	}
	if len(named) == 0 {
		return wire.RevocationNoBinding
	}
	m.endAll(now, named, msg.Trigger, out)
	return status
}

// endHome ends the IPv4 part of a binding, and the binding where it has no other.
func (m *Machine) endHome(now time.Time, there []*mobility.Binding, msg *wire.Revocation, out *mobility.Effects) wire.RevocationStatus {
	if len(msg.IPv4HoARequests) == 0 {
		return wire.RevocationIPv4HoARequired
	}
	home := msg.IPv4HoARequests[0].Prefix.Addr()
	i := slices.IndexFunc(there, func(b *mobility.Binding) bool { return b.Home.IsValid() && b.Home.Addr() == home })
	if i < 0 {
		return wire.RevocationNoBinding
	}
	old := there[i]
	if len(old.Prefixes) == 0 {
		m.endAll(now, there[i:i+1], msg.Trigger, out)
		return wire.RevocationSuccess
	}
	row := *old
	b := &row
	delete(m.unsent, b.ID) // it tells of what is no more
	dropHome(b)
	m.takeBack(b.Holding, old.Holding)
	out.Store = append(out.Store, mobility.Change{Old: old, New: b})
	m.table.Put(b)
	out.Sessions = append(out.Sessions, m.session(b))
	tellChange(old, b, out)
	return wire.RevocationSuccess
}

func (m *Machine) endAll(now time.Time, list []*mobility.Binding, why wire.RevocationTrigger, out *mobility.Effects) {
	slices.SortFunc(list, func(a, b *mobility.Binding) int { return int(a.ID) - int(b.ID) })
	for _, b := range list {
		m.finish(now, b, mobility.Event{Reason: mobility.Revoked, Trigger: why}, out)
		m.resume(now, b, out)
	}
}

func (m *Machine) endWhere(now time.Time, match func(*mobility.Binding) bool, why wire.RevocationTrigger, out *mobility.Effects) {
	var list []*mobility.Binding
	for b := range m.table.All() {
		if match(b) {
			list = append(list, b)
		}
	}
	m.endAll(now, list, why, out)
}
