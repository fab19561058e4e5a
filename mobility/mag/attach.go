package mag

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"
	"unique"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/wire"
)

// serve registers the node at a place, unless it is registered or may not be (RFC 5213 section 6.9.1.1).
func (m *Machine) serve(now time.Time, at place, out *mobility.Effects) {
	link, node := m.identify(at)
	if node == "" || m.leaving {
		return
	}
	if s := m.places[at]; s != nil {
		m.welcomeBack(now, s, out)
		return
	}
	if s := m.elsewhere(at, node); s != nil {
		m.relocate(now, s, at, link, out)
		return
	}
	if uint32(len(m.sessions)) >= m.cfg.MaxBindings {
		out.Events = append(out.Events, mobility.Event{Kind: mobility.RegistrationRefused, Node: node, Status: wire.StatusInsufficientResources})
		return
	}
	profile := m.profileOf(node)
	way, ok := m.route(profile)
	if !ok {
		out.Events = append(out.Events, mobility.Event{Kind: mobility.RegistrationRefused, Node: node, Status: wire.StatusNotLMAForThisMN})
		return
	}
	m.lastID++
	s := &session{id: m.lastID, place: at, profile: profile, anchor: way.anchor, encap: way.encap, wanted: way.encap, wants: profile.Service}
	m.places[at], m.sessions[s.id] = s, s
	m.table.Put(&mobility.Binding{
		ID: s.id, Access: link.Access, State: mobility.StateInit, Profile: unique.Make(profile.Name), Ends: unique.Make(way.ends),
		Holding: &mobility.Holding{
			Node: node, LinkID: mobility.LinkID(at.mac[:]), Terms: m.terms(at.link, profile), Created: mobility.At(now),
		},
	})
	m.request(now, s, wire.HandoffUnknown, out)
}

// welcomeBack goes on with a node that shows itself again: one that was seen leaving, one that an earlier configuration turned
// away, or one that may have been at another MAG meanwhile.
func (m *Machine) welcomeBack(now time.Time, s *session, out *mobility.Effects) {
	b := m.row(s)
	m.recognise(s, b, out)
	switch {
	case b.State == mobility.StateDisconnecting:
		m.recant(s)
		s.cleared = false
		blank(b)
		m.table.Put(b)
	case !s.denied && (s.wait > 0 || now.Sub(s.sentAt) < m.cfg.InitialRetransmit):
		return
	}
	s.denied = false
	m.request(now, s, wire.HandoffUnknown, out)
}

// terms are what a session is asked for on a link with: the service is that of the profile, or else the gateway's.
func (m *Machine) terms(link string, profile *mobility.Profile) unique.Handle[mobility.Terms] {
	return unique.Make(mobility.Terms{Link: link, APN: cmp.Or(profile.APN, m.cfg.APN)})
}

// elsewhere finds the session of a node that was attached to another link of ours by the same interface.
func (m *Machine) elsewhere(at place, node mobility.NodeID) *session {
	for b := range m.table.ByNode(node) {
		if s := m.sessions[b.ID]; s.place.mac == at.mac {
			return s
		}
	}
	return nil
}

// relocate moves a session to another access link; the anchor learns of it, and the addresses stay.
func (m *Machine) relocate(now time.Time, s *session, at place, link *mobility.AccessLink, out *mobility.Effects) {
	b := m.row(s)
	handoff := wire.HandoffUnknown
	if b.Access != link.Access {
		handoff = wire.HandoffBetweenInterfaces // else the anchor takes it for a second interface
	}
	if b.State != mobility.StateInit && b.State != mobility.StateDisconnecting {
		out.Grants = append(out.Grants, mobility.Grant{Link: s.place.link, MAC: s.place.mac})
	}
	delete(m.present, s.place)
	delete(m.places, s.place)
	s.place, m.places[at], s.unseen, s.moved = at, s, false, true
	b.Access = link.Access
	b.Hold(func(h *mobility.Holding) { h.Terms = m.terms(at.link, s.profile) })
	if b.State == mobility.StateDisconnecting {
		m.recant(s)
		s.cleared = false
		blank(b)
	}
	keep(m.table.Get(s.id), b, out)
	m.table.Put(b)
	if b.State != mobility.StateInit {
		out.Sessions = append(out.Sessions, m.dataplane(s, b))
		out.Grants = append(out.Grants, m.grant(s, b))
	}
	m.request(now, s, handoff, out)
}

// releaseHome de-registers the IPv4 home address that a node gave up, and keeps the rest (RFC 5844 sections 3.2.3.3 and 3.4.1). Should the
// anchor not hear of it, it will find the address missing in the next request.
func (m *Machine) releaseHome(now time.Time, s *session, out *mobility.Effects) {
	b := m.row(s)
	if !b.Home.IsValid() || b.State == mobility.StateDisconnecting {
		return
	}
	if len(b.Prefixes) == 0 {
		m.deregister(now, s, out)
		return
	}
	kept := s.wants &^ mobility.ServiceIPv4
	if !s.mayAsk().After(now) {
		s.wants, s.handoff, s.parting = mobility.ServiceIPv4, wire.HandoffUnknown, true
		m.send(now, s, 0, out)
	}
	s.wants = kept
	b.Install = mobility.InstallPending
	b.Hold(func(h *mobility.Holding) { h.Home, h.Router = mobility.HomeAddress{}, mobility.IPv4{} })
	keep(m.table.Get(s.id), b, out)
	m.table.Put(b)
	out.Sessions = append(out.Sessions, m.dataplane(s, b))
	out.Grants = append(out.Grants, m.grant(s, b))
}

