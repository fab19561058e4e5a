package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"mooring/dataplane/netns"
)

// streamTCP sends as much as it can from one host to another for the given time, or until something has arrived, and returns how much did in how long.
func streamTCP(from, to *netns.Host, addr string, length time.Duration) (octets int64, wall time.Duration, err error) {
	var l net.Listener
	if err := to.Do(func() (err error) { l, err = net.Listen("tcp", net.JoinHostPort(addr, "0")); return }); err != nil {
		return 0, 0, err
	}
	defer l.Close()
	var client net.Conn
	dialer := net.Dialer{Timeout: 5 * time.Second, Control: unpaced}
	err = from.Do(func() (err error) { client, err = dialer.Dial("tcp", l.Addr().String()); return })
	if err != nil {
		return 0, 0, err
	}
	defer client.Close()
	server, err := l.Accept()
	if err != nil {
		return 0, 0, err
	}
	defer server.Close()
	var received atomic.Int64
	go func() {
		b := make([]byte, 1<<20)
		for {
			n, err := server.Read(b)
			received.Add(int64(n))
			if err != nil {
				return
			}
		}
	}()
	go func() {
		b := make([]byte, 1<<20)
		for {
			if _, err := client.Write(b); err != nil {
				return
			}
		}
	}()
	const (
		patience = 10 * time.Second
		warmUp   = 300 * time.Millisecond // for the window to open
	)
	for begun := time.Now(); received.Load() == 0 && time.Since(begun) < patience; {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(warmUp)
	before, start := received.Load(), time.Now()
	for time.Sleep(length); octets == 0 && wall < patience; time.Sleep(time.Millisecond) { // a busy machine may hold a stream up
		octets, wall = received.Load()-before, time.Since(start)
	}
	if octets == 0 {
		return 0, 0, fmt.Errorf("nothing arrived at %s over TCP", addr)
	}
	return octets, wall, nil
}

// unpaced takes the congestion control that sends as soon as the window lets it: others, like BBR, probe for a bandwidth
// that changes from moment to moment where sender, path and receiver share processors.
func unpaced(_, _ string, c syscall.RawConn) error {
	var failed error
	err := c.Control(func(fd uintptr) {
		failed = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, "reno")
	})
	return errors.Join(err, failed)
}

const (
	payload = 64 // octets of UDP payload in a small packet
	burst   = 32 // packets that the generator sends at once
)

type mmsghdr struct {
	unix.Msghdr
	n uint32
}

// messages are n messages of size octets each.
func messages(n, size int) []mmsghdr {
	b, pieces, all := make([]byte, n*size), make([]unix.Iovec, n), make([]mmsghdr, n)
	for i := range all {
		pieces[i].Base = &b[i*size]
		pieces[i].SetLen(size)
		all[i].Iov = &pieces[i]
		all[i].SetIovlen(1)
	}
	return all
}

// sink counts the datagrams that arrive at a socket.
type sink struct {
	fd    int
	port  int
	count atomic.Int64
	ended chan struct{}
}

const sinkBuffer = 8 << 20

func newSink(h *netns.Host) (*sink, error) {
	s := &sink{ended: make(chan struct{})}
	err := h.Do(func() (err error) {
		s.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		if unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, sinkBuffer) != nil {
			err = unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, sinkBuffer)
		}
		wake := unix.Timeval{Usec: 20_000}
		return errors.Join(err, unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wake), unix.Bind(s.fd, &unix.SockaddrInet4{}))
	})
	if err != nil {
		return nil, err
	}
	name, err := unix.Getsockname(s.fd)
	if err != nil {
		return nil, err
	}
	s.port = name.(*unix.SockaddrInet4).Port
	go s.run()
	return s, nil
}

func (s *sink) run() {
	all := messages(64, 2048)
	for {
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&all[0])), uintptr(len(all)), unix.MSG_WAITFORONE, 0, 0)
		switch errno {
		case 0:
			s.count.Add(int64(n))
		case unix.EAGAIN, unix.EINTR:
			select {
			case <-s.ended:
				unix.Close(s.fd)
				return
			default:
			}
		default:
			unix.Close(s.fd)
			return
		}
	}
}

func (s *sink) close() { close(s.ended) }

// connected opens a socket for datagrams to an address.
func connected(h *netns.Host, to netip.AddrPort) (fd int, err error) {
	err = h.Do(func() (err error) {
		if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		return unix.Connect(fd, &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())})
	})
	return fd, err
}

// sendAll sends messages at once, and returns how many it has sent.
func sendAll(fd int, all []mmsghdr) (int64, error) {
	n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&all[0])), uintptr(len(all)), 0, 0, 0)
	if errno != 0 {
		return 0, fmt.Errorf("send: %w", errno)
	}
	return int64(n), nil
}

// trains sends packets, each train when the last has arrived as a whole, and returns how many have, and in what time.
func (s *sink) trains(from *netns.Host, to netip.AddrPort, length time.Duration) (int64, time.Duration, error) {
	fd, err := connected(from, to)
	if err != nil {
		return 0, 0, err
	}
	defer unix.Close(fd)
	all := messages(burst, payload)
	const patience = 10 * time.Second // neighbours have to be found first
	start, sent := time.Now(), int64(0)
	for time.Since(start) < length {
		n, err := sendAll(fd, all)
		if err != nil {
			return 0, 0, err
		}
		sent += n
		for begun := time.Now(); s.count.Load() < sent; runtime.Gosched() {
			if time.Since(begun) > patience {
				return 0, 0, fmt.Errorf("of %d packets to %s, %d arrive", sent, to, s.count.Load())
			}
		}
	}
	return sent, time.Since(start), nil
}

// generate sends small packets at a rate for the given time and returns how many it has sent.
func generate(h *netns.Host, to netip.AddrPort, rate float64, length time.Duration) (sent int64, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	fd, err := connected(h, to)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	all := messages(burst, payload)
	start := time.Now()
	for {
		elapsed := time.Since(start)
		if elapsed >= length {
			return sent, nil
		}
		if due := time.Duration(float64(sent) / rate * float64(time.Second)); due > elapsed {
			pause := unix.NsecToTimespec(int64(due - elapsed))
			_ = unix.Nanosleep(&pause, nil) // woken early is no harm
			continue
		}
		n, err := sendAll(fd, all)
		if err != nil {
			return sent, err
		}
		sent += n
	}
}
