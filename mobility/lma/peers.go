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
	since    time.Time            // of the first accepted PBU
	last     time.Time            // of the last one
	stats    *mobility.Statistics // shared by all addresses of a configured MAG
}

func (p *peer) name() string {
	if p == nil || p.cfg == nil {
		return ""
	}
	return p.cfg.Name
}

// countedFor returns what counts the signalling of a MAG, and of the anchor as a whole; of a MAG that is not known, the latter.
func (m *Machine) countedFor(p *peer) *mobility.Statistics {
	if p == nil {
		return &m.stats
	}
	return p.stats
}

// PeerState describes a MAG to an operator, at one of its addresses.
type PeerState struct {
	Address    netip.Addr
	Name       string // empty: learned
	Bindings   int
	Since      time.Time // of the first accepted PBU; zero: it never sent one
	Last       time.Time
	Statistics *mobility.Statistics // of the MAG, whatever its address; a learned MAG's end with its last binding
}

// Peers yields the MAGs: the configured ones and those that were learned.
func (m *Machine) Peers(yield func(PeerState) bool) {
	for _, p := range m.peers {
		if !yield(PeerState{p.addr, p.name(), p.bindings, p.since, p.last, p.stats}) {
			return
		}
	}
}

// configurePeers takes the configured MAGs over and keeps those learned that have bindings and may stay. Counters belong to a name, of
// those learned to an address.
func (m *Machine) configurePeers(now time.Time) {
	old, counted := m.peers, map[string]*mobility.Statistics{}
	for _, was := range old {
		if was.cfg != nil {
			counted[was.cfg.Name] = was.stats
		}
	}
	m.peers, m.keys = map[netip.Addr]*peer{}, map[*mobility.Key]*wire.Authenticator{}
	for i := range m.cfg.Peers {
		cfg := &m.cfg.Peers[i]
		stats := counted[cfg.Name]
		if stats == nil {
			stats = m.stats.Part(now)
		}
		for _, addr := range cfg.Addresses {
			m.peers[addr] = &peer{cfg: cfg, addr: addr, stats: stats}
		}
	}
	for addr, was := range old {
		is := m.peers[addr]
		if is == nil {
			if was.bindings == 0 {
				continue
			}
			is = &peer{addr: addr, stats: was.stats}
			if was.cfg != nil {
				is.stats = m.stats.Part(now)
			}
			m.peers[addr] = is
		}
		is.bindings, is.since, is.last = was.bindings, was.since, was.last
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
		r.peer = &peer{addr: r.in.From.Addr.Addr(), stats: m.stats.Part(r.now)}
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