// wantHome asks for an IPv4 home address that the node did without.
func (m *Machine) wantHome(now time.Time, at place, out *mobility.Effects) {
	s := m.places[at]
	if s == nil || m.table.Get(s.id).State == mobility.StateDisconnecting {
		m.serve(now, at, out)
		return
	}
	if missing := s.profile.Service &^ s.wants &^ s.refused; missing&mobility.ServiceIPv4 != 0 && !s.denied {
		s.wants, s.home = s.wants|mobility.ServiceIPv4, netip.Prefix{}
		m.request(now, s, wire.HandoffUnchanged, out)
	}
}

// leave de-registers the node at a place (RFC 5213 section 6.9.1.4).
func (m *Machine) leave(now time.Time, at place, out *mobility.Effects) {
	delete(m.present, at)
	if s := m.places[at]; s != nil {
		m.deregister(now, s, out)
	}
}

// on lists the places of a link where nodes are.
func (m *Machine) on(link string) []place {
	return slices.DeleteFunc(sorted(m.present), func(p place) bool { return p.link != link })
}

func sorted(places map[place]bool) []place {
	return slices.SortedFunc(maps.Keys(places), func(a, b place) int {
		return cmp.Or(cmp.Compare(a.link, b.link), bytes.Compare(a.mac[:], b.mac[:]))
	})
}

// identify says which link a place is on and which node stands there; "" is none that we serve.
func (m *Machine) identify(at place) (*mobility.AccessLink, mobility.NodeID) {
	i := slices.IndexFunc(m.cfg.Links, func(l mobility.AccessLink) bool { return l.Name == at.link })
	if i < 0 {
		return nil, ""
	}
	link := &m.cfg.Links[i]
	if node, ok := link.Nodes.GetBytes(at.mac[:]); ok {
		return link, node
	}
	if link.Realm == "" {
		return link, ""
	}
	return link, mobility.NAI(fmt.Sprintf("%x@%s", at.mac[:], link.Realm))
}

// anyProfile is of a node that the gateway's domain has no entry for: the anchor decides.
var anyProfile = &mobility.Profile{Service: mobility.ServiceDual}

func (m *Machine) profileOf(node mobility.NodeID) *mobility.Profile {
	nai, ok := node.NAI()
	if !ok {
		return anyProfile
	}
	if p := m.cfg.Domain.Profiles.Node([]byte(nai)); p != nil {
		return p
	}
	if at := bytes.LastIndexByte([]byte(nai), '@'); at >= 0 {
		if p := m.cfg.Domain.Profiles.Realm([]byte(nai[at:])); p != nil {
			return p
		}
	}
	return anyProfile
}

// way is how to reach the anchor of a node.
type way struct {
	anchor *anchor
	encap  dataplane.Encap // to ask for
	ends   mobility.Ends
}

// route chooses the anchor that serves a profile and the addresses to speak to it with: IPv6 where both have it, unless the
// traffic has to go in UDP, which there is over IPv4 only (RFC 5844 section 4).
func (m *Machine) route(profile *mobility.Profile) (way, bool) {
	for _, a := range m.anchors {
		w := way{anchor: a}
		if profile.Anchor != "" && profile.Anchor != w.anchor.Name {
			continue
		}
		for _, ipv4 := range m.preference(w.anchor) {
			if m.pair(&w, ipv4) {
				w.encap = w.anchor.For(m.cfg.Domain, ipv4)
				if ipv4 && m.cfg.ForceUDP {
					w.encap = dataplane.EncapUDP
				}
				return w, true
			}
		}
	}
	return way{}, false
}

// preference orders IPv4 (true) and IPv6: first the one that the encapsulation is for.
func (m *Machine) preference(anchor *anchor) [2]bool {
	ipv6, ipv4 := anchor.For(m.cfg.Domain, false), anchor.For(m.cfg.Domain, true)
	if m.cfg.ForceUDP || ipv4 == dataplane.EncapUDP || ipv4 != 0 && ipv6 == 0 {
		return [2]bool{true, false}
	}
	return [2]bool{false, true}
}

// pair finds an address of ours and one of the anchor, of one IP version.
func (m *Machine) pair(w *way, ipv4 bool) bool {
	of := func(a netip.Addr) bool { return a.Is4() == ipv4 }
	ours, theirs := slices.IndexFunc(m.cfg.Addresses, of), slices.IndexFunc(w.anchor.Addresses, of)
	if ours < 0 || theirs < 0 {
		return false
	}
	local, port := m.cfg.Addresses[ours], uint16(0)
	if ipv4 {
		port = mobility.ControlPort
	}
	w.ends = mobility.Ends{Local: local, CareOf: local, Remote: netip.AddrPortFrom(w.anchor.Addresses[theirs], port), Peer: w.anchor.Name}
	return true
}

// adopt lets a session go on under a new configuration, and says whether that has room for it. For another service it has to begin anew (RFC 5149
// section 4.1).
func (m *Machine) adopt(s *session, b *mobility.Binding) bool {
	_, node := m.identify(s.place)
	if node != b.Node {
		return false
	}
	profile := m.profileOf(node)
	w, ok := m.route(profile)
	was := b.Ends.Value()
	if !ok || w.ends.Local != was.Local || w.ends.Remote != was.Remote || w.anchor.Name != was.Peer || w.encap != s.wanted || b.Terms != m.terms(s.place.link, profile) {
		return false
	}
	released := s.profile.Service &^ s.wants &^ s.refused // by the node: that is not for the configuration to ask for
	s.wants, s.refused = profile.Service&^released, 0
	s.profile, s.anchor = profile, w.anchor
	return true
}
