package wire

import "strconv"

// The Mobility Header (RFC 6275 section 6.1.1): payload proto, header len, MH type, reserved, checksum (2), message data.
const (
	atProto    = 0
	atLength   = 1
	atType     = 2
	atChecksum = 4
	atData     = 6

	noNextHeader = 59 // payload proto: nothing follows a Mobility Header
	unit         = 8  // Header Len counts in this many octets, without the first of them
	maxLength    = (255 + 1) * unit
)

// Type is the MH Type of a Mobility Header (IANA "Mobility Header Types").
type Type uint8

// The registered message types.
const (
	TypeBindingRefreshRequest Type = 0
	TypeHomeTestInit          Type = 1
	TypeCareOfTestInit        Type = 2
	TypeHomeTest              Type = 3
	TypeCareOfTest            Type = 4
	TypeBindingUpdate         Type = 5
	TypeBindingAck            Type = 6
	TypeBindingError          Type = 7
	TypeFastBindingUpdate     Type = 8
	TypeFastBindingAck        Type = 9
	TypeFastNeighborAdvert    Type = 10
	TypeExperimental          Type = 11
	TypeHomeAgentSwitch       Type = 12
	TypeHeartbeat             Type = 13
	TypeHandoverInitiate      Type = 14
	TypeHandoverAck           Type = 15
	TypeBindingRevocation     Type = 16 // indication and acknowledgement
	TypeLocalizedRoutingInit  Type = 17
	TypeLocalizedRoutingAck   Type = 18
	TypeUpdateNotification    Type = 19
	TypeUpdateNotificationAck Type = 20
	TypeFlowBinding           Type = 21
	TypeSubscriptionQuery     Type = 22
	TypeSubscriptionResponse  Type = 23
)

// messageTypes has what the header alone decides: the least Header Len, and the octet where options begin (0 where we
// keep the message opaque).
var messageTypes = [...]struct {
	name      string
	minLength uint8
	options   uint8
}{
	TypeBindingRefreshRequest: {"binding-refresh-request", 0, 8},
	TypeHomeTestInit:          {"home-test-init", 1, 0},
	TypeCareOfTestInit:        {"care-of-test-init", 1, 0},
	TypeHomeTest:              {"home-test", 2, 0},
	TypeCareOfTest:            {"care-of-test", 2, 0},
	TypeBindingUpdate:         {"binding-update", 1, 12},
	TypeBindingAck:            {"binding-ack", 1, 12},
	TypeBindingError:          {"binding-error", 2, 24},
	TypeFastBindingUpdate:     {"fast-binding-update", 0, 0},
	TypeFastBindingAck:        {"fast-binding-ack", 0, 0},
	TypeFastNeighborAdvert:    {"fast-neighbor-advertisement", 0, 0},
	TypeExperimental:          {"experimental", 0, 0},
	TypeHomeAgentSwitch:       {"home-agent-switch", 0, 0},
	TypeHeartbeat:             {"heartbeat", 1, 12},
	TypeHandoverInitiate:      {"handover-initiate", 0, 0},
	TypeHandoverAck:           {"handover-ack", 0, 0},
	TypeBindingRevocation:     {"binding-revocation", 1, 12},
	TypeLocalizedRoutingInit:  {"localized-routing-initiation", 0, 0},
	TypeLocalizedRoutingAck:   {"localized-routing-ack", 0, 0},
	TypeUpdateNotification:    {"update-notification", 1, 12},
	TypeUpdateNotificationAck: {"update-notification-ack", 1, 12},
	TypeFlowBinding:           {"flow-binding", 0, 0},
	TypeSubscriptionQuery:     {"subscription-query", 0, 0},
	TypeSubscriptionResponse:  {"subscription-response", 0, 0},
}

func (t Type) known() bool { return int(t) < len(messageTypes) }

// String gives the name of the type, or its number where it has none.
func (t Type) String() string {
	if t.known() {
		return messageTypes[t].name
	}
	return strconv.Itoa(int(t))
}

// checkHeader does the checks of RFC 6275 section 9.2 that follow the checksum, in their order, and returns the length
// of the message in octets. Octets behind the message are not looked at.
func checkHeader(mh []byte) (int, *DecodeError) {
	if len(mh) <= atType {
		return 0, &DecodeError{Kind: KindTooLong, Offset: atLength}
	}
	t := Type(mh[atType])
	length := (int(mh[atLength]) + 1) * unit
	switch {
	case !t.known():
		return 0, &DecodeError{Kind: KindType, Offset: atType, Type: t}
	case mh[atProto] != noNextHeader:
		return 0, &DecodeError{Kind: KindPayloadProto, Offset: atProto, Type: t}
	case mh[atLength] < messageTypes[t].minLength:
		return 0, &DecodeError{Kind: KindTooShort, Offset: atLength, Type: t}
	case length > len(mh):
		return 0, &DecodeError{Kind: KindTooLong, Offset: atLength, Type: t}
	}
	return length, nil
}
