package lma

import (
	"net/netip"
	"slices"
	"time"

	"mooring/mobility"
	"mooring/mobility/heartbeat"
	"mooring/mobility/trie"
	"mooring/mobility/wire"
)

// peer is a MAG: one of the configuration, or one that was learned from its signalling.
type peer struct {
	via      *transport
	cfg      *mobility.Peer // nil: learned
	addr     netip.Addr
	remote   netip.AddrPort // where the last accepted PBU came from: behind a translator, the translator's
	local    netip.Addr     // where it was sent to
	stated   netip.Addr     // the care-of address that it named; invalid: there was none yet
	beat     heartbeat.Path[*peer]
	deaf     bool // it does not know revocations
	left     bool // leave was taken of it, see Leave
	usable   bool // the encapsulation that is configured can be used with addr
	bindings int
	since    time.Time            // of the first accepted PBU
	last     time.Time            // of the last one
	changed  time.Time            // when usable changed, or the first binding came or the last one went
	stats    *mobility.Statistics // shared by all addresses of a configured MAG
}

// careOf is the Proxy-CoA that the MAG states, as far as is known.
func (p *peer) careOf() netip.Addr {
	if p.stated.IsValid() {
		return p.stated
	}
	return p.addr
}

func (p *peer) name() string {
	if p == nil || p.cfg == nil {
		return ""
	}
	return p.cfg.Name
}

// PeerState describes a MAG to an operator, at one of its addresses.
type PeerState struct {
	Address    netip.Addr
	VRF        string         // that it is reached in; empty: the default one
	Customer   string         // by whose transport; empty: by none
	Name       string         // empty: learned
	Remote     netip.AddrPort // where its last accepted PBU came from; the port is 0 over IPv6
	Bindings   int
	Since      time.Time // of the first accepted PBU; zero: it never sent one
	Last       time.Time
	Changed    time.Time            // when it was found to be usable or not, or to have bindings or none
	Statistics *mobility.Statistics // of the MAG, whatever its address; a learned MAG's end with its last binding
	Heartbeat  heartbeat.State
}

// Peers yields the MAGs: the configured ones and those that were learned.
func (m *Machine) Peers(yield func(PeerState) bool) {
	for p := range m.everyPeer {
		if !yield(PeerState{p.addr, p.via.vrf, p.via.customer.name(), p.name(), p.remote, p.bindings, p.since, p.last, p.changed, p.stats, p.beat.State}) {
			return
		}
	}
}

// configurePeers takes over what differs from was in the configured MAGs. Those that are gone stay, as if learned, until their last
// binding ends. Counters belong to a name, of those learned to an address.
func (m *Machine) configurePeers(now time.Time, was *mobility.LMA) {
	m.keys = map[*mobility.Key]*wire.Authenticator{}
	changes := slices.Collect(trie.Changes(was.Peers, m.cfg.Peers))
	left, counted := m.disown(changes)
	for _, change := range changes {
		if change.New != nil {
			m.configurePeer(now, change.New, counted[change.New.Name])
		}
	}
	for _, p := range left {
		if p.cfg == nil {
			m.abandon(now, p)
		}
	}
	if m.cfg.Domain.Transport != was.Domain.Transport || m.cfg.Heartbeat != was.Heartbeat || !slices.Equal(m.cfg.Addresses, was.Addresses) {
		for p := range m.everyPeer {
			p.setUsable(now, p.cfg == nil || p.cfg.Usable(m.cfg.Domain))
			m.watch(now, p)
		}
	}
}

// disown takes their addresses from the MAGs that change. It returns what is at these, and the counters by name.
func (m *Machine) disown(changes []trie.Change[*mobility.Peer]) (left []*peer, counted map[string]*mobility.Statistics) {
	counted = map[string]*mobility.Statistics{}
	for t := range m.everyTransport {
		for _, change := range changes {
			if change.Old == nil {
				continue
			}
			for _, addr := range change.Old.Addresses {
				if p := t.peers[addr]; p != nil && p.cfg == change.Old {
					if t == m.own {
						counted[p.cfg.Name] = p.stats
					}
					p.cfg = nil
					left = append(left, p)
				}
			}
		}
	}
	return left, counted
}

