package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"mooring/mobility"
)

// explain says what to do about an error of opening a socket.
func explain(err error) error {
	advice := ""
	switch {
	case errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES):
		advice = "raw sockets need CAP_NET_RAW; run as root, or setcap cap_net_admin,cap_net_raw+ep on the program"
	case errors.Is(err, unix.EADDRINUSE):
		advice = fmt.Sprintf("another process has UDP port %d; find it with ss -ulnp and stop it", mobility.ControlPort)
	case errors.Is(err, unix.EAFNOSUPPORT):
		advice = "the host does not have this version of IP; enable it, or take the address out of the configuration"
	default:
		return err
	}
	return fmt.Errorf("%w: %s", err, advice)
}

// newSocket opens the socket of an address, in the network of the calling thread, and in the VRF of device.
func newSocket(a Address, device string) (*socket, error) {
	s := &socket{Address: a, device: device}
	open := s.openIPv6
	if a.Addr.Is4() {
		open = s.openIPv4
	}
	if err := open(); err != nil {
		return nil, fmt.Errorf("listen for signalling at %v: %w", a, explain(err))
	}
	s.init()
	return s, nil
}

func (s *socket) openIPv4() error {
	conn, err := listen("udp4", netip.AddrPortFrom(s.Addr, mobility.ControlPort).String(), s.device, prepareIPv4)
	if err != nil {
		return err
	}
	s.conn = ipv4.NewPacketConn(conn)
	s.raw, err = conn.(*net.UDPConn).SyscallConn()
	return err
}

func (s *socket) openIPv6() error {
	conn, err := listen("ip6:"+strconv.Itoa(protocol), s.Addr.String(), s.device, prepareMobility)
	if err != nil {
		return err
	}
	problems, err := listen("ip6:ipv6-icmp", s.Addr.String(), s.device, prepareProblems)
	if err != nil {
		conn.Close()
		return err
	}
	s.conn, s.problems = ipv6.NewPacketConn(conn), problems.(*net.IPConn)
	s.raw, err = conn.(*net.IPConn).SyscallConn()
	return err
}

// listen opens a socket that is bound to device, if there is one, before it is bound to the address.
func listen(network, address, device string, prepare func(fd int) error) (net.PacketConn, error) {
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		failed := c.Control(func(fd uintptr) {
			if err = bindToDevice(int(fd), device); err == nil {
				err = prepare(int(fd))
			}
		})
		if failed != nil {
			return failed
		}
		return err
	}}
	return config.ListenPacket(context.Background(), network, address)
}

func bindToDevice(fd int, device string) error {
	if device == "" {
		return nil
	}
	if err := unix.BindToDevice(fd, device); err != nil {
		return fmt.Errorf("bind to vrf interface %s: %w", device, err)
	}
	return nil
}

func prepareIPv4(fd int) error {
	setBuffers(fd)
	if err := reportCodePoints(fd, true); err != nil {
		return fmt.Errorf("ask for code points: %w", err)
	}
	return unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_FREEBIND, 1)
}

func prepareMobility(fd int) error {
	setBuffers(fd)
	// The host would drop wrong checksums and tell nobody; they are to be counted.
	if err := unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_CHECKSUM, -1); err != nil {
		return fmt.Errorf("turn off the host's checksum: %w", err)
	}
	if err := reportCodePoints(fd, false); err != nil {
		return fmt.Errorf("ask for code points: %w", err)
	}
	return unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_FREEBIND, 1)
}

// prepareProblems is for a socket that only sends.
func prepareProblems(fd int) error {
	var nothing unix.ICMPv6Filter
	for i := range nothing.Data {
		nothing.Data[i] = ^uint32(0)
	}
	if err := unix.SetsockoptICMPv6Filter(fd, unix.SOL_ICMPV6, unix.ICMPV6_FILTER, &nothing); err != nil {
		return fmt.Errorf("filter ICMPv6: %w", err)
	}
	return unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_FREEBIND, 1)
}

// socketBuffer holds some ten thousand small messages, each way: what a hundred thousand nodes send in a tenth of a second when
// they all come back at once. In octets.
const socketBuffer = 8 << 20

// setBuffers asks for as much as the host gives: inside a user namespace that is its configured maximum.
func setBuffers(fd int) {
	for _, each := range [][2]int{{unix.SO_RCVBUFFORCE, unix.SO_RCVBUF}, {unix.SO_SNDBUFFORCE, unix.SO_SNDBUF}} {
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, each[0], socketBuffer) != nil {
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, each[1], socketBuffer) // the default works too, with more loss in bursts
		}
	}
}

// usable says why the host, in the network of the calling thread and the VRF of device, cannot use an address: as a rule because no interface has it.
func usable(a Address, device string) error {
	probe, err := listen("udp", netip.AddrPortFrom(a.Addr, 0).String(), device, func(int) error { return nil })
	if err != nil {
		if errors.Is(err, unix.EADDRNOTAVAIL) {
			return errors.New("the host does not have the address, or has not finished to find out whether it is unique")
		}
		return err
	}
	return probe.Close()
}

// overrun asks the host how many messages the socket did not get. A closed socket has none.
func overrun(c syscall.RawConn) (n uint64) {
	_ = c.Control(func(fd uintptr) {
		var info [unix.SK_MEMINFO_VARS]uint32
		size := uint32(unsafe.Sizeof(info))
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
		if errno == 0 {
			n = uint64(info[unix.SK_MEMINFO_DROPS])
		}
	})
	return n
}
