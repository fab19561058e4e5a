package usertun

import "encoding/binary"

// superpacket is a TCP or UDP packet of many segments, as hosts hand them to devices with offloads: one header, and a
// payload that is to be cut into pieces of one size.
type superpacket struct {
	header  []byte // IP and transport header
	payload []byte
	segment int // octets of payload in each piece; the last may have less
	ip      int // length of the IP header
	udp     bool
	fixed   uint64 // the sum of what is the same in every segment
}

// TCP header fields.
const (
	tcpSeq      = 4
	tcpFlags    = 13
	tcpChecksum = 16
	tcpLeast    = 20
	tcpFIN      = 0x01
	tcpPSH      = 0x08
	tcpACK      = 0x10
	tcpCWR      = 0x80
	udpLen      = 8
	udpChecksum = 6
)

// parse finds the parts of a packet that came with this virtio header.
func (s *superpacket) parse(b []byte, v virtioHeader) bool {
	*s = superpacket{segment: int(v.segment), ip: int(v.checksumStart), udp: v.kind&^gsoECN == gsoUDP}
	least := tcpLeast
	if s.udp {
		least = udpLen
	}
	if s.segment == 0 || s.ip < header4 || s.ip+least > len(b) {
		return false
	}
	n := s.ip + udpLen
	if !s.udp {
		n = s.ip + int(b[s.ip+12]>>4)*4
	}
	if n < s.ip+least || n > len(b) {
		return false
	}
	s.header, s.payload = b[:n], b[n:]
	s.sumFixed()
	return true
}

// sumFixed adds up the addresses, the protocol and the transport header, less the fields that differ from segment to
// segment, which it clears.
func (s *superpacket) sumFixed() {
	h := s.header[s.ip:]
	if s.udp {
		h[4], h[5], h[udpChecksum], h[udpChecksum+1] = 0, 0, 0, 0
		s.fixed = sum(h, pseudoHeader(s.header, protoUDP, 0))
		return
	}
	h[tcpChecksum], h[tcpChecksum+1] = 0, 0
	varying := [8]byte{0, 0, 0, 0, 0, h[tcpFlags]}
	copy(varying[:4], h[tcpSeq:])
	s.fixed = plus(sum(h, pseudoHeader(s.header, protoTCP, 0)), ^sum(varying[:], 0))
}

// count returns the number of segments.
func (s *superpacket) count() int { return max(1, (len(s.payload)+s.segment-1)/s.segment) }

func (s *superpacket) size(i int) int {
	return len(s.header) + min(s.segment, len(s.payload)-i*s.segment)
}

// build appends the header of segment i to b and returns it and the payload, complete with checksums. Identifications count
// on from the first.
func (s *superpacket) build(i int, b []byte) (header, payload []byte) {
	from := i * s.segment
	payload = s.payload[from:min(from+s.segment, len(s.payload))]
	b = append(b, s.header...)
	header = b[len(b)-len(s.header):]
	transport := header[s.ip:]
	size := len(transport) + len(payload)
	if s.header[0]>>4 == 4 {
		be.PutUint16(header[2:], uint16(s.ip+size))
		be.PutUint16(header[4:], be.Uint16(s.header[4:])+uint16(i))
		header[10], header[11] = 0, 0
		putChecksum(header[10:], sum(header[:s.ip], 0))
	} else {
		be.PutUint16(header[4:], uint16(s.ip-header6+size))
	}
	acc := sum(payload, plus(s.fixed, word(size)))
	if s.udp {
		be.PutUint16(transport[4:], uint16(size))
		putChecksum(transport[udpChecksum:], plus(acc, word(size)))
		if transport[udpChecksum] == 0 && transport[udpChecksum+1] == 0 {
			binary.NativeEndian.PutUint16(transport[udpChecksum:], 0xffff) // zero would say that there is none (RFC 768)
		}
		return header, payload
	}
	be.PutUint32(transport[tcpSeq:], be.Uint32(s.header[s.ip+tcpSeq:])+uint32(from))
	if from+len(payload) < len(s.payload) {
		transport[tcpFlags] &^= tcpFIN | tcpPSH
	}
	if i > 0 {
		transport[tcpFlags] &^= tcpCWR // RFC 3168 section 6.1.2: once
	}
	varying := [8]byte{0, 0, 0, 0, 0, transport[tcpFlags]}
	copy(varying[:4], transport[tcpSeq:])
	putChecksum(transport[tcpChecksum:], plus(acc, sum(varying[:], 0)))
	return header, payload
}

// completeChecksum does what the sender left to the device.
func completeChecksum(b []byte, v virtioHeader) bool {
	start, at := int(v.checksumStart), int(v.checksumStart)+int(v.checksumOff)
	if at+2 > len(b) || start > at {
		return false
	}
	acc := sum(b[start:], 0) // the sum of the pseudo-header stands in the field
	putChecksum(b[at:], acc)
	if b[at] == 0 && b[at+1] == 0 && v.checksumOff == udpChecksum {
		b[at], b[at+1] = 0xff, 0xff
	}
	return true
}
