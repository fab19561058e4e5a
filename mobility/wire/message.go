package wire

import (
	"bytes"
	"fmt"
)

// Message is any Mobility Header message: one of *BindingUpdate, *BindingAck, *BindingError, *BindingRefreshRequest,
// *Heartbeat, *Revocation, *RevocationAck, *UpdateNotification, *UpdateAck and *Opaque. All of them are also Stringers.
type Message interface {
	Type() Type

	// AppendBinary appends the message to b, padded to a multiple of 8 octets, and returns the longer slice. The
	// checksum and authenticators of a new message are 0. It fails, and returns b as it was, when a field holds what
	// its option cannot carry or the message is longer than 2048 octets. It does not allocate when b has room, unless
	// the message was decoded.
	AppendBinary(b []byte) ([]byte, error)
}

// frame is the part of a message that this package needs to read and write it.
type frame interface {
	Message
	readFixed(mh []byte)         // message data in front of the options; mh is at least as long as that
	appendFixed(b []byte) []byte // the same, behind the first six octets
	options() *Options           // nil when there are none
	came() []byte                // the octets this message was decoded from
	remember(mh []byte)
}

// Parse reads one Mobility Header that begins at the first octet of mh. What follows it is ignored. The message has its
// own memory. Checksum and authenticator are not looked at. The error is a *DecodeError.
func Parse(mh []byte) (Message, error) {
	n, bad := checkHeader(mh)
	if bad != nil {
		return nil, bad
	}
	own := bytes.Clone(mh[:n:n])
	m := newFrame(own)
	if bad := read(m, own); bad != nil {
		return nil, bad
	}
	return m, nil
}

// Decoder reads messages into memory that it uses again. The zero value is ready. It is not safe for concurrent use.
type Decoder struct {
	frames [slots]frame
}

// Decode reads like Parse. The message is valid until the next Decode, and as long as mh does not change: its slices
// point into mh.
func (d *Decoder) Decode(mh []byte) (Message, error) {
	n, bad := checkHeader(mh)
	if bad != nil {
		return nil, bad
	}
	mh = mh[:n:n]
	m := d.frames[slot(mh)]
	if m == nil {
		m = newFrame(mh)
		d.frames[slot(mh)] = m
	}
	if bad := read(m, mh); bad != nil {
		return nil, bad
	}
	return m, nil
}

// Where a Decoder keeps its messages: at the MH Type, except for the three that share one.
const (
	slotRevocationAck   = int(TypeSubscriptionResponse) + 1
	slotOtherRevocation = slotRevocationAck + 1
	slots               = slotOtherRevocation + 1
)

func slot(mh []byte) int {
	if t := Type(mh[atType]); t != TypeBindingRevocation || mh[atData] == revocationIndication {
		return int(t)
	}
	if mh[atData] == revocationAck {
		return slotRevocationAck
	}
	return slotOtherRevocation
}

func newFrame(mh []byte) frame {
	switch slot(mh) {
	case int(TypeBindingRefreshRequest):
		return new(BindingRefreshRequest)
	case int(TypeBindingUpdate):
		return new(BindingUpdate)
	case int(TypeBindingAck):
		return new(BindingAck)
	case int(TypeBindingError):
		return new(BindingError)
	case int(TypeHeartbeat):
		return new(Heartbeat)
	case int(TypeBindingRevocation):
		return new(Revocation)
	case slotRevocationAck:
		return new(RevocationAck)
	case int(TypeUpdateNotification):
		return new(UpdateNotification)
	case int(TypeUpdateNotificationAck):
		return new(UpdateAck)
	}
	return new(Opaque)
}

// read fills m from mh, which is exactly one message whose header was checked.
func read(m frame, mh []byte) *DecodeError {
	m.readFixed(mh)
	m.remember(mh)
	o := m.options()
	if o == nil {
		return nil
	}
	o.Reset()
	t := Type(mh[atType])
	if bad := optionTable.decode(o, mh, int(messageTypes[t].options)); bad.kind != 0 {
		return &DecodeError{Kind: bad.kind, Offset: bad.at, Type: t, Option: OptionType(bad.number)}
	}
	return nil
}

// appendMessage implements AppendBinary.
func appendMessage(b []byte, m frame) ([]byte, error) {
	start := len(b)
	out, err := appendCanonical(b, m)
	if err != nil {
		return b, err
	}
	if came := m.came(); came != nil && unchanged(out[start:], came) {
		return append(out[:start], came...), nil
	}
	n := len(out) - start
	if n > maxLength {
		return b, fmt.Errorf("encode %v: %d octets do not fit into a mobility header of at most %d", m.Type(), n, maxLength)
	}
	out[start+atLength] = byte(n/unit - 1)
	return out, nil
}

// appendCanonical writes m with its options in canonical order. Header Len is left 0.
func appendCanonical(b []byte, m frame) ([]byte, error) {
	start := len(b)
	b = append(b, noNextHeader, 0, byte(m.Type()), 0, 0, 0)
	b = m.appendFixed(b)
	if o := m.options(); o != nil {
		var err error
		if b, err = optionTable.append(b, o, start); err != nil {
			return nil, fmt.Errorf("encode %v: %w", m.Type(), err)
		}
	}
	return appendPad(b, (start-len(b))&(unit-1)), nil
}

// unchanged reports whether the message whose canonical form is given still says what came in: then those octets have
// the same canonical form.
func unchanged(canonical, came []byte) bool {
	m := newFrame(came)
	if read(m, came) != nil {
		return false
	}
	again, err := appendCanonical(make([]byte, 0, len(canonical)), m)
	return err == nil && bytes.Equal(canonical, again)
}
