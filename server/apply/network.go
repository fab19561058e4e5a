package apply

import (
	"cmp"
	"net/netip"
	"slices"

	"mooring/mobility"
	"mooring/mobility/pool"
)

// nodePrefix is the length of the home network prefix that one interface of a node is given.
const nodePrefix = 64

// networks translates the networks of an LMA, and takes over those that have not changed.
func (j *job) networks(was, a *anchor) {
	list := a.at.child("network")
	old := childOf(was.at.node, list.path.Last().Node)
	if old.Same(list.node) && !j.localPoolsChanged && (list.node != nil || was.at.node != nil) {
		a.native.Networks = was.native.Networks
		return
	}
	j.networksChanged = true
	a.native.Networks = map[string]*mobility.Network{}
	for name, at := range list.entries() {
		if before := old.Entry(name); before != nil && before.Same(at.node) && !(j.localPoolsChanged && at.child("named-pool").node != nil) {
			a.native.Networks[name] = was.native.Networks[name]
			continue
		}
		a.native.Networks[name] = j.network(at)
	}
}

func (j *job) network(at place) *mobility.Network {
	x, err := j.networkView.of(at.node)
	j.check(at, err)
	n := &mobility.Network{Name: x.GetName()}
	nodes := x.Pool.MobileNode
	if nodes.Ipv4 != nil {
		n.Pools = append(n.Pools, j.homePool(at, nodes.Ipv4))
	}
	if nodes.Ipv6 != nil {
		n.Pools = append(n.Pools, j.prefixPool(at, nodes.Ipv6))
	}
	n.Pools = append(n.Pools, j.networkPools(at)...)
	n.Pools = append(n.Pools, j.namedPools(at, x.NamedPool)...)
	j.checkNetwork(at, n)
	return n
}

// poolStruct is what the structs of all pools for nodes have in common.
type poolStruct interface {
	GetStartAddress() string
	GetPoolPrefix() uint8
}

// homePoolStruct is what the structs of pools of home addresses have in common.
type homePoolStruct interface {
	poolStruct
	GetDefaultRouter() string
}

func (j *job) prefixPool(network place, x poolStruct) mobility.Pool {
	at := network.below("pool", "mobile-node", "ipv6")
	return mobility.Pool{Start: j.addr(at, x.GetStartAddress()), Bits: int(x.GetPoolPrefix()), Unit: nodePrefix}
}

// checkNetwork drops the pools of which something is not known, or which the schema refuses, and refuses those that make no sense.
func (j *job) checkNetwork(at place, n *mobility.Network) {
	n.Pools = slices.DeleteFunc(n.Pools, func(p mobility.Pool) bool { return j.unsure(poolAt(at, p)) || p.Unit < p.Bits })
	for _, p := range n.Pools {
		j.checkPool(poolOf(at, p), p)
	}
}

func (j *job) homePool(network place, x homePoolStruct) mobility.Pool {
	at := network.below("pool", "mobile-node", "ipv4")
	p := mobility.Pool{Start: j.addr(at, x.GetStartAddress()), Bits: int(x.GetPoolPrefix()), Unit: 32}
	p.Router = j.addr(at, x.GetDefaultRouter())
	if j.unsure(at) {
		return p
	}
	if !p.Router.IsValid() {
		p.Router = defaultRouter(p)
		return p
	}
	subnet := spanOf(p).subnet()
	switch p.Router {
	case subnet.last:
		j.refuse(at.child("default-router"), mustViolation, "default-router must not be the broadcast address of %v", subnet.prefix)
	case subnet.first:
		j.refuse(at.child("default-router"), mustViolation, "default-router must not be the network address of %v", subnet.prefix)
	default:
		if !subnet.prefix.Contains(p.Router) {
			j.refuse(at.child("default-router"), mustViolation, "default-router must be in %v, the subnet of the pool", subnet.prefix)
		}
	}
	return p
}

// defaultRouter is the first host address of the subnet or, when the pool starts there, the last one.
func defaultRouter(p mobility.Pool) netip.Addr {
	subnet := spanOf(p).subnet()
	if host := subnet.first.Next(); host.Less(p.Start) {
		return host
	}
	return subnet.last.Prev()
}

