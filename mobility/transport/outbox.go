package transport

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"mooring/mobility"
)

// outbox is messages to be written together. Its memory is used again.
type outbox struct {
	messages  []ipv4.Message
	datagrams []*mobility.Datagram // that the messages are made of
	udp       bool
}

func (o *outbox) empty() bool { return len(o.messages) == 0 }

// add keeps d until reset.
func (o *outbox) add(d *mobility.Datagram) {
	n := len(o.messages)
	if n < cap(o.messages) {
		o.messages = o.messages[:n+1]
	} else {
		o.messages = append(o.messages, ipv4.Message{})
	}
	m := &o.messages[n]
	if m.Addr == nil {
		m.Buffers, m.Addr = make([][]byte, 1), newDestination(o.udp)
	}
	m.Buffers[0], m.OOB = d.Octets, m.OOB[:0]
	if d.CodePoint != 0 {
		m.OOB = appendMark(m.OOB, d.CodePoint, o.udp)
	}
	o.datagrams = append(o.datagrams, d)
	setDestination(m.Addr, d.To.Addr)
}

func (o *outbox) reset() {
	for i := range o.messages {
		o.messages[i].Buffers[0] = nil
	}
	clear(o.datagrams)
	o.messages, o.datagrams = o.messages[:0], o.datagrams[:0]
}

func newDestination(udp bool) net.Addr {
	if udp {
		return &net.UDPAddr{IP: make(net.IP, net.IPv4len)}
	}
	return &net.IPAddr{IP: make(net.IP, net.IPv6len)}
}

// setDestination makes a stand for to. An address of the other family stands for none that can be sent to.
func setDestination(a net.Addr, to netip.AddrPort) {
	switch a := a.(type) {
	case *net.UDPAddr:
		var octets [4]byte
		if to.Addr().Is4() {
			octets = to.Addr().As4()
		}
		copy(a.IP, octets[:])
		a.Port = int(to.Port())
	case *net.IPAddr:
		octets := to.Addr().As16()
		copy(a.IP, octets[:])
		a.Zone = to.Addr().Zone()
	}
}

// flush writes everything that is in the outbox.
func (s *socket) flush() {
	sent := s.write(&s.outbox)
	s.sent.Add(uint64(sent))
	s.unsent.Add(uint64(len(s.outbox.messages) - sent))
	s.outbox.reset()
}

// write writes what is in the outbox and leaves out what the host refuses: those who sent it learn of the loss by silence, as of
// one on the way. It returns how many were written.
func (s *socket) write(o *outbox) (sent int) {
	for at := 0; at < len(o.messages); {
		n, err := s.writeSome(o.messages[at:min(len(o.messages), at+batchSize)])
		n = max(n, 0)
		sent += n
		at += n
		refused := o.datagrams[at:]
		switch {
		case err == nil:
			continue
		case errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed):
		default:
			refused = refused[:1] // the first that is left
		}
		for _, d := range refused {
			d.CountUnsent()
		}
		at += len(refused)
	}
	return sent
}

// patience is how long the host may take to make room: longer than a queue of a network interface needs, shorter than the
// answers to others can wait.
const patience = 100 * time.Millisecond

func (s *socket) writeSome(messages []ipv4.Message) (int, error) {
	n, err := s.conn.WriteBatch(messages, unix.MSG_DONTWAIT)
	if !errors.Is(err, unix.EAGAIN) {
		return n, err
	}
	s.conn.SetWriteDeadline(time.Now().Add(patience))
	defer s.conn.SetWriteDeadline(time.Time{})
	return s.conn.WriteBatch(messages, 0)
}
