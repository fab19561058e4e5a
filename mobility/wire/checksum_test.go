package wire

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

// The checksum 16 bits at a time, as RFC 6275 section 6.1.1 describes it, over a pseudo-header that is written out.
func plainChecksum(src, dst netip.Addr, mh []byte) uint16 {
	b := append(src.AsSlice(), dst.AsSlice()...)
	b = append(b, 0, 0, byte(len(mh)>>8), byte(len(mh)), 0, 0, 0, 135)
	b = append(b, mh[:4]...)
	b = append(b, 0, 0)
	b = append(b, mh[6:]...)
	var sum uint32
	for i := 0; i < len(b); i += 2 {
		sum += uint32(b[i])<<8 | uint32(b[i+1])
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

func TestChecksumAgainstPlainOne(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	random := func(b []byte) {
		fill := byte(r.Uint32())
		for i := range b {
			b[i] = byte(r.Uint32())
			if fill > 200 { // long runs of ones are where carries get lost
				b[i] = 0xff
			}
		}
	}
	for range 5000 {
		var src, dst [16]byte
		random(src[:])
		random(dst[:])
		mh := make([]byte, 8+2*r.IntN(200))
		random(mh)
		s, d := netip.AddrFrom16(src), netip.AddrFrom16(dst)
		if got, want := Checksum(s, d, mh), plainChecksum(s, d, mh); got != want {
			t.Fatalf("%v %v %x: %#04x, want %#04x", s, d, mh, got, want)
		}
	}
}

func TestChecksumOverIPv4(t *testing.T) {
	src, dst := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.1")
	mh := octets(t, "3b 01 0d 00 abcd 0000 00000001 01 02 0000")
	if err := VerifyChecksum(src, dst, mh); err != nil {
		t.Errorf("a checksum is looked at: %v", err)
	}
	SetChecksum(src, dst, mh)
	if mh[4] != 0 || mh[5] != 0 {
		t.Errorf("checksum %x, want 0", mh[4:6])
	}
}

func TestChecksumOfPieces(t *testing.T) {
	for n := range 8 {
		if err := VerifyChecksum(testCoA, otherCoA, make([]byte, n)); err == nil {
			t.Errorf("%d octets have a right checksum", n)
		}
	}
}
