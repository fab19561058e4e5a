package transport

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// receiver receives messages many at once. It does by itself what ipv4.PacketConn does, which allocates the address of every sender: that is nearly
// half of the garbage of a refresh, and collecting garbage among a million bindings costs as much as all the rest. One goroutine uses it.
type receiver struct {
	conn     syscall.RawConn
	headers  []mmsghdr
	pieces   []unix.Iovec
	senders  []unix.RawSockaddrInet6 // room for those of IPv4, too
	controls []byte
	try      func(fd uintptr) bool // made once
	n        int
	err      error
}

// mmsghdr is struct mmsghdr of <sys/socket.h>: a message and how long it was.
type mmsghdr struct {
	unix.Msghdr
	length uint32
}

func newReceiver(conn syscall.RawConn, size int) *receiver {
	r := &receiver{
		conn: conn, headers: make([]mmsghdr, size), pieces: make([]unix.Iovec, size), senders: make([]unix.RawSockaddrInet6, size),
		controls: make([]byte, size*markSize),
	}
	for i := range r.headers {
		h := &r.headers[i].Msghdr
		h.Iov, h.Name, h.Control = &r.pieces[i], (*byte)(unsafe.Pointer(&r.senders[i])), &r.controls[i*markSize]
		h.SetIovlen(1)
	}
	r.try = func(fd uintptr) bool {
		r.n, r.err = r.poll(fd)
		return r.err != errAgain
	}
	return r
}

// poll receives what there is.
func (r *receiver) poll(fd uintptr) (int, error) {
	for {
		// The length of a message is then the one on the wire, however long its room.
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&r.headers[0])), uintptr(len(r.headers)), unix.MSG_DONTWAIT|unix.MSG_TRUNC, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		case unix.EAGAIN:
			return 0, errAgain
		default:
			return 0, errno
		}
	}
}

var errAgain error = unix.EAGAIN // boxed once, not each time

// receive waits for messages and returns how many have come into the slots, at least one unless there is an error.
func (r *receiver) receive(slots []slot) (int, error) {
	for i := range r.headers {
		h := &r.headers[i].Msghdr
		r.pieces[i].Base = &slots[i].octets[0]
		r.pieces[i].SetLen(len(slots[i].octets))
		h.Namelen = unix.SizeofSockaddrInet6
		h.SetControllen(markSize)
	}
	if err := r.conn.Read(r.try); err != nil {
		return 0, err
	}
	return r.n, r.err
}

// length is how long a message was on the wire.
func (r *receiver) length(i int) int { return int(r.headers[i].length) }

// control is what the host told beside a message.
func (r *receiver) control(i int) []byte {
	return r.controls[i*markSize:][:r.headers[i].Controllen]
}

// sender is where a message came from; without an address of IP there is none.
func (r *receiver) sender(i int) netip.AddrPort {
	from := &r.senders[i]
	switch port := portOf(from.Port); from.Family {
	case unix.AF_INET:
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(from))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), port)
	case unix.AF_INET6: // of a raw socket, which has no ports
		addr := netip.AddrFrom16(from.Addr)
		if from.Scope_id != 0 { // an index: the interface may have another name, or none, where the thread is
			addr = addr.WithZone(strconv.Itoa(int(from.Scope_id)))
		}
		return netip.AddrPortFrom(addr, 0)
	}
	return netip.AddrPort{}
}

// portOf reads a port, which stands in a socket address as on the wire.
func portOf(field uint16) uint16 {
	var octets [2]byte
	binary.NativeEndian.PutUint16(octets[:], field)
	return binary.BigEndian.Uint16(octets[:])
}
