package lma

import (
	"bytes"
	"cmp"
	"net/netip"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/wire"
)

// accept answers a request that made b what it is, or withholds the answer until the dataplane has it.
func (m *Machine) accept(r *request, b *mobility.Binding, out *mobility.Effects) {
	delete(m.unsent, b.ID)
	status := m.acceptance(r)
	if !m.cfg.AwaitInstall || b.Install == mobility.Installed {
		m.answer(r, status, b, wire.LifetimeOf(b.Lifetime), out)
		return
	}
	before := len(out.Send)
	if !m.compose(r, status, b, wire.LifetimeOf(b.Lifetime), out) {
		return
	}
	d := out.Send[before]
	d.Octets = bytes.Clone(d.Octets)
	m.unsent[b.ID] = withheld{d, status, r.via.counted(r.peer)}
	out.Send = out.Send[:before]
}

// withheld is an acknowledgement that awaits installation.
type withheld struct {
	mobility.Datagram
	status wire.Status
	count  *mobility.Statistics // of the one who asked
}

// sendWithheld sends the acknowledgement that awaited the installation of a session.
func (m *Machine) sendWithheld(id dataplane.SessionID, out *mobility.Effects) {
	if w, ok := m.unsent[id]; ok {
		delete(m.unsent, id)
		w.count.PBASent.Add(w.status)
		out.Send = append(out.Send, w.Datagram)
	}
}

func (m *Machine) acceptance(r *request) wire.Status {
	switch {
	case r.plainly:
		return wire.StatusGREKeyNotRequired
	case r.noTLV:
		return wire.StatusGREWithoutTLV
	}
	return wire.StatusAccepted
}

// refuse answers a request that changes nothing.
func (m *Machine) refuse(r *request, status wire.Status, out *mobility.Effects) {
	m.answer(r, status, nil, 0, out)
	ev := mobility.Event{Kind: mobility.RegistrationRefused, Node: mobility.NodeIDOf(r.update.MNID.Value), Peer: r.in.From.Addr, Status: status}
	if status == wire.StatusTimestampMismatch || status == wire.StatusTimestampLowerThanPrev {
		ev.Skew = r.now.Sub(r.stamp.Value.Time())
	}
	out.Events = append(out.Events, ev)
}

// answer sends the Proxy Binding Acknowledgement. b is nil in a refusal.
func (m *Machine) answer(r *request, status wire.Status, b *mobility.Binding, lifetime wire.Lifetime, out *mobility.Effects) {
	if m.compose(r, status, b, lifetime, out) {
		r.via.counted(r.peer).PBASent.Add(status)
	}
}

// compose builds the acknowledgement (RFC 5213 section 5.3.6, RFC 5844 section 3.1.2.6), and reports whether it could.
func (m *Machine) compose(r *request, status wire.Status, b *mobility.Binding, lifetime wire.Lifetime, out *mobility.Effects) bool {
	u := r.update
	ack := &m.ack
	ack.Status, ack.Flags, ack.Seq, ack.Lifetime = status, wire.AckP, u.Seq, lifetime
	ack.Reset()
	ack.MNID = wire.Some(u.MNID.Value)
	ack.Handoff, ack.AccessType = wire.Some(u.Handoff.Value), wire.Some(u.AccessType.Value)
	ack.LinkLayerID, ack.Timestamp = u.LinkLayerID, u.Timestamp
	if !u.MNID.Set {
		ack.MNID = wire.Some(wire.MNID{Subtype: wire.IDNAI})
	}
	switch status {
	case wire.StatusTimestampMismatch, wire.StatusTimestampLowerThanPrev:
		ack.Timestamp = wire.Some(wire.TimestampOf(r.now))
	case wire.StatusSequenceOutOfWindow:
		if previous := m.previous(r); previous != nil {
			ack.Seq = previous.Sequence
		}
	}
	if b != nil {
		m.describe(r, b, ack)
	} else {
		echo(u, status, ack)
	}
	r.sign.Home = r.hash.Home(ack.HNPs)
	// What cannot be encoded is what the request said; then there is no answer to give.
	if err := out.Message(r.in.To, r.in.From, ack, r.sign, m.marking(r.peer).Answer(r.in.CodePoint)); err != nil {
		r.discard(mobility.DropMalformed)
		return false
	}
	out.Send[len(out.Send)-1].Unsent = &r.via.counted(r.peer).PBAUnsent
	return true
}

