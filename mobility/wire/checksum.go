package wire

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

const protocol = 135 // the Mobility Header as an IPv6 next header

// Checksum is the checksum that mh has between these two IPv6 addresses (RFC 6275 section 6.1.1). What stands in its
// checksum field does not matter. mh is not changed; its length should be even, as that of any message is.
func Checksum(src, dst netip.Addr, mh []byte) uint16 {
	s, d := src.As16(), dst.As16()
	sum := uint64(len(mh)) + protocol + add(s[:]) + add(d[:]) + add(mh)
	if len(mh) >= atData {
		sum += uint64(^binary.BigEndian.Uint16(mh[atChecksum:])) // takes the field out again
	}
	return fold(sum)
}

// SetChecksum writes the checksum into mh: 0 between IPv4 addresses, where UDP has one (RFC 5844 section 4). mh is a
// whole message.
func SetChecksum(src, dst netip.Addr, mh []byte) {
	var sum uint16
	if !overIPv4(src) {
		sum = Checksum(src, dst, mh)
	}
	binary.BigEndian.PutUint16(mh[atChecksum:], sum)
}

// VerifyChecksum checks a received message: all octets behind the IPv6 header and its extensions. Over IPv4 anything is
// right. The error is a *DecodeError.
func VerifyChecksum(src, dst netip.Addr, mh []byte) error {
	if overIPv4(src) {
		return nil
	}
	if len(mh) < atData || Checksum(src, dst, mh) != binary.BigEndian.Uint16(mh[atChecksum:]) {
		return &DecodeError{Kind: KindChecksum, Offset: atChecksum}
	}
	return nil
}

func overIPv4(a netip.Addr) bool { return a.Is4() || a.Is4In6() }

// add sums up b, eight octets at a time with the carries: that folds to the same 16 bits (RFC 1071 section 2).
func add(b []byte) uint64 {
	var sum, carry uint64
	for ; len(b) >= 8; b = b[8:] {
		sum, carry = bits.Add64(sum, binary.BigEndian.Uint64(b), carry)
	}
	var tail [8]byte
	copy(tail[:], b)
	sum, carry = bits.Add64(sum, binary.BigEndian.Uint64(tail[:]), carry)
	return halves(sum) + carry
}

func halves(v uint64) uint64 { return v>>32 + v&0xffffffff }

func fold(sum uint64) uint16 {
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
