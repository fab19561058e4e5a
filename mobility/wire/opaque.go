package wire

import "fmt"

// Opaque is a message of a registered type that PMIPv6 does not use itself: return routability, fast handovers,
// localized routing, flow bindings, and revocations of an unknown kind.
type Opaque struct {
	MHType Type
	Data   []byte // what follows the checksum, to the end of the message

	received []byte
}

// Type implements Message.
func (m *Opaque) Type() Type { return m.MHType }

// AppendBinary implements Message.
func (m *Opaque) AppendBinary(b []byte) ([]byte, error) { return appendMessage(b, m) }

// String shows the message in one line.
func (m *Opaque) String() string { return fmt.Sprintf("%v %x", m.MHType, m.Data) }

func (m *Opaque) readFixed(mh []byte) {
	m.MHType = Type(mh[atType])
	m.Data = mh[atData:]
}

func (m *Opaque) appendFixed(b []byte) []byte { return append(b, m.Data...) }
func (m *Opaque) options() *Options           { return nil }
func (m *Opaque) came() []byte                { return m.received }
func (m *Opaque) remember(mh []byte)          { m.received = mh }
