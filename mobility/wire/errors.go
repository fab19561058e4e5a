package wire

import "fmt"

// ErrorKind says what a DecodeError is about, and with it what the receiver owes the sender.
type ErrorKind uint8

// The kinds of malformed messages. Those without a remark are dropped silently (RFC 6275 section 9.2).
const (
	KindChecksum      ErrorKind = iota + 1 // wrong checksum; only from VerifyChecksum
	KindType                               // unknown MH Type: answer a Binding Error, status BindingErrorUnknownType
	KindPayloadProto                       // Payload Proto is not 59: ICMPv6 Parameter Problem, code 0, pointer at Offset
	KindTooShort                           // Header Len below the least of the type: ICMPv6 Parameter Problem, likewise
	KindTooLong                            // Header Len says more octets than there are
	KindOptionOverrun                      // an option runs past the end of the message
	KindOptionLength                       // an option has a length that its type does not allow
	KindOptionContent                      // an option has a value that cannot be read, such as a prefix length of 129
)

var kindNames = [...]string{
	KindChecksum:      "checksum",
	KindType:          "unknown-type",
	KindPayloadProto:  "payload-proto",
	KindTooShort:      "header-too-short",
	KindTooLong:       "header-too-long",
	KindOptionOverrun: "option-overrun",
	KindOptionLength:  "option-length",
	KindOptionContent: "option-content",
}

// String gives a short name that suits counters.
func (k ErrorKind) String() string { return name(kindNames[:], uint8(k)) }

// DecodeError says why octets are not a message.
type DecodeError struct {
	Kind   ErrorKind
	Offset int        // of the octet at fault, counted from the first octet of the Mobility Header
	Type   Type       // the MH Type, where the message is long enough to have one
	Option OptionType // the option, for the KindOption kinds
}

func (e *DecodeError) Error() string {
	switch {
	case e.Kind == KindType:
		return fmt.Sprintf("malformed mobility header: type %d is not spoken here", e.Type)
	case e.Kind < KindOptionOverrun:
		return fmt.Sprintf("malformed mobility header (%v): %v at octet %d", e.Type, e.Kind, e.Offset)
	}
	return fmt.Sprintf("malformed %v: %v in option %d (%v) at octet %d", e.Type, e.Kind, e.Option, e.Option, e.Offset)
}
