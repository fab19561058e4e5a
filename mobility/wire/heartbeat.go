package wire

import (
	"encoding/binary"
	"fmt"
)

// Heartbeat asks a peer whether it is alive, or answers (RFC 5847 section 3.3). An answer has a RestartCounter.
type Heartbeat struct {
	Flags HeartbeatFlags
	Seq   uint32 // of the request; has no meaning in an unsolicited response
	Options
}

// HeartbeatFlags are the flags of a Heartbeat: none is a request, R a response, both an unsolicited response.
type HeartbeatFlags uint16

// The flags of a Heartbeat.
const (
	HeartbeatU HeartbeatFlags = 0x0002 // unsolicited
	HeartbeatR HeartbeatFlags = 0x0001 // response
)

func (f HeartbeatFlags) String() string { return flagText(uint16(f), 0x0002, "UR") }

// Type implements Message.
func (m *Heartbeat) Type() Type { return TypeHeartbeat }

// AppendBinary implements Message.
func (m *Heartbeat) AppendBinary(b []byte) ([]byte, error) { return appendMessage(b, m) }

// String shows the message in one line.
func (m *Heartbeat) String() string {
	kind := "request"
	if m.Flags&HeartbeatR != 0 {
		kind = "response"
	}
	if m.Flags&HeartbeatU != 0 {
		kind = "unsolicited-" + kind
	}
	return m.show(fmt.Appendf(nil, "HB %s seq %d", kind, m.Seq))
}

func (m *Heartbeat) readFixed(mh []byte) {
	m.Flags = HeartbeatFlags(binary.BigEndian.Uint16(mh[6:]))
	m.Seq = binary.BigEndian.Uint32(mh[8:])
}

func (m *Heartbeat) appendFixed(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(m.Flags))
	return binary.BigEndian.AppendUint32(b, m.Seq)
}
