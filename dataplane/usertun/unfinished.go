package usertun

import "encoding/binary"

// A host leaves the checksum of a packet, and cutting it into segments, to the next device that can do it. Between hosts on
// one machine nobody has to; and a host may join segments that arrive (GRO). Raw sockets deliver such packets as they are,
// and say nothing about it: what they lack shows in the packet alone.

// unfinished returns what the host that the packet goes to has to do with it, and the number of segments that it stands
// for. A checksum that was left to others is the sum of the pseudo-header; if a right one happens to be the same, making
// it anew does no harm. A packet beyond the tunnel's MTU is several. ok is false where nobody can tell their size.
func unfinished(b []byte, mtu int) (v virtioHeader, segments int, ok bool) {
	ip, protocol := transportOf(b)
	least, at := tcpLeast, tcpChecksum
	if protocol == protoUDP {
		least, at = udpLen, udpChecksum
	}
	if ip == 0 || len(b) < ip+least || binary.NativeEndian.Uint16(b[ip+at:]) != fold(pseudoHeader(b, int(protocol), len(b)-ip)) {
		return v, 1, true
	}
	v = virtioHeader{flags: needsChecksum, checksumStart: uint16(ip), checksumOff: uint16(at)}
	if len(b) <= limit(b, mtu) {
		return v, 1, true
	}
	header := ip + int(b[ip+12]>>4)*4
	if protocol == protoUDP || header < ip+tcpLeast || header >= min(len(b), mtu) {
		return v, 1, false
	}
	v.kind, v.headerLen, v.segment = gsoTCP6, uint16(header), uint16(mtu-header)
	if ip == header4 {
		v.kind = gsoTCP4
	}
	return v, (len(b) - header + int(v.segment) - 1) / int(v.segment), true
}

// transportOf returns the length of the IP header of a TCP or UDP packet, and the protocol; 0 of any other, of fragments,
// and where there are options.
func transportOf(b []byte) (ip int, protocol uint8) {
	switch {
	case b[0] == 4<<4|5 && b[6]&0x3f == 0 && b[7] == 0:
		ip, protocol = header4, b[9]
	case b[0]>>4 == 6:
		ip, protocol = header6, b[6]
	}
	if protocol != protoTCP && protocol != protoUDP {
		return 0, protocol
	}
	return ip, protocol
}
