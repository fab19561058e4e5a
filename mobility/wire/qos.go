package wire

import (
	"encoding/binary"
	"fmt"
)

// QoS is one Quality-of-Service option (RFC 7222 section 4.1). Its attributes occur once, but for vendors'. Rates are in
// bits a second.
type QoS struct {
	SRID uint8 // service request identifier, given by the anchor; 0 in a gateway's first request
	DSCP uint8 // six bits
	Op   QoSOp // an option with an unknown operation is to be ignored

	PerMNMaxDown, PerMNMaxUp           Opt[uint32]             // 1, 2
	PerSessionMaxDown, PerSessionMaxUp Opt[SessionRate]        // 3, 4
	Priority                           Opt[AllocationPriority] // 5
	MaxDown, MaxUp                     Opt[uint32]             // 6, 7: of the flows that Selector names, or all
	GuaranteedDown, GuaranteedUp       Opt[uint32]             // 8, 9
	Selector                           Opt[TrafficSelector]    // 10
	Vendor                             []VendorOption          // 11: data at most 241 octets
	Extra                              []RawOption
}

// String shows the request and its attributes.
func (q QoS) String() string {
	return fmt.Sprintf("[sr=%d dscp=%d %d(%v)%s ]", q.SRID, q.DSCP, q.Op, q.Op, qosTable.show(nil, &q))
}

// QoSOp says what a QoS option wants (RFC 7222 section 4.1).
type QoSOp uint8

// The QoS operations.
const (
	QoSResponse   QoSOp = 0
	QoSAllocate   QoSOp = 1
	QoSDeallocate QoSOp = 2
	QoSModify     QoSOp = 3
	QoSQuery      QoSOp = 4
	QoSNegotiate  QoSOp = 5
)

var qosOpNames = [...]string{
	QoSResponse:   "response",
	QoSAllocate:   "allocate",
	QoSDeallocate: "de-allocate",
	QoSModify:     "modify",
	QoSQuery:      "query",
	QoSNegotiate:  "negotiate",
}

func (o QoSOp) String() string { return name(qosOpNames[:], uint8(o)) }

// The attribute types (IANA "Quality-of-Service Attribute Registry").
const (
	qosPerMNMaxDown      uint8 = 1
	qosPerMNMaxUp        uint8 = 2
	qosPerSessionMaxDown uint8 = 3
	qosPerSessionMaxUp   uint8 = 4
	qosPriority          uint8 = 5
	qosMaxDown           uint8 = 6
	qosMaxUp             uint8 = 7
	qosGuaranteedDown    uint8 = 8
	qosGuaranteedUp      uint8 = 9
	qosSelector          uint8 = 10
	qosVendor            uint8 = 11
)

var qosTable = indexed(table[QoS]{
	rest: func(q *QoS) *[]RawOption { return &q.Extra },
	fields: []field[QoS]{
		one(qosPerMNMaxDown, "mn-down %d", func(q *QoS) *Opt[uint32] { return &q.PerMNMaxDown }, rateContent),
		one(qosPerMNMaxUp, "mn-up %d", func(q *QoS) *Opt[uint32] { return &q.PerMNMaxUp }, rateContent),
		one(qosPerSessionMaxDown, "session-down %v", func(q *QoS) *Opt[SessionRate] { return &q.PerSessionMaxDown }, sessionRateContent),
		one(qosPerSessionMaxUp, "session-up %v", func(q *QoS) *Opt[SessionRate] { return &q.PerSessionMaxUp }, sessionRateContent),
		one(qosPriority, "priority %v", func(q *QoS) *Opt[AllocationPriority] { return &q.Priority }, priorityContent),
		one(qosMaxDown, "max-down %d", func(q *QoS) *Opt[uint32] { return &q.MaxDown }, rateContent),
		one(qosMaxUp, "max-up %d", func(q *QoS) *Opt[uint32] { return &q.MaxUp }, rateContent),
		one(qosGuaranteedDown, "guaranteed-down %d", func(q *QoS) *Opt[uint32] { return &q.GuaranteedDown }, rateContent),
		one(qosGuaranteedUp, "guaranteed-up %d", func(q *QoS) *Opt[uint32] { return &q.GuaranteedUp }, rateContent),
		one(qosSelector, "selector %v", func(q *QoS) *Opt[TrafficSelector] { return &q.Selector }, selectorContent),
		many(qosVendor, "vendor %v", func(q *QoS) *[]VendorOption { return &q.Vendor }, vendorAttributeContent),
		remaining[QoS](),
	},
})

const (
	qosFixed  = 6 // octets in front of the attributes
	dscpShift = 2 // the traffic class is the DSCP and two reserved bits
)

