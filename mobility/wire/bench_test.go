package wire

import (
	"net/netip"
	"testing"
)

// A refresh as gateways send it every few minutes for each session, and the answer.
const (
	typicalPBU = "pbu-rereg"
	typicalPBA = "pba-rereg"
)

func BenchmarkDecodePBU(b *testing.B) {
	mh := namedVector(b, typicalPBU).MH
	var d Decoder
	b.ReportAllocs()
	b.SetBytes(int64(len(mh)))
	for b.Loop() {
		if _, err := d.Decode(mh); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParsePBU(b *testing.B) {
	mh := namedVector(b, typicalPBU).MH
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(mh); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendPBA(b *testing.B) {
	pba := freshPBA(b)
	buf := make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := pba.AppendBinary(buf); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkChecksum(b *testing.B) {
	v := namedVector(b, typicalPBU)
	b.ReportAllocs()
	for b.Loop() {
		if VerifyChecksum(v.Src, v.Dst, v.MH) != nil {
			b.Fatal("wrong checksum")
		}
	}
}

func BenchmarkSign(b *testing.B) {
	v := namedVector(b, "pbu-auth")
	a := NewAuthenticator(256, testKey)
	b.ReportAllocs()
	for b.Loop() {
		if err := a.Sign(v.MH, v.Src, netip.IPv6Unspecified()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	v := namedVector(b, "pbu-auth")
	a := NewAuthenticator(256, testKey)
	b.ReportAllocs()
	for b.Loop() {
		if err := a.Verify(v.MH, v.Src, netip.IPv6Unspecified()); err != nil {
			b.Fatal(err)
		}
	}
}

// freshPBA is the typical acknowledgement as an anchor builds it: never decoded.
func freshPBA(t testing.TB) *BindingAck {
	m, err := Parse(namedVector(t, typicalPBA).MH)
	if err != nil {
		t.Fatal(err)
	}
	pba := m.(*BindingAck)
	pba.received = nil
	return pba
}
