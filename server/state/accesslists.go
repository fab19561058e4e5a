package state

import (
	"context"

	"mooring/dataplane"
	"mooring/server/tree/schema"
)

// ruleStatistics counts what the rules of access lists have decided about, of lists that tunnels refer to.
func ruleStatistics(r *resolver, def *schema.Node, src *Sources) Table {
	var n struct {
		Packets *schema.Node `yang:"matched-packets"`
		Octets  *schema.Node `yang:"matched-octets"`
	}
	r.resolve(&n, def)
	return Table{Node: def, Parts: def.Children, Read: func(_ context.Context, want Keys, out *Out) error {
		if src.Forwarding == nil || src.Matches == nil {
			return nil
		}
		counted := src.Matches()
		for _, list := range listsInUse(src.Forwarding()) {
			if !want.Wants(0, list.Name) {
				continue
			}
			last := ""
			for i := range list.Rules {
				name := list.Rules[i].Name
				if name == last { // for the other IP version
					continue
				}
				last = name
				row := out.Row(list.Name, name)
				m := counted[dataplane.MatchKey{List: list.Name, Rule: name}]
				row.Uint(n.Packets, m.Packets)
				row.Uint(n.Octets, m.Octets)
			}
		}
		return nil
	}}
}

// listsInUse are the access lists of policies, each once.
func listsInUse(c *dataplane.Config) (lists []*dataplane.AccessList) {
	known := map[*dataplane.AccessList]bool{}
	for _, p := range c.Policies {
		if p.Inbound != nil && p.Inbound.List != nil && !known[p.Inbound.List] {
			known[p.Inbound.List] = true
			lists = append(lists, p.Inbound.List)
		}
	}
	return lists
}
