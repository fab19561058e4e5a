package state

import (
	"context"
	"maps"
	"slices"

	"mooring/mobility/pool"
	"mooring/server/tree/schema"
)

// poolNodes are the leaves that say how full the pools of a network are. They stand beside its configuration.
type poolNodes struct {
	Pool struct {
		Self       *schema.Node `yang:"."`
		MobileNode struct {
			Self *schema.Node  `yang:"."`
			IPv4 poolContainer `yang:"ipv4"`
			IPv6 poolContainer `yang:"ipv6"`
		} `yang:"mobile-node"`
		MobileNetwork struct {
			Self *schema.Node `yang:"."`
			IPv4 poolList     `yang:"ipv4"`
			IPv6 poolList     `yang:"ipv6"`
		} `yang:"mobile-network,optional"`
	} `yang:"pool"`
}

type poolContainer struct {
	Self  *schema.Node `yang:"."`
	Usage usageNodes   `yang:"usage"`
}

// poolList is that of mobile networks, of which a network may have several pools.
type poolList struct {
	Self  *schema.Node `yang:"."`
	Start *schema.Node `yang:"start-address"`
	Usage usageNodes   `yang:"usage"`
}

type usageNodes struct {
	Self          *schema.Node `yang:"."`
	Total         *schema.Node `yang:"total"`
	Used          *schema.Node `yang:"used"`
	Free          *schema.Node `yang:"free"`
	HighWater     *schema.Node `yang:"high-water"`
	LastExhausted *schema.Node `yang:"last-exhausted"`
}

// pools is the usage of the pools of all networks of all LMAs.
func pools(r *resolver, def *schema.Node, src *Sources) Table {
	var n poolNodes
	r.resolve(&n, def)
	return Table{Node: def, Parts: []*schema.Node{n.Pool.Self}, Read: func(ctx context.Context, want Keys, out *Out) error {
		for _, l := range src.lmas() {
			if !want.Wants(0, l.Name) {
				continue
			}
			networks, err := l.Networks(ctx)
			if err != nil {
				return err
			}
			src.withoutCustomers(l.Name, networks)
			for _, name := range sortedNames(networks) {
				if len(networks[name]) > 0 {
					n.render(out.Row(l.Name, name), networks[name])
				}
			}
		}
		return nil
	}}
}

// localPools is the usage of the ranges of named pools that networks draw from.
func localPools(r *resolver, def *schema.Node, src *Sources) Table {
	var n struct {
		Usage usageNodes `yang:"usage"`
	}
	r.resolve(&n, def)
	return Table{Node: def, Parts: []*schema.Node{n.Usage.Self}, Read: func(ctx context.Context, want Keys, out *Out) error {
		used := map[[2]string]pool.Usage{} // by pool and start; several networks have the same ones
		for _, l := range src.lmas() {
			networks, err := l.Networks(ctx)
			if err != nil {
				return err
			}
			for _, list := range networks {
				for _, u := range list {
					if u.Pool.Shared != "" {
						used[[2]string{u.Pool.Shared, u.Pool.Start.String()}] = u
					}
				}
			}
		}
		for _, key := range slices.SortedFunc(maps.Keys(used), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }) {
			if want.Wants(0, key[0]) && want.Wants(1, key[1]) {
				n.Usage.render(out.Row(key[0], key[1]), used[key])
			}
		}
		return nil
	}}
}

// withoutCustomers takes the networks of customers out of those of an LMA.
func (src *Sources) withoutCustomers(lma string, networks map[string][]pool.Usage) {
	cfg := src.configured().LMAs[lma]
	if cfg == nil {
		return
	}
	for _, c := range cfg.Customers {
		for name := range c.Networks {
			delete(networks, name)
		}
	}
}

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func (n *poolNodes) render(s *Sink, pools []pool.Usage) {
	s.Open(n.Pool.Self)
	n.renderNodes(s, pools)
	if n.Pool.MobileNetwork.Self != nil {
		n.renderNetworks(s, pools)
	}
	s.Close()
}

// renderNodes writes the pools for nodes, of which there is one of an IP version.
func (n *poolNodes) renderNodes(s *Sink, pools []pool.Usage) {
	nodes := &n.Pool.MobileNode
	s.Open(nodes.Self)
	for _, u := range pools {
		if u.Pool.Mobile || u.Pool.Shared != "" {
			continue
		}
		version := &nodes.IPv6
		if u.Pool.Start.Is4() {
			version = &nodes.IPv4
		}
		s.Open(version.Self)
		version.Usage.render(s, u)
		s.Close()
	}
	s.Close()
}

// renderNetworks writes the pools for mobile networks.
func (n *poolNodes) renderNetworks(s *Sink, pools []pool.Usage) {
	nodes := &n.Pool.MobileNetwork
	s.Open(nodes.Self)
	for _, u := range pools {
		if !u.Pool.Mobile {
			continue
		}
		version := &nodes.IPv6
		if u.Pool.Start.Is4() {
			version = &nodes.IPv4
		}
		s.Open(version.Self)
		s.Addr(version.Start, u.Pool.Start)
		version.Usage.render(s, u)
		s.Close()
	}
	s.Close()
}

func (n *usageNodes) render(s *Sink, u pool.Usage) {
	s.Open(n.Self)
	s.Uint(n.Total, u.Total)
	s.Uint(n.Used, u.Used)
	s.Uint(n.Free, u.Total-min(u.Used, u.Total))
	s.Uint(n.HighWater, u.HighWater)
	s.Time(n.LastExhausted, u.Exhausted)
	s.Close()
}
