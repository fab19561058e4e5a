package transport

import (
	"errors"
	"log/slog"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/net/ipv4"

	"mooring/mobility"
)

// socket is one local address. Its reader goroutine has answers and limiter; whoever sends has outbox.
type socket struct {
	Address
	device   string // vrf interface that it is bound to; empty: none
	endpoint mobility.Endpoint
	conn     batchConn
	raw      syscall.RawConn
	problems *net.IPConn // ICMPv6, to send Parameter Problems; nil over IPv4
	free     chan *Batch
	closed   chan struct{}

	answers mobility.Effects
	problem []byte
	limiter mobility.RateLimit

	outbox outbox

	// Of Sockets.Screen, under its lock.
	filter     []bpf.RawInstruction // that is attached; empty: none
	unfiltered bool                 // the one that is wanted could not be attached

	received, unreadable, checksum, sent, unsent, answered atomic.Uint64
}

// batchConn is what is used of an ipv4.PacketConn or an ipv6.PacketConn, whose messages are of one type.
type batchConn interface {
	WriteBatch(messages []ipv4.Message, flags int) (int, error)
	SetWriteDeadline(t time.Time) error
	Close() error
}

// batchesPerSocket are one to read into and one that is being worked at.
const batchesPerSocket = 2

func (s *socket) init() {
	s.endpoint = s.Address.Endpoint()
	s.free, s.closed = make(chan *Batch, batchesPerSocket), make(chan struct{})
	s.limiter = mobility.RateLimit{PerSecond: answersPerSecond, AtOnce: answersAtOnce}
	s.outbox.udp = s.Addr.Is4()
}

func (s *socket) close() {
	close(s.closed)
	s.conn.Close()
	if s.problems != nil {
		s.problems.Close()
	}
}

// read hands over what arrives until the socket is closed.
func (s *socket) read(batches chan<- *Batch, log *slog.Logger) {
	messages := newReceiver(s.raw, batchSize)
	for range batchesPerSocket {
		s.free <- newBatch(batchSize, s.free)
	}
	for {
		var b *Batch
		select {
		case b = <-s.free:
		case <-s.closed:
			return
		}
		n, err := s.fill(b, messages)
		if err != nil || n == 0 {
			s.free <- b
			if !s.pause(err, log) {
				return
			}
			continue
		}
		select {
		case batches <- b:
		case <-s.closed:
			return
		}
	}
}

// pause waits after a failed read, and reports whether to go on.
func (s *socket) pause(err error, log *slog.Logger) bool {
	if err == nil {
		return true
	}
	if errors.Is(err, net.ErrClosed) {
		return false
	}
	log.Warn("cannot read signalling, will try again", "address", s.Address, "error", err)
	select {
	case <-s.closed:
		return false
	case <-time.After(time.Second):
		return true
	}
}

// fill reads one batch, and answers what is answered here.
func (s *socket) fill(b *Batch, messages *receiver) (int, error) {
	b.In = b.In[:0]
	n, err := messages.receive(b.slots)
	if err != nil {
		return 0, err
	}
	for i := range n {
		from := mobility.Endpoint{VRF: s.VRF, Addr: messages.sender(i)}
		if in := b.take(from, s.endpoint, codePointIn(messages.control(i)), messages.length(i)); in.Err != nil {
			s.refuse(in)
		}
	}
	s.received.Add(uint64(n))
	return n, nil
}

// refuse counts a message that cannot be read, and tells the sender where that is asked for.
func (s *socket) refuse(in *mobility.Inbound) {
	s.unreadable.Add(1)
	if mobility.ReasonOf(in.Err) == mobility.DropChecksum {
		s.checksum.Add(1)
	}
	answer := answerTo(in)
	if answer.kind == silence || !s.limiter.Allow(time.Now()) {
		return
	}
	if s.reply(in, answer) {
		s.answered.Add(1)
	}
}

func (s *socket) reply(in *mobility.Inbound, a answer) (sent bool) {
	if a.kind == parameterProblem {
		s.problem = appendParameterProblem(s.problem[:0], in, a.pointer)
		_, err := s.problems.WriteToIP(s.problem, &net.IPAddr{IP: in.From.Addr.Addr().AsSlice(), Zone: in.From.Addr.Addr().Zone()})
		return err == nil
	}
	s.answers.Reset()
	appendBindingError(&s.answers, in)
	out := outbox{udp: s.Addr.Is4()}
	out.add(&s.answers.Send[0])
	return s.write(&out) == 1
}

func (s *socket) counters() Counters {
	return Counters{
		Received:   s.received.Load(),
		Unreadable: s.unreadable.Load(),
		Checksum:   s.checksum.Load(),
		Overrun:    overrun(s.raw),
		Sent:       s.sent.Load(),
		Unsent:     s.unsent.Load(),
		Answered:   s.answered.Load(),
	}
}
