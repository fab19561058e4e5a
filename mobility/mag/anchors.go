package mag

import (
	"net/netip"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/heartbeat"
)

// anchor is an LMA of the configuration.
type anchor struct {
	*mobility.Peer
	usable bool                 // the encapsulation that is configured can be used with its addresses
	paths  map[netip.Addr]*path // by our addresses
	stats  *mobility.Statistics
	obeyed []obeyed // revocations of late
	deaf   bool     // it does not know revocations

	enforced *mobility.Heartbeat // that it wants to be asked with; nil: it does not say
}

// forgives says whether an LMA, which may be nil, is configured to be forgiven one thing.
func (a *anchor) forgives(what mobility.Tolerance) bool { return a != nil && a.Forgives(what) }

// path leads from one of our addresses to an LMA.
type path struct {
	registered int       // sessions
	changed    time.Time // when the first of them came or the last one went, or the LMA turned out to be usable or not
	anchor     *anchor
	local      netip.Addr
	beat       heartbeat.Path[*path]
}

// AnchorState describes an LMA to an operator.
type AnchorState struct {
	Name       string
	Changed    map[netip.Addr]time.Time       // when the path from an address was found to be usable or not, or to have sessions or none
	Heartbeats map[netip.Addr]heartbeat.State // on the path from an address
	Statistics *mobility.Statistics
}

// Anchors yields the LMAs, in the order of the configuration.
func (m *Machine) Anchors(yield func(AnchorState) bool) {
	for _, a := range m.anchors {
		changed, heartbeats := map[netip.Addr]time.Time{}, map[netip.Addr]heartbeat.State{}
		for addr, p := range a.paths {
			changed[addr], heartbeats[addr] = p.changed, p.beat.State
		}
		if !yield(AnchorState{a.Name, changed, heartbeats, a.stats}) {
			return
		}
	}
}

// configureAnchors takes the LMAs over. Those that have a name from before go on counting.
func (m *Machine) configureAnchors(now time.Time) {
	old := map[string]*anchor{}
	for _, was := range m.anchors {
		old[was.Name] = was
	}
	m.anchors = make([]*anchor, len(m.cfg.Anchors))
	for i := range m.cfg.Anchors {
		peer := &m.cfg.Anchors[i]
		was := old[peer.Name]
		if was == nil {
			was = &anchor{stats: m.stats.Part(now)}
		}
		a := &anchor{Peer: peer, usable: peer.Usable(m.cfg.Domain), paths: map[netip.Addr]*path{}, stats: was.stats, obeyed: was.obeyed, deaf: was.deaf, enforced: was.enforced}
		for _, addr := range m.cfg.Addresses {
			a.paths[addr] = was.paths[addr]
			if a.paths[addr] == nil {
				a.paths[addr] = &path{}
			}
			if was.paths[addr] == nil || a.usable != was.usable {
				a.paths[addr].changed = now
			}
			a.paths[addr].anchor, a.paths[addr].local = a, addr
		}
		m.anchors[i] = a
	}
	m.watchAll(now, old)
}

// watchAll watches the paths, and those of before no more that nobody took over.
func (m *Machine) watchAll(now time.Time, old map[string]*anchor) {
	for _, was := range old {
		for _, p := range was.paths {
			m.watch(now, p)
		}
	}
	for _, a := range m.anchors {
		for _, addr := range m.cfg.Addresses {
			m.watch(now, a.paths[addr])
		}
	}
}

// setRegistered notes whether a session is registered.
func (m *Machine) setRegistered(now time.Time, s *session, registered bool) {
	if s.registered == registered {
		return
	}
	s.registered = registered
	p := s.anchor.paths[m.table.Get(s.id).Ends.Value().Local]
	had := p.registered > 0
	if registered {
		p.registered++
	} else {
		p.registered--
	}
	if s.anchor.usable && had != (p.registered > 0) {
		p.changed = now
	}
	m.watch(now, p)
}

// countedFor returns what counts the signalling of the LMA that has an address, and of the gateway as a whole; where none has it, the
// latter.
func (m *Machine) countedFor(address netip.Addr) *mobility.Statistics {
	if a := m.anchorAt(address); a != nil {
		return a.stats
	}
	return &m.stats
}

// useTunnel notes that a session uses a tunnel, or none, and tells when the first session of a tunnel comes or the last one goes.
func (m *Machine) useTunnel(s *session, tunnel dataplane.TunnelID, out *mobility.Effects) {
	was := s.tunnel
	if was == tunnel {
		return
	}
	s.tunnel = tunnel
	tell := func(kind mobility.EventKind, tunnel dataplane.TunnelID) {
		ends := m.table.Get(s.id).Ends.Value()
		out.Events = append(out.Events, mobility.Event{Kind: kind, Peer: ends.Remote, Path: &mobility.PathEvent{Peer: ends.Peer, Local: ends.Local, Tunnel: tunnel}})
	}
	if was != (dataplane.TunnelID{}) {
		if m.tunnels[was]--; m.tunnels[was] == 0 {
			delete(m.tunnels, was)
			tell(mobility.TunnelReleased, was)
		}
	}
	if tunnel != (dataplane.TunnelID{}) {
		if m.tunnels[tunnel]++; m.tunnels[tunnel] == 1 {
			tell(mobility.TunnelEstablished, tunnel)
		}
	}
}
