// Package match decides about packets by filters and access lists (dataplane.Filter).
package match

import (
	"encoding/binary"
	"net/netip"
)

// Packet is what access lists ask about a packet.
type Packet struct {
	version             uint8
	dscp                uint8
	source, destination netip.Addr
	protocol            uint8
	hasProtocol         bool // IPv6: the extension headers could be followed
	later               bool // a fragment but the first
	transport           []byte
}

// Protocol numbers (IANA, protocol-numbers).
const (
	protoHopByHop    = 0
	protoTCP         = 6
	protoRouting     = 43
	protoFragment    = 44
	protoAuth        = 51
	protoDestination = 60
)

const (
	header4 = 20 // octets of an IPv4 header without options (RFC 791 section 3.1)
	header6 = 40 // RFC 8200 section 3
)

// Parse reads a packet that has a whole IP header. The result refers to b.
func Parse(b []byte) Packet {
	if b[0]>>4 == 4 {
		return parse4(b)
	}
	return parse6(b)
}

func parse4(b []byte) Packet {
	p := Packet{
		version: 4, dscp: b[1] >> 2, protocol: b[9], hasProtocol: true,
		source: netip.AddrFrom4([4]byte(b[12:16])), destination: netip.AddrFrom4([4]byte(b[16:20])),
		later: binary.BigEndian.Uint16(b[6:])&0x1fff != 0,
	}
	if n := int(b[0]&15) * 4; n >= header4 && n <= len(b) && !p.later {
		p.transport = b[n:]
	}
	return p
}

func parse6(b []byte) Packet {
	p := Packet{
		version: 6, dscp: (b[0]<<4 | b[1]>>4) >> 2, protocol: b[6],
		source: netip.AddrFrom16([16]byte(b[8:24])), destination: netip.AddrFrom16([16]byte(b[24:40])),
	}
	rest := b[header6:]
	for {
		n := 0 // octets of an extension header (RFC 8200 section 4)
		switch p.protocol {
		default:
			p.hasProtocol = true
			if !p.later {
				p.transport = rest
			}
			return p
		case protoHopByHop, protoRouting, protoDestination:
			if len(rest) >= 2 {
				n = 8 + int(rest[1])*8
			}
		case protoAuth:
			if len(rest) >= 2 {
				n = 8 + int(rest[1])*4 // RFC 4302 section 2.2
			}
		case protoFragment:
			if len(rest) >= 8 {
				n, p.later = 8, binary.BigEndian.Uint16(rest[2:])&0xfff8 != 0
			}
		}
		if n == 0 || n > len(rest) {
			return p
		}
		p.protocol, rest = rest[0], rest[n:]
		if p.later { // what follows is no header
			p.hasProtocol = true
			return p
		}
	}
}

// ports returns the ports of TCP and UDP, which stand at the same place.
func (p *Packet) ports() (source, destination uint16, ok bool) {
	if len(p.transport) < 4 {
		return 0, 0, false
	}
	return binary.BigEndian.Uint16(p.transport), binary.BigEndian.Uint16(p.transport[2:]), true
}

// icmp returns the type and the code of ICMP and ICMPv6.
func (p *Packet) icmp() (kind, code uint8, ok bool) {
	if len(p.transport) < 2 {
		return 0, 0, false
	}
	return p.transport[0], p.transport[1], true
}
