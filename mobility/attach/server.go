package attach

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/attach/homelink"
)

// Options of a Server. Attached has to be given.
type Options struct {
	Log      *slog.Logger
	Attached func(mobility.Attachment)         // called from the loop, and may take its time
	Open     func(link string) (Socket, error) // nil: packet sockets in the network namespace of the process
}

// Socket is a way to the nodes of one link. One goroutine receives while another does everything else.
type Socket interface {
	// Receive waits for a frame. An error ends the socket.
	Receive(b []byte) (n int, err error)
	// Send sends a frame; it does not wait for long. The frame is the caller's again when it returns.
	Send(frame []byte) error
	// Watch keeps data frames of these nodes away from Receive, where that can be had.
	Watch(known []dataplane.MAC) error
	MTU() int
	Close() error
}

// Server serves the access links of an element. Its methods may be called concurrently; none of them waits for the loop.
type Server struct {
	Options
	queue   queue
	frames  chan arrival
	stopped chan struct{}
	readers sync.WaitGroup
	states  states

	permitted func() error // nil: whoever gives sockets needs no permission

	// The loop's own.
	links map[string]*link
	up    map[string]dataplane.MAC // every interface of the host that has carrier, with its address
}

// New returns a Server without links. Nothing happens before Run.
func New(o Options) *Server {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{Options: o, queue: newQueue(), frames: make(chan arrival), stopped: make(chan struct{}),
		links: map[string]*link{}, up: map[string]dataplane.MAC{}}
	if s.Open == nil {
		s.Open, s.permitted = openPacketSocket, packetSocketsPermitted
	}
	return s
}

// Run is the loop. It returns nil when ctx has ended, and may be called once. The nodes are not told that it ends: another process
// may go on.
func (s *Server) Run(ctx context.Context) error {
	defer s.readers.Wait()
	defer s.closeSockets()
	defer close(s.stopped)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		if at := s.deadline(); at.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(at))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.queue.ready:
			for _, do := range s.queue.take() {
				do(time.Now())
			}
		case a := <-s.frames:
			s.receive(time.Now(), a)
		case <-timer.C:
			s.advance(time.Now())
		}
	}
}

// Link takes in what happened to an interface of the host: LinkUp and LinkDown of access links and of others, from the beginning of
// the dataplane's watch on. Other events are ignored.
func (s *Server) Link(e dataplane.Event) {
	switch e.Kind {
	case dataplane.LinkUp:
		s.queue.put(func(now time.Time) { s.linkUp(now, e.Link, e.MAC) })
	case dataplane.LinkDown:
		s.queue.put(func(now time.Time) { s.linkDown(e.Link) })
	}
}

// Grants takes in what nodes shall be offered. The slice is the caller's again when it returns.
func (s *Server) Grants(grants []mobility.Grant) {
	grants = slices.Clone(grants)
	s.queue.put(func(now time.Time) {
		for _, g := range grants {
			if l := s.links[g.Link]; l != nil {
				l.machine.Grant(now, g, &l.out)
				s.carryOut(l)
			}
		}
	})
}

func (s *Server) linkUp(now time.Time, name string, mac dataplane.MAC) {
	s.up[name] = mac
	if l := s.links[name]; l != nil {
		s.open(now, l)
	}
}

func (s *Server) linkDown(name string) {
	delete(s.up, name)
	if l := s.links[name]; l != nil {
		s.lose(l)
	}
}

func (s *Server) deadline() (first time.Time) {
	for _, l := range s.links {
		for _, at := range []time.Time{l.retryAt, l.deadline()} {
			if !at.IsZero() && (first.IsZero() || at.Before(first)) {
				first = at
			}
		}
	}
	return first
}

func (s *Server) advance(now time.Time) {
	for _, l := range s.inOrder() {
		if !l.retryAt.IsZero() && !l.retryAt.After(now) {
			s.open(now, l)
		}
		if at := l.deadline(); !at.IsZero() && !at.After(now) {
			l.machine.Advance(now, &l.out)
			s.carryOut(l)
		}
	}
}

func (s *Server) inOrder() []*link {
	return slices.SortedFunc(maps.Values(s.links), func(a, b *link) int { return cmp.Compare(a.name, b.name) })
}

// carryOut does what a machine asks for.
func (s *Server) carryOut(l *link) {
	out := l.out
	l.out = homelink.Effects{}
	for _, a := range out.Attachments {
		s.Log.Debug("access link", "link", a.Link, "kind", a.Kind, "mac", a.MAC)
		s.Attached(a)
	}
	for _, b := range out.Frames {
		if l.socket == nil {
			break
		}
		if err := l.socket.Send(b); err != nil {
			s.Log.Debug("frame not sent", "link", l.name, "error", err)
		}
	}
	if out.Known && l.socket != nil {
		s.watch(l, l.machine.Known())
	}
	for _, a := range out.Attachments {
		if a.Kind == mobility.NodeAttached {
			s.leaveOthers(l, a.MAC)
		}
	}
}

// leaveOthers lets a node be on one link at a time: the core learns where it is, and then where it is not.
func (s *Server) leaveOthers(at *link, mac dataplane.MAC) {
	for _, l := range s.inOrder() {
		if l != at {
			l.machine.Moved(mac, &l.out)
			s.carryOut(l)
		}
	}
}
