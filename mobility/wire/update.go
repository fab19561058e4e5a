package wire

import (
	"encoding/binary"
	"fmt"
)

// BindingUpdate is a Binding Update, and with UpdateP a Proxy Binding Update (RFC 6275 section 6.1.7, RFC 5213
// section 8.1).
type BindingUpdate struct {
	Seq      uint16
	Flags    UpdateFlags
	Lifetime Lifetime // asked for; 0 de-registers
	Options
}

// UpdateFlags are the flags of a Binding Update (IANA "Binding Update Flags").
type UpdateFlags uint16

// The flags of a Binding Update, under the letters of their figures.
const (
	UpdateA UpdateFlags = 0x8000 // acknowledge
	UpdateH UpdateFlags = 0x4000 // home registration
	UpdateL UpdateFlags = 0x2000 // link-local address compatibility
	UpdateK UpdateFlags = 0x1000 // key management mobility
	UpdateM UpdateFlags = 0x0800 // MAP registration (RFC 4140)
	UpdateR UpdateFlags = 0x0400 // mobile router (RFC 3963)
	UpdateP UpdateFlags = 0x0200 // proxy registration (RFC 5213)
	UpdateF UpdateFlags = 0x0100 // force UDP encapsulation (RFC 5844)
	UpdateT UpdateFlags = 0x0080 // TLV header in front of GRE (RFC 5845)
	UpdateB UpdateFlags = 0x0040 // bulk binding update (RFC 6602)
	UpdateS UpdateFlags = 0x0020 // multicast subscription (RFC 7161, erratum 4146)
	UpdateD UpdateFlags = 0x0010 // distributed mobility (RFC 8885)
)

func (f UpdateFlags) String() string { return flagText(uint16(f), 0x8000, "AHLKMRPFTBSD") }

// Type implements Message.
func (m *BindingUpdate) Type() Type { return TypeBindingUpdate }

// AppendBinary implements Message.
func (m *BindingUpdate) AppendBinary(b []byte) ([]byte, error) { return appendMessage(b, m) }

// String shows the message in one line.
func (m *BindingUpdate) String() string {
	short := "BU"
	if m.Flags&UpdateP != 0 {
		short = "PBU"
	}
	return m.show(fmt.Appendf(nil, "%s seq %d lifetime %v %v", short, m.Seq, m.Lifetime, m.Flags))
}

func (m *BindingUpdate) readFixed(mh []byte) {
	m.Seq = binary.BigEndian.Uint16(mh[6:])
	m.Flags = UpdateFlags(binary.BigEndian.Uint16(mh[8:]))
	m.Lifetime = Lifetime(binary.BigEndian.Uint16(mh[10:]))
}

func (m *BindingUpdate) appendFixed(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, m.Seq)
	b = binary.BigEndian.AppendUint16(b, uint16(m.Flags))
	return binary.BigEndian.AppendUint16(b, uint16(m.Lifetime))
}

// BindingAck is a Binding Acknowledgement, and with AckP a Proxy Binding Acknowledgement (RFC 6275 section 6.1.8,
// RFC 5213 section 8.2).
type BindingAck struct {
	Status   Status
	Flags    AckFlags
	Seq      uint16   // of the update; with StatusSequenceOutOfWindow the last one accepted
	Lifetime Lifetime // granted; has no meaning when the update was rejected
	Options
}

// AckFlags are the flags of a Binding Acknowledgement (IANA "Binding Acknowledgment Flags").
type AckFlags uint8

// The flags of a Binding Acknowledgement. They mean what the flags of the update with the same letter mean.
const (
	AckK AckFlags = 0x80
	AckR AckFlags = 0x40
	AckP AckFlags = 0x20
	AckT AckFlags = 0x10
	AckB AckFlags = 0x08
	AckS AckFlags = 0x04
	AckD AckFlags = 0x02
)

func (f AckFlags) String() string { return flagText(uint16(f), 0x80, "KRPTBSD") }

// Type implements Message.
func (m *BindingAck) Type() Type { return TypeBindingAck }

// AppendBinary implements Message.
func (m *BindingAck) AppendBinary(b []byte) ([]byte, error) { return appendMessage(b, m) }

// String shows the message in one line.
func (m *BindingAck) String() string {
	short := "BA"
	if m.Flags&AckP != 0 {
		short = "PBA"
	}
	return m.show(fmt.Appendf(nil, "%s seq %d status %d(%v) lifetime %v %v", short, m.Seq, m.Status, m.Status, m.Lifetime, m.Flags))
}

func (m *BindingAck) readFixed(mh []byte) {
	m.Status = Status(mh[6])
	m.Flags = AckFlags(mh[7])
	m.Seq = binary.BigEndian.Uint16(mh[8:])
	m.Lifetime = Lifetime(binary.BigEndian.Uint16(mh[10:]))
}

func (m *BindingAck) appendFixed(b []byte) []byte {
	b = append(b, byte(m.Status), byte(m.Flags))
	b = binary.BigEndian.AppendUint16(b, m.Seq)
	return binary.BigEndian.AppendUint16(b, uint16(m.Lifetime))
}
