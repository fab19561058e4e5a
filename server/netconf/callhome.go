package netconf

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/sys/unix"
)

// How long a manager is left alone that could not be reached: at first, and in the end. Each time it is twice as long, and half of
// it is left to chance, so that managers which come back do not have all elements at once.
const (
	firstPause = time.Second
	lastPause  = time.Minute
)

// Manager is a client that the server connects to (RFC 8071).
type Manager struct {
	Name      string
	Address   string        // host and port, as net.Dial wants them
	TLS       bool          // rather than SSH
	KeepAlive time.Duration // how often a connection is tested; given up after three times as long in silence; 0: the kernel sees to that
	// Period is the time from the start of one connection to that of the next. 0: a connection is to last, and one that ends is
	// made anew.
	Period time.Duration
	// IdleTimeout ends a connection of a period when nothing has passed over it for as long; 0: never.
	IdleTimeout time.Duration
}

// ManagerStatus tells how it goes with a manager.
type ManagerStatus struct {
	Name      string
	Connected bool      // a session is open
	Error     error     // why the last attempt failed; nil: it did not
	Next      time.Time // when the next attempt is due; zero: one is under way
}

// CallHome keeps the connections to managers. All methods may be called concurrently.
type CallHome struct {
	dial  func(context.Context, Manager) (net.Conn, error)
	serve func(*call, Manager) error // of Server
	log   *slog.Logger
	pause time.Duration // instead of firstPause; 0: that

	ctx  context.Context // ends when no manager is called any more
	stop context.CancelFunc

	mu      sync.Mutex
	callers map[string]*caller // by name
	tasks   sync.WaitGroup
}

func (s *Server) newCallHome() *CallHome {
	h := &CallHome{log: s.log, dial: s.dialManager, serve: func(c *call, m Manager) error {
		if m.TLS {
			return s.serve(c, s.loginTLS)
		}
		return s.serve(c, s.loginSSH)
	}}
	h.ctx, h.stop = context.WithCancel(s.ctx)
	return h
}

// dialManager connects to a manager. The kernel tests the connection while nothing comes: TLS has no message for that here (RFC
// 6520 is not in crypto/tls).
func (s *Server) dialManager(ctx context.Context, m Manager) (net.Conn, error) {
	d := net.Dialer{
		Timeout:         s.limits.LoginTimeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: m.KeepAlive > 0, Idle: m.KeepAlive, Interval: m.KeepAlive, Count: unanswered},
	}
	return d.DialContext(ctx, "tcp", m.Address)
}

// Configure says which managers are called from now on, each name once. Nothing that is connected is disturbed: a manager that is
// not wanted any more, or is another one under its name, keeps its connection until that ends by itself.
func (h *CallHome) Configure(want []Manager) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ctx.Err() != nil {
		return
	}
	callers := map[string]*caller{}
	for _, m := range want {
		c := h.callers[m.Name]
		if c == nil || c.manager != m {
			c = h.begin(m)
		}
		callers[m.Name] = c
	}
	for name, c := range h.callers {
		if callers[name] != c {
			c.stop()
		}
	}
	h.callers = callers
}

// begin starts calling a manager; the lock is held.
func (h *CallHome) begin(m Manager) *caller {
	c := &caller{home: h, manager: m}
	ctx, cancel := context.WithCancel(h.ctx)
	c.stop = cancel
	h.tasks.Go(func() {
		defer cancel()
		c.run(ctx)
	})
	return c
}

// Status tells how it goes with all managers, by name.
func (h *CallHome) Status() []ManagerStatus {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []ManagerStatus
	for _, name := range slices.Sorted(maps.Keys(h.callers)) {
		list = append(list, h.callers[name].state())
	}
	return list
}

// close calls nobody any more and returns when all connections have ended, which others see to.
func (h *CallHome) close() {
	h.mu.Lock()
	h.stop()
	h.mu.Unlock()
	h.tasks.Wait()
}

// caller calls one manager.
type caller struct {
	home    *CallHome
	manager Manager
	stop    context.CancelFunc

	mu       sync.Mutex
	sessions int
	err      error
	next     time.Time
}

func (c *caller) state() ManagerStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	return ManagerStatus{Name: c.manager.Name, Connected: c.sessions > 0, Error: c.err, Next: c.next}
}

// run calls until ctx ends, and then returns when the last connection does.
func (c *caller) run(ctx context.Context) {
	pace := &backoff.ExponentialBackOff{InitialInterval: cmp.Or(c.home.pause, firstPause), MaxInterval: lastPause, Multiplier: 2, RandomizationFactor: 0.5}
	pace.Reset()
	for ctx.Err() == nil {
		began := time.Now()
		err := c.call(ctx)
		if err == nil {
			pace.Reset()
		}
		pause := pace.NextBackOff()
		if err == nil {
			pause = max(pause, c.manager.Period-time.Since(began))
		}
		c.rest(ctx, pause, err)
	}
}

var errNoSession = errors.New("the manager opened no session")

// call makes one connection. The error says why there was no session.
func (c *caller) call(ctx context.Context) error {
	conn, err := c.home.dial(ctx, c.manager)
	if err != nil {
		return err
	}
	to := &call{Conn: conn, keepAlive: c.manager.KeepAlive}
	if c.manager.Period > 0 {
		to.keepAlive, to.idle = 0, c.manager.IdleTimeout // a connection that is tested is never idle
	}
	watched, end := context.WithCancel(context.Background())
	defer end()
	c.home.tasks.Go(func() { watch(watched, conn, c.manager.KeepAlive) })
	spoke := false
	to.session = func(change int) {
		c.mu.Lock()
		defer c.mu.Unlock()
		spoke = true
		c.sessions += change
		c.err = nil
	}
	if err := c.home.serve(to, c.manager); err != nil {
		return err
	}
	if !spoke { // nobody else does that any more
		return errNoSession
	}
	return nil
}

// rest waits until the next attempt is due.
func (c *caller) rest(ctx context.Context, pause time.Duration, err error) {
	c.mu.Lock()
	if err != nil && (c.err == nil || c.err.Error() != err.Error()) {
		c.home.log.Warn("NETCONF call home failed", "manager", c.manager.Name, "address", c.manager.Address, "error", err)
	}
	c.err, c.next = err, time.Now().Add(pause)
	c.mu.Unlock()
	select {
	case <-time.After(pause):
	case <-ctx.Done():
	}
	c.mu.Lock()
	c.next = time.Time{}
	c.mu.Unlock()
}

// watch closes a connection, until ctx ends, when something is unacknowledged and no acknowledgement has come for three intervals.
// The kernel does not test a connection then, but goes on sending for a quarter of an hour; its own time-out (TCP_USER_TIMEOUT)
// would also cut who merely reads slowly.
func watch(ctx context.Context, conn net.Conn, every time.Duration) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok || every <= 0 {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for gone := false; ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		raw.Control(func(fd uintptr) {
			info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
			if err == nil && info.Unacked > 0 && time.Duration(info.Last_ack_recv)*time.Millisecond > (unanswered+1)*every {
				gone = true
			}
		})
		if gone {
			conn.Close()
			return
		}
	}
}