// configurePeer lets a configured MAG have its addresses, with what was learned at them. stats are those of its name, nil if it had none.
func (m *Machine) configurePeer(now time.Time, cfg *mobility.Peer, stats *mobility.Statistics) {
	if stats == nil {
		stats = m.stats.Part(now)
	}
	usable := cfg.Usable(m.cfg.Domain)
	for _, addr := range cfg.Addresses {
		p := m.own.peers[addr]
		if p == nil {
			p = &peer{via: m.own, addr: addr, usable: usable, changed: now}
			m.own.peers[addr] = p
		}
		p.cfg, p.stats = cfg, stats
		p.setUsable(now, usable)
		m.watch(now, p)
		for _, c := range m.customers {
			for _, t := range c.transports {
				if p := t.peers[addr]; p != nil {
					p.cfg = cfg
					p.setUsable(now, usable)
					m.watch(now, p)
				}
			}
		}
	}
}

// abandon treats what was a configured MAG as a learned one while there are bindings.
func (m *Machine) abandon(now time.Time, p *peer) {
	if p.bindings == 0 {
		m.forget(now, p)
		return
	}
	p.stats = p.via.stats.Part(now)
	p.setUsable(now, true)
	m.watch(now, p)
}

func (p *peer) setUsable(now time.Time, usable bool) {
	if p.usable != usable {
		p.usable, p.changed = usable, now
	}
}

// peerAt finds the MAG that signals from one address and states another, or nil. The two differ behind a NAT and where the MAG
// has an Alternate Care-of Address.
func (t *transport) peerAt(source, careOf netip.Addr) *peer {
	if p := t.peers[source]; p != nil {
		return p
	}
	return t.peers[careOf]
}

// mayServe says whether the MAG may register nodes: a configured one, or any where they are learned. A learned MAG may not go
// on after the learning was turned off.
func (m *Machine) mayServe(p *peer) bool { return m.cfg.LearnPeers || p != nil && p.cfg != nil }

// meet notes an accepted request of a MAG, and learns the MAG by it.
func (m *Machine) meet(r *request, out *mobility.Effects) {
	if r.peer == nil {
		r.peer = &peer{via: r.via, addr: r.in.From.Addr.Addr(), usable: true, stats: r.via.stats.Part(r.now)}
		r.via.peers[r.peer.addr] = r.peer
		out.Events = append(out.Events, mobility.Event{Kind: mobility.PeerLearned, Peer: r.in.From.Addr})
	}
	if r.peer.since.IsZero() {
		r.peer.since = r.now
	}
	if r.peer.remote != r.in.From.Addr {
		r.peer.translate(r.in.From.Addr)
	}
	r.peer.local, r.peer.stated, r.peer.last = r.in.To.Addr.Addr(), r.careOf, r.now
}

// translate notes where a MAG sends from.
func (p *peer) translate(remote netip.AddrPort) {
	delete(p.via.translated, p.remote)
	p.remote = remote
	if remote.Addr() != p.addr {
		p.via.translated[remote] = p
	}
}

// count adds n, which is 1 or -1, to the bindings of a MAG and of a tunnel; a learned MAG is forgotten with its last one.
func (m *Machine) count(now time.Time, ends mobility.Ends, n int, out *mobility.Effects) {
	m.useTunnel(&ends, n, out)
	p := m.peerOf(&ends)
	if p == nil {
		return
	}
	had := p.bindings > 0
	p.bindings += n
	if p.usable && had != (p.bindings > 0) {
		p.changed = now
	}
	switch {
	case p.bindings == 0 && p.cfg == nil:
		m.forget(now, p)
	case had != (p.bindings > 0):
		m.watch(now, p)
	}
}

// useTunnel adds n to the bindings of a tunnel, and tells when the first one comes or the last one goes.
func (m *Machine) useTunnel(ends *mobility.Ends, n int, out *mobility.Effects) {
	m.tunnels[ends.Tunnel] += n
	kind := mobility.TunnelEstablished
	switch left := m.tunnels[ends.Tunnel]; {
	case left == 0:
		kind = mobility.TunnelReleased
		delete(m.tunnels, ends.Tunnel)
	case n < 0 || left > 1:
		return
	}
	out.Events = append(out.Events, mobility.Event{Kind: kind, Peer: ends.Remote, Path: &mobility.PathEvent{Peer: ends.Peer, Local: ends.Local, Tunnel: ends.Tunnel}})
}
