package lma

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"mooring/mobility"
	"mooring/mobility/heartbeat"
	"mooring/mobility/wire"
)

// heartbeat answers a request, or takes in an answer (RFC 5847 section 3).
func (m *Machine) heartbeat(now time.Time, via *transport, in *mobility.Inbound, msg *wire.Heartbeat, out *mobility.Effects) {
	p := via.speaker(in.From.Addr)
	sign := m.peerSignature(via, p, in.From.Addr.Addr())
	if !isUnicast(in.From.Addr.Addr()) {
		via.drop(p, mobility.DropHeartbeat)
		return
	}
	if !mobility.Authentic(sign, in, msg.Auth) {
		m.notAuthentic(now, via, in, msg.Auth, out)
		via.drop(p, mobility.DropHeartbeat)
		return
	}
	if msg.Flags&wire.HeartbeatR == 0 {
		m.sendHeartbeat(in.To, in.From, &wire.Heartbeat{Flags: wire.HeartbeatR, Seq: msg.Seq}, sign, m.marking(p).Answer(in.CodePoint), out)
		if p != nil {
			p.beat.Requested(now)
		}
		return
	}
	if p == nil {
		via.drop(p, mobility.DropHeartbeat)
		return
	}
	told, expected := m.beats.Response(now, &p.beat, msg)
	if !expected {
		via.drop(p, mobility.DropHeartbeat)
	}
	if told.Up {
		out.Events = append(out.Events, m.pathEvent(mobility.PathUp, p, p.bindings))
	}
	if told.Restarted {
		m.lost(now, p, told.Before, out)
	}
}

// bindingError takes in that a peer does not know a message (RFC 6275 section 9.3.3).
func (m *Machine) bindingError(now time.Time, via *transport, in *mobility.Inbound, msg *wire.BindingError, out *mobility.Effects) {
	p := via.speaker(in.From.Addr)
	if p == nil || msg.Status != wire.BindingErrorUnknownType {
		via.drop(p, mobility.DropUnexpected)
		return
	}
	given := m.revocations.RemoveTo(in.From)
	p.deaf = p.deaf || len(given) > 0
	if !m.beats.NotUnderstood(now, &p.beat) && len(given) == 0 {
		via.drop(p, mobility.DropUnexpected)
	}
	for _, r := range given {
		m.revoked(now, r, out)
	}
}

// lost ends what a MAG had registered before it restarted and lost it (RFC 5847 section 3.2). What it has registered since its old restart counter
// was last heard may be newer than the restart, and stays.
func (m *Machine) lost(now time.Time, p *peer, before time.Time, out *mobility.Effects) {
	var gone []*mobility.Binding
	for b := range m.table.All() {
		if ends := b.Ends.Value(); m.peerOf(&ends) == p && b.Updated <= mobility.At(before) {
			gone = append(gone, b)
		}
	}
	slices.SortFunc(gone, func(a, b *mobility.Binding) int { return int(a.ID) - int(b.ID) })
	out.Events = append(out.Events, m.pathEvent(mobility.PeerRestarted, p, len(gone)))
	for _, b := range gone {
		m.end(now, b, mobility.PeerLost, out)
		m.resume(now, b, out)
	}
}

// beat sends the requests that are due, and notes who has not answered.
func (m *Machine) beat(now time.Time, out *mobility.Effects) {
	for path, seq, send, down := m.beats.Due(now); path != nil; path, seq, send, down = m.beats.Due(now) {
		p := path.Owner
		if down {
			out.Events = append(out.Events, m.pathEvent(mobility.PathDown, p, p.bindings))
		}
		if from, to, ok := p.way(); send && ok {
			m.sendHeartbeat(from, to, &wire.Heartbeat{Seq: seq}, m.peerSignature(p.via, p, p.addr), m.marking(p).CodePoint, out)
		}
	}
}

func (m *Machine) sendHeartbeat(from, to mobility.Endpoint, msg *wire.Heartbeat, sign mobility.Signature, codePoint uint8, out *mobility.Effects) {
	if msg.Flags&wire.HeartbeatR != 0 {
		msg.RestartCounter = wire.Some(m.restarts)
	}
	// A heartbeat can always be encoded.
	_ = out.Message(from, to, msg, sign, codePoint)
}

// watch lets the path to a MAG be watched while there is a reason for it, and an address to do so from.
func (m *Machine) watch(now time.Time, p *peer) {
	h := m.beating(p.via)
	p.beat.Owner = p
	_, _, reachable := p.way()
	if h.Interval > 0 && p.usable && reachable && (p.bindings > 0 || h.Idle && p.cfg != nil) {
		m.beats.Watch(now, &p.beat, h)
	} else {
		m.beats.Ignore(now, &p.beat)
	}
}

