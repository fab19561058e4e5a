package state

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strings"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/heartbeat"
	"mooring/mobility/lma"
	"mooring/server/tree/schema"
)

// peerNodes are the leaves of a MAG as an LMA sees it.
type peerNodes struct {
	ID         *schema.Node `yang:"id"`
	Name       *schema.Node `yang:"name"`
	Domain     *schema.Node `yang:"domain"`
	Origin     *schema.Node `yang:"origin"`
	OperStatus *schema.Node `yang:"oper-status"`
	Bindings   *schema.Node `yang:"bindings"`
	Path       struct {
		Self    *schema.Node `yang:"."`
		Address *schema.Node `yang:"address"`
		tenantNodes
		pathNodes
	} `yang:"path"`
	Statistics statisticsNodes `yang:"statistics"`
}

// pathNodes are the leaves of one way between two ends.
type pathNodes struct {
	LocalAddress  *schema.Node `yang:"local-address"`
	RemoteAddress *schema.Node `yang:"remote-address"`
	RemotePort    *schema.Node `yang:"remote-port"`
	OperStatus    *schema.Node `yang:"oper-status"`
	LastChange    *schema.Node `yang:"last-change"`
	Tunnel        *schema.Node `yang:"tunnel"`
	Bindings      *schema.Node `yang:"bindings"`
	heartbeatNodes
}

// knownMAG is a MAG with the addresses that it has, or that it was learned by.
type knownMAG struct {
	id    string
	cfg   *mobility.Peer // nil: learned
	paths []lma.PeerState
}

// peers is the peer list of all LMAs.
func peers(r *resolver, def *schema.Node, src *Sources) Table {
	var n peerNodes
	r.resolve(&n, def)
	return Table{Node: def, Parts: def.Children, Read: func(ctx context.Context, want Keys, out *Out) error {
		for l, cfg := range src.runningLMAs(want) {
			states, err := l.Peers(ctx)
			if err != nil {
				return err
			}
			ways := src.waysFrom(cfg)
			for _, peer := range group(cfg, states) {
				n.render(out.Row(l.Name, peer.id), cfg, &peer, ways)
			}
		}
		return nil
	}}
}

// group puts the addresses of each MAG together, sorted by its id.
func group(cfg *mobility.LMA, states []lma.PeerState) []knownMAG {
	byID := map[string]*knownMAG{}
	for _, p := range cfg.Peers.All() {
		byID[p.Name] = &knownMAG{id: p.Name, cfg: p}
	}
	for _, state := range states {
		id := cmp.Or(state.Name, state.Address.String())
		cfg, _ := cfg.Peers.Get(state.Name)
		if state.Customer != "" { // what has the address elsewhere may be another
			id += "@" + state.Customer + "/" + cmp.Or(state.VRF, globalVRF)
		}
		if byID[id] == nil {
			byID[id] = &knownMAG{id: id, cfg: cfg}
		}
		byID[id].paths = append(byID[id].paths, state)
	}
	var list []knownMAG
	for _, m := range byID {
		slices.SortFunc(m.paths, func(a, b lma.PeerState) int { return a.Address.Compare(b.Address) })
		list = append(list, *m)
	}
	slices.SortFunc(list, func(a, b knownMAG) int { return strings.Compare(a.id, b.id) })
	return list
}

func (n *peerNodes) render(s *Sink, cfg *mobility.LMA, m *knownMAG, ways map[lead][]dataplane.TunnelID) {
	usable, bindings, health := true, 0, heartbeat.Unknown
	if m.cfg != nil {
		s.Text(n.Name, strings.TrimSuffix(m.cfg.Name, "%"+m.cfg.Domain))
		s.Text(n.Domain, m.cfg.Domain)
		s.Text(n.Origin, "configured")
		usable = m.cfg.Usable(cfg.Domain)
	} else {
		s.Text(n.Origin, "learned")
	}
	for _, path := range m.paths {
		bindings += path.Bindings
		health = better(health, path.Heartbeat.Health)
	}
	s.Text(n.OperStatus, reachable(usable, bindings, health))
	s.Uint(n.Bindings, uint64(bindings))
	for _, path := range m.paths {
		s.Open(n.Path.Self)
		s.Addr(n.Path.Address, path.Address)
		s.Text(n.Path.Customer, path.Customer)
		s.Text(n.Path.VRF, path.VRF)
		s.Addr(n.Path.RemoteAddress, path.Remote.Addr())
		n.Path.renderPort(s, path.Remote.Port())
		n.Path.renderTunnel(s, ways[lead{path.Customer, path.VRF, path.Remote.Addr()}])
		s.Text(n.Path.OperStatus, reachable(usable, path.Bindings, path.Heartbeat.Health))
		s.Time(n.Path.LastChange, later(path.Changed, path.Heartbeat.Changed))
		s.Uint(n.Path.Bindings, uint64(path.Bindings))
		n.Path.renderHeartbeat(s, path.Heartbeat)
		s.Close()
	}
	if len(m.paths) > 0 {
		n.Statistics.renderPeer(s, m.paths[0].Statistics) // its addresses share them
	}
}

// reachable says what is known of a way: what heartbeats tell or, without them, that it works where registrations are kept up over it.
func reachable(usable bool, bindings int, health heartbeat.Health) string {
	switch {
	case !usable:
		return "encap-mismatch"
	case health == heartbeat.Down:
		return "down"
	case bindings > 0 || health == heartbeat.Up:
		return "up"
	}
	return "unknown"
}

// renderTunnel writes what the tunnel of a way tells, where there is only one.
func (n *pathNodes) renderTunnel(s *Sink, ways []dataplane.TunnelID) {
	if len(ways) != 1 {
		return
	}
	id := ways[0]
	s.Addr(n.LocalAddress, id.Local)
	s.Text(n.Tunnel, TunnelID(id))
}

// renderPort writes the port of signalling in UDP.
func (n *pathNodes) renderPort(s *Sink, port uint16) {
	if port != 0 {
		s.Uint(n.RemotePort, uint64(port))
	}
}

// lead is where tunnels of an anchor lead to, by the transport of a customer or of none.
type lead struct {
	customer, vrf string
	remote        netip.Addr
}

// customersAt gives the addresses that an anchor has, each with the name of its customer, or of none.
func customersAt(cfg *mobility.LMA) map[mobility.VRFAddr]string {
	customers := map[mobility.VRFAddr]string{}
	for at, c := range cfg.Listens() {
		customers[at] = ""
		if c != nil {
			customers[at] = c.Name
		}
	}
	return customers
}

// waysFrom gives the tunnels of an anchor by where they lead to.
func (src *Sources) waysFrom(cfg *mobility.LMA) map[lead][]dataplane.TunnelID {
	ways := map[lead][]dataplane.TunnelID{}
	if src.Dataplane == nil {
		return ways
	}
	customers := customersAt(cfg)
	tunnels, _ := src.Dataplane.Tunnels()
	for _, t := range tunnels {
		if customer, ok := customers[mobility.VRFAddr{VRF: t.ID.VRF, Addr: t.ID.Local}]; ok {
			to := lead{customer, t.ID.VRF, t.ID.Peer}
			ways[to] = append(ways[to], t.ID)
		}
	}
	return ways
}
