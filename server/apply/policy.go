package apply

import (
	"cmp"
	"net/netip"
	"slices"

	"mooring/dataplane"
	"mooring/mobility"
)

// policies are what LMAs and MAGs ask of the tunnels that end at their addresses. Filters that have not changed are taken over.
func (j *job) policies() (list []dataplane.Policy) {
	for _, name := range sortedKeys(j.new.Mobility.LMAs) {
		m := j.new.Mobility.LMAs[name]
		end := j.tunnelEnd(j.new.lmas[name].at, dataplane.Anchor)
		for _, addr := range m.Addresses {
			list = end.add(list, mobility.VRFAddr{Addr: addr}, m.Networks)
		}
		for _, customer := range sortedKeys(m.Customers) {
			for _, at := range m.Customers[customer].Transports {
				list = end.add(list, at, m.Customers[customer].Networks)
			}
		}
	}
	for _, name := range sortedKeys(j.new.Mobility.MAGs) {
		end := j.tunnelEnd(j.new.mags[name].at, dataplane.Access)
		for _, addr := range j.new.Mobility.MAGs[name].Addresses {
			list = end.add(list, mobility.VRFAddr{Addr: addr}, nil)
		}
	}
	if j.old.Dataplane != nil {
		keepFilters(list, j.old.Dataplane.Policies)
	}
	return list
}

// tunnelEnd is what the container tunnel of an LMA or MAG says.
type tunnelEnd struct {
	side         dataplane.Side
	list         *dataplane.AccessList
	block, clamp bool
}

func (j *job) tunnelEnd(at place, side dataplane.Side) tunnelEnd {
	on := func(name string) bool {
		leaf := at.below("tunnel", name)
		return leaf.node != nil && leaf.node.Value() == "true"
	}
	e := tunnelEnd{side: side, clamp: on("clamp-mss"), block: side == dataplane.Anchor && on("block-inter-mag")}
	if leaf := at.below("tunnel", "acl"); leaf.node != nil {
		e.list = j.new.accessLists.native[leaf.node.Value()]
	}
	return e
}

// add adds the policy of an address, if it has one. The pools are those that the nodes behind it live in.
func (e tunnelEnd) add(list []dataplane.Policy, at mobility.VRFAddr, networks map[string]*mobility.Network) []dataplane.Policy {
	p := dataplane.Policy{PolicyKey: dataplane.PolicyKey{VRF: at.VRF, Local: at.Addr, Side: e.side}, ClampMSS: e.clamp}
	f := dataplane.Filter{List: e.list}
	if e.block {
		f.Blocked = poolPrefixes(networks)
	}
	if f.List != nil || f.Blocked != nil {
		p.Inbound = &f
	}
	if p.Empty() {
		return list
	}
	return append(list, p)
}

func poolPrefixes(networks map[string]*mobility.Network) (list []netip.Prefix) {
	list = ranges(networks)
	slices.SortFunc(list, func(a, b netip.Prefix) int { return cmp.Or(a.Addr().Compare(b.Addr()), a.Bits()-b.Bits()) })
	return slices.Compact(list)
}

// keepFilters has policies share the filters that others, sorted or not, had for the same tunnels, if they say the same.
func keepFilters(list, before []dataplane.Policy) {
	had := map[dataplane.PolicyKey]*dataplane.Filter{}
	for _, p := range before {
		had[p.PolicyKey] = p.Inbound
	}
	for i := range list {
		old, now := had[list[i].PolicyKey], list[i].Inbound
		if old != nil && now != nil && old.List == now.List && slices.Equal(old.Blocked, now.Blocked) {
			list[i].Inbound = old
		}
	}
}
