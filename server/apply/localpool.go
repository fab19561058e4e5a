package apply

import (
	"math/bits"
	"net/netip"
	"slices"

	"mooring/gen"
	"mooring/mobility"
	"mooring/server/tree"
)

// localPools are the pools that networks draw from by name (feature NETP-05), with their ranges.
type localPools map[string][]mobility.Pool

// translateLocalPools comes before the networks, which refer to them.
func (j *job) translateLocalPools() {
	def := j.pmipv6.ChildNamed("local-pool")
	if def == nil { // a feature that this element lacks
		return
	}
	var was *tree.Node
	if j.old.root != nil {
		was = childOf(j.old.root.Child(j.pmipv6), def)
	}
	if j.new.pools = j.old.pools; was.Same(childOf(j.new.root.Child(j.pmipv6), def)) {
		return
	}
	j.localPoolsChanged = true
	j.new.pools = localPools{}
	for name, at := range j.list("local-pool").entries() {
		ranges := []mobility.Pool{}
		for start, at := range at.child("range").entries() {
			p := mobility.Pool{Start: j.addr(at, start), Shared: name}
			if end, ok := at.node.Leaf("end-address"); ok {
				p.End = j.addr(at, end)
			}
			switch {
			case j.unsure(at) || !p.Start.IsValid() || !p.End.IsValid():
				continue
			case p.Start.Is4() != p.End.Is4():
				j.refuse(at.child("end-address"), mustViolation, "end-address must be of the same IP version as start-address")
			case p.End.Less(p.Start):
				j.refuse(at.child("end-address"), mustViolation, "end-address must not be below start-address")
			default:
				ranges = append(ranges, p)
			}
		}
		j.new.pools[name] = ranges
	}
}

// namedPools are the ranges of the pools that a network names.
func (j *job) namedPools(network place, x *gen.MooringPmipv6_Pmipv6_Lma_Network_NamedPool) (pools []mobility.Pool) {
	if x == nil {
		return nil
	}
	if v4 := x.Ipv4; v4 != nil {
		for _, p := range j.new.pools.of(v4.GetName(), true) {
			p.Unit, p.Subnet = 32, int(v4.GetPrefixLength())
			p.Bits = sharedBits(p.Start, p.End)
			p.Router = j.routerBeside(network.below("named-pool", "ipv4", "prefix-length"), p)
			pools = append(pools, p)
		}
	}
	if v6 := x.Ipv6; v6 != nil {
		if v6.GetPrefixLength() == 0 {
			j.refuse(network.below("named-pool", "ipv6", "prefix-length"), mustViolation, "prefix-length must not be 0: a node cannot have all addresses")
		}
		for _, p := range j.new.pools.of(v6.GetName(), false) {
			p.Unit = int(v6.GetPrefixLength())
			p.Bits = min(sharedBits(p.Start, p.End), p.Unit)
			pools = append(pools, p)
		}
	}
	return pools
}

// of gives the ranges of one IP version.
func (l localPools) of(name string, ipv4 bool) (ranges []mobility.Pool) {
	for _, p := range l[name] {
		if p.Start.Is4() == ipv4 {
			ranges = append(ranges, p)
		}
	}
	return ranges
}

// sharedBits is the length of the longest prefix that has both addresses.
func sharedBits(a, b netip.Addr) (n int) {
	x, y := a.AsSlice(), b.AsSlice()
	for i := range x {
		if d := x[i] ^ y[i]; d != 0 {
			return n + bits.LeadingZeros8(d)
		}
		n += 8
	}
	return n
}

// routerBeside is the default router of nodes with addresses of a named pool: an address of their subnet that no range has.
func (j *job) routerBeside(at place, p mobility.Pool) netip.Addr {
	subnet := netip.PrefixFrom(p.Start, p.Subnet).Masked()
	var candidates []netip.Addr
	switch s := spanOf(mobility.Pool{Start: subnet.Addr(), Bits: p.Subnet, Unit: 32}); {
	case j.unsure(at):
		return netip.Addr{}
	case p.Subnet == 0:
		j.refuse(at, mustViolation, "with prefix-length 0 nodes would take every address for that of a neighbour; 32 gives them an address alone")
		return netip.Addr{}
	case !subnet.Contains(p.End) && p.Subnet < 31:
		j.refuse(at, mustViolation, "local-pool %s goes from %v to %v, which are not in one subnet of /%d", p.Shared, p.Start, p.End, p.Subnet)
		return netip.Addr{}
	case p.Subnet < 31:
		candidates = []netip.Addr{s.last.Prev(), s.first.Next()}
	}
	taken := func(a netip.Addr) bool {
		return !a.IsValid() || slices.ContainsFunc(j.new.pools[p.Shared], func(r mobility.Pool) bool { return r.Start.Compare(a) <= 0 && a.Compare(r.End) <= 0 })
	}
	for _, a := range append(candidates, p.End.Next(), p.Start.Prev()) {
		if !taken(a) {
			return a
		}
	}
	j.refuse(at, mustViolation, "local-pool %s leaves no address for the default router of its nodes", p.Shared)
	return netip.Addr{}
}

// localPoolWarnings says which names of pools lead nowhere.
func (j *job) localPoolWarnings(p *problems, a *anchor) {
	for _, network := range a.at.child("network").entries() {
		for _, version := range []string{"ipv4", "ipv6"} {
			at := network.below("named-pool", version, "name")
			if at.node == nil {
				continue
			}
			name := at.node.Value()
			switch ranges, known := j.new.pools[name]; {
			case !known:
				p.warn(at, BadReference, "there is no local-pool %s; nodes that need an address of it are refused with status 130", name)
			case len(ranges) > 0 && len(j.new.pools.of(name, version == "ipv4")) == 0:
				p.warn(at, Mismatch, "local-pool %s has no %s range; nodes that need one are refused with status 130", name, version)
			}
			if length := network.below("named-pool", version, "prefix-length"); version == "ipv6" && length.node != nil && j.length(length) != nodePrefix {
				p.warn(length, Mismatch, "nodes make addresses of their own in prefixes of length %d alone (RFC 4862)", nodePrefix)
			}
		}
	}
}

// cover is the prefixes that make up the addresses from first to last.
func cover(first, last netip.Addr) (list []netip.Prefix) {
	for first.IsValid() && first.Compare(last) <= 0 {
		length := first.BitLen()
		for length > 0 {
			wider := spanOf(mobility.Pool{Start: first, Bits: length - 1, Unit: first.BitLen()})
			if wider.prefix.Addr() != first || last.Less(wider.last) {
				break
			}
			length--
		}
		whole := spanOf(mobility.Pool{Start: first, Bits: length, Unit: first.BitLen()})
		list = append(list, whole.prefix)
		first = whole.last.Next()
	}
	return list
}
