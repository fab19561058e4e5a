package wire

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// RedirectCapability is the Redirect-Capability option (RFC 6463 section 4.1): the gateway can be sent to another anchor.
type RedirectCapability struct{}

func (RedirectCapability) String() string { return "redirectable" }

var redirectCapabilityContent = content[RedirectCapability]{
	decode: func(_ *RedirectCapability, d []byte) fault {
		if len(d) != 2 {
			return badLength
		}
		return sound
	},
	append: func(b []byte, _ *RedirectCapability) []byte { return append(b, 0, 0) },
}

// The flags of the Redirect option (RFC 6463 section 4.2): which address follows. Exactly one is set.
const (
	redirectK = 0x80 // IPv6
	redirectN = 0x40 // IPv4
)

var redirectContent = content[netip.Addr]{
	decode: func(v *netip.Addr, d []byte) fault {
		if len(d) < 2 {
			return badLength
		}
		want := 0
		switch d[0] & (redirectK | redirectN) {
		case redirectK:
			want = 18
		case redirectN:
			want = 6
		default:
			return badAt(0)
		}
		if len(d) != want {
			return badLength
		}
		*v, _ = netip.AddrFromSlice(d[2:])
		return sound
	},
	append: func(b []byte, v *netip.Addr) []byte {
		switch {
		case v.Is4():
			b = append(b, redirectN, 0)
		case v.Is6():
			b = append(b, redirectK, 0)
		default:
			return nil
		}
		return appendAddr(b, *v)
	},
}

// LoadInformation is the Load Information option (RFC 6463 section 4.3).
type LoadInformation struct {
	Priority     uint16 // among the anchors of one operator; lower is better
	Sessions     uint32 // in use
	MaxSessions  uint32
	UsedCapacity uint32 // kilobytes a second
	MaxCapacity  uint32 // kilobytes a second
}

// String shows the two ratios and the priority.
func (l LoadInformation) String() string {
	return fmt.Sprintf("priority=%d,sessions=%d/%d,kBps=%d/%d", l.Priority, l.Sessions, l.MaxSessions, l.UsedCapacity, l.MaxCapacity)
}

var loadContent = content[LoadInformation]{
	decode: func(v *LoadInformation, d []byte) fault {
		if len(d) != 18 {
			return badLength
		}
		*v = LoadInformation{
			Priority:     binary.BigEndian.Uint16(d),
			Sessions:     binary.BigEndian.Uint32(d[2:]),
			MaxSessions:  binary.BigEndian.Uint32(d[6:]),
			UsedCapacity: binary.BigEndian.Uint32(d[10:]),
			MaxCapacity:  binary.BigEndian.Uint32(d[14:]),
		}
		return sound
	},
	append: func(b []byte, v *LoadInformation) []byte {
		b = binary.BigEndian.AppendUint16(b, v.Priority)
		b = binary.BigEndian.AppendUint32(b, v.Sessions)
		b = binary.BigEndian.AppendUint32(b, v.MaxSessions)
		b = binary.BigEndian.AppendUint32(b, v.UsedCapacity)
		return binary.BigEndian.AppendUint32(b, v.MaxCapacity)
	},
}

// OffloadSelector is the IPv4 Traffic Offload Selector option (RFC 6909 section 3.1).
type OffloadSelector struct {
	TunnelMatching bool   // M: tunnel what the selectors match and offload the rest; otherwise the reverse
	SubOptions     []byte // traffic selector sub-options of RFC 6089 section 4.2.1.4, as they are on the wire
}

// String shows the mode and the sub-options.
func (s OffloadSelector) String() string {
	if s.TunnelMatching {
		return fmt.Sprintf("all-but:%x", s.SubOptions)
	}
	return fmt.Sprintf("only:%x", s.SubOptions)
}

const offloadM = 0x80

var offloadContent = content[OffloadSelector]{
	decode: func(v *OffloadSelector, d []byte) fault {
		if len(d) < 4 {
			return badLength
		}
		*v = OffloadSelector{TunnelMatching: d[0]&offloadM != 0, SubOptions: d[4:]}
		return sound
	},
	append: func(b []byte, v *OffloadSelector) []byte {
		var flags byte
		if v.TunnelMatching {
			flags = offloadM
		}
		return append(append(b, flags, 0, 0, 0), v.SubOptions...)
	},
}
