package mobility

import (
	"encoding/binary"
	"net/netip"
)

// LinkLocal is an address of fe80::/64 (RFC 4291 section 2.5.6), by its interface identifier; 0 is none. A netip.Addr has three times its
// size.
type LinkLocal uint64

var linkLocalPrefix = netip.MustParsePrefix("fe80::/64")

// LinkLocalOf returns what stands for a; 0 where a is no such address.
func LinkLocalOf(a netip.Addr) LinkLocal {
	if !linkLocalPrefix.Contains(a) {
		return 0
	}
	octets := a.As16()
	return LinkLocal(binary.BigEndian.Uint64(octets[8:]))
}

// Addr is the inverse of LinkLocalOf; where there is none, the unspecified address.
func (l LinkLocal) Addr() netip.Addr {
	if l == 0 {
		return netip.IPv6Unspecified()
	}
	octets := linkLocalPrefix.Addr().As16()
	binary.BigEndian.PutUint64(octets[8:], uint64(l))
	return netip.AddrFrom16(octets)
}

// IPv4 is an IPv4 address; the unspecified one, which is the zero value, is none. A netip.Addr has six times its size.
type IPv4 [4]byte

// IPv4Of returns what stands for a; none where a is no IPv4 address.
func IPv4Of(a netip.Addr) IPv4 {
	if !a.Is4() {
		return IPv4{}
	}
	return a.As4()
}

// IsValid says whether there is one.
func (a IPv4) IsValid() bool { return a != IPv4{} }

// Addr is the inverse of IPv4Of; the invalid address where there is none.
func (a IPv4) Addr() netip.Addr {
	if !a.IsValid() {
		return netip.Addr{}
	}
	return netip.AddrFrom4(a)
}

// HomeAddress is an IPv4 home address with the length of its subnet (RFC 5844 section 3.1); the zero value is none. A netip.Prefix has six times its size.
type HomeAddress struct {
	address IPv4
	bits    uint8
}

// HomeOf returns what stands for p; none where p is no address of IPv4.
func HomeOf(p netip.Prefix) HomeAddress {
	h := HomeAddress{IPv4Of(p.Addr()), uint8(max(0, p.Bits()))}
	if !h.IsValid() {
		return HomeAddress{}
	}
	return h
}

// IsValid says whether there is one.
func (h HomeAddress) IsValid() bool { return h.address.IsValid() }

// Addr is the address; the invalid one where there is none.
func (h HomeAddress) Addr() netip.Addr { return h.address.Addr() }

// Prefix is the inverse of HomeOf; the invalid prefix where there is none.
func (h HomeAddress) Prefix() netip.Prefix { return netip.PrefixFrom(h.Addr(), int(h.bits)) }

// Alone is the address as a prefix of itself; there has to be one.
func (h HomeAddress) Alone() netip.Prefix { return netip.PrefixFrom(h.Addr(), 32) }

func (h HomeAddress) String() string { return h.Prefix().String() }
