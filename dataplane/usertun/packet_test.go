package usertun

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
)

// udpPacket and tcpPacket make whole packets with right checksums.
func udpPacket(from, to string, payload []byte) []byte {
	transport := make([]byte, udpLen, udpLen+len(payload))
	be.PutUint16(transport, 1000)
	be.PutUint16(transport[2:], 2000)
	be.PutUint16(transport[4:], uint16(udpLen+len(payload)))
	return ipPacket(from, to, protoUDP, append(transport, payload...), udpChecksum)
}

func tcpPacket(from, to string, seq uint32, flags uint8, payload []byte) []byte {
	transport := make([]byte, tcpLeast, tcpLeast+len(payload))
	be.PutUint16(transport, 1000)
	be.PutUint16(transport[2:], 2000)
	be.PutUint32(transport[tcpSeq:], seq)
	transport[12], transport[tcpFlags] = tcpLeast/4<<4, flags
	return ipPacket(from, to, protoTCP, append(transport, payload...), tcpChecksum)
}

func ipPacket(from, to string, protocol int, transport []byte, checksum int) []byte {
	src, dst := netip.MustParseAddr(from), netip.MustParseAddr(to)
	b := make([]byte, header4)
	if src.Is4() {
		b[0], b[8], b[9] = 4<<4|5, 64, uint8(protocol)
		be.PutUint16(b[2:], uint16(header4+len(transport)))
		be.PutUint16(b[4:], 0x1234)
		copy(b[12:], src.AsSlice())
		copy(b[16:], dst.AsSlice())
		putChecksum(b[10:], sum(b, 0))
	} else {
		b = make([]byte, header6)
		b[0], b[6], b[7] = 6<<4, uint8(protocol), 64
		be.PutUint16(b[4:], uint16(len(transport)))
		copy(b[8:], src.AsSlice())
		copy(b[24:], dst.AsSlice())
	}
	if checksum > 0 {
		putChecksum(transport[checksum:], sum(transport, pseudoHeader(b, protocol, len(transport))))
	}
	return append(b, transport...)
}

// wholePacket checks lengths and all checksums of a packet.
func wholePacket(t *testing.T, b []byte) {
	t.Helper()
	trimmed, ok := trim(b)
	if !ok || len(trimmed) != len(b) {
		t.Fatalf("length field does not fit %d octets: %x", len(b), b[:min(len(b), 60)])
	}
	n, protocol := header6, int(b[6])
	if version(b) == 4 {
		n, protocol = int(b[0]&15)*4, int(b[9])
		if !whole(sum(b[:n], 0)) {
			t.Fatalf("header checksum of %x", b[:n])
		}
	}
	if !whole(sum(b[n:], pseudoHeader(b, protocol, len(b)-n))) {
		t.Fatalf("transport checksum of %x", b)
	}
}

// The sum is that of RFC 1071 computed word by word, wherever the octets are cut at an even place.
func TestSum(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		b := randomBytes(rng.IntN(3000))
		var naive uint32
		for i := 0; i < len(b); i += 2 {
			last := byte(0)
			if i+1 < len(b) {
				last = b[i+1]
			}
			naive += uint32(b[i])<<8 | uint32(last)
		}
		for naive > 0xffff {
			naive = naive>>16 + naive&0xffff
		}
		cut := rng.IntN(len(b)/2+1) * 2
		for _, got := range []uint64{sum(b, 0), sum(b[cut:], sum(b[:cut], 0)), plus(sum(b[cut:], 0), sum(b[:cut], 0))} {
			var stored [2]byte
			binary.NativeEndian.PutUint16(stored[:], fold(got))
			if want := uint16(naive); be.Uint16(stored[:]) != want {
				t.Fatalf("sum of %d octets is %#x, want %#x", len(b), be.Uint16(stored[:]), want)
			}
		}
	}
}

