package main

import (
	"encoding/binary"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// sendRoutes makes n IPv4 routes to an interface, 64 a message, and reads every acknowledgement: the least that a program can do.
func sendRoutes(fd, n, index int) error {
	const batch = 64
	var message, answers []byte
	answers = make([]byte, 1<<16)
	for first := 0; first < n; first += batch {
		message = message[:0]
		count := min(batch, n-first)
		for k := range count {
			message = appendRawRoute(message, uint32(first+k), index)
		}
		if err := unix.Sendto(fd, message, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			return err
		}
		for count > 0 {
			size, _, err := unix.Recvfrom(fd, answers, 0)
			if err != nil {
				return err
			}
			acknowledged, err := syscall.ParseNetlinkMessage(answers[:size])
			if err != nil {
				return err
			}
			for _, m := range acknowledged {
				if code := -int32(binary.NativeEndian.Uint32(m.Data)); code != 0 {
					return fmt.Errorf("route %d: %w", m.Header.Seq, syscall.Errno(code))
				}
				count--
			}
		}
	}
	return nil
}

func appendRawRoute(b []byte, n uint32, index int) []byte {
	const length = 16 + 12 + 8 + 8
	native := binary.NativeEndian
	b = native.AppendUint32(b, length)
	b = native.AppendUint16(b, unix.RTM_NEWROUTE)
	b = native.AppendUint16(b, unix.NLM_F_REQUEST|unix.NLM_F_ACK|unix.NLM_F_CREATE|unix.NLM_F_REPLACE)
	b = native.AppendUint64(b, uint64(n)) // sequence, and no port
	b = append(b, unix.AF_INET, 32, 0, 0, unix.RT_TABLE_MAIN, unix.RTPROT_STATIC, unix.RT_SCOPE_LINK, unix.RTN_UNICAST, 0, 0, 0, 0)
	b = native.AppendUint16(b, 8)
	b = native.AppendUint16(b, unix.RTA_DST)
	b = append(b, 10, byte(n>>16), byte(n>>8), byte(n))
	b = native.AppendUint16(b, 8)
	b = native.AppendUint16(b, unix.RTA_OIF)
	return native.AppendUint32(b, uint32(index))
}
