package wire

import "net/netip"

// HNP is the Home Network Prefix option (RFC 5213 section 8.3). Bits behind the prefix length are kept as they come.
type HNP struct {
	Prefix  netip.Prefix // IPv6
	OffLink bool         // L: do not treat the prefix as on-link (RFC 7864 section 4.1)
}

// IsUnspecified reports whether the option asks for a prefix instead of naming one, whatever its prefix length.
func (p HNP) IsUnspecified() bool { return p.Prefix.Addr().IsUnspecified() }

// String shows the prefix.
func (p HNP) String() string {
	if p.OffLink {
		return p.Prefix.String() + "(off-link)"
	}
	return p.Prefix.String()
}

const hnpOffLink = 0x80

var hnpContent = content[HNP]{
	decode: func(v *HNP, d []byte) fault {
		if len(d) != 18 {
			return badLength
		}
		v.OffLink = d[0]&hnpOffLink != 0
		return readPrefix(&v.Prefix, d)
	},
	append: func(b []byte, v *HNP) []byte {
		var flags byte
		if v.OffLink {
			flags = hnpOffLink
		}
		if !v.Prefix.Addr().Is6() {
			return nil
		}
		return appendPrefix(b, flags, v.Prefix)
	},
}

// mnpContent is the Mobile Network Prefix option of RFC 3963 section 4.3.
var mnpContent = content[netip.Prefix]{
	decode: func(v *netip.Prefix, d []byte) fault {
		if len(d) != 18 {
			return badLength
		}
		return readPrefix(v, d)
	},
	append: func(b []byte, v *netip.Prefix) []byte {
		if !v.Addr().Is6() {
			return nil
		}
		return appendPrefix(b, 0, *v)
	},
}

// DMNP is the Delegated Mobile Network Prefix option (RFC 7148 section 4.1). Bits behind the prefix length are kept as
// they come.
type DMNP struct {
	Prefix netip.Prefix // IPv4 or IPv6
}

// IsUnspecified reports whether the option asks for a prefix of its family instead of naming one.
func (p DMNP) IsUnspecified() bool { return p.Prefix.Addr().IsUnspecified() }

// String shows the prefix.
func (p DMNP) String() string { return p.Prefix.String() }

const dmnpIPv4 = 0x80 // V

var dmnpContent = content[DMNP]{
	decode: func(v *DMNP, d []byte) fault {
		if len(d) < 1 {
			return badLength
		}
		want := 18
		if d[0]&dmnpIPv4 != 0 {
			want = 6
		}
		if len(d) != want {
			return badLength
		}
		return readPrefix(&v.Prefix, d)
	},
	append: func(b []byte, v *DMNP) []byte {
		var flags byte
		if v.Prefix.Addr().Is4() {
			flags = dmnpIPv4
		}
		return appendPrefix(b, flags, v.Prefix)
	},
}

// readPrefix reads flags, prefix length and as much address as there is.
func readPrefix(p *netip.Prefix, d []byte) fault {
	addr, _ := netip.AddrFromSlice(d[2:])
	*p = netip.PrefixFrom(addr, int(d[1]))
	if !p.IsValid() {
		return badAt(1)
	}
	return sound
}

func appendPrefix(b []byte, flags byte, p netip.Prefix) []byte {
	if !p.IsValid() {
		return nil
	}
	return appendAddr(append(b, flags, byte(p.Bits())), p.Addr())
}
