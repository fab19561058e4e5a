package reconcile

import "net/netip"

// packed is a prefix in half the octets that a netip.Prefix takes. The zero value is none.
type packed struct {
	octets [16]byte
	length uint8
}

// The length says the family, too: an IPv6 prefix is one longer, so that the longest has 129, and an IPv4 one is longer than those.
const ofIPv6, ofIPv4 = 1, 130

func pack(p netip.Prefix) packed {
	switch a := p.Addr(); {
	case !p.IsValid():
		return packed{}
	case a.Is4():
		four, octets := a.As4(), [16]byte{}
		copy(octets[:], four[:])
		return packed{octets, uint8(ofIPv4 + p.Bits())}
	default:
		return packed{a.As16(), uint8(ofIPv6 + p.Bits())}
	}
}

// unpack is the inverse of pack.
func (p packed) unpack() netip.Prefix {
	switch {
	case p == packed{}:
		return netip.Prefix{}
	case p.length >= ofIPv4:
		return netip.PrefixFrom(netip.AddrFrom4([4]byte(p.octets[:4])), int(p.length-ofIPv4))
	}
	return netip.PrefixFrom(netip.AddrFrom16(p.octets), int(p.length-ofIPv6))
}
