package netconf

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"mooring/server/access"
	"mooring/server/action"
	"mooring/server/datastore"
	"mooring/server/listen"
	"mooring/server/netconf/urls"
	"mooring/server/notify"
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
	State *state.State
	// Events are what is told to subscribers; nil: nobody can subscribe.
	Events  *notify.Log
	Actions *action.Registry // carries out the rpcs and actions of the model; nil: there are none
	HostKey ssh.Signer
	// Certificate gives what the server shows to TLS clients. It is asked at every handshake, so that a new certificate cuts no
	// session that began under the old one. Nil: nobody can come in over TLS.
	Certificate func() *tls.Certificate
	Files       *urls.Files  // what operations may name by URL; nil: nothing. ReachURLs changes it
	Log         *slog.Logger // nil logs nothing
	Limits      Limits
}

// Limits bound what clients can take. Zero takes the default.
type Limits struct {
	Sessions     int           // NETCONF sessions at a time; default 128
	Logins       int           // connections that have not logged in yet; default 32
	LoginTimeout time.Duration // from the TCP connection to the end of the login; default 30 s
	HelloTimeout time.Duration // from the login to the client's hello; default 30 s
	// Linger is how long the server waits for a client that has something to do before a connection is closed: close a channel,
	// open another one, read why it was turned away. Default 2 s.
	Linger      time.Duration
	MessageSize int64 // octets of a request; default 256 MiB
	ValueSize   int   // octets of one value in a request; default 1 MiB
	Expression  int   // nodes that the evaluation of a filter may meet; default 20 million, a few seconds of one processor
}

func (l Limits) orDefault() Limits {
	return Limits{
		Sessions:     cmp.Or(l.Sessions, 128),
		Logins:       cmp.Or(l.Logins, 32),
		LoginTimeout: cmp.Or(l.LoginTimeout, 30*time.Second),
		HelloTimeout: cmp.Or(l.HelloTimeout, 30*time.Second),
		Linger:       cmp.Or(l.Linger, 2*time.Second),
		MessageSize:  cmp.Or(l.MessageSize, 256<<20),
		ValueSize:    cmp.Or(l.ValueSize, 1<<20),
		Expression:   cmp.Or(l.Expression, 20_000_000),
	}
}

// Server is a NETCONF server. Its methods may be called concurrently.
type Server struct {
	// SSH and TLS are where the server listens. It listens nowhere at first.
	SSH, TLS *listen.Sockets
	// CallHome is whom the server connects to. At first it is nobody.
	CallHome *CallHome

	store   *datastore.Store
	users   *access.Users
	access  *access.Control
	state   *state.State
	events  *notify.Log // nil: there are none
	dynamic dynamic
	actions *action.Registry
	log     *slog.Logger
	limits  Limits
	schema  *schema.Schema
	base    *schema.Module // ietf-netconf
	known   map[*schema.Node]operation
	library library
	ticking func() map[*schema.Node]bool // see tickingNodes

	ssh         *ssh.ServerConfig
	certificate func() *tls.Certificate
	files       atomic.Pointer[urls.Files]
	logins      chan struct{} // a place for each connection that has not logged in
	hashing     chan struct{} // a place for each password that is compared
	started     time.Time
	total       counters

	ctx  context.Context // ends with the server
	stop context.CancelFunc

	mu       sync.Mutex // guards what follows
	sessions map[uint32]*session
	lastID   uint32

	tasks sync.WaitGroup // connections
}

// New returns a Server that does not listen yet. It fails when the schema lacks the protocol's own modules.
func New(o Options) (*Server, error) {
	s := &Server{
		store: o.Store, users: o.Users, access: o.Access, state: o.State, actions: o.Actions, log: o.Log, limits: o.Limits.orDefault(),
		schema: o.Store.Schema(), started: time.Now(), sessions: map[uint32]*session{},
		certificate: o.Certificate,
		hashing:     make(chan struct{}, max(1, runtime.NumCPU()/2)), // guessing passwords may not take the processors
	}
	if s.certificate == nil {
		s.certificate = func() *tls.Certificate { return nil } // a handshake then fails and says why
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.base = s.schema.Module("ietf-netconf"); s.base == nil || !s.base.Implemented {
		return nil, errors.New("netconf: the schema does not implement module ietf-netconf")
	}
	s.logins = make(chan struct{}, s.limits.Logins)
	if s.schema.RPC(ncEvent, "create-subscription") != nil && s.schema.Module(manageEvent) != nil {
		s.events = o.Events
	}
	s.files.Store(cmp.Or(o.Files, &urls.Files{}))
	s.known = s.operations()
	s.library = newLibrary(s.schema, s.features)
	s.ticking = sync.OnceValue(s.tickingNodes)
	if s.state != nil {
		if err := errors.Join(s.mountMonitoring(), s.mountLibrary(), s.mountStreams()); err != nil {
			return nil, fmt.Errorf("netconf: %w", err)
		}
	}
	s.ssh = s.sshConfig(o.HostKey)
	s.ctx, s.stop = context.WithCancel(context.Background())
	if s.events != nil {
		commits, now := s.store.Follow() // here: a commit might be made before the goroutine runs
		s.tasks.Go(func() { s.followFilters(commits, now.Root) })
	}
	s.SSH = listen.New("netconf", s.log, func(l net.Listener) { s.accept(l, s.loginSSH) })
	s.TLS = listen.New("netconf-tls", s.log, func(l net.Listener) { s.accept(l, s.loginTLS) })
	s.CallHome = s.newCallHome()
	return s, nil
}

// Close ends all sessions, with what that brings about (RFC 6241 sections 7.5 and 8.4), and returns when nothing of the
// server runs any more.
func (s *Server) Close() {
	s.stop()
	s.SSH.Close()
	s.TLS.Close()
	s.CallHome.close()
	s.tasks.Wait()
}

// accept accepts connections until the socket is closed.
func (s *Server) accept(l net.Listener, over transport) {
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
		s.tasks.Go(func() {
			if err := s.serve(&call{Conn: conn}, over); err != nil {
				s.log.Info("NETCONF login failed", "remote", conn.RemoteAddr().String(), "error", err)
			}
		})
	}
}

// enrol gives a session its number. It fails when there are as many as may be.
func (s *Server) enrol(x *session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil || len(s.sessions) >= s.limits.Sessions {
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
