package state

import (
	"context"
	"slices"
	"strings"

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
