package wire

import (
	"encoding/binary"
	"net/netip"
)

// Contents that are one number or one address.

func word16[T ~uint16]() content[T] {
	return content[T]{
		decode: func(v *T, d []byte) fault {
			if len(d) != 2 {
				return badLength
			}
			*v = T(binary.BigEndian.Uint16(d))
			return sound
		},
		append: func(b []byte, v *T) []byte { return binary.BigEndian.AppendUint16(b, uint16(*v)) },
	}
}

func word32[T ~uint32]() content[T] {
	return content[T]{
		decode: func(v *T, d []byte) fault {
			if len(d) != 4 {
				return badLength
			}
			*v = T(binary.BigEndian.Uint32(d))
			return sound
		},
		append: func(b []byte, v *T) []byte { return binary.BigEndian.AppendUint32(b, uint32(*v)) },
	}
}

func word64[T ~uint64]() content[T] {
	return content[T]{
		decode: func(v *T, d []byte) fault {
			if len(d) != 8 {
				return badLength
			}
			*v = T(binary.BigEndian.Uint64(d))
			return sound
		},
		append: func(b []byte, v *T) []byte { return binary.BigEndian.AppendUint64(b, uint64(*v)) },
	}
}

// secondOctet is a number behind a reserved octet.
func secondOctet[T ~uint8]() content[T] {
	return content[T]{
		decode: func(v *T, d []byte) fault {
			if len(d) != 2 {
				return badLength
			}
			*v = T(d[1])
			return sound
		},
		append: func(b []byte, v *T) []byte { return append(b, 0, byte(*v)) },
	}
}

var ipv6Content = content[netip.Addr]{
	decode: func(v *netip.Addr, d []byte) fault {
		if len(d) != 16 {
			return badLength
		}
		*v = netip.AddrFrom16([16]byte(d))
		return sound
	},
	append: func(b []byte, v *netip.Addr) []byte {
		if !v.Is6() {
			return nil
		}
		return appendAddr(b, *v)
	},
}

var ipv4Content = content[netip.Addr]{
	decode: func(v *netip.Addr, d []byte) fault {
		if len(d) != 4 {
			return badLength
		}
		*v = netip.AddrFrom4([4]byte(d))
		return sound
	},
	append: func(b []byte, v *netip.Addr) []byte {
		if !v.Is4() {
			return nil
		}
		return appendAddr(b, *v)
	},
}

// appendAddr writes 4 or 16 octets.
func appendAddr(b []byte, a netip.Addr) []byte {
	if a.Is4() {
		v := a.As4()
		return append(b, v[:]...)
	}
	v := a.As16()
	return append(b, v[:]...)
}
