package wire

import (
	"testing"
)

func allocations(t *testing.T, what string, want float64, f func()) {
	t.Helper()
	if got := testing.AllocsPerRun(100, f); got > want {
		t.Errorf("%s: %v allocations, want at most %v", what, got, want)
	}
}

func TestDecodeDoesNotAllocate(t *testing.T) {
	var d Decoder
	for _, name := range []string{
		"pbu-initial", "pba-accept", "pbu-rereg", "pba-rereg", "pbu-handoff", "pbu-dereg", "pbu-two-hnp", "pbu-auth",
		"pbu-v4-request", "pba-v4-reply", "pbu-gre-key", "pbu-dmnp", "pbu-service-ani", "pbu-multipath", "pba-multipath-lcmp",
		"hb-request", "hb-response", "bri-one-mn", "bra-one-mn", "upn-update-params", "upa-success", "be-unknown-mh",
	} {
		mh := namedVector(t, name).MH
		allocations(t, name, 0, func() {
			if _, err := d.Decode(mh); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestAppendDoesNotAllocate(t *testing.T) {
	buf := make([]byte, 0, maxLength)
	for _, v := range vectors(t, true) {
		m, err := Parse(v.MH)
		if err != nil {
			continue
		}
		forget(m)
		allocations(t, v.Name, 0, func() {
			if _, err := m.AppendBinary(buf); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// The octets, the message, and the list of prefixes.
func TestParseAllocatesItsPartsOnly(t *testing.T) {
	mh := namedVector(t, typicalPBU).MH
	allocations(t, typicalPBU, 3, func() {
		if _, err := Parse(mh); err != nil {
			t.Fatal(err)
		}
	})
}

func TestSignAndVerifyDoNotAllocate(t *testing.T) {
	a := NewAuthenticator(testSPI, testKey)
	v := namedVector(t, "pbu-auth")
	allocations(t, "sign", 0, func() {
		if err := a.Sign(v.MH, testCoA, noHome); err != nil {
			t.Fatal(err)
		}
	})
	pba, buf := freshPBA(t), make([]byte, 0, 256)
	allocations(t, "append signed", 0, func() {
		if _, err := a.AppendSigned(buf, pba, testCoA, noHome); err != nil {
			t.Fatal(err)
		}
	})
	allocations(t, "verify", 0, func() {
		if err := a.Verify(v.MH, testCoA, noHome); err != nil {
			t.Fatal(err)
		}
	})
	allocations(t, "checksum", 0, func() {
		SetChecksum(v.Src, v.Dst, v.MH)
		if err := VerifyChecksum(v.Src, v.Dst, v.MH); err != nil {
			t.Fatal(err)
		}
	})
}