func TestTrafficClass(t *testing.T) {
	for _, b := range [][]byte{udpPacket("10.0.0.1", "10.0.0.2", []byte("x")), udpPacket("fd00::1", "fd00::2", []byte("x"))} {
		for class := range 256 {
			setTrafficClass(b, uint8(class))
			if got := trafficClass(b); got != uint8(class) {
				t.Fatalf("class %#x is read as %#x", class, got)
			}
			wholePacket(t, b)
		}
	}
}

// RFC 6040 figure 4, row by row; the DSCP comes from the outer header.
func TestLeavingClass(t *testing.T) {
	const drop = -1
	table := map[uint8][4]int{ // by inner field; columns Not-ECT, ECT(1), ECT(0), CE
		notECT: {notECT, notECT, notECT, drop},
		ect1:   {ect1, ect1, ect1, ce},
		ect0:   {ect0, ect1, ect0, ce},
		ce:     {ce, ce, ce, ce},
	}
	const innerDSCP, outerDSCP = 46 << 2, 10 << 2
	for inner, row := range table {
		for outer, want := range row {
			class, dropped := leavingClass(innerDSCP|inner, outerDSCP|uint8(outer))
			if dropped != (want == drop) || !dropped && class != outerDSCP|uint8(want) {
				t.Errorf("inner %d outer %d: class %#x, dropped %t; want ECN %d", inner, outer, class, dropped, want)
			}
		}
	}
}

// Segments carry the payload whole and in order, each with a header that a host would have sent.
func TestSegments(t *testing.T) {
	payload := randomBytes(10_001)
	addresses := [][2]string{{"10.0.0.1", "10.0.0.2"}, {"fd00::1", "fd00::2"}}
	for _, a := range addresses {
		for _, size := range []int{1, 7, 536, 1400, 10_000, 10_001, 20_000} {
			flags := uint8(tcpACK | tcpPSH | tcpFIN | tcpCWR)
			got := cut(t, tcpPacket(a[0], a[1], 0xffffff00, flags, payload), size, false)
			var all []byte
			for i, b := range got {
				wholePacket(t, b)
				n := len(b) - size
				if i == len(got)-1 {
					n = len(b) - (len(payload) - i*size)
				}
				if seq := be.Uint32(b[n-tcpLeast+tcpSeq:]); seq != 0xffffff00+uint32(len(all)) {
					t.Fatalf("segment %d has sequence number %#x", i, seq)
				}
				want := uint8(tcpACK)
				if i == 0 {
					want |= tcpCWR
				}
				if i == len(got)-1 {
					want |= tcpPSH | tcpFIN
				}
				if f := b[n-tcpLeast+tcpFlags]; f != want {
					t.Fatalf("segment %d of %d has flags %#x, want %#x", i, len(got), f, want)
				}
				if version(b) == 4 && be.Uint16(b[4:]) != 0x1234+uint16(i) {
					t.Fatalf("segment %d has identification %#x", i, be.Uint16(b[4:]))
				}
				all = append(all, b[n:]...)
			}
			if string(all) != string(payload) {
				t.Fatalf("segments of %d lose payload", size)
			}
			all = nil
			for _, b := range cut(t, udpPacket(a[0], a[1], payload), size, true) {
				wholePacket(t, b)
				ip := header4
				if version(b) == 6 {
					ip = header6
				}
				all = append(all, b[ip+udpLen:]...)
			}
			if string(all) != string(payload) {
				t.Fatalf("datagrams of %d lose payload", size)
			}
		}
	}
}

// cut makes a super-packet of b and cuts it.
func cut(t *testing.T, b []byte, size int, udp bool) (packets [][]byte) {
	t.Helper()
	v := virtioHeader{flags: needsChecksum, kind: gsoTCP4, segment: uint16(size), checksumStart: header4, checksumOff: tcpChecksum}
	if version(b) == 6 {
		v.kind, v.checksumStart = gsoTCP6, header6
	}
	if udp {
		v.kind, v.checksumOff = gsoUDP, udpChecksum
	}
	var s superpacket
	if !s.parse(b, v) {
		t.Fatalf("super-packet of %d octets refused", len(b))
	}
	for i := range s.count() {
		header, payload := s.build(i, nil)
		packet := append(header, payload...)
		if len(packet) != s.size(i) {
			t.Fatalf("piece %d has %d octets, announced %d", i, len(packet), s.size(i))
		}
		packets = append(packets, packet)
	}
	return packets
}

