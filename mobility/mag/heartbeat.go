package mag

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
func (m *Machine) heartbeat(now time.Time, in *mobility.Inbound, msg *wire.Heartbeat, out *mobility.Effects) {
	local, remote := in.To.Addr.Addr(), in.From.Addr.Addr()
	a := m.anchorAt(remote)
	sign := m.anchorSignature(a, local)
	p := a.path(local)
	switch {
	case !mobility.Authentic(sign, in, msg.Auth):
		m.failures.Note(now, in.From.Addr, msg.Auth, out)
		m.drop(in, mobility.DropHeartbeat)
	case msg.Flags&wire.HeartbeatR == 0 && !remote.IsMulticast() && !remote.IsUnspecified():
		m.sendHeartbeat(in.To, in.From, &wire.Heartbeat{Flags: wire.HeartbeatR, Seq: msg.Seq}, sign, m.marking(a).Answer(in.CodePoint), out)
		if p != nil {
			p.beat.Requested(now)
		}
	case p == nil || p.remote().Addr() != remote:
		m.drop(in, mobility.DropHeartbeat)
	default:
		m.answered(now, in, p, msg, out)
	}
}

func (m *Machine) answered(now time.Time, in *mobility.Inbound, p *path, msg *wire.Heartbeat, out *mobility.Effects) {
	told, expected := m.beats.Response(now, &p.beat, msg)
	if !expected {
		m.drop(in, mobility.DropHeartbeat)
	}
	if told.Up {
		out.Events = append(out.Events, p.event(mobility.PathUp))
	}
	if told.Restarted {
		out.Events = append(out.Events, p.event(mobility.PeerRestarted))
		m.registerAnew(now, p, told.Before, out)
	}
}

// registerAnew asks the LMA of a path again for what it gave by then. What the nodes have stays meanwhile.
func (m *Machine) registerAnew(now time.Time, p *path, before time.Time, out *mobility.Effects) {
	for _, s := range m.all() {
		b := m.table.Get(s.id)
		if s.registered && s.anchor == p.anchor && b.Ends.Value().Local == p.local && b.Updated <= mobility.At(before) {
			m.request(now, s, wire.HandoffUnknown, out)
		}
	}
}

// bindingError takes in that an LMA does not know a message (RFC 6275 section 9.3.3).
func (m *Machine) bindingError(now time.Time, in *mobility.Inbound, msg *wire.BindingError, out *mobility.Effects) {
	p := m.anchorAt(in.From.Addr.Addr()).path(in.To.Addr.Addr())
	if p == nil || msg.Status != wire.BindingErrorUnknownType {
		m.drop(in, mobility.DropUnexpected)
		return
	}
	beat, revoked := m.beats.NotUnderstood(now, &p.beat), m.notUnderstood(now, p.anchor, in, out)
	if !beat && !revoked {
		m.drop(in, mobility.DropUnexpected)
	}
}

// beat sends the requests that are due, and notes who has not answered.
func (m *Machine) beat(now time.Time, out *mobility.Effects) {
	for due, seq, send, down := m.beats.Due(now); due != nil; due, seq, send, down = m.beats.Due(now) {
		p := due.Owner
		if down {
			out.Events = append(out.Events, p.event(mobility.PathDown))
		}
		if down && p.anchor.timers(m.cfg).NATReboot {
			m.registerAnew(now, p, now, out)
		}
		if send {
			m.sendHeartbeat(p.from(), p.to(), &wire.Heartbeat{Seq: seq}, m.anchorSignature(p.anchor, p.local), m.marking(p.anchor).CodePoint, out)
		}
	}
}

