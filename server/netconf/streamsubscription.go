package netconf

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"mooring/server/netconf/filter"
	"mooring/server/notify"
	"mooring/server/tree"
)

// streamSubscription sends the events of the stream to a session: by create-subscription (RFC 5277) or by establish-subscription
// (RFC 8639).
type streamSubscription struct {
	session *session
	id      uint32 // 0: by create-subscription, whose subscriptions have no number
	ctx     context.Context
	cancel  context.CancelFunc // ends the subscription and not the session
	events  *notify.Reader
	replays bool   // events of the past are being sent
	past    uint64 // number of the last of them

	killed         atomic.Bool   // by another session
	sent, excluded atomic.Uint64 // events; excluded are those that do not pass the filter or may not be read

	mu      sync.Mutex // guards what follows
	terms   terms
	changed chan struct{} // closed when there are other terms
}

// terms are what can be changed of a subscription.
type terms struct {
	filter *filter.Filter
	xpath  string    // of the filter, when it is of that kind
	stop   time.Time // zero: never
}

func newStreamSubscription(x *session, id uint32, t terms) *streamSubscription {
	s := &streamSubscription{session: x, id: id, terms: t, changed: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(x.ctx)
	return s
}

// begin says where in the log the subscription begins: with what happens next, or at a time in the past.
func (s *streamSubscription) begin(events *notify.Log, start time.Time) {
	if start.IsZero() {
		s.events = events.Read()
		return
	}
	s.events, s.past = events.Replay(start)
	s.replays = true
}

// now returns the terms, and what is closed when there are others.
func (s *streamSubscription) now() (terms, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.terms, s.changed
}

// modify changes the terms; events that were not sent yet are sent by the new ones.
func (s *streamSubscription) modify(change func(*terms)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.terms)
	close(s.changed)
	s.changed = make(chan struct{})
}

// kill ends the subscription from another session.
func (s *streamSubscription) kill() {
	s.killed.Store(true)
	s.cancel()
}

// run sends events until the session or the subscription ends, or the stop time has come.
func (s *streamSubscription) run() {
	x := s.session
	defer s.cancel()
	err := s.send()
	if s.id != 0 {
		x.server.dynamic.remove(s)
		if s.killed.Load() && err == nil {
			x.notice(x.server.schema.Notification(subscribed, "subscription-terminated"), func(n *notice) {
				n.uint("id", uint64(s.id))
				n.text("reason", subscribed+":no-such-subscription")
			})
		}
		return
	}
	if err == nil && x.ctx.Err() == nil {
		x.subs.giveStreamBack()
		x.notifyEmpty(x.server.schema.Notification(manageEvent, "notificationComplete"))
	}
}

// send sends events until the subscription ends. An error says that the session has.
func (s *streamSubscription) send() error {
	for {
		t, changed := s.now()
		e, lost, woken := s.events.Next()
		if err := s.session.notifyLoss(lost); err != nil {
			return err
		}
		over := e != nil && !t.stop.IsZero() && e.Time.After(t.stop)
		if s.replays && (e == nil || over || e.ID > s.past) {
			s.replays = false
			if err := s.replayed(); err != nil {
				return err
			}
		}
		switch {
		case s.ctx.Err() != nil, over:
			return nil
		case e == nil:
			if s.wait(t.stop, woken, changed) {
				return nil
			}
		case !t.filter.Passes(e.Root) || !e.Readable(s.session.server.access.For(s.session.user)):
			s.excluded.Add(1)
		default:
			if err := s.session.notifyEvent(e); err != nil {
				return err
			}
			s.sent.Add(1)
		}
	}
}

// wait waits for an event or other terms. It reports whether the subscription is over.
func (s *streamSubscription) wait(stop time.Time, woken, changed <-chan struct{}) bool {
	var ended <-chan time.Time
	if !stop.IsZero() {
		timer := time.NewTimer(time.Until(stop))
		defer timer.Stop()
		ended = timer.C
	}
	select {
	case <-woken:
	case <-changed:
	case <-ended:
		return true
	case <-s.ctx.Done():
		return true
	}
	return false
}

// replayed says that what comes next happens now.
func (s *streamSubscription) replayed() error {
	x := s.session
	if s.id == 0 {
		return x.notifyEmpty(x.server.schema.Notification(manageEvent, "replayComplete"))
	}
	return x.notice(x.server.schema.Notification(subscribed, "replay-completed"), func(n *notice) { n.uint("id", uint64(s.id)) })
}

// takeStream begins the one subscription of a session that create-subscription makes.
func (s *subscriptions) takeStream() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stream:
		return &tree.Error{Tag: tree.OperationFailed, Protocol: true, Message: "the session has a subscription already; another one needs another session"}
	case s.others > 0:
		return &tree.Error{Tag: tree.NotSupported, Protocol: true, Message: "the session has subscriptions by establish-subscription, which exclude this one (RFC 8640 section 3)"}
	}
	s.stream = true
	return nil
}

func (s *subscriptions) giveStreamBack() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stream = false
}