var qosContent = content[QoS]{
	decode: func(v *QoS, d []byte) fault {
		if len(d) < qosFixed {
			return badLength
		}
		v.SRID, v.DSCP, v.Op = d[0], d[1]>>dscpShift, QoSOp(d[2])
		return decodeNested(qosTable, v, d, qosFixed)
	},
	append: func(b []byte, v *QoS) []byte {
		if v.DSCP > 0xff>>dscpShift {
			return nil
		}
		return appendNested(qosTable, append(b, v.SRID, v.DSCP<<dscpShift, byte(v.Op), 0, 0, 0), v)
	},
}

var rateContent = content[uint32]{
	decode: func(v *uint32, d []byte) fault {
		if len(d) != 6 {
			return badLength
		}
		*v = binary.BigEndian.Uint32(d[2:])
		return sound
	},
	append: func(b []byte, v *uint32) []byte { return binary.BigEndian.AppendUint32(append(b, 0, 0), *v) },
}

// SessionRate is a maximum over the flows of a session (RFC 7222 sections 4.2.3, 4.2.4).
type SessionRate struct {
	Rate    uint32
	Service bool // S: over all sessions of the node for the same service
	Exclude bool // E: without the flows that have a guaranteed rate
}

// String shows the rate and its flags.
func (r SessionRate) String() string {
	s := fmt.Sprint(r.Rate)
	if r.Service {
		s += ",service"
	}
	if r.Exclude {
		s += ",exclude-guaranteed"
	}
	return s
}

const (
	sessionRateS = 0x80
	sessionRateE = 0x40
)

var sessionRateContent = content[SessionRate]{
	decode: func(v *SessionRate, d []byte) fault {
		if len(d) != 6 {
			return badLength
		}
		*v = SessionRate{
			Rate:    binary.BigEndian.Uint32(d[2:]),
			Service: d[0]&sessionRateS != 0,
			Exclude: d[0]&sessionRateE != 0,
		}
		return sound
	},
	append: func(b []byte, v *SessionRate) []byte {
		var flags byte
		if v.Service {
			flags |= sessionRateS
		}
		if v.Exclude {
			flags |= sessionRateE
		}
		return binary.BigEndian.AppendUint32(append(b, flags, 0), v.Rate)
	},
}

// AllocationPriority is the Allocation and Retention Priority (RFC 7222 section 4.2.5).
type AllocationPriority struct {
	Level         uint8 // 1 is the highest, 15 the lowest
	Capability    uint8 // PreemptionEnabled: may take the resources of others
	Vulnerability uint8 // PreemptionEnabled: others may take its resources
}

// The two defined values of the preemption fields, which have two bits.
const (
	PreemptionEnabled  uint8 = 0
	PreemptionDisabled uint8 = 1
)

// String shows the three numbers.
func (p AllocationPriority) String() string {
	return fmt.Sprintf("%d,capability=%d,vulnerability=%d", p.Level, p.Capability, p.Vulnerability)
}

var priorityContent = content[AllocationPriority]{
	decode: func(v *AllocationPriority, d []byte) fault {
		if len(d) != 2 {
			return badLength
		}
		*v = AllocationPriority{Level: d[1] >> 4, Capability: d[1] >> 2 & 3, Vulnerability: d[1] & 3}
		return sound
	},
	append: func(b []byte, v *AllocationPriority) []byte {
		if v.Level > 15 || v.Capability > 3 || v.Vulnerability > 3 {
			return nil
		}
		return append(b, 0, v.Level<<4|v.Capability<<2|v.Vulnerability)
	},
}

// TrafficSelector names the flows that a QoS option is about (RFC 7222 section 4.2.10).
type TrafficSelector struct {
	Format   uint8  // SelectorIPv4 or SelectorIPv6
	Selector []byte // binary selector of RFC 6088 section 3
}

// The formats of a TrafficSelector (IANA "Traffic Selector Format").
const (
	SelectorIPv4 uint8 = 1
	SelectorIPv6 uint8 = 2
)

// String shows the octets.
func (s TrafficSelector) String() string { return fmt.Sprintf("%d:%x", s.Format, s.Selector) }

var selectorContent = content[TrafficSelector]{
	decode: func(v *TrafficSelector, d []byte) fault {
		if len(d) < 2 {
			return badLength
		}
		*v = TrafficSelector{Format: d[1], Selector: d[2:]}
		return sound
	},
	append: func(b []byte, v *TrafficSelector) []byte { return append(append(b, 0, v.Format), v.Selector...) },
}

// vendorAttributeContent is a vendor option behind two reserved octets (RFC 7222 section 4.2.11).
var vendorAttributeContent = content[VendorOption]{
	decode: func(v *VendorOption, d []byte) fault {
		if len(d) < 2 {
			return badLength
		}
		return vendorContent.decode(v, d[2:])
	},
	append: func(b []byte, v *VendorOption) []byte { return vendorContent.append(append(b, 0, 0), v) },
}