// pathKey names a path: to a MAG, by the transport of a customer, or of none, in a VRF.
type pathKey struct {
	customer, vrf string
	mag           netip.Addr
}

func (p *peer) key() pathKey { return pathKey{p.via.customer.name(), p.via.vrf, p.addr} }

// Health says whether the MAG of a binding answers heartbeats. Anybody may ask at any time.
func (m *Machine) Health(b *mobility.Binding) heartbeat.Health {
	ends := b.Ends.Value()
	to := pathKey{b.Tenant().Customer, ends.Tunnel.VRF, ends.Remote.Addr()}
	if h := m.healths.Health(to); h != heartbeat.Unknown || ends.CareOf == to.mag {
		return h
	}
	to.mag = ends.CareOf // as in peerAt
	return m.healths.Health(to)
}

// forget lets a MAG go.
func (m *Machine) forget(now time.Time, p *peer) {
	m.beats.Ignore(now, &p.beat)
	delete(p.via.peers, p.addr)
	delete(p.via.translated, p.remote)
}

// speaker finds the MAG that sends from an address: its own, or the one that a translator made of it.
func (t *transport) speaker(from netip.AddrPort) *peer {
	if p := t.peers[from.Addr()]; p != nil {
		return p
	}
	return t.translated[from]
}

// way says from where to where signalling to a MAG goes, if it has an address of ours to come from.
func (p *peer) way() (from, to mobility.Endpoint, ok bool) {
	to = p.via.at(p.remote)
	if !to.Addr.IsValid() {
		to.Addr = netip.AddrPortFrom(p.addr, controlPort(p.addr))
	}
	local := p.local
	if !slices.Contains(p.via.addresses, local) {
		i := slices.IndexFunc(p.via.addresses, func(a netip.Addr) bool { return a.Is4() == p.addr.Is4() })
		if i < 0 {
			return from, to, false
		}
		local = p.via.addresses[i]
	}
	return p.via.at(netip.AddrPortFrom(local, controlPort(local))), to, true
}

// controlPort is the port of signalling to or from an address: over IPv6 there is none.
func controlPort(a netip.Addr) uint16 {
	if a.Is4() {
		return mobility.ControlPort
	}
	return 0
}

// peerSignature is how messages that are not about one node are authenticated: with the key of the MAG, the customer or the domain, unless the MAG
// has its registrations protected only (decisions 13 and 44 of the project's notes on RFC 4285).
func (m *Machine) peerSignature(via *transport, p *peer, careOf netip.Addr) mobility.Signature {
	key := m.key(via)
	bindingOnly := false
	if p != nil {
		if p.cfg != nil {
			key, bindingOnly = cmp.Or(p.cfg.Key, key), p.cfg.BindingOnly || p.forgives(mobility.Unauthenticated)
		}
		careOf = p.careOf()
	}
	if key == nil || bindingOnly {
		return mobility.Signature{}
	}
	return mobility.Signature{By: m.authenticator(key), CareOf: careOf, Home: netip.IPv6Unspecified()}
}

// marking is how signalling to a MAG, which may be nil, is marked.
func (m *Machine) marking(p *peer) mobility.Marking {
	if p != nil && p.cfg != nil && p.cfg.Marking != nil {
		return *p.cfg.Marking
	}
	return m.cfg.Marking
}

// pathEvent is an event of the path to a MAG.
func (m *Machine) pathEvent(kind mobility.EventKind, p *peer, bindings int) mobility.Event {
	from, to, _ := p.way()
	return mobility.Event{Kind: kind, Peer: to.Addr, Path: &mobility.PathEvent{Peer: p.name(), Local: from.Addr.Addr(), Bindings: bindings}}
}

// control tells a MAG to ask as often as it is asked (RFC 8127 section 3.1.2); nothing where it is not asked.
func (m *Machine) control(via *transport) wire.Opt[wire.LCMP] {
	h := m.beating(via)
	if h.Interval == 0 {
		return wire.Opt[wire.LCMP]{}
	}
	return wire.Some(wire.LCMP{Heartbeat: wire.Some(wire.HeartbeatControl{
		Interval: uint16(h.Interval / time.Second), RetransmissionDelay: uint16(h.Timeout / time.Second), MaxRetransmissions: uint16(h.Retries)})})
}
