package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
)

// The subtypes of MNID and MAGID (IANA "Mobile Node Identifier Option Subtypes").
const (
	IDNAI   uint8 = 1 // user@realm (RFC 4283)
	IDIPv6  uint8 = 2 // RFC 8371, to 8
	IDIMSI  uint8 = 3 // BCD, high nibble first, f fills up
	IDPTMSI uint8 = 4
	IDEUI48 uint8 = 5
	IDEUI64 uint8 = 6
	IDGUTI  uint8 = 7
	IDDUID  uint8 = 8
)

var idNames = [...]string{
	IDIPv6:  "ipv6",
	IDIMSI:  "imsi",
	IDPTMSI: "p-tmsi",
	IDEUI48: "eui48",
	IDEUI64: "eui64",
	IDGUTI:  "guti",
	IDDUID:  "duid",
}

// MNID is the Mobile Node Identifier option (RFC 4283 section 3). The identifier is octets, of any content under any
// subtype: peers exist that send a MAC address as an NAI.
type MNID struct {
	Subtype uint8
	ID      []byte // at most 254 octets; empty only in the acknowledgement of an update that had none
}

// String shows an NAI as it is, other identifiers behind the name of their subtype.
func (id MNID) String() string { return identifierText(id.Subtype, id.ID) }

var mnidContent = content[MNID]{
	decode: func(v *MNID, d []byte) fault {
		if len(d) < 1 {
			return badLength
		}
		*v = MNID{Subtype: d[0], ID: d[1:]}
		return sound
	},
	append: func(b []byte, v *MNID) []byte { return append(append(b, v.Subtype), v.ID...) },
}

// MAGID is the MAG Identifier option (RFC 8278 section 4.2).
type MAGID struct {
	Subtype uint8
	ID      []byte // at most 253 octets
}

// String shows the identifier like that of a mobile node.
func (id MAGID) String() string { return identifierText(id.Subtype, id.ID) }

var magidContent = content[MAGID]{
	decode: func(v *MAGID, d []byte) fault {
		if len(d) < 2 {
			return badLength
		}
		*v = MAGID{Subtype: d[0], ID: d[2:]}
		return sound
	},
	append: func(b []byte, v *MAGID) []byte { return append(append(b, v.Subtype, 0), v.ID...) },
}

func identifierText(subtype uint8, id []byte) string {
	if subtype == IDNAI {
		return text(id)
	}
	return fmt.Sprintf("%s:%x", name(idNames[:], subtype), id)
}

// LinkLayerID is the Mobile Node Link-layer Identifier (RFC 5213 section 8.6): for Ethernet the six octets of the MAC
// address.
type LinkLayerID []byte

// String shows the octets in hexadecimal with colons.
func (id LinkLayerID) String() string {
	return strings.ReplaceAll(fmt.Sprintf("% x", []byte(id)), " ", ":")
}

var linkLayerContent = content[LinkLayerID]{
	decode: func(v *LinkLayerID, d []byte) fault {
		if len(d) < 2 {
			return badLength
		}
		*v = d[2:]
		return sound
	},
	append: func(b []byte, v *LinkLayerID) []byte { return append(append(b, 0, 0), *v...) },
}

// ServiceSelection names the service that the session is for (RFC 5149 section 3), in UTF-8, never empty.
type ServiceSelection []byte

func (s ServiceSelection) String() string { return text(s) }

// Name is the service as people write it. What is printable is its text; 3GPP has it in labels, like names of the DNS, which are joined by dots
// (TS 23.003 section 9.1); anything else is shown in hexadecimal digits.
func (s ServiceSelection) Name() string {
	if isPrintable(s) {
		return string(s)
	}
	var name []byte
	for rest := s; len(rest) > 0; {
		label := rest[1:min(len(rest), 1+int(rest[0]))]
		if len(label) == 0 || len(label) != int(rest[0]) || !isPrintable(label) || bytes.IndexByte(label, '.') >= 0 {
			return text(s)
		}
		if name != nil {
			name = append(name, '.')
		}
		name, rest = append(name, label...), rest[1+len(label):]
	}
	return string(name)
}

// Is says whether the service is the one with that name.
func (s ServiceSelection) Is(name string) bool { return string(s) == name || s.Name() == name }

// AppendService appends a service by its name: as text, or in labels, of which each has 1 to 63 octets (3GPP TS 23.003 section 9.1).
func AppendService(b ServiceSelection, name string, inLabels bool) ServiceSelection {
	if !inLabels {
		return append(b, name...)
	}
	for label := range strings.SplitSeq(name, ".") {
		b = append(append(b, byte(len(label))), label...)
	}
	return b
}

var serviceContent = content[ServiceSelection]{
	decode: func(v *ServiceSelection, d []byte) fault {
		if len(d) == 0 {
			return badLength
		}
		*v = d
		return sound
	},
	append: func(b []byte, v *ServiceSelection) []byte {
		if len(*v) == 0 {
			return nil
		}
		return append(b, *v...)
	},
}

// MNGroup is the Mobile Node Group Identifier option (RFC 6602 section 4.3).
type MNGroup struct {
	Subtype uint8  // GroupBulk
	ID      uint32 // GroupAllSessions or one that was agreed
}

// Values of MNGroup.
const (
	GroupBulk        uint8  = 1 // bulk binding update group
	GroupAllSessions uint32 = 1 // all sessions between the two peers
)

// String shows the group, and its subtype where it is not the usual one.
func (g MNGroup) String() string {
	if g.Subtype == GroupBulk {
		return fmt.Sprint(g.ID)
	}
	return fmt.Sprintf("%d:%d", g.Subtype, g.ID)
}

var groupContent = content[MNGroup]{
	decode: func(v *MNGroup, d []byte) fault {
		if len(d) != 6 {
			return badLength
		}
		*v = MNGroup{Subtype: d[0], ID: binary.BigEndian.Uint32(d[2:])}
		return sound
	},
	append: func(b []byte, v *MNGroup) []byte {
		return binary.BigEndian.AppendUint32(append(b, v.Subtype, 0), v.ID)
	},
}
