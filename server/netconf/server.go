package netconf

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"mooring/server/access"
	"mooring/server/datastore"
	"mooring/server/listen"
	"mooring/server/state"
	"mooring/server/tree/schema"
)

// Options say what a Server serves. All but State, Log and Limits are needed.
type Options struct {
	Store  *datastore.Store
	Users  *access.Users
	Access *access.Control
	// State is the operational state shown beside the configuration; nil shows none. New mounts on it what RFC 6022 and RFC
	// 8525 define, so call New before the state is asked for.
	State   *state.State
	HostKey ssh.Signer
	Log     *slog.Logger // nil logs nothing
	Limits  Limits
}

// Limits bound what clients can take. Zero takes the default.
type Limits struct {
	Sessions     int           // NETCONF sessions at a time; default 128
	Logins       int           // connections that have not logged in yet; default 32
	LoginTimeout time.Duration // from the TCP connection to the end of the login; default 30 s
	HelloTimeout time.Duration // from the login to the client's hello; default 30 s
	MessageSize  int64         // octets of a request; default 256 MiB
	ValueSize    int           // octets of one value in a request; default 1 MiB
}

func (l Limits) orDefault() Limits {
	return Limits{
		Sessions:     cmp.Or(l.Sessions, 128),
		Logins:       cmp.Or(l.Logins, 32),
		LoginTimeout: cmp.Or(l.LoginTimeout, 30*time.Second),
		HelloTimeout: cmp.Or(l.HelloTimeout, 30*time.Second),
		MessageSize:  cmp.Or(l.MessageSize, 256<<20),
		ValueSize:    cmp.Or(l.ValueSize, 1<<20),
	}
}

// Server is a NETCONF server. Its methods may be called concurrently.
type Server struct {
	store   *datastore.Store
	users   *access.Users
	access  *access.Control
	state   *state.State
	log     *slog.Logger
	limits  Limits
	schema  *schema.Schema
	base    *schema.Module // ietf-netconf
	known   map[*schema.Node]operation
	library library

	ssh     *ssh.ServerConfig
	logins  chan struct{} // a place for each connection that has not logged in
	hashing chan struct{} // a place for each password that is compared
	sockets *listen.Sockets
	started time.Time
	total   counters

	ctx  context.Context // ends with the server
	stop context.CancelFunc

	mu       sync.Mutex // guards what follows
	closed   bool
	sessions map[uint32]*session
	lastID   uint32
	tasks    sync.WaitGroup // connections
}

// New returns a Server that does not listen yet. It fails when the schema lacks the protocol's own modules.
func New(o Options) (*Server, error) {
	s := &Server{
		store: o.Store, users: o.Users, access: o.Access, state: o.State, log: o.Log, limits: o.Limits.orDefault(),
		schema: o.Store.Schema(), started: time.Now(), sessions: map[uint32]*session{},
		hashing: make(chan struct{}, max(1, runtime.NumCPU()/2)), // guessing passwords may not take the processors
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.base = s.schema.Module("ietf-netconf"); s.base == nil || !s.base.Implemented {
		return nil, errors.New("netconf: the schema does not implement module ietf-netconf")
	}
	s.logins = make(chan struct{}, s.limits.Logins)
	s.known = s.operations()
	s.library = newLibrary(s.schema)
	if s.state != nil {
		if err := errors.Join(s.mountMonitoring(), s.mountLibrary()); err != nil {
			return nil, fmt.Errorf("netconf: %w", err)
		}
	}
	s.ssh = s.sshConfig(o.HostKey)
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.sockets = listen.New("netconf", s.log, s.serve)
	return s, nil
}

// Prepare binds the sockets that are wanted. They are put to use when the change is applied.
func (s *Server) Prepare(ctx context.Context, want []netip.AddrPort) *listen.Change {
	return s.sockets.Prepare(ctx, want)
}

// Status tells where the server listens, and why it does not where it should.
func (s *Server) Status() (bound []netip.AddrPort, err error) { return s.sockets.Status() }

// Addrs tells where the server listens.
func (s *Server) Addrs() []netip.AddrPort {
	bound, _ := s.sockets.Status()
	return bound
}

// Close ends all sessions, with what that brings about (RFC 6241 sections 7.5 and 8.4), and returns when nothing of the
// server runs any more.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop()
	s.sockets.Close()
	s.tasks.Wait()
}

// serve accepts connections until the socket is closed.
func (s *Server) serve(l net.Listener) {
	for {
		conn, err := l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // out of file descriptors, say: that passes
			s.log.Warn("cannot accept a NETCONF connection", "error", err)
			select {
			case <-time.After(100 * time.Millisecond):
			case <-s.ctx.Done():
			}
			continue
		}
		s.admit(conn)
	}
}

// admit takes on a connection unless too many are logging in.
func (s *Server) admit(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		conn.Close()
		return
	}
	select {
	case s.logins <- struct{}{}:
		s.tasks.Go(func() { s.serveSSH(conn) })
	default:
		s.log.Warn("NETCONF connection refused: too many are logging in", "remote", conn.RemoteAddr().String())
		conn.Close()
	}
}

// enrol gives a session its number. It fails when there are as many as may be.
func (s *Server) enrol(x *session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.sessions) >= s.limits.Sessions {
		return false
	}
	for {
		s.lastID++
		if _, taken := s.sessions[s.lastID]; s.lastID != 0 && !taken {
			break
		}
	}
	x.id = s.lastID
	s.sessions[x.id] = x
	return true
}

func (s *Server) leave(x *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, x.id)
}

// session returns the session with that number, or nil.
func (s *Server) session(id uint32) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[id]
}