// describe adds what the binding has.
func (m *Machine) describe(r *request, b *mobility.Binding, ack *wire.BindingAck) {
	u := r.update
	if len(u.HNPs) > 0 {
		for _, p := range b.Prefixes {
			ack.HNPs = append(ack.HNPs, wire.HNP{Prefix: p})
		}
	}
	describeNetworks(u, b, ack)
	if u.LinkLocal.Set {
		ack.LinkLocal = wire.Some(linkLocal(b).Addr())
	}
	if len(u.IPv4HoARequests) > 0 {
		describeHome(u.IPv4HoARequests[0], b, ack)
	}
	switch {
	case r.greKey:
		ack.GREKey = wire.Some(wire.GREKey{Keyed: true, Key: m.uplinkKey(r, b)})
	case r.encap == dataplane.EncapGRE:
		ack.GREKey = wire.Some(wire.GREKey{})
	case r.encap == dataplane.EncapUDP:
		ack.NATDetection = wire.Some(wire.NATDetection{ForceUDP: true, Refresh: wire.NoKeepalive})
	}
	if m.cfg.EnforceHeartbeat && ack.Lifetime > 0 {
		ack.LCMP = m.control(r.via)
	}
	if b.Refresh > 0 {
		ack.RefreshAdvice = wire.Some(wire.LifetimeOf(time.Duration(b.Refresh) * time.Second))
	}
}

// describeHome answers a request for an IPv4 home address, or for an end of it. That there was none any more is no failure.
func describeHome(asked wire.IPv4HoARequest, b *mobility.Binding, ack *wire.BindingAck) {
	if !b.Home.IsValid() {
		ack.IPv4HoAReply = wire.Some(wire.IPv4HoAReply{Status: wire.HoASuccess, Prefix: asked.Prefix})
		return
	}
	ack.IPv4HoAReply = wire.Some(wire.IPv4HoAReply{Status: wire.HoASuccess, Prefix: b.Home.Prefix()})
	ack.DHCPMode = wire.Some(wire.DHCPServer)
	if b.Router.IsValid() {
		ack.DefaultRouter = wire.Some(b.Router.Addr())
	}
}

// echo adds what a refusal repeats of the request.
func echo(u *wire.BindingUpdate, status wire.Status, ack *wire.BindingAck) {
	ack.HNPs = append(ack.HNPs, u.HNPs...)
	if len(u.HNPs) == 0 && len(u.IPv4HoARequests) == 0 {
		ack.HNPs = append(ack.HNPs, wire.HNP{Prefix: netip.PrefixFrom(netip.IPv6Unspecified(), 0)})
	}
	ack.DMNPs, ack.MobileNetworks = append(ack.DMNPs, u.DMNPs...), append(ack.MobileNetworks, u.MobileNetworks...)
	ack.LinkLocal = u.LinkLocal
	if status == wire.StatusCannotSupportMultipath {
		ack.MultipathBinding = u.MultipathBinding
	}
	if len(u.IPv4HoARequests) > 0 {
		ack.IPv4HoAReply = wire.Some(wire.IPv4HoAReply{Status: homeStatus(status), Prefix: u.IPv4HoARequests[0].Prefix})
	}
}

// homeStatus says in the terms of the IPv4 Home Address Reply option why a request was refused (RFC 5844 section 3.3.2).
func homeStatus(status wire.Status) wire.HoAStatus {
	switch status {
	case wire.StatusNotAuthorizedForIPv4, wire.StatusNotAuthorizedForIPv4HoA, wire.StatusNotAuthorizedForDMNP, wire.StatusProhibited:
		return wire.HoAProhibited
	}
	return wire.HoAReasonUnspecified
}

// linkLocal is what the MAG is to use on the access link (RFC 5213 section 5.3.6): what a MAG proposed, or an address made from the
// session, so that every MAG uses the same.
func linkLocal(b *mobility.Binding) mobility.LinkLocal {
	const high = 0x02 << 56 // keeps clear of addresses such as fe80::1
	return cmp.Or(b.LinkLocal, high|mobility.LinkLocal(b.ID))
}