// AnnounceRestart tells the LMAs that the gateway has lost its bindings (RFC 5847 section 3.2).
func (m *Machine) AnnounceRestart(out *mobility.Effects) {
	for _, a := range m.anchors {
		for _, addr := range m.cfg.Addresses {
			if p := a.path(addr); p != nil {
				m.sendHeartbeat(p.from(), p.to(), &wire.Heartbeat{Flags: wire.HeartbeatU | wire.HeartbeatR}, m.anchorSignature(a, addr), m.marking(a).CodePoint, out)
			}
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

// watch lets a path be watched while there is a reason for it. Sessions may still have one that is not of the configuration any more.
func (m *Machine) watch(now time.Time, p *path) {
	h := p.anchor.timers(m.cfg)
	p.beat.Owner = p
	wanted := slices.Contains(m.anchors, p.anchor) && p.anchor.usable && p.remote().IsValid()
	if h.Interval > 0 && wanted && (p.registered > 0 || h.Idle) {
		m.beats.Watch(now, &p.beat, h)
	} else {
		m.beats.Ignore(now, &p.beat)
	}
}

// pathKey names a path: to an LMA, from an address of the gateway.
type pathKey struct {
	lma   string
	local netip.Addr
}

// Health says whether the LMA of a binding answers heartbeats. Anybody may ask at any time.
func (m *Machine) Health(b *mobility.Binding) heartbeat.Health {
	ends := b.Ends.Value()
	return m.healths.Health(pathKey{ends.Peer, ends.Local})
}

// timers are those that the LMA has stated, those that are configured for it, or those of the gateway.
func (a *anchor) timers(cfg *mobility.MAG) mobility.Heartbeat {
	h := cfg.Heartbeat
	if a.Heartbeat != nil {
		h = *a.Heartbeat
	}
	if e := a.enforced; e != nil {
		h.Interval, h.Timeout, h.Retries = e.Interval, e.Timeout, e.Retries
	}
	return h
}

// obeyControl uses the times that an LMA states with an acknowledgement (RFC 8127 section 5.2), until it states others or none.
func (m *Machine) obeyControl(now time.Time, a *anchor, ack *wire.BindingAck) {
	var stated *mobility.Heartbeat
	if c := ack.LCMP.Value.Heartbeat; c.Set {
		if c.Value.Interval == 0 || c.Value.RetransmissionDelay == 0 {
			return // that makes no sense
		}
		stated = &mobility.Heartbeat{Interval: time.Duration(c.Value.Interval) * time.Second, Timeout: time.Duration(c.Value.RetransmissionDelay) * time.Second,
			Retries: int(c.Value.MaxRetransmissions)}
	}
	if was := a.enforced; was == stated || was != nil && stated != nil && *was == *stated {
		return
	}
	a.enforced = stated
	for _, p := range a.paths {
		m.watch(now, p)
	}
}

// anchorAt returns the LMA that has an address, or nil.
func (m *Machine) anchorAt(address netip.Addr) *anchor {
	for _, a := range m.anchors {
		if slices.Contains(a.Addresses, address) {
			return a
		}
	}
	return nil
}

// path returns the way from one of our addresses to an LMA; nil where there is none.
func (a *anchor) path(local netip.Addr) *path {
	if a == nil || a.paths[local] == nil || !a.paths[local].remote().IsValid() {
		return nil
	}
	return a.paths[local]
}

// remote is the other end of the path, as pair chooses it; invalid where the LMA has no address of that IP version.
func (p *path) remote() netip.AddrPort {
	i := slices.IndexFunc(p.anchor.Addresses, func(a netip.Addr) bool { return a.Is4() == p.local.Is4() })
	if i < 0 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(p.anchor.Addresses[i], controlPort(p.local))
}

func (p *path) from() mobility.Endpoint {
	return mobility.Endpoint{Addr: netip.AddrPortFrom(p.local, controlPort(p.local))}
}

func (p *path) to() mobility.Endpoint { return mobility.Endpoint{Addr: p.remote()} }

// controlPort is the port of signalling to or from an address: over IPv6 there is none.
func controlPort(a netip.Addr) uint16 {
	if a.Is4() {
		return mobility.ControlPort
	}
	return 0
}

// anchorSignature is how messages that are not about one node are authenticated: with the key of the LMA, which may be nil, or the domain, unless the LMA has
// its registrations protected only.
func (m *Machine) anchorSignature(a *anchor, local netip.Addr) mobility.Signature {
	key := m.cfg.Domain.Key
	bindingOnly := false
	if a != nil {
		key, bindingOnly = cmp.Or(a.Key, key), a.BindingOnly || a.forgives(mobility.Unauthenticated)
	}
	if key == nil || bindingOnly {
		return mobility.Signature{}
	}
	return mobility.Signature{By: m.authenticator(key), CareOf: local, Home: netip.IPv6Unspecified()}
}

// marking is how signalling to an LMA, which may be nil, is marked.
func (m *Machine) marking(a *anchor) mobility.Marking {
	if a != nil && a.Marking != nil {
		return *a.Marking
	}
	return m.cfg.Marking
}

func (p *path) event(kind mobility.EventKind) mobility.Event {
	return mobility.Event{Kind: kind, Peer: p.remote(), Path: &mobility.PathEvent{Peer: p.anchor.Name, Local: p.local, Bindings: p.registered}}
}
