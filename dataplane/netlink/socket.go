package netlink

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"syscall"

	netlib "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// socket asks the host for many things at once, or for long lists. The host has answered by the time that sending returns.
type socket struct {
	mu       sync.Mutex
	fd       int
	port     uint32 // by which the host tells who caused what it notifies of
	sequence uint32
	out, in  []byte
	last     int // where the last message of out begins
}

// The host writes lists in pieces of at most this, if whoever reads has room for it (NLMSG_GOODSIZE times two in Linux 6).
const receiveRoom = 64 << 10

// openSocket opens a socket in a namespace.
func openSocket(ns *Namespace, protocol int) (*socket, error) {
	s := &socket{fd: -1, in: make([]byte, receiveRoom)}
	err := ns.Do(func() (err error) {
		s.fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
		return err
	})
	if err == nil {
		err = unix.Bind(s.fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	}
	if err == nil {
		s.port, err = portOf(s.fd)
	}
	if err == nil { // so that what is not asked for is not listed, either; hosts before Linux 4.20 list it
		_ = unix.SetsockoptInt(s.fd, unix.SOL_NETLINK, unix.NETLINK_GET_STRICT_CHK, 1)
		err = unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 30}) // never, as far as we know
	}
	if err != nil {
		s.close()
		return nil, fmt.Errorf("netlink: %w", err)
	}
	return s, nil
}

// Port returns the port of a netlink socket that is not ours.
func Port(conn syscall.RawConn) (port uint32, err error) {
	failed := conn.Control(func(fd uintptr) { port, err = portOf(int(fd)) })
	return port, errors.Join(err, failed)
}

func portOf(fd int) (uint32, error) {
	name, err := unix.Getsockname(fd)
	if at, ok := name.(*unix.SockaddrNetlink); ok {
		return at.Pid, nil
	}
	return 0, err
}

func (s *socket) close() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd >= 0 {
		unix.Close(s.fd)
	}
	s.fd = -1 // the number may be another file's soon
}

func (s *socket) send() error {
	return unix.Sendto(s.fd, s.out, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
}

// receive hands on the messages that have come at once; they are overwritten by the next.
func (s *socket) receive(message func(h unix.NlMsghdr, body []byte)) error {
	n, err := unix.Read(s.fd, s.in)
	for err == unix.EINTR {
		n, err = unix.Read(s.fd, s.in)
	}
	if err != nil {
		Drop(s.fd)
		return err
	}
	native := binary.NativeEndian
	for b := s.in[:n]; len(b) >= unix.SizeofNlMsghdr; {
		h := unix.NlMsghdr{Len: native.Uint32(b), Type: native.Uint16(b[4:]), Flags: native.Uint16(b[6:]), Seq: native.Uint32(b[8:])}
		if h.Len < unix.SizeofNlMsghdr || int(h.Len) > len(b) {
			return errors.New("a message is cut off")
		}
		message(h, b[unix.SizeofNlMsghdr:h.Len])
		b = b[min(len(b), int(h.Len+3)&^3):]
	}
	return nil
}

// Drop throws away what has come by a netlink socket. A host that had no room for an answer (ENOBUFS) gives none, and does not say so again,
// until all is read that it had room for (netlink_overrun and netlink_rcv_wake of net/netlink/af_netlink.c).
func Drop(fd int) {
	room := make([]byte, 1) // of what does not fit, the rest is thrown away, too
	for {
		switch _, _, err := unix.Recvfrom(fd, room, unix.MSG_DONTWAIT); err {
		case nil, unix.EINTR, unix.ENOBUFS:
		default:
			return
		}
	}
}

// begin begins a message with its header and returns where; end puts the length in.
func (s *socket) begin(kind uint16, flags uint16) (start int) {
	s.sequence++
	start = len(s.out)
	s.out = appendHeader(s.out, kind, flags|unix.NLM_F_REQUEST, s.sequence)
	return start
}

func (s *socket) end(start int) {
	s.last = start
	binary.NativeEndian.PutUint32(s.out[start:], uint32(len(s.out)-start))
}

// list sends the one message that build appends to, and hands on the bodies of the answer. It is interrupted when what it lists changes
// meanwhile.
func (s *socket) list(kind uint16, build func(b []byte) []byte, body func([]byte)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out = s.out[:0]
	start := s.begin(kind, unix.NLM_F_DUMP)
	s.out = build(s.out)
	s.end(start)
	if err := s.send(); err != nil {
		return err
	}
	var failed, interrupted error
	for done := false; !done; {
		err := s.receive(func(h unix.NlMsghdr, b []byte) {
			if h.Seq != s.sequence {
				return // of a list that was given up
			}
			if h.Flags&unix.NLM_F_DUMP_INTR != 0 {
				interrupted = netlib.ErrDumpInterrupted
			}
			switch h.Type {
			case unix.NLMSG_DONE, unix.NLMSG_ERROR:
				done, failed = true, codeOf(b)
			default:
				body(b)
			}
		})
		if err != nil {
			return err
		}
	}
	return errors.Join(failed, interrupted)
}

// exchange sends the messages that build adds, and waits until the host has carried out all of them, or failed to. It hands on what the host
// answers but errors, of which it returns the first.
func (s *socket) exchange(build func(*socket), answer func(kind uint16, body []byte)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out = s.out[:0]
	before := s.sequence
	if build(s); len(s.out) == 0 {
		return nil
	}
	acknowledge(s.out[s.last:])
	if err := s.send(); err != nil {
		return err
	}
	var refused error
	for done := false; !done; {
		err := s.receive(func(h unix.NlMsghdr, body []byte) {
			switch {
			case h.Seq-before-1 >= s.sequence-before: // of what was given up
			case h.Type != unix.NLMSG_ERROR:
				answer(h.Type, body)
			default:
				done = h.Seq == s.sequence
				refused = cmp.Or(refused, codeOf(body))
			}
		})
		if err != nil {
			return err
		}
	}
	return refused
}

// codeOf reads the error at the beginning of an answer; nil where it says that all went well.
func codeOf(b []byte) error {
	if len(b) >= 4 {
		if code := -int32(binary.NativeEndian.Uint32(b)); code != 0 {
			return syscall.Errno(code)
		}
	}
	return nil
}
