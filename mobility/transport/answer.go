package transport

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"mooring/mobility"
	"mooring/mobility/wire"
)

// answer is what the receiver owes the sender of a message that it cannot read (RFC 6275 section 9.2).
type answer struct {
	kind    answerKind
	pointer int // of a Parameter Problem: the octet at fault, counted from the first of the Mobility Header
}

type answerKind uint8

const (
	silence          answerKind = iota
	bindingError                // with the status of an unknown MH Type (RFC 6275 section 9.3.3)
	parameterProblem            // ICMPv6, code 0 (RFC 4443 section 3.4); there is no such thing over IPv4
)

// answerTo decides on the answer to a received message; most get theirs from a machine.
func answerTo(in *mobility.Inbound) answer {
	bad, ok := errors.AsType[*wire.DecodeError](in.Err)
	if !ok || !isHost(in.From.Addr.Addr()) {
		return answer{}
	}
	switch bad.Kind {
	case wire.KindType:
		return answer{kind: bindingError}
	case wire.KindPayloadProto, wire.KindTooShort:
		if in.To.Addr.Addr().Is6() {
			return answer{parameterProblem, bad.Offset}
		}
	}
	return answer{}
}

// isHost says whether an error may be sent to the address (RFC 4443 section 2.4 (e), RFC 1122 section 3.2.2).
func isHost(a netip.Addr) bool {
	return a.IsValid() && !a.IsUnspecified() && !a.IsMulticast() && a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// appendBindingError adds the answer to a message of an unknown type.
func appendBindingError(out *mobility.Effects, in *mobility.Inbound) {
	// The home address is that of a Home Address option, which PMIPv6 has not (RFC 6275 section 9.3.3).
	m := wire.BindingError{Status: wire.BindingErrorUnknownType, HomeAddress: netip.IPv6Unspecified()}
	if err := out.Message(in.To, in.From, &m, mobility.Signature{}, in.CodePoint); err != nil {
		panic(err) // a message without options can be encoded
	}
}

const (
	ipv6HeaderSize   = 40
	minimumMTU       = 1280 // an ICMPv6 error is not longer (RFC 4443 section 2.4 (c))
	typeParamProblem = 4    // RFC 4443 section 3.4
	codeErroneous    = 0
	problemSize      = 8 // type, code, checksum, pointer
)

// appendParameterProblem appends an ICMPv6 message about an octet of the Mobility Header; the host adds the checksum. A raw
// socket does not show the IPv6 header of what it receives, so the packet in question is quoted as if it had no extension
// headers, and the pointer counts accordingly.
func appendParameterProblem(b []byte, in *mobility.Inbound, pointer int) []byte {
	b = append(b, typeParamProblem, codeErroneous, 0, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(ipv6HeaderSize+pointer))
	from, to := in.From.Addr.Addr().As16(), in.To.Addr.Addr().As16()
	b = append(b, 6<<4, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(len(in.Octets)))
	b = append(b, protocol, 255)
	b = append(append(b, from[:]...), to[:]...)
	room := minimumMTU - ipv6HeaderSize - problemSize - ipv6HeaderSize
	return append(b, in.Octets[:min(len(in.Octets), room)]...)
}

// The answers of one address, as RFC 4443 section 2.4 (f) proposes for a small device.
const (
	answersPerSecond = 10
	answersAtOnce    = 10
)
