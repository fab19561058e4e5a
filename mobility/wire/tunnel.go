package wire

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// GREKey is the GRE Key option (RFC 5845 section 6.1). In an update it is the key of downlink packets, in an
// acknowledgement that of uplink packets. Without a key it asks for GRE alone.
type GREKey struct {
	Keyed bool
	Key   uint32 // 0 when not Keyed
}

// String shows the key in hexadecimal.
func (k GREKey) String() string {
	if !k.Keyed {
		return "no-key"
	}
	return fmt.Sprintf("0x%08x", k.Key)
}

var greKeyContent = content[GREKey]{
	decode: func(v *GREKey, d []byte) fault {
		switch len(d) {
		case 2:
			return sound
		case 6:
			*v = GREKey{Keyed: true, Key: binary.BigEndian.Uint32(d[2:])}
			return sound
		}
		return badLength
	},
	append: func(b []byte, v *GREKey) []byte {
		b = append(b, 0, 0)
		if v.Keyed {
			b = binary.BigEndian.AppendUint32(b, v.Key)
		}
		return b
	},
}

// NATDetection is the NAT Detection option (RFC 5555 section 4.3). In PMIPv6 an anchor that accepts UDP encapsulation
// sends it with ForceUDP (RFC 5844 section 4.1.3).
type NATDetection struct {
	ForceUDP bool   // F: encapsulate in UDP, NAT or not
	Refresh  uint32 // seconds between keepalives; 0 leaves it to the receiver, NoKeepalive wants none
}

// NoKeepalive is the NATDetection.Refresh of a path that needs no keepalives.
const NoKeepalive uint32 = 0xffffffff

// String shows flag and interval.
func (n NATDetection) String() string {
	if n.ForceUDP {
		return fmt.Sprintf("udp,%ds", n.Refresh)
	}
	return fmt.Sprintf("%ds", n.Refresh)
}

const natForceUDP = 0x8000

var natContent = content[NATDetection]{
	decode: func(v *NATDetection, d []byte) fault {
		if len(d) != 6 {
			return badLength
		}
		v.ForceUDP = binary.BigEndian.Uint16(d)&natForceUDP != 0
		v.Refresh = binary.BigEndian.Uint32(d[2:])
		return sound
	},
	append: func(b []byte, v *NATDetection) []byte {
		var flags uint16
		if v.ForceUDP {
			flags = natForceUDP
		}
		b = binary.BigEndian.AppendUint16(b, flags)
		return binary.BigEndian.AppendUint32(b, v.Refresh)
	},
}

// userPlaneContent is the LMA User-Plane Address option (RFC 7389 section 4). A gateway may ask with an empty field.
var userPlaneContent = content[netip.Addr]{
	decode: func(v *netip.Addr, d []byte) fault {
		switch len(d) {
		case 2:
			return sound
		case 6, 18:
			*v, _ = netip.AddrFromSlice(d[2:])
			return sound
		}
		return badLength
	},
	append: func(b []byte, v *netip.Addr) []byte {
		b = append(b, 0, 0)
		if !v.IsValid() {
			return b
		}
		return appendAddr(b, *v)
	},
}

// MultipathBinding is the MAG Multipath Binding option (RFC 8278 section 4.1): one of several paths of a session.
type MultipathBinding struct {
	AccessType AccessType // of the gateway's interface
	Label      uint8      // of that interface, for policies
	BID        uint8      // identifies the binding; 1 to 254 are valid
	Bulk       bool       // B: refreshes the lifetime of all bindings of the node
	Overwrite  bool       // O: replaces all bindings of the node; never with Bulk
}

// String shows access type, label and identifier.
func (m MultipathBinding) String() string {
	s := fmt.Sprintf("bid=%d,att=%v,label=%d", m.BID, m.AccessType, m.Label)
	if m.Bulk {
		s += ",bulk"
	}
	if m.Overwrite {
		s += ",overwrite"
	}
	return s
}

const (
	multipathBulk      = 0x80
	multipathOverwrite = 0x40
)

var multipathContent = content[MultipathBinding]{
	decode: func(v *MultipathBinding, d []byte) fault {
		if len(d) != 6 {
			return badLength
		}
		*v = MultipathBinding{
			AccessType: AccessType(d[0]),
			Label:      d[1],
			BID:        d[2],
			Bulk:       d[3]&multipathBulk != 0,
			Overwrite:  d[3]&multipathOverwrite != 0,
		}
		return sound
	},
	append: func(b []byte, v *MultipathBinding) []byte {
		var flags byte
		if v.Bulk {
			flags |= multipathBulk
		}
		if v.Overwrite {
			flags |= multipathOverwrite
		}
		return append(b, byte(v.AccessType), v.Label, v.BID, flags, 0, 0)
	},
}
