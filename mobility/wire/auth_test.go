package wire

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"net/netip"
	"slices"
	"testing"
)

var (
	testKey  = []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	noHome   = netip.IPv6Unspecified()
	testCoA  = netip.MustParseAddr("2001:db8:1::1") // the gateway of the sample packets, in both directions
	otherCoA = netip.MustParseAddr("2001:db8:2::1")
)

const testSPI = 256

func TestVectorsAuthenticator(t *testing.T) {
	a := NewAuthenticator(testSPI, testKey)
	for name, want := range map[string]error{"pbu-auth": nil, "pba-auth": nil, "pbu-auth-bad-mac": ErrWrongAuthenticator} {
		mh := namedVector(t, name).MH
		if err := a.Verify(mh, testCoA, noHome); err != want {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
		// The same by the letter of RFC 2104 and RFC 4285, without the code under test.
		data := slices.Concat(testCoA.AsSlice(), noHome.AsSlice(), mh[:4], []byte{0, 0}, mh[6:len(mh)-12])
		if right := bytes.Equal(hmacSHA1(testKey, data)[:12], mh[len(mh)-12:]); right != (want == nil) {
			t.Errorf("%s: computed by hand the authenticator is right: %v", name, right)
		}
	}
}

// hmacSHA1 is H(key^opad, H(key^ipad, data)) for keys of at most 64 octets (RFC 2104 section 2).
func hmacSHA1(key, data []byte) []byte {
	inner, outer := bytes.Repeat([]byte{0x36}, 64), bytes.Repeat([]byte{0x5c}, 64)
	for i, k := range key {
		inner[i] ^= k
		outer[i] ^= k
	}
	in := sha1.Sum(append(inner, data...))
	out := sha1.Sum(append(outer, in[:]...))
	return out[:]
}

// A message made from nothing becomes the sample packet, checksum and all.
func TestSignGivesTheVector(t *testing.T) {
	v := namedVector(t, "pbu-auth")
	pbu := BindingUpdate{Seq: 1, Flags: UpdateA | UpdateP, Lifetime: 900, Options: Options{
		MNID:        Some(MNID{IDNAI, []byte("mn1@example.com")}),
		HNPs:        []HNP{{Prefix: netip.MustParsePrefix("::/0")}},
		Handoff:     Some(HandoffUnknown),
		AccessType:  Some(Access80211),
		LinkLayerID: Some(LinkLayerID{2, 0, 0, 0, 0, 0xaa}),
		Timestamp:   Some(Timestamp(1735689600 << 16)),
	}}
	prefix := []byte("in front")
	got, err := NewAuthenticator(testSPI, testKey).AppendSigned(prefix, &pbu, testCoA, noHome)
	if err != nil {
		t.Fatal(err)
	}
	if pbu.Auth != nil {
		t.Errorf("signing left %v in the message", pbu.Auth)
	}
	SetChecksum(v.Src, v.Dst, got[len(prefix):])
	if want := append(prefix, v.MH...); !bytes.Equal(got, want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
}

func TestSignEveryMessage(t *testing.T) {
	a := NewAuthenticator(testSPI, testKey)
	for _, m := range []Message{
		&BindingRefreshRequest{},
		&BindingUpdate{Options: Options{Vendor: []VendorOption{{1, 2, []byte("odd")}}}},
		&BindingAck{Options: Options{MNID: Some(MNID{IDNAI, []byte("mn")})}},
		&BindingError{},
		&Heartbeat{Options: Options{RestartCounter: Some(uint32(1))}},
		&Revocation{}, &RevocationAck{}, &UpdateNotification{}, &UpdateAck{},
	} {
		for _, transport := range []struct{ careOf, home netip.Addr }{
			{testCoA, noHome},
			{netip.MustParseAddr("192.0.2.1"), noHome},
			{netip.MustParseAddr("192.0.2.1"), netip.IPv4Unspecified()},
		} {
			mh, err := a.AppendSigned(nil, m, transport.careOf, transport.home)
			if err != nil {
				t.Fatalf("%v: %v", m, err)
			}
			at := len(mh) - 19
			if at%8 != 5 || mh[at] != byte(OptionAuth) {
				t.Errorf("%v: the last option is at %d of %x, want it at 8n+5 with nothing behind", m, at, mh)
			}
			if err := a.Verify(mh, transport.careOf, transport.home); err != nil {
				t.Errorf("%v: %v", m, err)
			}
			// Every octet but the checksum's two is covered. The last 12 are the authenticator.
			for i := range mh {
				mh[i] ^= 0x40
				if err := a.Verify(mh, transport.careOf, transport.home); (err == nil) != (i == 4 || i == 5) {
					t.Errorf("%v: octet %d changed: %v", m, i, err)
				}
				mh[i] ^= 0x40
			}
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	a := NewAuthenticator(testSPI, testKey)
	signed := namedVector(t, "pbu-auth").MH
	plain := namedVector(t, "pbu-initial").MH
	// The option at 4n+1 with padding behind it is as good; anything else behind it is not covered.
	padded := octets(t, "3b 04 0d 00 0000 0000 00000001 01 03 000000 09 11 01 00000100 000000000000000000000000 01 02 0000")
	if err := a.Sign(padded, testCoA, noHome); err != nil {
		t.Fatal(err)
	}
	followed := bytes.Clone(padded)
	copy(followed[len(followed)-4:], []byte{byte(OptionHandoff), 2, 0, 4})
	other := NewAuthenticator(testSPI, []byte("another key of 16"))
	for _, c := range []struct {
		name   string
		by     *Authenticator
		mh     []byte
		careOf netip.Addr
		want   error
	}{
		{"right", a, signed, testCoA, nil},
		{"padding behind the option", a, padded, testCoA, nil},
		{"an option behind the option", a, followed, testCoA, ErrWrongAuthenticator},
		{"another care-of address", a, signed, otherCoA, ErrWrongAuthenticator},
		{"another key", other, signed, testCoA, ErrWrongAuthenticator},
		{"another SPI", NewAuthenticator(257, testKey), signed, testCoA, ErrUnknownSPI},
		{"no option", a, plain, testCoA, ErrNotAuthenticated},
		{"opaque message", a, octets(t, "3b 01 01 00 0000 0000 0102030405060708"), testCoA, ErrNotAuthenticated},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := bytes.Clone(c.mh)
			if err := c.by.Verify(c.mh, c.careOf, noHome); err != c.want {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if !bytes.Equal(c.mh, before) {
				t.Error("the message was changed")
			}
		})
	}
	if err := a.Verify(signed, testCoA, testCoA); err != ErrWrongAuthenticator {
		t.Errorf("another home address: %v", err)
	}
	if err := a.Verify(signed[:20], testCoA, noHome); err == nil {
		t.Error("a piece of a message is taken for authentic")
	}
	if _, err := a.AppendSigned(nil, &Opaque{MHType: TypeHomeTest}, testCoA, noHome); !errors.Is(err, ErrNotAuthenticated) {
		t.Errorf("signing an opaque message: %v", err)
	}
	if err := a.Sign(plain, testCoA, noHome); !errors.Is(err, ErrNotAuthenticated) {
		t.Errorf("signing a message without the option: %v", err)
	}
}
