package index

import (
	"iter"
	"maps"
	"net/netip"
)

// Prefix is a netip.Prefix in half the octets. The zero value is none.
type Prefix struct {
	octets [16]byte
	length uint8
}

// The length says the family, too: an IPv6 prefix is one longer, so that the longest has 129, and an IPv4 one is longer than those.
const ofIPv6, ofIPv4 = 1, 130

// Pack returns the prefix p.
func Pack(p netip.Prefix) Prefix {
	switch a := p.Addr(); {
	case !p.IsValid():
		return Prefix{}
	case a.Is4():
		four, octets := a.As4(), [16]byte{}
		copy(octets[:], four[:])
		return Prefix{octets, uint8(ofIPv4 + p.Bits())}
	default:
		return Prefix{a.As16(), uint8(ofIPv6 + p.Bits())}
	}
}

// Unpack is the inverse of Pack.
func (p Prefix) Unpack() netip.Prefix {
	switch {
	case p == Prefix{}:
		return netip.Prefix{}
	case p.length >= ofIPv4:
		return netip.PrefixFrom(netip.AddrFrom4([4]byte(p.octets[:4])), int(p.length-ofIPv4))
	}
	return netip.PrefixFrom(netip.AddrFrom16(p.octets), int(p.length-ofIPv6))
}

// Prefixes has something for each of many prefixes in VRFs. The zero value is empty.
type Prefixes[T any] struct{ vrfs map[string]map[Prefix]T }

// Get returns what a prefix has, and whether it has anything.
func (x *Prefixes[T]) Get(vrf string, p netip.Prefix) (T, bool) {
	v, ok := x.vrfs[vrf][Pack(p)]
	return v, ok
}

// Put gives a prefix something, in place of what it has.
func (x *Prefixes[T]) Put(vrf string, p netip.Prefix, v T) {
	if x.vrfs[vrf] == nil {
		if x.vrfs == nil {
			x.vrfs = map[string]map[Prefix]T{}
		}
		x.vrfs[vrf] = map[Prefix]T{}
	}
	x.vrfs[vrf][Pack(p)] = v
}

// Delete takes from a prefix what it has.
func (x *Prefixes[T]) Delete(vrf string, p netip.Prefix) {
	if delete(x.vrfs[vrf], Pack(p)); len(x.vrfs[vrf]) == 0 {
		delete(x.vrfs, vrf)
	}
}

// DeleteVRF takes what all prefixes of a VRF have.
func (x *Prefixes[T]) DeleteVRF(vrf string) { delete(x.vrfs, vrf) }

// DeleteFunc takes what the function says to take.
func (x *Prefixes[T]) DeleteFunc(del func(T) bool) {
	for vrf, all := range x.vrfs {
		maps.DeleteFunc(all, func(_ Prefix, v T) bool { return del(v) })
		if len(all) == 0 {
			delete(x.vrfs, vrf)
		}
	}
}

// Of yields the prefixes of a VRF that have something, in no order.
func (x *Prefixes[T]) Of(vrf string) iter.Seq2[netip.Prefix, T] {
	return func(yield func(netip.Prefix, T) bool) {
		for p, v := range x.vrfs[vrf] {
			if !yield(p.Unpack(), v) {
				return
			}
		}
	}
}
