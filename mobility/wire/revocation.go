package wire

import (
	"encoding/binary"
	"fmt"
)

// The B.R. Type of a Binding Revocation message (RFC 5846 section 5).
const (
	revocationIndication = 1
	revocationAck        = 2
)

// Revocation is a Binding Revocation Indication (RFC 5846 section 5.1).
type Revocation struct {
	Trigger RevocationTrigger
	Seq     uint16
	Flags   RevocationFlags
	Options
}

// RevocationAck is a Binding Revocation Acknowledgement (RFC 5846 section 5.2).
type RevocationAck struct {
	Status RevocationStatus
	Seq    uint16          // of the indication
	Flags  RevocationFlags // of the indication
	Options
}

// RevocationFlags are the flags of both revocation messages.
type RevocationFlags uint16

// The flags of a revocation.
const (
	RevocationP RevocationFlags = 0x8000 // proxy binding
	RevocationV RevocationFlags = 0x4000 // IPv4 home address binding only
	RevocationG RevocationFlags = 0x2000 // global: all bindings of the peer, or of a realm on it
)

func (f RevocationFlags) String() string { return flagText(uint16(f), 0x8000, "PVG") }

// RevocationTrigger says why bindings are revoked (IANA "Revocation Trigger Values"). From 128 on they are for global
// revocations.
type RevocationTrigger uint8

// The revocation triggers.
const (
	TriggerUnspecified      RevocationTrigger = 0
	TriggerAdministrative   RevocationTrigger = 1
	TriggerHandoverSameATT  RevocationTrigger = 2
	TriggerHandoverOtherATT RevocationTrigger = 3
	TriggerHandoverUnknown  RevocationTrigger = 4
	TriggerUserInitiated    RevocationTrigger = 5
	TriggerAccessNetwork    RevocationTrigger = 6
	TriggerOutOfSync        RevocationTrigger = 7
	TriggerPerPeerPolicy    RevocationTrigger = 128
	TriggerLocalPolicy      RevocationTrigger = 129 // with MN-ID "@realm": all of that realm
)

var triggerNames = [...]string{
	TriggerUnspecified:      "unspecified",
	TriggerAdministrative:   "administrative",
	TriggerHandoverSameATT:  "handover-same-access-type",
	TriggerHandoverOtherATT: "handover-different-access-type",
	TriggerHandoverUnknown:  "handover-unknown",
	TriggerUserInitiated:    "user-initiated",
	TriggerAccessNetwork:    "access-network",
	TriggerOutOfSync:        "possible-out-of-sync",
	TriggerPerPeerPolicy:    "per-peer-policy",
	TriggerLocalPolicy:      "local-policy",
}

func (t RevocationTrigger) String() string { return name(triggerNames[:], uint8(t)) }

// RevocationStatus is the outcome of a revocation (IANA "Binding Revocation Acknowledgement Status Codes"). Below 128 it
// was done.
type RevocationStatus uint8

// The revocation status codes.
const (
	RevocationSuccess              RevocationStatus = 0
	RevocationPartialSuccess       RevocationStatus = 1
	RevocationNoBinding            RevocationStatus = 128
	RevocationIPv4HoARequired      RevocationStatus = 129
	RevocationGlobalNotAuthorized  RevocationStatus = 130
	RevocationIdentityRequired     RevocationStatus = 131
	RevocationMNAttached           RevocationStatus = 132
	RevocationTriggerNotSupported  RevocationStatus = 133
	RevocationFunctionNotSupported RevocationStatus = 134
	RevocationProxyNotSupported    RevocationStatus = 135
)

var revocationStatusNames = [...]string{
	RevocationSuccess:              "success",
	RevocationPartialSuccess:       "partial-success",
	RevocationNoBinding:            "binding-does-not-exist",
	RevocationIPv4HoARequired:      "ipv4-home-address-option-required",
	RevocationGlobalNotAuthorized:  "global-revocation-not-authorized",
	RevocationIdentityRequired:     "revoked-mobile-nodes-identity-required",
	RevocationMNAttached:           "mn-is-attached",
	RevocationTriggerNotSupported:  "revocation-trigger-not-supported",
	RevocationFunctionNotSupported: "revocation-function-not-supported",
	RevocationProxyNotSupported:    "proxy-binding-revocation-not-supported",
}

func (s RevocationStatus) String() string { return name(revocationStatusNames[:], uint8(s)) }

// Accepted reports whether the revocation was done.
func (s RevocationStatus) Accepted() bool { return s < 128 }

// Type implements Message.
func (m *Revocation) Type() Type { return TypeBindingRevocation }

// AppendBinary implements Message.
func (m *Revocation) AppendBinary(b []byte) ([]byte, error) { return appendMessage(b, m) }

// String shows the message in one line.
func (m *Revocation) String() string {
	return m.show(fmt.Appendf(nil, "BRI seq %d trigger %d(%v) %v", m.Seq, m.Trigger, m.Trigger, m.Flags))
}

func (m *Revocation) readFixed(mh []byte) {
	m.Trigger = RevocationTrigger(mh[7])
	m.Seq, m.Flags = readRevocation(mh)
}

func (m *Revocation) appendFixed(b []byte) []byte {
	return appendRevocation(b, revocationIndication, byte(m.Trigger), m.Seq, m.Flags)
}

// Type implements Message.
func (m *RevocationAck) Type() Type { return TypeBindingRevocation }

// AppendBinary implements Message.
func (m *RevocationAck) AppendBinary(b []byte) ([]byte, error) { return appendMessage(b, m) }

// String shows the message in one line.
func (m *RevocationAck) String() string {
	return m.show(fmt.Appendf(nil, "BRA seq %d status %d(%v) %v", m.Seq, m.Status, m.Status, m.Flags))
}

func (m *RevocationAck) readFixed(mh []byte) {
	m.Status = RevocationStatus(mh[7])
	m.Seq, m.Flags = readRevocation(mh)
}

func (m *RevocationAck) appendFixed(b []byte) []byte {
	return appendRevocation(b, revocationAck, byte(m.Status), m.Seq, m.Flags)
}

func readRevocation(mh []byte) (uint16, RevocationFlags) {
	return binary.BigEndian.Uint16(mh[8:]), RevocationFlags(binary.BigEndian.Uint16(mh[10:]))
}

func appendRevocation(b []byte, kind, code byte, seq uint16, flags RevocationFlags) []byte {
	b = append(b, kind, code)
	b = binary.BigEndian.AppendUint16(b, seq)
	return binary.BigEndian.AppendUint16(b, uint16(flags))
}
