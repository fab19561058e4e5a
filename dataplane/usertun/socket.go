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
	wide     *socket // IPv4: for what must be fragmented; it receives nothing

	classLevel, classType int // of the ancillary datum for the traffic class
}

// openSocket opens a socket in the namespace of the calling thread, and in the VRF of device. The protocol is that of the outer IP header.
func openSocket(local netip.Addr, device string, encap dataplane.Encap, protocol int) (*socket, error) {
	kind, port := unix.SOCK_RAW, uint16(0)
	if protocol == protoUDP {
		kind, port = unix.SOCK_DGRAM, PortData
	}
	s, err := bindSocket(netip.AddrPortFrom(local, port), device, encap, kind, protocol, false)
	if err != nil || s.v6 {
		return s, err
	}
	if s.wide, err = bindSocket(netip.AddrPortFrom(local, 0), device, encap, unix.SOCK_RAW, protocol, true); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func bindSocket(local netip.AddrPort, device string, encap dataplane.Encap, kind, protocol int, wide bool) (*socket, error) {
	s := &socket{encap: encap, v6: local.Addr().Is6(), classLevel: unix.IPPROTO_IP, classType: unix.IP_TOS}
	family := unix.AF_INET
	if s.v6 {
		family, s.classLevel, s.classType = unix.AF_INET6, unix.IPPROTO_IPV6, unix.IPV6_TCLASS
	}
	fd, err := unix.Socket(family, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		if errors.Is(err, unix.EPERM) {
			err = fmt.Errorf("%w; raw sockets need CAP_NET_RAW (setcap cap_net_admin,cap_net_raw+ep)", err)
		}
		return nil, fmt.Errorf("open socket for %s tunnels: %w", encap, err)
	}
	if wide {
		err = errors.Join(deafen(fd), unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DONT))
	} else {
		err = s.set(fd, kind)
	}
	if err == nil {
		err = bind(fd, device)
	}
	if err == nil {
		err = call(unix.SYS_BIND, fd, local)
	}
	if err == nil && wide {
		err = call(unix.SYS_CONNECT, fd, local) // or the host would offer it a copy of every packet
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("socket for %s tunnels at %s: %w", encap, local, err)
	}
	s.file, s.conn, err = pollable(fd, "tunnel socket")
	return s, err
}

// call makes a system call that takes a socket and an address.
func call(number uintptr, fd int, addr netip.AddrPort) error {
	to := newSockaddr(addr)
	_, _, errno := unix.Syscall(number, uintptr(fd), uintptr(unsafe.Pointer(&to.raw)), uintptr(to.length))
	if errno != 0 {
		return errno
	}
	return nil
}

// set prepares a socket. The host learns the MTU of paths from what comes back. Over IPv4 packets have DF, and what is too
// big for the path but must not be refused goes by the socket wide. Over IPv6 the host fragments such packets.
func (s *socket) set(fd, kind int) error {
	type option struct{ level, name, value int }
	options := []option{{unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DO}, {unix.IPPROTO_IP, unix.IP_RECVTOS, 1}}
	if s.v6 {
		options = []option{
			{unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_WANT}, {unix.IPPROTO_IPV6, unix.IPV6_RECVTCLASS, 1}}
		if kind == unix.SOCK_RAW { // else the host does not learn from packets that these sockets sent
			options = append(options, option{unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1})
		}
	}
	for _, o := range options {
		if err := unix.SetsockoptInt(fd, o.level, o.name, o.value); err != nil {
			return err
		}
	}
	if kind == unix.SOCK_DGRAM {
		s.segments = unix.SetsockoptInt(fd, unix.SOL_UDP, unix.UDP_GRO, 1) == nil
	}
	setBuffer(fd, unix.SO_RCVBUFFORCE, unix.SO_RCVBUF)
	setBuffer(fd, unix.SO_SNDBUFFORCE, unix.SO_SNDBUF)
	return nil
}

// deafen keeps everything out of a socket that only sends.
func deafen(fd int) error {
	nothing := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: 0}}
	program := unix.SockFprog{Len: 1, Filter: &nothing[0]}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program)
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

// sendOne sends one packet of any size.
func (s *socket) sendOne(to *sockaddr, b, control []byte) error {
	if s.wide != nil {
		if s.encap == dataplane.EncapUDP {
			b = s.behindUDP(to, b)
			to = newSockaddr(netip.AddrPortFrom(to.addrPort().Addr(), 0))
		}
		s = s.wide
	}
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

// behindUDP puts a UDP header in front of b. It has no checksum, which IPv4 allows: the inner packet has its own.
func (s *socket) behindUDP(to *sockaddr, b []byte) []byte {
	datagram := make([]byte, udpLen, udpLen+len(b))
	be.PutUint16(datagram, PortData)
	be.PutUint16(datagram[2:], to.port())
	be.PutUint16(datagram[4:], uint16(udpLen+len(b)))
	return append(datagram, b...)
}

// drainErrors takes ICMP errors about what was sent off the socket; the host has learnt from them already.
func (s *socket) drainErrors() {
	_ = s.conn.Control(func(fd uintptr) {
		for {
			if _, _, _, _, err := unix.Recvmsg(int(fd), nil, nil, unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT); err != nil {
				return
			}
		}
	})
}

func (s *socket) close() {
	s.closed.Store(true)
	s.file.Close()
	if s.wide != nil {
		s.wide.close()
	}
}
