package state

import (
	"context"
	"slices"
	"strings"

	"mooring/mobility/aaa"
	"mooring/mobility/lma"
	"mooring/server/tree/schema"
)

// tenantNodes are the leaves of who has a binding or a path; an element without customers lacks them.
type tenantNodes struct {
	Customer *schema.Node `yang:"customer,optional"`
	VRF      *schema.Node `yang:"vrf,optional"`
}

// customers asks an anchor for its customers, sorted by name.
func (l *LMA) customers(ctx context.Context) ([]lma.CustomerState, error) {
	if l.Customers == nil {
		return nil, nil
	}
	list, err := l.Customers(ctx)
	slices.SortFunc(list, func(a, b lma.CustomerState) int { return strings.Compare(a.Name, b.Name) })
	return list, err
}

// customerStatistics are the counters of all customers.
func customerStatistics(r *resolver, def *schema.Node, src *Sources) Table {
	var n struct {
		BCECount     *schema.Node `yang:"bce-count"`
		HandoffCount *schema.Node `yang:"handoff-count"`
		statisticsNodes
	}
	r.resolve(&n, def)
	return Table{Node: def, Parts: def.Children, Read: func(ctx context.Context, want Keys, out *Out) error {
		for l := range src.runningLMAs(want) {
			list, err := l.customers(ctx)
			if err != nil {
				return err
			}
			for _, c := range list {
				if !want.Wants(1, c.Name) {
					continue
				}
				s := out.Row(l.Name, c.Name)
				s.Uint(n.BCECount, uint64(c.Bindings))
				s.Uint(n.HandoffCount, c.Statistics.Handover.Load())
				s.Since(n.DiscontinuityTime, c.Statistics.Began, c.Statistics.Began)
				n.renderSignalling(s, c.Statistics)
				n.Accounting.render(s, src, aaa.Owner{Anchor: l.Name, Customer: c.Name})
			}
		}
		return nil
	}}
}

// customerNetworks is how many mobile networks the customers have. The numbers stand beside the limits of the configuration.
func customerNetworks(r *resolver, def *schema.Node, src *Sources) Table {
	type limitNodes struct {
		Self  *schema.Node `yang:"."`
		InUse *schema.Node `yang:"in-use"`
	}
	var n struct {
		IPv4 limitNodes `yang:"ipv4"`
		IPv6 limitNodes `yang:"ipv6"`
		All  limitNodes `yang:"all"`
	}
	r.resolve(&n, def)
	return Table{Node: def, Parts: def.Children, Read: func(ctx context.Context, want Keys, out *Out) error {
		for l := range src.runningLMAs(want) {
			list, err := l.customers(ctx)
			if err != nil {
				return err
			}
			for _, c := range list {
				if !want.Wants(1, c.Name) {
					continue
				}
				s := out.Row(l.Name, c.Name)
				for _, of := range []struct {
					limitNodes
					used int
				}{{n.IPv4, c.IPv4}, {n.IPv6, c.IPv6}, {n.All, c.IPv4 + c.IPv6}} {
					s.Open(of.Self)
					s.Uint(of.InUse, uint64(of.used))
					s.Close()
				}
			}
		}
		return nil
	}}
}

// customerPools is the usage of the pools of the networks of all customers.
func customerPools(r *resolver, def *schema.Node, src *Sources) Table {
	var n poolNodes
	r.resolve(&n, def)
	return Table{Node: def, Parts: []*schema.Node{n.Pool.Self}, Read: func(ctx context.Context, want Keys, out *Out) error {
		for l, cfg := range src.runningLMAs(want) {
			usage, err := l.Networks(ctx)
			if err != nil {
				return err
			}
			for _, name := range sortedNames(cfg.Customers) {
				for _, network := range sortedNames(cfg.Customers[name].Networks) {
					if want.Wants(1, name) && len(usage[network]) > 0 {
						n.render(out.Row(l.Name, name, network), usage[network])
					}
				}
			}
		}
		return nil
	}}
}
