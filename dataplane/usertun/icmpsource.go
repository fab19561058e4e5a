package usertun

import (
	"errors"
	"net/netip"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// dummyIPv4 is the source of ICMP errors of a router that has no IPv4 address (RFC 7600 section 4.8), as the kernel has it for its own. From
// a raw socket they would leave with 0.0.0.0, and nobody obeys that.
var dummyIPv4 = [4]byte{192, 0, 0, 8}

// sourceFinder finds out whether a host has an IPv4 address to send ICMP errors from.
type sourceFinder struct {
	file *os.File // a UDP socket that nothing is sent from
	conn syscall.RawConn
}

// openSourceFinder opens one for messages of an ICMP socket, and lets that send from an address that the host does not have. It is for the namespace
// of the calling thread.
func openSourceFinder(icmp syscall.RawConn, device string) (*sourceFinder, error) {
	var failed error
	err := icmp.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_TRANSPARENT, 1) })
	if err := errors.Join(err, failed); err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := bind(fd, device); err != nil {
		unix.Close(fd)
		return nil, err
	}
	f := &sourceFinder{}
	if f.file, f.conn, err = pollable(fd, "source"); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *sourceFinder) close() { f.file.Close() }

// control returns what goes along with a message to a host: nothing where the kernel chooses the source.
func (f *sourceFinder) control(to netip.Addr) []byte {
	if !f.addressless(to) {
		return nil
	}
	return unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: dummyIPv4})
}

// addressless reports whether the kernel has a way to a host, and no address to send from.
func (f *sourceFinder) addressless(to netip.Addr) (yes bool) {
	_ = f.conn.Control(func(fd uintptr) {
		var nobody unix.RawSockaddr // AF_UNSPEC: it forgets the address that it has found before
		_, _, _ = unix.Syscall(unix.SYS_CONNECT, fd, uintptr(unsafe.Pointer(&nobody)), unsafe.Sizeof(nobody))
		if unix.Connect(int(fd), &unix.SockaddrInet4{Addr: to.As4(), Port: 9}) != nil {
			return
		}
		own, err := unix.Getsockname(int(fd))
		v4, ok := own.(*unix.SockaddrInet4)
		yes = err == nil && ok && v4.Addr == [4]byte{}
	})
	return yes
}
