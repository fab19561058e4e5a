package attach

import (
	"bytes"
	"time"

	"mooring/dataplane"
	"mooring/mobility/attach/homelink"
)

// retryAfter is how long a socket that failed is left alone.
const retryAfter = time.Second

// link is an access link.
type link struct {
	name    string
	mag     string // that has it
	machine *homelink.Machine
	socket  Socket    // nil: closed
	retryAt time.Time // when to try again to open it; zero: there is nothing to try
	out     homelink.Effects
}

// arrival is what a socket received. The octets are nobody else's.
type arrival struct {
	link   *link
	socket Socket
	frame  []byte
	err    error // the socket has ended
}

func (l *link) deadline() time.Time {
	at, _ := l.machine.Deadline()
	return at
}

// open opens the socket of a link, anew if it was open: the interface may be another one of the same name.
func (s *Server) open(now time.Time, l *link) {
	s.close(l)
	socket, err := s.Open(l.name)
	if err != nil {
		l.retryAt = now.Add(retryAfter)
		s.Log.Warn("cannot watch access link, will try again", "link", l.name, "error", err)
		return
	}
	l.socket, l.retryAt = socket, time.Time{}
	if known := l.machine.Known(); len(known) > 0 {
		s.watch(l, known)
	}
	s.readers.Go(func() { s.read(l, socket) })
	s.Log.Info("access link is up", "link", l.name)
	s.states.set(l.state())
	l.machine.Up(now, s.up[l.name], socket.MTU(), &l.out)
	s.carryOut(l)
}

// read hands on what a socket receives until it ends.
func (s *Server) read(l *link, socket Socket) {
	b := make([]byte, snapLength)
	for {
		n, err := socket.Receive(b)
		a := arrival{link: l, socket: socket, err: err}
		if err == nil {
			a.frame = bytes.Clone(b[:n])
		}
		select {
		case s.frames <- a:
		case <-s.stopped:
			return
		}
		if err != nil {
			return
		}
	}
}

func (s *Server) receive(now time.Time, a arrival) {
	switch l := a.link; {
	case l.socket != a.socket: // closed meanwhile
	case a.err != nil:
		s.Log.Warn("access link cannot be read", "link", l.name, "error", a.err)
		s.lose(l)
		l.retryAt = now.Add(retryAfter)
	default:
		l.machine.Receive(now, a.frame, &l.out)
		s.carryOut(l)
	}
}

// lose ends a link, and with it the attachment of its nodes.
func (s *Server) lose(l *link) {
	if l.socket != nil {
		s.Log.Info("access link is down", "link", l.name)
	}
	s.close(l)
	l.machine.Down(&l.out)
	s.carryOut(l)
}

func (s *Server) close(l *link) {
	l.retryAt = time.Time{}
	if l.socket == nil {
		return
	}
	if err := l.socket.Close(); err != nil {
		s.Log.Warn("access link cannot be closed", "link", l.name, "error", err)
	}
	l.socket = nil
	s.states.set(l.state())
}

// closeSockets lets the readers end.
func (s *Server) closeSockets() {
	for _, l := range s.links {
		s.close(l)
	}
}

// watch keeps the data of known nodes away. Failing that, there is more to read.
func (s *Server) watch(l *link, known []dataplane.MAC) {
	if err := l.socket.Watch(known); err != nil {
		s.Log.Warn("data frames cannot be filtered", "link", l.name, "error", err)
	}
}
