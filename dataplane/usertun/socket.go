package usertun

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"mooring/dataplane"
)

// PortData is the UDP port of user traffic, pmip6-data (RFC 5844 section 4.1.3).
const PortData = 5437

const socketBuffer = 8 << 20 // octets, each way

// socket carries outer packets between one local address and any peer.
type socket struct {
	encap    dataplane.Encap
	v6       bool
	segments bool // the socket cuts and joins datagrams (UDP_SEGMENT, UDP_GRO)
	file     *os.File
	conn     syscall.RawConn
	closed   atomic.Bool

	classLevel, classType int // of the ancillary datum for the traffic class
}

// openSocket opens a socket in the namespace of the calling thread. Protocol 0 stands for UDP.
func openSocket(local netip.Addr, encap dataplane.Encap, protocol int) (*socket, error) {
	s := &socket{encap: encap, v6: local.Is6(), classLevel: unix.IPPROTO_IP, classType: unix.IP_TOS}
	family, kind, port := unix.AF_INET, unix.SOCK_RAW, 0
	if s.v6 {
		family, s.classLevel, s.classType = unix.AF_INET6, unix.IPPROTO_IPV6, unix.IPV6_TCLASS
	}
	if encap == dataplane.EncapUDP {
		kind, protocol, port = unix.SOCK_DGRAM, unix.IPPROTO_UDP, PortData
	}
	fd, err := unix.Socket(family, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		if errors.Is(err, unix.EPERM) {
			err = fmt.Errorf("%w; raw sockets need CAP_NET_RAW (setcap cap_net_admin,cap_net_raw+ep)", err)
		}
		return nil, fmt.Errorf("open socket for %s tunnels: %w", encap, err)
	}
	if err := s.set(fd, netip.AddrPortFrom(local, uint16(port))); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("socket for %s tunnels at %s: %w", encap, local, err)
	}
	s.file, s.conn, err = pollable(fd, "tunnel socket")
	return s, err
}

func (s *socket) set(fd int, local netip.AddrPort) error {
	// The host sets DF on what fits the path, learns the path's MTU, and fragments what does not fit: of inner packets
	// only those that must not be refused (RFC 2473 section 7.1) and those on their way while the path became narrower.
	level, discover, want, class := unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_WANT, unix.IP_RECVTOS
	if s.v6 {
		level, discover, want, class = unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_WANT, unix.IPV6_RECVTCLASS
	}
	if err := unix.SetsockoptInt(fd, level, discover, want); err != nil {
		return fmt.Errorf("path MTU discovery: %w", err)
	}
	if err := unix.SetsockoptInt(fd, level, class, 1); err != nil {
		return fmt.Errorf("receive traffic class: %w", err)
	}
	if s.encap == dataplane.EncapUDP {
		s.segments = unix.SetsockoptInt(fd, unix.SOL_UDP, unix.UDP_GRO, 1) == nil
	}
	setBuffer(fd, unix.SO_RCVBUFFORCE, unix.SO_RCVBUF)
	setBuffer(fd, unix.SO_SNDBUFFORCE, unix.SO_SNDBUF)
	to := newSockaddr(local)
	_, _, errno := unix.Syscall(unix.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(&to.raw)), uintptr(to.length))
	if errno != 0 {
		return errno
	}
	return nil
}

// setBuffer asks for as much as the host gives: inside a user namespace that is its configured maximum.
func setBuffer(fd, force, ask int) {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, socketBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, ask, socketBuffer) // the default works too, with more loss in bursts
	}
}

// send sends messages until one is refused; the error is about that one. It waits while the host has no room.
func (s *socket) send(messages []mmsghdr) (sent int, err error) {
	for sent < len(messages) && err == nil {
		var n int
		closed := s.conn.Control(func(fd uintptr) { n, err = sendmmsg(fd, messages[sent:]) })
		if closed != nil {
			return sent, closed
		}
		sent += n
		if err == errAgain {
			err = s.awaitRoom()
		}
	}
	return sent, err
}

func (s *socket) awaitRoom() error {
	tried := false
	return s.conn.Write(func(uintptr) bool {
		again := tried
		tried = true
		return again // the second call comes when there is room
	})
}

// sendOne sends one datagram.
func (s *socket) sendOne(to *sockaddr, b, control []byte) error {
	var h [1]mmsghdr
	iov := piece(b)
	h[0].Name, h[0].Namelen, h[0].Iov = (*byte)(unsafe.Pointer(&to.raw)), to.length, &iov
	h[0].SetIovlen(1)
	if len(control) > 0 {
		h[0].Control = &control[0]
		h[0].SetControllen(len(control))
	}
	_, err := s.send(h[:])
	return err
}

func (s *socket) close() {
	s.closed.Store(true)
	s.file.Close()
}
