package state

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/binding"
	"mooring/mobility/heartbeat"
	"mooring/mobility/mag"
	"mooring/server/tree/schema"
)

// gateways says of every MAG whether it can register nodes.
func gateways(r *resolver, def *schema.Node, src *Sources) Table {
	var n struct {
		OperStatus     *schema.Node `yang:"oper-status"`
		RestartCounter *schema.Node `yang:"restart-counter,optional"`
	}
	r.resolve(&n, def)
	return Table{Node: def, Parts: present(n.OperStatus, n.RestartCounter), Read: func(_ context.Context, want Keys, out *Out) error {
		if src.Signalling == nil {
			return nil
		}
		at := src.sockets()
		for m, cfg := range src.runningMAGs(want) {
			s := out.Row(m.Name)
			s.Text(n.OperStatus, works(at.of(inDefaultVRF(cfg.Addresses))))
			s.Uint(n.RestartCounter, uint64(src.RestartCounter))
		}
		return nil
	}}
}

// accessLinks says of every access interface whether nodes are looked for on it.
func accessLinks(r *resolver, def *schema.Node, src *Sources) Table {
	var n struct {
		OperStatus *schema.Node `yang:"oper-status"`
	}
	r.resolve(&n, def)
	return Table{Node: def, Parts: []*schema.Node{n.OperStatus}, Read: func(_ context.Context, want Keys, out *Out) error {
		if src.Links == nil {
			return nil
		}
		up := map[string]bool{}
		for _, link := range src.Links() {
			up[link.Link] = link.Up
		}
		for m, cfg := range src.runningMAGs(want) {
			for _, link := range cfg.Links {
				status := "down"
				if up[link.Name] {
					status = "up"
				}
				out.Row(m.Name, link.Name).Text(n.OperStatus, status)
			}
		}
		return nil
	}}
}

// way is one way from a MAG to an LMA.
type way struct {
	anchor        *mobility.Peer
	local, remote netip.Addr
	port          uint16
	tunnels       []dataplane.TunnelID // agreed on by sessions
	registered    int                  // bindings
}

// ways puts together how a MAG can reach its LMAs and which bindings are registered over which way. It walks the bindings, of which a MAG has
// few; an LMA counts its own.
func ways(cfg *mobility.MAG, table *binding.Table) (list []*way) {
	for i := range cfg.Anchors {
		anchor := &cfg.Anchors[i]
		for _, local := range cfg.Addresses {
			j := slices.IndexFunc(anchor.Addresses, func(a netip.Addr) bool { return a.Is4() == local.Is4() })
			if j >= 0 {
				list = append(list, &way{anchor: anchor, local: local, remote: anchor.Addresses[j]})
			}
		}
	}
	for b := range table.All() {
		ends := b.Ends.Value()
		i := slices.IndexFunc(list, func(w *way) bool { return w.anchor.Name == ends.Peer && w.local == ends.CareOf })
		if i < 0 || b.State != mobility.StateActive && b.State != mobility.StateRefreshing {
			continue
		}
		w := list[i]
		w.remote, w.port = ends.Remote.Addr(), ends.Remote.Port()
		w.registered++
		if ends.Tunnel.Encap != 0 && !slices.Contains(w.tunnels, ends.Tunnel) {
			w.tunnels = append(w.tunnels, ends.Tunnel)
		}
	}
	return list
}

// paths is the path list of all MAGs.
func paths(r *resolver, def *schema.Node, src *Sources) Table {
	var n pathNodes
	r.resolve(&n, def)
	return Table{Node: def, Parts: def.Children, Read: func(ctx context.Context, want Keys, out *Out) error {
		for m, cfg := range src.runningMAGs(want) {
			anchors, err := m.anchorsByName(ctx)
			if err != nil {
				return err
			}
			for _, w := range ways(cfg, m.Table) {
				s := out.Row(m.Name, w.anchor.Name, w.local.String())
				s.Addr(n.LocalAddress, w.local)
				s.Addr(n.RemoteAddress, w.remote)
				n.renderPort(s, w.port)
				h := anchors[w.anchor.Name].Heartbeats[w.local]
				s.Text(n.OperStatus, reachable(w.anchor.Usable(cfg.Domain), w.registered, h.Health))
				s.Time(n.LastChange, later(anchors[w.anchor.Name].Changed[w.local], h.Changed))
				if len(w.tunnels) == 1 {
					s.Text(n.Tunnel, TunnelID(w.tunnels[0]))
				}
				s.Uint(n.Bindings, uint64(w.registered))
				n.renderHeartbeat(s, h)
			}
		}
		return nil
	}}
}

// knownLMAs says of every LMA of a MAG whether it can be reached, how many bindings it has of the MAG, and what was signalled.
func knownLMAs(r *resolver, def *schema.Node, src *Sources) Table {
	var n struct {
		OperStatus *schema.Node    `yang:"oper-status"`
		Bindings   *schema.Node    `yang:"bindings"`
		Statistics statisticsNodes `yang:"statistics"`
	}
	r.resolve(&n, def)
	return Table{Node: def, Parts: []*schema.Node{n.OperStatus, n.Bindings, n.Statistics.Self}, Read: func(ctx context.Context, want Keys, out *Out) error {
		for m, cfg := range src.runningMAGs(want) {
			anchors, err := m.anchorsByName(ctx)
			if err != nil {
				return err
			}
			registered, health := map[string]int{}, map[string]heartbeat.Health{}
			for _, w := range ways(cfg, m.Table) {
				registered[w.anchor.Name] += w.registered
				health[w.anchor.Name] = better(health[w.anchor.Name], anchors[w.anchor.Name].Heartbeats[w.local].Health)
			}
			for i := range cfg.Anchors {
				anchor := &cfg.Anchors[i]
				s := out.Row(m.Name, strings.TrimSuffix(anchor.Name, "%"+anchor.Domain), anchor.Domain)
				s.Text(n.OperStatus, reachable(anchor.Usable(cfg.Domain), registered[anchor.Name], health[anchor.Name]))
				s.Uint(n.Bindings, uint64(registered[anchor.Name]))
				n.Statistics.renderPeer(s, anchors[anchor.Name].Statistics)
			}
		}
		return nil
	}}
}

// anchorsByName gives what a MAG knows of its LMAs.
func (m *MAG) anchorsByName(ctx context.Context) (map[string]mag.AnchorState, error) {
	list, err := m.Anchors(ctx)
	byName := map[string]mag.AnchorState{}
	for _, a := range list {
		byName[a.Name] = a
	}
	return byName, err
}
