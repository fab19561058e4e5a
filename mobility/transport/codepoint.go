package transport

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The differentiated services code point is the upper six bits of an octet of the IP header, above two of congestion notification (RFC 2474
// section 3, RFC 3168 section 5).
const codePointShift = 2

// markSize is what the host tells and is told of that octet beside a message: one control message with an int.
var markSize = unix.CmsgSpace(4)

// reportCodePoints lets the host tell with each message how its packet was marked.
func reportCodePoints(fd int, ipv4 bool) error {
	if ipv4 {
		return unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_RECVTOS, 1)
	}
	return unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_RECVTCLASS, 1)
}

// codePointIn finds the code point in what the host told beside a message. Where it told nothing the packet counts as unmarked.
func codePointIn(control []byte) uint8 {
	for len(control) >= unix.SizeofCmsghdr { // what is shorter may not even be looked at
		header, data, rest, err := unix.ParseOneSocketControlMessage(control)
		switch {
		case err != nil:
			return 0
		case header.Level == unix.SOL_IP && header.Type == unix.IP_TOS && len(data) >= 1:
			return data[0] >> codePointShift
		case header.Level == unix.SOL_IPV6 && header.Type == unix.IPV6_TCLASS && len(data) >= 4:
			return uint8(binary.NativeEndian.Uint32(data)) >> codePointShift
		}
		control = rest
	}
	return 0
}

// appendMark appends what tells the host to mark the packet of a message.
func appendMark(control []byte, codePoint uint8, ipv4 bool) []byte {
	header := unix.Cmsghdr{Level: unix.SOL_IPV6, Type: unix.IPV6_TCLASS}
	if ipv4 {
		header = unix.Cmsghdr{Level: unix.SOL_IP, Type: unix.IP_TOS}
	}
	header.SetLen(unix.CmsgLen(4))
	start := len(control)
	control = append(control, (*[unix.SizeofCmsghdr]byte)(unsafe.Pointer(&header))[:]...)
	control = append(control, make([]byte, markSize-unix.SizeofCmsghdr)...)
	binary.NativeEndian.PutUint32(control[start+unix.CmsgLen(0):], uint32(codePoint)<<codePointShift)
	return control
}
