// Package listen keeps the TCP sockets of a server as the configuration wants them: bound while a commit is prepared, put to
// use when it is applied, given up when it is aborted. NETCONF, gNMI and what else listens use it alike.
//
// An address that cannot be bound does not refuse a commit: the host may lack it (::1 without IPv6) or get it later. It is
// tried again, and Status tells why it is not listened at.
package listen

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Sockets are the listening sockets of one server. All methods may be called concurrently, but one change is prepared and
// ended at a time, as commits are.
type Sockets struct {
	name  string
	serve func(net.Listener)
	log   *slog.Logger
	retry time.Duration

	mu     sync.Mutex
	open   map[netip.AddrPort]net.Listener // by the address that is wanted, which may have port 0
	failed map[netip.AddrPort]error        // wanted, and not bound
	timer  *time.Timer                     // tries what failed again; nil when nothing did
	closed bool
	served sync.WaitGroup
}

// defaultRetry is how long after a failure an address is tried again.
const defaultRetry = 5 * time.Second

// New returns Sockets that call serve, in a goroutine of its own, with each socket that is put to use. serve returns when the
// socket is closed. name says in messages whose sockets they are.
func New(name string, log *slog.Logger, serve func(net.Listener)) *Sockets {
	return &Sockets{name: name, serve: serve, log: log, retry: defaultRetry,
		open: map[netip.AddrPort]net.Listener{}, failed: map[netip.AddrPort]error{}}
}

// Change is a set of sockets that is ready: exactly one of Apply and Abort is called. It is a datastore.Prepared.
type Change struct {
	of     *Sockets
	want   []netip.AddrPort
	bound  map[netip.AddrPort]net.Listener // new ones
	failed map[netip.AddrPort]error
}

// Prepare binds what is wanted and not open yet. Port 0 takes a free port, the same for all addresses where that is possible.
// Nothing that is open is disturbed.
func (s *Sockets) Prepare(ctx context.Context, want []netip.AddrPort) *Change {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &Change{of: s, want: want, bound: map[netip.AddrPort]net.Listener{}, failed: map[netip.AddrPort]error{}}
	for _, at := range want {
		if s.open[at] != nil || c.bound[at] != nil {
			continue
		}
		l, err := bind(ctx, at, c.freePort())
		if err != nil {
			c.failed[at] = err
			continue
		}
		c.bound[at] = l
	}
	return c
}

// Taken returns the addresses that cannot be bound because something else on the host has their port. What Apply closes is nothing
// else.
func (c *Change) Taken() (list []netip.AddrPort) {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	for _, at := range c.want {
		if errors.Is(c.failed[at], syscall.EADDRINUSE) && !c.of.uses(at.Port()) {
			list = append(list, at)
		}
	}
	return list
}

// uses reports whether one of the open sockets has a port; the lock is held.
func (s *Sockets) uses(port uint16) bool {
	for _, l := range s.open {
		if addrOf(l).Port() == port {
			return true
		}
	}
	return false
}

// freePort is the port that was taken for another address with port 0; 0 is none. The lock is held.
func (c *Change) freePort() uint16 {
	for _, sockets := range []map[netip.AddrPort]net.Listener{c.bound, c.of.open} {
		for at, l := range sockets {
			if at.Port() == 0 && slices.Contains(c.want, at) {
				return addrOf(l).Port()
			}
		}
	}
	return 0
}

func bind(ctx context.Context, at netip.AddrPort, free uint16) (net.Listener, error) {
	network := "tcp6" // keeps :: from taking IPv4 as well
	if at.Addr().Is4() {
		network = "tcp4"
	}
	var lc net.ListenConfig
	if at.Port() == 0 && free != 0 {
		if l, err := lc.Listen(ctx, network, netip.AddrPortFrom(at.Addr(), free).String()); err == nil {
			return l, nil
		}
	}
	return lc.Listen(ctx, network, at.String())
}

func addrOf(l net.Listener) netip.AddrPort { return l.Addr().(*net.TCPAddr).AddrPort() }

// Apply serves the new sockets and closes those that are wanted no more. Connections that they accepted stay.
func (c *Change) Apply() {
	s := c.of
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		c.abort()
		return
	}
	for at, l := range s.open {
		if !slices.Contains(c.want, at) {
			l.Close()
			delete(s.open, at)
			s.log.Info("listening no more", "server", s.name, "address", addrOf(l))
		}
	}
	for at, l := range c.bound {
		s.use(at, l)
	}
	s.failed = c.failed
	if len(s.failed) > 0 {
		s.bindFailed() // what stood in the way may have been a socket of ours
	}
	for at, err := range s.failed {
		s.log.Warn("cannot listen", "server", s.name, "address", at, "error", err)
	}
}

// Abort gives back what Prepare bound.
func (c *Change) Abort() {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	c.abort()
}

func (c *Change) abort() {
	for _, l := range c.bound {
		l.Close()
	}
}

// use serves a socket; the lock is held.
func (s *Sockets) use(at netip.AddrPort, l net.Listener) {
	s.open[at] = l
	s.log.Info("listening", "server", s.name, "address", addrOf(l))
	s.served.Go(func() { s.serve(l) })
}

// bindFailed tries what failed again, now and, while there is something, from time to time; the lock is held.
func (s *Sockets) bindFailed() {
	c := &Change{of: s, bound: map[netip.AddrPort]net.Listener{}}
	for at := range s.open {
		c.want = append(c.want, at)
	}
	for at := range s.failed {
		l, err := bind(context.Background(), at, c.freePort())
		if err != nil {
			s.failed[at] = err
			continue
		}
		delete(s.failed, at)
		s.use(at, l)
	}
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	if len(s.failed) > 0 {
		s.timer = time.AfterFunc(s.retry, s.again)
	}
}

func (s *Sockets) again() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.bindFailed()
	}
}

// Status tells where the server listens, sorted, and why it does not where it should: nil when there is nothing to tell.
func (s *Sockets) Status() (bound []netip.AddrPort, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.open {
		bound = append(bound, addrOf(l))
	}
	slices.SortFunc(bound, netip.AddrPort.Compare)
	var errs []error
	for at, err := range s.failed {
		errs = append(errs, fmt.Errorf("%s: %w", at, rootOf(err)))
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return bound, errors.Join(errs...)
}

// rootOf leaves out of a bind error what Status says anyway.
func rootOf(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}

// Close closes all sockets for good and waits until nobody serves them.
func (s *Sockets) Close() {
	s.mu.Lock()
	s.closed = true
	if s.timer != nil {
		s.timer.Stop()
	}
	for at, l := range s.open {
		l.Close()
		delete(s.open, at)
	}
	clear(s.failed)
	s.mu.Unlock()
	s.served.Wait()
}
