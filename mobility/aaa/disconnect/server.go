package disconnect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"layeh.com/radius"

	"mooring/mobility/aaa"
)

// ErrOtherNAS says that a request names an anchor that is not here.
var ErrOtherNAS = errors.New("there is no such anchor here")

// Options of a Server. Clear has to be given.
type Options struct {
	Log *slog.Logger
	// Clear ends the bindings of a selection and returns how many there were. The error is ErrOtherNAS where that is the reason.
	Clear func(context.Context, *Selection) (int, error)
}

// Server hears Disconnect-Requests where and from whom it is configured to.
type Server struct {
	Options
	config    atomic.Pointer[aaa.Disconnect]
	Received  atomic.Uint64 // packets
	Discarded atomic.Uint64 // of these, those that got no answer

	mu      sync.Mutex // guards what follows
	conn    *net.UDPConn
	reader  sync.WaitGroup
	answers *answers
}

// New returns a server that hears nothing.
func New(o Options) *Server {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{Options: o, answers: newAnswers()}
	s.config.Store(&aaa.Disconnect{})
	return s
}

// Change is a configuration that a server is ready to obey. Either Apply or Abort is called, once.
type Change struct {
	server *Server
	cfg    aaa.Disconnect
	conn   *net.UDPConn // that is new; nil: there is none, or it stays as it is
	stays  bool
}

// Prepare gets ready to listen where cfg says, and disturbs nothing. It fails when the port is another program's.
func (s *Server) Prepare(cfg aaa.Disconnect) (*Change, error) {
	was := s.config.Load()
	c := &Change{server: s, cfg: cfg, stays: cfg.Enabled == was.Enabled && cfg.Port == was.Port}
	if c.stays || !cfg.Enabled {
		return c, nil
	}
	var err error
	if c.conn, err = net.ListenUDP("udp", &net.UDPAddr{Port: int(cfg.Port)}); err != nil {
		return nil, fmt.Errorf("listen for Disconnect-Requests: %w; choose another port, or end what listens there", err)
	}
	return c, nil
}

// Abort gives the change up.
func (c *Change) Abort() {
	if c.conn != nil {
		c.conn.Close()
	}
}

// Apply makes the server obey.
func (c *Change) Apply() {
	s := c.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if !c.stays {
		s.end()
	}
	s.config.Store(&c.cfg)
	if conn := c.conn; conn != nil {
		s.conn = conn
		s.reader.Go(func() { s.read(conn) })
	}
}

// Close hears no more.
func (s *Server) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end()
}

// Addr is where the server listens; nil: nowhere.
func (s *Server) Addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return nil
	}
	return s.conn.LocalAddr()
}

func (s *Server) end() {
	if s.conn != nil {
		s.conn.Close()
		s.reader.Wait()
		s.conn = nil
	}
}

func (s *Server) read(conn *net.UDPConn) {
	buffer := make([]byte, radius.MaxPacketLength)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // about an answer that did not arrive
		}
		s.Received.Add(1)
		answer := s.handle(time.Now(), from, buffer[:n])
		if answer == nil {
			s.Discarded.Add(1)
			continue
		}
		if _, err := conn.WriteToUDPAddrPort(answer, from); err != nil {
			s.Log.Warn("a Disconnect-Request was not answered", "server", from, "error", err)
		}
	}
}

// clearing bounds the time that a request takes: servers repeat it after some seconds.
const clearing = 5 * time.Second

// handle answers a request, or returns nil.
func (s *Server) handle(now time.Time, from netip.AddrPort, octets []byte) []byte {
	cfg := s.config.Load()
	secret, known := secretOf(cfg.Clients, from.Addr())
	if !known {
		return nil
	}
	r := open(now, octets, secret, !cfg.AcceptUntimed)
	if r == nil {
		return nil
	}
	key := answerKey{from.Addr(), r.packet.Authenticator}
	if answer := s.answers.find(now, key); answer != nil {
		return answer
	}
	cause := r.refused
	if cause == 0 {
		cause = s.obey(from, r)
	}
	answer, err := r.answer(now, cause)
	if err != nil {
		s.Log.Warn("a Disconnect-Request cannot be answered", "server", from, "error", err)
		return nil
	}
	s.answers.keep(now, key, answer)
	return answer
}

// obey ends the sessions, and says what kept it from that.
func (s *Server) obey(from netip.AddrPort, r *request) (cause uint32) {
	ctx, cancel := context.WithTimeout(context.Background(), clearing)
	defer cancel()
	n, err := s.Clear(ctx, &r.Selection)
	switch {
	case errors.Is(err, ErrOtherNAS):
		return nasMismatch
	case err != nil:
		s.Log.Warn("a Disconnect-Request failed", "server", from.Addr(), "error", err)
		return resourcesUnavailable
	case n == 0:
		return sessionNotFound
	}
	s.Log.Info("bindings ended by a RADIUS server", "server", from.Addr(), "bindings", n)
	return 0
}
