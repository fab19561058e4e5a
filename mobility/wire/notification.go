package wire

import (
	"encoding/binary"
	"fmt"
)

// UpdateNotification asks a mobile access gateway to do something about a session (RFC 7077 section 4.1).
type UpdateNotification struct {
	Seq    uint16
	Reason NotificationReason
	Flags  NotificationFlags
	Options
}

// UpdateAck answers an UpdateNotification (RFC 7077 section 4.2).
type UpdateAck struct {
	Seq    uint16 // of the notification
	Status UpdateStatus
	Options
}

// NotificationFlags are the flags of an UpdateNotification.
type NotificationFlags uint16

// The flags of an UpdateNotification.
const (
	NotificationA NotificationFlags = 0x8000 // an acknowledgement is wanted
	NotificationD NotificationFlags = 0x4000 // sent again
)

func (f NotificationFlags) String() string { return flagText(uint16(f), 0x8000, "AD") }

// NotificationReason says what is asked for (IANA "Update Notification Reasons Registry").
type NotificationReason uint16

// The notification reasons.
const (
	ReasonForceReregistration NotificationReason = 1
	ReasonUpdateSession       NotificationReason = 2
	ReasonVendorSpecific      NotificationReason = 3
	ReasonANIRequested        NotificationReason = 4
	ReasonQoSRequest          NotificationReason = 5 // RFC 7222
	ReasonPCSCFByPCO          NotificationReason = 6 // 3GPP TS 29.275
	ReasonPCSCFByDHCP         NotificationReason = 7 // 3GPP TS 29.275
	ReasonFlowMobility        NotificationReason = 8 // RFC 7864
)

var reasonNames = [...]string{
	ReasonForceReregistration: "force-reregistration",
	ReasonUpdateSession:       "update-session-parameters",
	ReasonVendorSpecific:      "vendor-specific",
	ReasonANIRequested:        "ani-params-requested",
	ReasonQoSRequest:          "qos-service-request",
	ReasonPCSCFByPCO:          "pcscf-restoration-pco",
	ReasonPCSCFByDHCP:         "pcscf-restoration-dhcp",
	ReasonFlowMobility:        "flow-mobility",
}

func (r NotificationReason) String() string {
	if r > 255 {
		return fmt.Sprint(uint16(r))
	}
	return name(reasonNames[:], uint8(r))
}

// UpdateStatus is the outcome of an UpdateNotification (IANA "Update Notification Acknowledgement Status Registry").
// Below 128 it was done.
type UpdateStatus uint8

// The status codes of an UpdateAck.
const (
	UpdateSuccess           UpdateStatus = 0
	UpdateFailed            UpdateStatus = 128
	UpdateMissingVendor     UpdateStatus = 129
	UpdateCannotMeetQoS     UpdateStatus = 130
	UpdateReasonUnspecified UpdateStatus = 131
	UpdateMNNotAttached     UpdateStatus = 132
)

var updateStatusNames = [...]string{
	UpdateSuccess:           "success",
	UpdateFailed:            "failed-to-update-session-parameters",
	UpdateMissingVendor:     "missing-vendor-specific-option",
	UpdateCannotMeetQoS:     "cannot-meet-qos-service-request",
	UpdateReasonUnspecified: "reason-unspecified",
	UpdateMNNotAttached:     "mn-not-attached",
}

func (s UpdateStatus) String() string { return name(updateStatusNames[:], uint8(s)) }

// Accepted reports whether the notification was carried out.
func (s UpdateStatus) Accepted() bool { return s < 128 }

// Type implements Message.
func (m *UpdateNotification) Type() Type { return TypeUpdateNotification }

// AppendBinary implements Message.
func (m *UpdateNotification) AppendBinary(b []byte) ([]byte, error) { return appendMessage(b, m) }

// String shows the message in one line.
func (m *UpdateNotification) String() string {
	return m.show(fmt.Appendf(nil, "UPN seq %d reason %d(%v) %v", m.Seq, m.Reason, m.Reason, m.Flags))
}

func (m *UpdateNotification) readFixed(mh []byte) {
	m.Seq = binary.BigEndian.Uint16(mh[6:])
	m.Reason = NotificationReason(binary.BigEndian.Uint16(mh[8:]))
	m.Flags = NotificationFlags(binary.BigEndian.Uint16(mh[10:]))
}

func (m *UpdateNotification) appendFixed(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, m.Seq)
	b = binary.BigEndian.AppendUint16(b, uint16(m.Reason))
	return binary.BigEndian.AppendUint16(b, uint16(m.Flags))
}

// Type implements Message.
func (m *UpdateAck) Type() Type { return TypeUpdateNotificationAck }

// AppendBinary implements Message.
func (m *UpdateAck) AppendBinary(b []byte) ([]byte, error) { return appendMessage(b, m) }

// String shows the message in one line.
func (m *UpdateAck) String() string {
	return m.show(fmt.Appendf(nil, "UPA seq %d status %d(%v)", m.Seq, m.Status, m.Status))
}

func (m *UpdateAck) readFixed(mh []byte) {
	m.Seq = binary.BigEndian.Uint16(mh[6:])
	m.Status = UpdateStatus(mh[8])
}

func (m *UpdateAck) appendFixed(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, m.Seq)
	return append(b, byte(m.Status), 0, 0, 0)
}
