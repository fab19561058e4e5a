package wire

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"net/netip"
)

// AuthOption is the Mobility Message Authentication option (RFC 4285 section 5). One of subtype AuthMNHA without more in
// it reserves the place that Authenticator.Sign fills in: at the end of the message, with nothing behind it.
type AuthOption struct {
	Subtype       uint8
	SPI           uint32
	Authenticator [12]byte
}

// The subtypes of AuthOption.
const (
	AuthMNHA  uint8 = 1
	AuthMNAAA uint8 = 2
)

// String shows subtype and SPI.
func (a AuthOption) String() string { return fmt.Sprintf("subtype=%d,spi=%d", a.Subtype, a.SPI) }

// The data of an AuthOption: subtype, SPI (4), authenticator (12).
const (
	authLength = 17
	authMAC    = 5 // where the authenticator begins
)

var authContent = content[AuthOption]{
	decode: func(v *AuthOption, d []byte) fault {
		if len(d) != authLength {
			if len(d) >= authMAC && d[0] != AuthMNHA {
				return foreign // other subtypes may have authenticators of other sizes
			}
			return badLength
		}
		*v = AuthOption{Subtype: d[0], SPI: binary.BigEndian.Uint32(d[1:]), Authenticator: [12]byte(d[authMAC:])}
		return sound
	},
	append: func(b []byte, v *AuthOption) []byte {
		b = binary.BigEndian.AppendUint32(append(b, v.Subtype), v.SPI)
		return append(b, v.Authenticator[:]...)
	},
}

// Why Verify refuses a message. RFC 4285 section 5.1.1 has an update with a wrong authenticator answered with
// StatusAuthFail, and the other two dropped without a word.
var (
	ErrNotAuthenticated   = errors.New("message has no MN-HA authentication option")
	ErrUnknownSPI         = errors.New("authentication option is of another security association")
	ErrWrongAuthenticator = errors.New("authenticator is wrong")
)

// Authenticator signs and verifies messages under one key and SPI with HMAC-SHA1 (RFC 4285 section 5.1). It keeps the
// state of the hash, so signing does not allocate. It is not safe for concurrent use.
type Authenticator struct {
	spi     uint32
	hash    hash.Hash
	covered []byte // what is hashed, in one piece: that is faster
	mac     [sha1.Size]byte
	option  [1]AuthOption // what AppendSigned reserves the place with
}

// NewAuthenticator makes an Authenticator. RFC 4285 has keys of 16 octets and reserves the SPIs below 256; neither is
// demanded here.
func NewAuthenticator(spi uint32, key []byte) *Authenticator {
	return &Authenticator{spi: spi, hash: hmac.New(sha1.New, key), option: [1]AuthOption{{Subtype: AuthMNHA, SPI: spi}}}
}

// SPI identifies the security association.
func (a *Authenticator) SPI() uint32 { return a.spi }

// Sign fills in SPI and authenticator of the MN-HA option that ends mh, a message from AppendBinary. The checksum has to
// be set afterwards.
//
// RFC 4285 hashes a care-of and a home address, which are those of a mobile node. In PMIPv6 we take the care-of address
// of the gateway in both directions and :: for the home address, and IPv4 addresses in their IPv4-mapped form; for peers
// of another opinion the caller gives other addresses.
func (a *Authenticator) Sign(mh []byte, careOf, home netip.Addr) error {
	at, err := findAuth(mh)
	if err != nil {
		return err
	}
	a.signAt(mh, at, careOf, home)
	return nil
}

// signAt fills in the MN-HA option that begins at this octet.
func (a *Authenticator) signAt(mh []byte, at int, careOf, home netip.Addr) {
	data := mh[at+2:]
	binary.BigEndian.PutUint32(data[1:], a.spi)
	copy(data[authMAC:authLength], a.sum(mh[:at+2+authMAC], careOf, home))
}

// AppendSigned appends m to b like AppendBinary, with an MN-HA option in place of those that m has, and signs it. An
// Opaque message cannot be signed.
func (a *Authenticator) AppendSigned(b []byte, m Message, careOf, home netip.Addr) ([]byte, error) {
	f, ok := m.(frame)
	if !ok || f.options() == nil {
		return b, fmt.Errorf("sign %v: %w", m.Type(), ErrNotAuthenticated)
	}
	o := f.options()
	before := o.Auth
	o.Auth = a.option[:]
	out, err := m.AppendBinary(b)
	o.Auth = before
	if err != nil {
		return b, err
	}
	mh := out[len(b):]
	if f.came() == nil { // then the option stands at the end, and need not be looked for
		a.signAt(mh, len(mh)-2-authLength, careOf, home)
		return out, nil
	}
	if err := a.Sign(mh, careOf, home); err != nil {
		return b, fmt.Errorf("sign %v: %w", m.Type(), err)
	}
	return out, nil
}

// Verify checks the MN-HA option of a received message in constant time; the addresses are those of Sign. The errors are
// ErrNotAuthenticated, ErrUnknownSPI, ErrWrongAuthenticator, and a *DecodeError for what is no message. An option that
// anything but padding follows does not cover the message, and is wrong.
func (a *Authenticator) Verify(mh []byte, careOf, home netip.Addr) error {
	at, err := findAuth(mh)
	if err != nil {
		return err
	}
	data := mh[at+2:]
	if binary.BigEndian.Uint32(data[1:]) != a.spi {
		return ErrUnknownSPI
	}
	if subtle.ConstantTimeCompare(data[authMAC:authLength], a.sum(mh[:at+2+authMAC], careOf, home)) != 1 {
		return ErrWrongAuthenticator
	}
	return nil
}

// sum is the authenticator over the addresses and the message up to and with the SPI, its checksum taken as 0.
func (a *Authenticator) sum(message []byte, careOf, home netip.Addr) []byte {
	c, h := careOf.As16(), home.As16()
	b := append(append(a.covered[:0], c[:]...), h[:]...)
	b = append(append(b, message[:atChecksum]...), 0, 0)
	a.covered = append(b, message[atData:]...)
	a.hash.Reset()
	a.hash.Write(a.covered)
	return a.hash.Sum(a.mac[:0])[:authLength-authMAC]
}

// findAuth finds the MN-HA option that ends a message.
func findAuth(mh []byte) (int, error) {
	n, bad := checkHeader(mh)
	if bad != nil {
		return 0, bad
	}
	off := int(messageTypes[mh[atType]].options)
	if off == 0 {
		return 0, ErrNotAuthenticated
	}
	found, followed := 0, false
	for off < n {
		t := OptionType(mh[off])
		if t == OptionPad1 {
			off++
			continue
		}
		if off+2 > n || off+2+int(mh[off+1]) > n {
			return 0, ErrNotAuthenticated
		}
		switch {
		case t == OptionAuth && mh[off+1] == authLength && mh[off+2] == AuthMNHA:
			found, followed = off, false
		case t != OptionPadN:
			followed = true
		}
		off += 2 + int(mh[off+1])
	}
	switch {
	case found == 0:
		return 0, ErrNotAuthenticated
	case followed:
		return 0, ErrWrongAuthenticator
	}
	return found, nil
}
