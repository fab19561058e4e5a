package apply

import (
	"encoding/hex"
	"net/netip"

	"mooring/mobility"
)

// authOption is what the structs of an auth-option container have in common: it stands at domains, peers and nodes.
type authOption interface {
	GetSpi() uint32
	GetKey() string
	GetHexKey() string
}

// reservedSPI is the highest of the security parameter indexes that RFC 4285 section 5 keeps for itself.
const reservedSPI = 255

// key translates an auth-option container.
func (p *problems) key(at place, o authOption) *mobility.Key {
	spi := at.child("spi")
	if o.GetSpi() <= reservedSPI {
		p.warn(spi, Mismatch, "SPI %d is reserved by RFC 4285; it is used all the same", o.GetSpi())
	}
	k := &mobility.Key{SPI: o.GetSpi(), Secret: []byte(o.GetKey())}
	if digits := o.GetHexKey(); digits != "" {
		var err error
		k.Secret, err = hex.DecodeString(digits)
		p.check(at.child("hex-key"), err)
	}
	return k
}

// addr reads the text of an address; "" is none.
func (p *problems) addr(at place, text string) netip.Addr {
	if text == "" {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(text)
	p.check(at, err)
	return a
}

// addrs reads the texts of addresses and leaves out those that are "".
func (p *problems) addrs(at place, texts ...string) (list []netip.Addr) {
	for _, text := range texts {
		if a := p.addr(at, text); a.IsValid() {
			list = append(list, a)
		}
	}
	return list
}
