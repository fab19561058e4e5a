package usertun

import (
	"encoding/binary"
	"net/netip"
)

const (
	protoICMP   = 1
	protoIPv4   = 4
	protoTCP    = 6
	protoUDP    = 17
	protoIPv6   = 41
	protoGRE    = 47
	protoICMPv6 = 58

	header4 = 20 // octets of an IPv4 header without options
	header6 = 40
	maxSize = 65535

	minMTU4 = 68   // RFC 791
	minMTU6 = 1280 // RFC 8200 section 5
)

var be = binary.BigEndian

// version returns the IP version of a packet that has a whole header of a version we know, else 0.
func version(b []byte) int {
	switch {
	case len(b) >= header4 && b[0]>>4 == 4:
		return 4
	case len(b) >= header6 && b[0]>>4 == 6:
		return 6
	}
	return 0
}

// trim cuts what stands behind the packet according to its own length field. It fails where the packet is incomplete, or
// its header makes no sense.
func trim(b []byte) ([]byte, bool) {
	var n, least int
	switch version(b) {
	case 4:
		n, least = int(be.Uint16(b[2:])), int(b[0]&15)*4
		if least < header4 {
			return nil, false
		}
	case 6:
		n, least = header6+int(be.Uint16(b[4:])), header6
	default:
		return nil, false
	}
	if n < least || n > len(b) {
		return nil, false
	}
	return b[:n], true
}

func source(b []byte) netip.Addr {
	if b[0]>>4 == 4 {
		return netip.AddrFrom4([4]byte(b[12:16]))
	}
	return netip.AddrFrom16([16]byte(b[8:24]))
}

func destination(b []byte) netip.Addr {
	if b[0]>>4 == 4 {
		return netip.AddrFrom4([4]byte(b[16:20]))
	}
	return netip.AddrFrom16([16]byte(b[24:40]))
}

// trafficClass returns the TOS or traffic class octet: DSCP and ECN.
func trafficClass(b []byte) uint8 {
	if b[0]>>4 == 4 {
		return b[1]
	}
	return b[0]<<4 | b[1]>>4
}

// setTrafficClass changes it, and an IPv4 header's checksum with it.
func setTrafficClass(b []byte, class uint8) {
	if b[0]>>4 == 6 {
		b[0], b[1] = 6<<4|class>>4, class<<4|b[1]&15
		return
	}
	// RFC 1624: new checksum = ^(^old + ^old word + new word)
	old := uint64(binary.NativeEndian.Uint16(b))
	b[1] = class
	acc := uint64(^binary.NativeEndian.Uint16(b[10:])) + uint64(^uint16(old)) + uint64(binary.NativeEndian.Uint16(b))
	putChecksum(b[10:], acc)
}

// pseudoHeader is the sum of addresses, protocol and length that TCP and UDP checksums include.
func pseudoHeader(b []byte, protocol, length int) uint64 {
	if b[0]>>4 == 4 {
		return sum(b[12:20], word(protocol)+word(length))
	}
	return sum(b[8:40], word(protocol)+word(length))
}