// Fragments can be put together again, and say where they belong.
func TestFragments(t *testing.T) {
	payload := randomBytes(3000)
	b := udpPacket("10.0.0.1", "10.0.0.2", payload)
	options := []byte{0x44, 4, 5, 0, 0x83, 3, 4, 1} // a timestamp, not copied, and a source route, copied
	with := append(append(append([]byte{}, b[:header4]...), options...), b[header4:]...)
	with[0] += uint8(len(options) / 4)
	be.PutUint16(with[2:], uint16(len(with)))
	for _, packet := range [][]byte{b, with} {
		n := int(packet[0]&15) * 4
		for _, mtu := range []int{68, 100, 576, 1400} {
			var f fragments
			if !f.parse(packet, mtu) {
				t.Fatalf("not cut for %d", mtu)
			}
			var all []byte
			for i := range f.count() {
				header, part := f.build(i, nil)
				field := be.Uint16(header[6:])
				if len(header)+len(part) > mtu || len(header)+len(part) != f.size(i) || int(be.Uint16(header[2:])) != f.size(i) {
					t.Fatalf("fragment %d for %d has %d octets", i, mtu, len(header)+len(part))
				}
				if !whole(sum(header, 0)) || int(field&offsetMask)*8 != len(all) || (field&moreFragments != 0) != (i < f.count()-1) {
					t.Fatalf("fragment %d for %d has header %x", i, mtu, header)
				}
				if i > 0 && n > header4 && string(header[header4:]) != "\x83\x03\x04\x00" {
					t.Fatalf("fragment %d has options %x", i, header[header4:])
				}
				all = append(all, part...)
			}
			if string(all) != string(packet[n:]) {
				t.Fatalf("fragments for %d lose payload", mtu)
			}
		}
	}
	be.PutUint16(b[6:], dontFragment)
	if new(fragments).parse(b, 576) {
		t.Fatal("cut in spite of DF")
	}
}

func TestICMPErrorsAreAnswerable(t *testing.T) {
	fragment := udpPacket("10.0.0.1", "10.0.0.2", []byte("x"))
	be.PutUint16(fragment[6:], 100)
	cases := []struct {
		name string
		b    []byte
		want bool
	}{
		{"udp4", udpPacket("10.0.0.1", "10.0.0.2", []byte("x")), true},
		{"udp6", udpPacket("fd00::1", "fd00::2", []byte("x")), true},
		{"echo4", ipPacket("10.0.0.1", "10.0.0.2", protoICMP, []byte{8, 0, 0, 0}, 2), true},
		{"echo6", ipPacket("fd00::1", "fd00::2", protoICMPv6, []byte{128, 0, 0, 0}, 2), true},
		{"error4", ipPacket("10.0.0.1", "10.0.0.2", protoICMP, []byte{3, 1, 0, 0}, 2), false},
		{"error6", ipPacket("fd00::1", "fd00::2", protoICMPv6, []byte{1, 0, 0, 0}, 2), false},
		{"later fragment", fragment, false},
		{"to a group", udpPacket("10.0.0.1", "224.0.0.1", []byte("x")), false},
		{"from nobody", udpPacket("0.0.0.0", "10.0.0.2", []byte("x")), false},
		{"from a group", udpPacket("ff02::1", "fd00::2", []byte("x")), false},
	}
	for _, c := range cases {
		if got := answerable(c.b); got != c.want {
			t.Errorf("%s: answerable %t", c.name, got)
		}
	}
}

func BenchmarkSum(b *testing.B) {
	packet := randomBytes(1400)
	b.SetBytes(int64(len(packet)))
	for b.Loop() {
		sum(packet, 0)
	}
}
