package usertun

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// host takes joined packets apart again, as the host would.
func host(t *testing.T, j *joiner) (packets [][]byte) {
	t.Helper()
	for i := range j.used {
		h := &j.held[i]
		v := virtioHeader{}
		if len(h.pieces) > 2 {
			v = h.complete()
		}
		var all []byte
		for _, p := range h.pieces[1:] {
			all = append(all, bytesOf(p)...)
		}
		if v.kind == gsoNone {
			packets = append(packets, all)
			continue
		}
		if trimmed, ok := trim(all); !ok || len(trimmed) != len(all) || int(v.headerLen) != h.header {
			t.Fatalf("super-packet of %d octets has a header that does not fit", len(all))
		}
		var s superpacket
		if !s.parse(all, v) {
			t.Fatal("super-packet makes no sense")
		}
		if s.count() != len(h.pieces)-1 {
			t.Fatalf("%d segments of %d packets", s.count(), len(h.pieces)-1)
		}
		for i := range s.count() {
			header, payload := s.build(i, nil)
			packets = append(packets, append(header, payload...))
		}
	}
	j.used = 0
	return packets
}

func bytesOf(p unix.Iovec) []byte { return unsafe.Slice(p.Base, p.Len) }

// Whatever arrives, the host gets the same packets, in the same order within each flow.
func TestJoinKeepsEveryPacket(t *testing.T) {
	d := &device{tun: &tun{uso: true}}
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 0))
		var j joiner
		sent := map[string][][]byte{}
		seq := map[string]uint32{}
		total := 0
		for range 100 {
			flow := rng.IntN(4)
			b := randomPacket(rng, flow, seq)
			name := fmt.Sprint(flow)
			sent[name] = append(sent[name], bytes.Clone(b))
			j.add(d, b)
			total++
		}
		if j.used == total {
			t.Fatalf("seed %d: nothing was joined", seed)
		}
		got := map[string][][]byte{}
		for _, b := range host(t, &j) {
			name := fmt.Sprint(source(b).AsSlice()[len(source(b).AsSlice())-1])
			got[name] = append(got[name], b)
		}
		for name := range sent {
			if len(got[name]) != len(sent[name]) {
				t.Fatalf("seed %d: flow %s has %d packets, not %d", seed, name, len(got[name]), len(sent[name]))
			}
			for i := range sent[name] {
				if !bytes.Equal(unidentified(got[name][i]), unidentified(sent[name][i])) {
					t.Fatalf("seed %d: flow %s, packet %d:\n%x\nwas\n%x", seed, name, i, got[name][i], sent[name][i])
				}
			}
		}
	}
}

// unidentified clears the identification of a packet that has DF: it means nothing (RFC 6864 section 4), and hosts count it on
// from segment to segment.
func unidentified(b []byte) []byte {
	if version(b) == 4 && be.Uint16(b[6:]) == dontFragment {
		b = bytes.Clone(b)
		be.PutUint16(b[4:], 0)
		b[10], b[11] = 0, 0
		putChecksum(b[10:], sum(b[:header4], 0))
	}
	return b
}

// randomPacket makes the next packet of a flow: mostly the continuation, sometimes something that must not be joined. The
// flow's number is the last octet of the source.
func randomPacket(rng *rand.Rand, flow int, seq map[string]uint32) []byte {
	from, to := fmt.Sprintf("10.0.0.%d", flow), "10.0.1.1"
	if flow%2 == 1 {
		from, to = fmt.Sprintf("fd00::%d", flow), "fd00:1::1"
	}
	payload := randomBytes(700)
	if rng.IntN(6) == 0 {
		payload = payload[:rng.IntN(700)]
	}
	flags := uint8(tcpACK)
	switch rng.IntN(20) {
	case 0:
		flags |= tcpPSH
	case 1:
		flags |= tcpFIN
	case 2:
		flags = 0x02 // SYN
	case 3:
		seq[from] += 5 // a hole
	}
	var b []byte
	if flow < 2 {
		b = tcpPacket(from, to, seq[from], flags, payload)
		seq[from] += uint32(len(payload))
	} else {
		b = udpPacket(from, to, payload)
	}
	if version(b) == 4 {
		be.PutUint16(b[6:], dontFragment)
		if rng.IntN(30) == 0 {
			be.PutUint16(b[6:], moreFragments)
		}
		b[10], b[11] = 0, 0
		putChecksum(b[10:], sum(b[:header4], 0))
	}
	switch rng.IntN(30) {
	case 0:
		setTrafficClass(b, 0x28)
	case 1:
		b[len(b)-1]++ // damaged on the way: the receiver must see that
	}
	return b
}
