package apply

import (
	"strconv"

	"mooring/mobility"
)

// networkPools translates the pools for mobile networks of a network (features LMA-22, LMA-23).
func (j *job) networkPools(network place) (pools []mobility.Pool) {
	for _, version := range []string{"ipv4", "ipv6"} {
		list := network.below("pool", "mobile-network", version)
		if list.node == nil {
			continue
		}
		for start, at := range list.entries() {
			pools = append(pools, mobility.Pool{Start: j.addr(at, start), Bits: j.length(at.child("pool-prefix")), Unit: j.length(at.child("network-prefix")), Mobile: true})
		}
	}
	return pools
}

// length is a leaf that holds the length of a prefix; 0 where it is missing.
func (j *job) length(at place) int {
	if at.node == nil {
		return 0
	}
	n, err := strconv.Atoi(at.node.Value())
	j.check(at, err)
	return n
}

// limitStruct is what the structs of all limits of mobile networks have in common.
type limitStruct interface {
	GetLogicalMnMaximum() uint8
	GetCustomerMaximum() uint32
}

func networkLimits(ipv4, ipv6, all limitStruct) mobility.NetworkLimits {
	one := func(x limitStruct) mobility.NetworkLimit {
		return mobility.NetworkLimit{Node: int(x.GetLogicalMnMaximum()), Customer: int(x.GetCustomerMaximum())}
	}
	return mobility.NetworkLimits{IPv4: one(ipv4), IPv6: one(ipv6), All: one(all)}
}
