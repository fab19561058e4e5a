package wire

import (
	"fmt"
	"net/netip"
)

// BindingError reports a problem that is not about one binding (RFC 6275 section 6.1.9).
type BindingError struct {
	Status      BindingErrorStatus
	HomeAddress netip.Addr // unspecified in PMIPv6; the zero Addr is sent as ::
	Options
}

// BindingErrorStatus says what is wrong.
type BindingErrorStatus uint8

// The status codes of a BindingError.
const (
	BindingErrorUnknownBinding BindingErrorStatus = 1 // no binding for a Home Address destination option
	BindingErrorUnknownType    BindingErrorStatus = 2 // unrecognized MH Type
)

var bindingErrorNames = [...]string{
	BindingErrorUnknownBinding: "unknown-binding",
	BindingErrorUnknownType:    "unrecognized-mh-type",
}

func (s BindingErrorStatus) String() string { return name(bindingErrorNames[:], uint8(s)) }

// Type implements Message.
func (m *BindingError) Type() Type { return TypeBindingError }

// AppendBinary implements Message.
func (m *BindingError) AppendBinary(b []byte) ([]byte, error) { return appendMessage(b, m) }

// String shows the message in one line.
func (m *BindingError) String() string {
	return m.show(fmt.Appendf(nil, "BE status %d(%v) home %v", m.Status, m.Status, m.HomeAddress))
}

func (m *BindingError) readFixed(mh []byte) {
	m.Status = BindingErrorStatus(mh[6])
	m.HomeAddress = netip.AddrFrom16([16]byte(mh[8:24]))
}

func (m *BindingError) appendFixed(b []byte) []byte {
	home := m.HomeAddress.As16()
	b = append(b, byte(m.Status), 0)
	return append(b, home[:]...)
}

// BindingRefreshRequest asks for a fresh Binding Update (RFC 6275 section 6.1.2).
type BindingRefreshRequest struct {
	Options
}

// Type implements Message.
func (m *BindingRefreshRequest) Type() Type { return TypeBindingRefreshRequest }

// AppendBinary implements Message.
func (m *BindingRefreshRequest) AppendBinary(b []byte) ([]byte, error) { return appendMessage(b, m) }

// String shows the message in one line.
func (m *BindingRefreshRequest) String() string { return m.show([]byte("BRR")) }

func (m *BindingRefreshRequest) readFixed([]byte) {}

func (m *BindingRefreshRequest) appendFixed(b []byte) []byte { return append(b, 0, 0) }
