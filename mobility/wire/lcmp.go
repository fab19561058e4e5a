package wire

import (
	"encoding/binary"
	"fmt"
)

// LCMP is the LMA-Controlled MAG Parameters option (RFC 8127 section 3). A gateway ignores an acknowledgement whose
// values are 0 where that makes no sense (section 5.2); that is for the gateway to see.
type LCMP struct {
	Reregistration Opt[ReregistrationControl] // 1
	Heartbeat      Opt[HeartbeatControl]      // 2
	Extra          []RawOption
}

// String shows the sub-options.
func (l LCMP) String() string { return fmt.Sprintf("[%s ]", lcmpTable.show(nil, &l)) }

// ReregistrationControl says when a gateway refreshes (RFC 8127 section 3.1.1).
type ReregistrationControl struct {
	Start                 Lifetime // before the binding expires
	InitialRetransmission uint16   // seconds
	MaxRetransmission     uint16   // seconds
}

// HeartbeatControl says how a gateway sends heartbeats (RFC 8127 section 3.1.2).
type HeartbeatControl struct {
	Interval            uint16 // seconds
	RetransmissionDelay uint16 // seconds
	MaxRetransmissions  uint16
}

const (
	lcmpReregistration uint8 = 1
	lcmpHeartbeat      uint8 = 2
)

var lcmpTable = indexed(table[LCMP]{
	rest: func(l *LCMP) *[]RawOption { return &l.Extra },
	fields: []field[LCMP]{
		one(lcmpReregistration, "reregistration %v", func(l *LCMP) *Opt[ReregistrationControl] { return &l.Reregistration }, reregistrationContent),
		one(lcmpHeartbeat, "heartbeat %v", func(l *LCMP) *Opt[HeartbeatControl] { return &l.Heartbeat }, heartbeatControlContent),
		remaining[LCMP](),
	},
})

var lcmpContent = nested(lcmpTable)

var reregistrationContent = content[ReregistrationControl]{
	decode: func(v *ReregistrationControl, d []byte) fault {
		if len(d) != 6 {
			return badLength
		}
		*v = ReregistrationControl{
			Start:                 Lifetime(binary.BigEndian.Uint16(d)),
			InitialRetransmission: binary.BigEndian.Uint16(d[2:]),
			MaxRetransmission:     binary.BigEndian.Uint16(d[4:]),
		}
		return sound
	},
	append: func(b []byte, v *ReregistrationControl) []byte {
		b = binary.BigEndian.AppendUint16(b, uint16(v.Start))
		b = binary.BigEndian.AppendUint16(b, v.InitialRetransmission)
		return binary.BigEndian.AppendUint16(b, v.MaxRetransmission)
	},
}

var heartbeatControlContent = content[HeartbeatControl]{
	decode: func(v *HeartbeatControl, d []byte) fault {
		if len(d) != 6 {
			return badLength
		}
		*v = HeartbeatControl{
			Interval:            binary.BigEndian.Uint16(d),
			RetransmissionDelay: binary.BigEndian.Uint16(d[2:]),
			MaxRetransmissions:  binary.BigEndian.Uint16(d[4:]),
		}
		return sound
	},
	append: func(b []byte, v *HeartbeatControl) []byte {
		b = binary.BigEndian.AppendUint16(b, v.Interval)
		b = binary.BigEndian.AppendUint16(b, v.RetransmissionDelay)
		return binary.BigEndian.AppendUint16(b, v.MaxRetransmissions)
	},
}