func (j *job) checkPool(at place, p mobility.Pool) {
	made, err := pool.New(p)
	switch {
	case err != nil:
		j.refuse(at, mustViolation, "%v", err)
	case made.Usage().Total == 0:
		j.refuse(at, mustViolation, "no address is left to hand out between %v and the end of %v", p.Start, spanOf(p).prefix)
	}
}

// span is the addresses of a pool: from its start to its end, or that of its prefix.
type span struct {
	prefix      netip.Prefix
	first, last netip.Addr
}

func spanOf(p mobility.Pool) span {
	s := span{prefix: netip.PrefixFrom(p.Start, p.Bits).Masked()}
	s.first = netip.PrefixFrom(p.Start, p.Unit).Masked().Addr()
	octets := s.prefix.Addr().AsSlice()
	for bit := p.Bits; bit < len(octets)*8; bit++ {
		octets[bit/8] |= 0x80 >> (bit % 8)
	}
	s.last, _ = netip.AddrFromSlice(octets)
	if p.End.IsValid() {
		s.last = lastOf(netip.PrefixFrom(p.End, p.Unit))
	}
	return s
}

// lastOf is the last address of a prefix.
func lastOf(p netip.Prefix) netip.Addr {
	return spanOf(mobility.Pool{Start: p.Addr(), Bits: p.Bits(), Unit: p.Addr().BitLen()}).last
}

// subnet is the whole prefix.
func (s span) subnet() span {
	s.first = s.prefix.Addr()
	return s
}

func (s span) holds(a netip.Addr) bool { return s.first.Compare(a) <= 0 && a.Compare(s.last) <= 0 }

// poolPlace is the start address of a pool of a network of the LMA at.
func poolPlace(at place, network string, p mobility.Pool) place {
	return poolOf(at.child("network").named(network), p)
}

// poolOf is the start address of a pool of a network, or the name of one that it has from elsewhere.
func poolOf(network place, p mobility.Pool) place {
	if p.Shared != "" {
		return poolAt(network, p).child("name")
	}
	return poolAt(network, p).child("start-address")
}

// poolAt is the container or list entry that a pool is configured in.
func poolAt(network place, p mobility.Pool) place {
	version := "ipv6"
	if p.Start.Is4() || !p.Mobile && p.Unit == 32 { // the start of an invalid pool may be missing
		version = "ipv4"
	}
	if p.Shared != "" {
		return network.below("named-pool", version)
	}
	if p.Mobile {
		return network.below("pool", "mobile-network", version).named(p.Start.String())
	}
	return network.below("pool", "mobile-node", version)
}

// checkPools refuses pools that overlap: all networks of all LMAs hand out addresses of the default VRF, those of customers of theirs.
func (j *job) checkPools() {
	if !j.networksChanged {
		return
	}
	type owned struct {
		span
		vrf, of string // what the other is told that it belongs to
		at      place
	}
	var pools []owned
	add := func(vrf, whose string, list place, networks map[string]*mobility.Network) {
		shared := map[mobility.Pool]bool{}
		for _, network := range sortedKeys(networks) {
			for _, p := range networks[network].Pools {
				if shared[p] {
					continue
				}
				shared[p] = p.Shared != ""
				pools = append(pools, owned{spanOf(p), vrf, "network " + network + " of " + whose, poolOf(list.named(network), p)})
			}
		}
	}
	for _, name := range sortedKeys(j.new.lmas) {
		a := j.new.lmas[name]
		add("", "LMA "+name, a.at.child("network"), a.native.Networks)
		for _, customer := range sortedKeys(a.native.Customers) {
			c := a.native.Customers[customer]
			add(c.VRF, "customer "+customer+" of LMA "+name, a.customers().named(customer).below("network", "authorized"), c.Networks)
		}
	}
	slices.SortStableFunc(pools, func(a, b owned) int { return cmp.Or(cmp.Compare(a.vrf, b.vrf), a.first.Compare(b.first)) })
	longest := 0 // of those so far, the one that goes furthest
	for i := 1; i < len(pools); i++ {
		p, other := &pools[i], &pools[longest]
		same := other.vrf == p.vrf
		if same && other.holds(p.first) {
			j.refuse(p.at, mustViolation, "the pool overlaps that of %s, which goes from %v to %v", other.of, other.first, other.last)
		}
		if !same || other.last.Less(p.last) {
			longest = i
		}
	}
}
