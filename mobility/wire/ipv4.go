package wire

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// IPv4HoARequest is the IPv4 Home Address Request option (RFC 5844 section 3.3.1).
type IPv4HoARequest struct {
	Prefix netip.Prefix // the address, with the length of its subnet; bits behind that length are the address
}

// IsUnspecified reports whether the option asks for an address instead of naming one.
func (r IPv4HoARequest) IsUnspecified() bool { return r.Prefix.Addr().IsUnspecified() }

// String shows address and length.
func (r IPv4HoARequest) String() string { return r.Prefix.String() }

// The prefix length has six bits: the top ones of a 16-bit field in the request, of an octet in the reply.
const (
	requestLengthShift = 10
	replyLengthShift   = 2
)

var hoaRequestContent = content[IPv4HoARequest]{
	decode: func(v *IPv4HoARequest, d []byte) fault {
		if len(d) != 6 {
			return badLength
		}
		v.Prefix = netip.PrefixFrom(netip.AddrFrom4([4]byte(d[2:])), int(binary.BigEndian.Uint16(d)>>requestLengthShift))
		if !v.Prefix.IsValid() {
			return badAt(0)
		}
		return sound
	},
	append: func(b []byte, v *IPv4HoARequest) []byte {
		if !v.Prefix.IsValid() || !v.Prefix.Addr().Is4() {
			return nil
		}
		b = binary.BigEndian.AppendUint16(b, uint16(v.Prefix.Bits())<<requestLengthShift)
		return appendAddr(b, v.Prefix.Addr())
	},
}

// IPv4HoAReply is the IPv4 Home Address Reply option (RFC 5844 section 3.3.2).
type IPv4HoAReply struct {
	Status HoAStatus
	Prefix netip.Prefix // as in the request
}

// String shows address, length, and the status where it is not success.
func (r IPv4HoAReply) String() string {
	if r.Status == HoASuccess {
		return r.Prefix.String()
	}
	return fmt.Sprintf("%v status %d(%v)", r.Prefix, r.Status, r.Status)
}

// HoAStatus is the outcome of a request for an IPv4 home address (IANA "IPv4 Home Address Reply Status Codes"). Below
// 128 it was granted.
type HoAStatus uint8

// The status codes of an IPv4HoAReply.
const (
	HoASuccess             HoAStatus = 0
	HoAReasonUnspecified   HoAStatus = 128
	HoAProhibited          HoAStatus = 129
	HoAIncorrect           HoAStatus = 130
	HoAInvalid             HoAStatus = 131
	HoADynamicNotAvailable HoAStatus = 132
)

var hoaStatusNames = [...]string{
	HoASuccess:             "success",
	HoAReasonUnspecified:   "reason-unspecified",
	HoAProhibited:          "administratively-prohibited",
	HoAIncorrect:           "incorrect-ipv4-home-address",
	HoAInvalid:             "invalid-ipv4-address",
	HoADynamicNotAvailable: "dynamic-assignment-not-available",
}

func (s HoAStatus) String() string { return name(hoaStatusNames[:], uint8(s)) }

// Accepted reports whether the address was granted.
func (s HoAStatus) Accepted() bool { return s < 128 }

var hoaReplyContent = content[IPv4HoAReply]{
	decode: func(v *IPv4HoAReply, d []byte) fault {
		if len(d) != 6 {
			return badLength
		}
		v.Status = HoAStatus(d[0])
		v.Prefix = netip.PrefixFrom(netip.AddrFrom4([4]byte(d[2:])), int(d[1]>>replyLengthShift))
		if !v.Prefix.IsValid() {
			return badAt(1)
		}
		return sound
	},
	append: func(b []byte, v *IPv4HoAReply) []byte {
		if !v.Prefix.IsValid() || !v.Prefix.Addr().Is4() {
			return nil
		}
		b = append(b, byte(v.Status), byte(v.Prefix.Bits())<<replyLengthShift)
		return appendAddr(b, v.Prefix.Addr())
	},
}

// routerContent is the IPv4 Default-Router Address option (RFC 5844 section 3.3.3).
var routerContent = content[netip.Addr]{
	decode: func(v *netip.Addr, d []byte) fault {
		if len(d) != 6 {
			return badLength
		}
		return ipv4Content.decode(v, d[2:])
	},
	append: func(b []byte, v *netip.Addr) []byte { return ipv4Content.append(append(b, 0, 0), v) },
}

// DHCPMode is the IPv4 DHCP Support Mode (RFC 5844 section 3.3.4): what the gateway is to the mobile node.
type DHCPMode uint8

// The DHCP modes.
const (
	DHCPRelay  DHCPMode = 0
	DHCPServer DHCPMode = 1
)

func (m DHCPMode) String() string {
	if m == DHCPServer {
		return "server"
	}
	return "relay"
}

const dhcpServerFlag = 0x01 // S, the last of 16 bits

var dhcpModeContent = content[DHCPMode]{
	decode: func(v *DHCPMode, d []byte) fault {
		if len(d) != 2 {
			return badLength
		}
		*v = DHCPMode(d[1] & dhcpServerFlag)
		return sound
	},
	append: func(b []byte, v *DHCPMode) []byte {
		if *v > DHCPServer {
			return nil
		}
		return append(b, 0, byte(*v))
	},
}
