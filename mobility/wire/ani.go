package wire

import (
	"encoding/binary"
	"fmt"
	"math"
)

// ANI is the Access Network Identifier option (RFC 6757 section 3, RFC 7563 section 3). Each sub-option occurs once.
type ANI struct {
	Network     Opt[NetworkID]     // 1
	Location    Opt[GeoLocation]   // 2
	Operator    Opt[OperatorID]    // 3
	Civic       Opt[CivicLocation] // 4
	MAGGroup    Opt[uint16]        // 5: two octets; RFC 7563 speaks of three but gives the length as 2. Others go to Extra
	UpdateTimer Opt[Lifetime]      // 6: report changes no more often; 0 at once
	Extra       []RawOption
}

// String shows the sub-options.
func (a ANI) String() string { return fmt.Sprintf("[%s ]", aniTable.show(nil, &a)) }

const (
	aniNetwork     uint8 = 1
	aniLocation    uint8 = 2
	aniOperator    uint8 = 3
	aniCivic       uint8 = 4
	aniMAGGroup    uint8 = 5
	aniUpdateTimer uint8 = 6
)

var aniTable = indexed(table[ANI]{
	rest: func(a *ANI) *[]RawOption { return &a.Extra },
	fields: []field[ANI]{
		one(aniNetwork, "network %v", func(a *ANI) *Opt[NetworkID] { return &a.Network }, networkIDContent),
		one(aniLocation, "location %v", func(a *ANI) *Opt[GeoLocation] { return &a.Location }, locationContent),
		one(aniOperator, "operator %v", func(a *ANI) *Opt[OperatorID] { return &a.Operator }, operatorContent),
		one(aniCivic, "civic %v", func(a *ANI) *Opt[CivicLocation] { return &a.Civic }, civicContent),
		one(aniMAGGroup, "mag-group %d", func(a *ANI) *Opt[uint16] { return &a.MAGGroup }, magGroupContent),
		one(aniUpdateTimer, "update-timer %v", func(a *ANI) *Opt[Lifetime] { return &a.UpdateTimer }, word16[Lifetime]()),
		remaining[ANI](),
	},
})

var aniContent = nested(aniTable)

// nested is the content of an option that is nothing but sub-options.
func nested[S any](t *table[S]) content[S] {
	return content[S]{
		decode: func(v *S, d []byte) fault { return decodeNested(t, v, d, 0) },
		append: func(b []byte, v *S) []byte { return appendNested(t, b, v) },
	}
}

// decodeNested reads sub-options from d[off:].
func decodeNested[S any](t *table[S], v *S, d []byte, off int) fault {
	if bad := t.decode(v, d, off); bad.kind != 0 {
		return badAt(bad.at)
	}
	return sound
}

func appendNested[S any](t *table[S], b []byte, v *S) []byte {
	b, err := t.append(b, v, 0)
	if err != nil {
		return nil
	}
	return b
}

// NetworkID names the access network (RFC 6757 section 3.1.1).
type NetworkID struct {
	UTF8        bool   // Name is in UTF-8
	Name        []byte // SSID or six digits of PLMN; not empty
	AccessPoint []byte // may be empty
}

// String shows network and access point.
func (n NetworkID) String() string {
	if len(n.AccessPoint) == 0 {
		return text(n.Name)
	}
	return text(n.Name) + "/" + text(n.AccessPoint)
}

const networkUTF8 = 0x80 // E

var networkIDContent = content[NetworkID]{
	decode: func(v *NetworkID, d []byte) fault {
		if len(d) < 3 {
			return badLength
		}
		ap := 2 + int(d[1]) // where the length of the access point's name is
		switch {
		case d[1] == 0 || ap >= len(d):
			return badAt(1)
		case ap+1+int(d[ap]) != len(d):
			return badAt(ap)
		}
		*v = NetworkID{UTF8: d[0]&networkUTF8 != 0, Name: d[2:ap:ap], AccessPoint: d[ap+1:]}
		return sound
	},
	append: func(b []byte, v *NetworkID) []byte {
		if len(v.Name) == 0 || len(v.Name) > 255 || len(v.AccessPoint) > 255 {
			return nil
		}
		var flags byte
		if v.UTF8 {
			flags = networkUTF8
		}
		b = append(append(b, flags, byte(len(v.Name))), v.Name...)
		return append(append(b, byte(len(v.AccessPoint))), v.AccessPoint...)
	},
}

