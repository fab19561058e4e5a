package usertun

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// limit returns the size that a packet may have: every IPv6 packet of the least MTU must pass, if need be in fragments of
// the outer packet (RFC 2473 section 7.1).
func limit(b []byte, mtu int) int {
	if b[0]>>4 == 6 {
		return max(mtu, minMTU6)
	}
	return max(mtu, minMTU4)
}

// tooBig deals with a packet that does not fit the tunnel: its sender is told, or it goes in fragments if the sender does
// not mind (RFC 2473 section 7.2).
func (e *encapsulator) tooBig(r *route, b []byte, mtu int) {
	if e.fragments.parse(b, limit(b, mtu)) {
		e.sendPieces(r, b, &e.fragments)
		return
	}
	r.tunnel.drops.tooBig.Add(1)
	e.device.errors.tooBig(b, limit(b, mtu))
}

// tooBigSegments does the same for every segment of a super-packet.
func (e *encapsulator) tooBigSegments(r *route, mtu int) {
	s := &e.super
	if !mayFragment(s.header) {
		header, payload := s.build(0, nil)
		r.tunnel.drops.tooBig.Add(uint64(s.count()))
		e.device.errors.tooBig(append(header, payload...), limit(header, mtu))
		return
	}
	for i := range s.count() {
		header, payload := s.build(i, nil)
		e.single(r, append(header, payload...))
	}
}

// icmpSender tells senders of packets that are too big. The host chooses its own address by the way back to them, and for
// the answer's sake takes that way.
type icmpSender struct {
	files  [2]*os.File // IPv4, IPv6
	conns  [2]syscall.RawConn
	finder *sourceFinder
	tokens int
	filled time.Time
}

// Sending is limited as RFC 4443 section 2.4 (f) suggests.
const (
	icmpRate  = 200 // a second
	icmpBurst = 50
)

// openICMP opens the sockets in the namespace of the calling thread.
func openICMP(device string) (*icmpSender, error) {
	s := &icmpSender{tokens: icmpBurst}
	for i, family := range [2][2]int{{unix.AF_INET, protoICMP}, {unix.AF_INET6, protoICMPv6}} {
		fd, err := unix.Socket(family[0], unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, family[1])
		if err != nil {
			s.close()
			return nil, fmt.Errorf("open ICMP socket (needs CAP_NET_RAW): %w", err)
		}
		if err := errors.Join(deafen(fd), bind(fd, device)); err != nil {
			unix.Close(fd)
			s.close()
			return nil, fmt.Errorf("ICMP socket: %w", err)
		}
		if s.files[i], s.conns[i], err = pollable(fd, "icmp"); err != nil {
			s.close()
			return nil, err
		}
	}
	var err error
	if s.finder, err = openSourceFinder(s.conns[0], device); err != nil {
		s.close()
		return nil, fmt.Errorf("ICMP socket: %w", err)
	}
	return s, nil
}

func (s *icmpSender) close() {
	if s.finder != nil {
		s.finder.close()
	}
	for _, file := range s.files {
		if file != nil {
			file.Close()
		}
	}
}

// tooBig answers a packet with the MTU that it exceeds (RFC 1191 section 4, RFC 4443 section 3.2).
func (s *icmpSender) tooBig(b []byte, mtu int) {
	if !answerable(b) || !s.allowed(time.Now()) {
		return
	}
	var to unix.Sockaddr
	message, conn, control := unreachable4(b, mtu), s.conns[0], []byte(nil)
	if from := source(b); from.Is4() {
		to, control = &unix.SockaddrInet4{Addr: from.As4()}, s.finder.control(from)
	} else {
		to, message, conn = &unix.SockaddrInet6{Addr: from.As16()}, tooBig6(b, mtu), s.conns[1]
	}
	_ = conn.Control(func(fd uintptr) {
		// What the host refuses to send is lost, as any ICMP message may be: the sender's next packet asks again.
		_, _ = unix.SendmsgN(int(fd), message, control, to, unix.MSG_DONTWAIT)
	})
}

func (s *icmpSender) allowed(now time.Time) bool {
	if more := int(now.Sub(s.filled) / (time.Second / icmpRate)); more > 0 {
		s.tokens, s.filled = min(s.tokens+more, icmpBurst), now
	}
	if s.tokens == 0 {
		return false
	}
	s.tokens--
	return true
}

// answerable reports whether an error may be sent about a packet: not about errors, later fragments, and what has no
// single sender (RFC 1122 section 3.2.2, RFC 4443 section 2.4 (e)).
func answerable(b []byte) bool {
	from := source(b)
	if from.IsMulticast() || from.IsUnspecified() || from.IsLoopback() {
		return false
	}
	if b[0]>>4 == 6 {
		return b[6] != protoICMPv6 || len(b) <= header6 || b[header6] >= 128 // informational
	}
	if be.Uint16(b[6:])&0x1fff != 0 || destination(b).IsMulticast() {
		return false
	}
	n := int(b[0]&15) * 4
	if b[9] != protoICMP || len(b) <= n {
		return true
	}
	switch b[n] {
	case 3, 4, 5, 11, 12: // unreachable, quench, redirect, time exceeded, parameter problem
		return false
	}
	return true
}

// unreachable4 is "fragmentation needed and DF set". The whole IPv4 packet stays within 576 octets (RFC 1812 section
// 4.3.2.3).
func unreachable4(b []byte, mtu int) []byte {
	message := []byte{3, 4, 0, 0, 0, 0, 0, 0}
	be.PutUint16(message[6:], uint16(mtu))
	message = append(message, b[:min(len(b), 576-header4-8)]...)
	putChecksum(message[2:], sum(message, 0))
	return message
}

// tooBig6 is "packet too big"; the host fills in the checksum.
func tooBig6(b []byte, mtu int) []byte {
	message := []byte{2, 0, 0, 0, 0, 0, 0, 0}
	be.PutUint32(message[4:], uint32(mtu))
	return append(message, b[:min(len(b), minMTU6-header6-8)]...)
}
