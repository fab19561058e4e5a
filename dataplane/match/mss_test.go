package match

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// tcpSum adds up a TCP packet with its pseudo-header (RFC 9293 section 3.1); of a right one, the sum is 0xffff.
func sumTCP(b []byte, header int) uint16 {
	addresses := b[12:20]
	if header == header6 {
		addresses = b[8:40]
	}
	sum := uint32(protoTCP) + uint32(len(b)-header)
	for _, part := range [][]byte{addresses, b[header:]} {
		for i := 0; i < len(part); i += 2 {
			v := uint32(part[i]) << 8
			if i+1 < len(part) {
				v += uint32(part[i+1])
			}
			sum += v
		}
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return uint16(sum)
}

// handshake makes a TCP packet with these flags and options, and a right checksum.
func handshake(from, to string, flags byte, options ...byte) (b []byte, header int) {
	tcp := append(make([]byte, tcpLeast), options...)
	tcp[12], tcp[tcpFlags] = byte(len(tcp)/4)<<4, flags
	b = packet(from, to, protoTCP, tcp...)
	header = len(b) - len(tcp)
	binary.BigEndian.PutUint16(b[header+tcpSum:], ^sumTCP(b, header))
	return b, header
}

func TestTUN01_ClampMSS(t *testing.T) {
	const four, four2, six, six2 = "10.0.0.1", "10.0.0.2", "2001:db8::1", "2001:db8::2"
	mss := []byte{optMSS, lenMSS, 0x05, 0xb4} // 1460
	for _, c := range []struct {
		what     string
		from, to string
		flags    byte
		options  []byte
		at       int // of the size, in the options
		want     int // 0: not changed
	}{
		{"SYN", four, four2, tcpSYN, mss, 2, 1320},
		{"SYN and ACK", four, four2, tcpSYN | 0x10, mss, 2, 1320},
		{"IPv6", six, six2, tcpSYN, mss, 2, 1300},
		{"after other options", four, four2, tcpSYN, append([]byte{optNone, optNone, 4, 2}, mss...), 6, 1320},
		{"at an odd offset", four, four2, tcpSYN, append([]byte{optNone}, append(mss, optEnd, 0, 0)...), 3, 1320},
		{"small already", four, four2, tcpSYN, []byte{optMSS, lenMSS, 0x05, 0x28}, 2, 0}, // 1320
		{"no handshake", four, four2, 0x10, mss, 2, 0},
		{"no option", four, four2, tcpSYN, nil, 0, 0},
		{"behind the end", four, four2, tcpSYN, append([]byte{optEnd, 0, 0, 0}, mss...), 6, 0},
		{"an option of no length", four, four2, tcpSYN, []byte{8, 0, optMSS, lenMSS, 0x05, 0xb4, 0, 0}, 0, 0},
		{"an option that is cut off", four, four2, tcpSYN, []byte{optNone, optNone, optMSS, lenMSS}, 0, 0},
	} {
		b, header := handshake(c.from, c.to, c.flags, c.options...)
		before := bytes.Clone(b)
		changed := ClampMSS(b, 1360, true)
		if changed != (c.want != 0) || !changed && !bytes.Equal(b, before) {
			t.Errorf("%s: changed %t\n%x\n%x", c.what, changed, before, b)
		}
		if !changed {
			continue
		}
		if got := int(binary.BigEndian.Uint16(b[header+tcpLeast+c.at:])); got != c.want {
			t.Errorf("%s: %d, want %d", c.what, got, c.want)
		}
		if sum := sumTCP(b, header); sum != 0xffff {
			t.Errorf("%s: the checksum is wrong by %04x", c.what, ^sum)
		}
		ClampMSS(before, 1360, false)
		binary.BigEndian.PutUint16(b[header+tcpSum:], binary.BigEndian.Uint16(before[header+tcpSum:]))
		if !bytes.Equal(b, before) {
			t.Errorf("%s: a checksum that is yet to be made was changed", c.what)
		}
	}
}
