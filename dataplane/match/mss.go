package match

import "encoding/binary"

const (
	tcpLeast = 20   // octets of a TCP header without options (RFC 9293 section 3.1)
	tcpSYN   = 0x02 // in the octet of flags
	tcpFlags = 13   // its offset
	tcpSum   = 16   // offset of the checksum
	optEnd   = 0    // RFC 9293 section 3.2
	optNone  = 1
	optMSS   = 2
	lenMSS   = 4
)

// ClampMSS lowers the maximum segment size that a TCP handshake states, so that segments fit packets of mtu octets. It reports whether it
// has changed anything. b has a whole IP header; summed says that its TCP checksum is complete, and not yet to be made from all octets.
func ClampMSS(b []byte, mtu int, summed bool) bool {
	p := Parse(b)
	tcp := p.transport
	if p.protocol != protoTCP || len(tcp) < tcpLeast || tcp[tcpFlags]&tcpSYN == 0 {
		return false
	}
	options := tcp[tcpLeast:max(tcpLeast, min(int(tcp[12]>>4)*4, len(tcp)))]
	limit := mtu - header4 - tcpLeast
	if p.version == 6 {
		limit = mtu - header6 - tcpLeast
	}
	for at := 0; at < len(options) && options[at] != optEnd; {
		if options[at] == optNone {
			at++
			continue
		}
		if at+1 == len(options) || options[at+1] < 2 || at+int(options[at+1]) > len(options) {
			return false
		}
		if options[at] == optMSS && options[at+1] == lenMSS {
			return lower(tcp, tcpLeast+at+2, limit, summed)
		}
		at += int(options[at+1])
	}
	return false
}

// lower sets the 16 bits of a TCP header at an offset, if they are more than limit. The checksum follows as RFC 1624 says.
func lower(tcp []byte, at, limit int, summed bool) bool {
	if limit < 1 || int(binary.BigEndian.Uint16(tcp[at:])) <= limit {
		return false
	}
	before := aligned(tcp, at)
	binary.BigEndian.PutUint16(tcp[at:], uint16(limit))
	after := aligned(tcp, at)
	if !summed {
		return true
	}
	sum := uint32(^binary.BigEndian.Uint16(tcp[tcpSum:])) + uint32(^before) + uint32(after)
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	binary.BigEndian.PutUint16(tcp[tcpSum:], ^uint16(sum))
	return true
}

// aligned returns 16 bits as the checksum has them: at an odd offset, their octets are the halves of two words.
func aligned(tcp []byte, at int) uint16 {
	v := binary.BigEndian.Uint16(tcp[at:])
	if at%2 == 1 {
		return v<<8 | v>>8
	}
	return v
}
