package netconf

import (
	"cmp"
	"context"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"mooring/server/access"
	"mooring/server/datastore"
	"mooring/server/netconf/framing"
	"mooring/server/tree/xmlio"
)

// session is one NETCONF session. Its own goroutine alone touches what is not atomic.
type session struct {
	server  *Server
	id      uint32
	user    access.User
	store   *datastore.Session
	ahead   *ahead
	in      *framing.Reader
	writing sync.Mutex // held over each message that the session sends after its hello
	out     *framing.Writer
	subs    subscriptions
	ctx     context.Context // ends with the transport, or when the session is killed
	cancel  context.CancelFunc
	drop    func(done <-chan struct{}) // ends the transport; done is closed when the session has ended
	done    chan struct{}
	started time.Time
	count   counters
	base11  bool          // version 1.1 was agreed on
	closing bool          // close-session was answered
	killed  atomic.Uint32 // by which other session; 0: by none
}

// newSession makes a session over a transport; nil when there are too many already. Call run.
func (s *Server) newSession(ctx context.Context, transport io.ReadWriter, user access.User, drop func(<-chan struct{})) *session {
	x := &session{
		server: s, user: user, drop: drop, done: make(chan struct{}), started: time.Now(),
		ahead: newAhead(transport), out: framing.NewWriter(transport),
	}
	x.in = framing.NewReader(x.ahead)
	x.ctx, x.cancel = context.WithCancel(ctx)
	if !s.enrol(x) {
		x.cancel()
		s.log.Warn("NETCONF session refused: there are too many", "user", user.Name, "remote", user.Remote)
		return nil
	}
	x.store = s.store.NewSession(user, x.id)
	return x
}

// run serves the session until it ends. What it holds is given back then.
func (x *session) run() {
	s := x.server
	log := s.log.With("session", x.id, "user", x.user.Name, "remote", x.user.Remote)
	s.total.sessions.Add(1)
	log.Info("NETCONF session begins")
	err := x.greet()
	if _, bad := err.(*badHello); bad {
		s.total.badHellos.Add(1)
	}
	if err == nil {
		x.announceStart()
	}
	for err == nil && !x.closing {
		err = x.next()
	}
	x.cancel()
	x.ahead.close()
	x.store.Close()
	s.leave(x)
	close(x.done)
	x.announceEnd(err)
	x.unsubscribe()
	switch {
	case x.closing:
		log.Info("NETCONF session ends")
	case x.killed.Load() != 0:
		log.Info("NETCONF session was killed")
	default:
		s.total.dropped.Add(1)
		log.Info("NETCONF session is lost", "error", err)
	}
}

// kill ends the session from outside and waits until it has given back what it held, or ctx ends.
func (x *session) kill(ctx context.Context, by uint32) {
	x.killed.Store(by)
	x.cancel()
	x.drop(x.done)
	select {
	case <-x.done:
	case <-ctx.Done():
	}
}

// next serves one request. An error ends the session.
func (x *session) next() error {
	if err := x.in.Next(); err != nil {
		return err
	}
	x.tally(func(c *counters) { c.in.Add(1) })
	r := &request{
		session: x, server: x.server, ctx: x.ctx,
		xml: xmlio.NewReader(x.in, xmlio.Limits{Total: x.server.limits.MessageSize, Text: x.server.limits.ValueSize}),
	}
	perform, err := r.read()
	if err != nil && !fatal(err) { // a message that is broken further on is not answered
		_, rest := io.Copy(io.Discard, readerOnly{x.in})
		err = cmp.Or(rest, err)
	}
	if fatal(err) {
		return err
	}
	if _, bad := err.(*failure); bad {
		x.tally(func(c *counters) { c.bad.Add(1) })
	}
	var answer answer
	if err == nil {
		answer, err = perform(r)
	}
	x.writing.Lock()
	defer x.writing.Unlock()
	if x.closing {
		defer x.cancel() // nothing follows the reply
	}
	return r.reply(answer, err)
}

// readerOnly keeps io.Copy from looking for more than Read.
type readerOnly struct{ io.Reader }

// tally counts for the session and for the server.
func (x *session) tally(count func(*counters)) {
	count(&x.count)
	count(&x.server.total)
}