// GeoLocation is where the access network is (RFC 6757 section 3.1.2), in degrees of WGS 84, to 1/32768 degree.
type GeoLocation struct {
	Latitude  float64 // north is positive
	Longitude float64 // east is positive
}

// String shows the two angles.
func (g GeoLocation) String() string { return fmt.Sprintf("%.5f,%.5f", g.Latitude, g.Longitude) }

const (
	degree   = 1 << 15 // of a 24-bit number with 9 whole bits
	angleMax = 1 << 23
)

var locationContent = content[GeoLocation]{
	decode: func(v *GeoLocation, d []byte) fault {
		if len(d) != 6 {
			return badLength
		}
		*v = GeoLocation{Latitude: readAngle(d), Longitude: readAngle(d[3:])}
		return sound
	},
	append: func(b []byte, v *GeoLocation) []byte {
		lat, lon := math.Round(v.Latitude*degree), math.Round(v.Longitude*degree)
		if !(math.Abs(lat) < angleMax || lat == -angleMax) || !(math.Abs(lon) < angleMax || lon == -angleMax) { // refuses NaN too
			return nil
		}
		return appendAngle(appendAngle(b, int32(lat)), int32(lon))
	},
}

func readAngle(d []byte) float64 {
	v := int32(uint32(d[0])<<24|uint32(d[1])<<16|uint32(d[2])<<8) >> 8
	return float64(v) / degree
}

func appendAngle(b []byte, v int32) []byte { return append(b, byte(v>>16), byte(v>>8), byte(v)) }

// OperatorID names the operator of the access network (RFC 6757 section 3.1.3).
type OperatorID struct {
	Kind  uint8 // OperatorEnterprise or OperatorRealm
	Value []byte
}

// The kinds of OperatorID (IANA "Operator-Identifier Type Registry").
const (
	OperatorEnterprise uint8 = 1 // private enterprise number, in as many octets as it takes
	OperatorRealm      uint8 = 2 // realm, in ASCII
)

// String shows a realm as it is and anything else in hexadecimal.
func (o OperatorID) String() string {
	if o.Kind == OperatorRealm {
		return text(o.Value)
	}
	return fmt.Sprintf("%d:0x%x", o.Kind, o.Value)
}

var operatorContent = content[OperatorID]{
	decode: func(v *OperatorID, d []byte) fault {
		if len(d) < 2 {
			return badLength
		}
		*v = OperatorID{Kind: d[0], Value: d[1:]}
		return sound
	},
	append: func(b []byte, v *OperatorID) []byte {
		if len(v.Value) == 0 {
			return nil
		}
		return append(append(b, v.Kind), v.Value...)
	},
}

// CivicLocation is the address of the access network (RFC 7563 section 3.1).
type CivicLocation struct {
	Format uint8  // 0: Value is a country code and the civic address elements of RFC 4776 section 3.3
	Value  []byte // at most 253 octets, less in practice: the whole ANI has to fit into 255
}

// String shows the octets.
func (c CivicLocation) String() string { return fmt.Sprintf("%d:%x", c.Format, c.Value) }

var civicContent = content[CivicLocation]{
	decode: func(v *CivicLocation, d []byte) fault {
		if len(d) < 2 {
			return badLength
		}
		*v = CivicLocation{Format: d[0], Value: d[2:]}
		return sound
	},
	append: func(b []byte, v *CivicLocation) []byte { return append(append(b, v.Format, 0), v.Value...) },
}

var magGroupContent = content[uint16]{
	decode: func(v *uint16, d []byte) fault {
		if len(d) != 2 {
			return foreign
		}
		*v = binary.BigEndian.Uint16(d)
		return sound
	},
	append: word16[uint16]().append,
}
