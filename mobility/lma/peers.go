package lma

import (
	"net/netip"
	"time"

	"mooring/mobility"
	"mooring/mobility/wire"
)

// peer is a MAG: one of the configuration, or one that was learned from its signalling.
type peer struct {
	cfg      *mobility.Peer // nil: learned
	addr     netip.Addr
	bindings int
	since    time.Time // of the first accepted PBU
	last     time.Time // of the last one
}

func (p *peer) name() string {
	if p == nil || p.cfg == nil {
		return ""
	}
	return p.cfg.Name
}

// PeerState describes a MAG to an operator.
type PeerState struct {
	Address  netip.Addr
	Name     string // empty: learned
	Bindings int
	Since    time.Time // of the first accepted PBU; zero: it never sent one
	Last     time.Time
}

// Peers yields the MAGs: the configured ones and those that were learned.
func (m *Machine) Peers(yield func(PeerState) bool) {
	for _, p := range m.peers {
		if !yield(PeerState{p.addr, p.name(), p.bindings, p.since, p.last}) {
			return
		}
	}
}

// configurePeers takes the configured MAGs over and keeps those learned that have bindings and may stay.
func (m *Machine) configurePeers() {
	old := m.peers
	m.peers, m.keys = map[netip.Addr]*peer{}, map[*mobility.Key]*wire.Authenticator{}
	for i := range m.cfg.Peers {
		cfg := &m.cfg.Peers[i]
		for _, addr := range cfg.Addresses {
			m.peers[addr] = &peer{cfg: cfg, addr: addr}
		}
	}
	for addr, was := range old {
		now := m.peers[addr]
		if now == nil {
			if was.bindings == 0 {
				continue
			}
			now = &peer{addr: addr}
			m.peers[addr] = now
		}
		now.bindings, now.since, now.last = was.bindings, was.since, was.last
	}
}

// peerAt finds the MAG that signals from one address and states another, or nil. The two differ behind a NAT and where the MAG
// has an Alternate Care-of Address.
func (m *Machine) peerAt(source, careOf netip.Addr) *peer {
	if p := m.peers[source]; p != nil {
		return p
	}
	return m.peers[careOf]
}

// mayServe says whether the MAG may register nodes: a configured one, or any where they are learned. A learned MAG may not go
// on after the learning was turned off.
func (m *Machine) mayServe(p *peer) bool { return m.cfg.LearnPeers || p != nil && p.cfg != nil }

// meet notes an accepted request of a MAG, and learns the MAG by it.
func (m *Machine) meet(r *request, out *mobility.Effects) {
	if r.peer == nil {
		r.peer = &peer{addr: r.in.From.Addr.Addr()}
		m.peers[r.peer.addr] = r.peer
		out.Events = append(out.Events, mobility.Event{Kind: mobility.PeerLearned, Peer: r.in.From.Addr})
	}
	if r.peer.since.IsZero() {
		r.peer.since = r.now
	}
	r.peer.last = r.now
}

// count adds n to the bindings of a MAG; a learned MAG is forgotten with its last one.
func (m *Machine) count(ends mobility.Ends, n int) {
	p := m.peerAt(ends.Remote.Addr(), ends.CareOf)
	if p == nil {
		return
	}
	if p.bindings += n; p.bindings == 0 && p.cfg == nil {
		delete(m.peers, p.addr)
	}
}
