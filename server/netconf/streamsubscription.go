package netconf

import (
	"time"

	"mooring/server/netconf/filter"
	"mooring/server/notify"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// streamSubscription sends the events of the stream to a session: by create-subscription (RFC 5277) or by establish-subscription
// (RFC 8639).
type streamSubscription struct {
	*subscriber
	*agreed[streamTerms]
	events  *notify.Reader
	replays bool   // events of the past are being sent
	past    uint64 // number of the last of them
}

// streamTerms are what can be changed of a subscription.
type streamTerms struct {
	filter  *filter.Filter
	written filterText // the filter, unless a request had a subtree
	name    string     // of the filter, when it is one of the configuration
	stop    time.Time  // zero: never
}

func newStreamSubscription(x *session, t streamTerms) *streamSubscription {
	return &streamSubscription{subscriber: newSubscriber(x), agreed: newAgreed(t)}
}

// begin says where in the log the subscription begins: with what happens next, or at a time in the past.
func (s *streamSubscription) begin(events *notify.Log, start time.Time) {
	events.Await(s.ctx, s.session.server.store.Running().ID) // what was answered before is of the past
	if start.IsZero() {
		s.events = events.Read()
		return
	}
	s.events, s.past = events.Replay(start)
	s.replays = true
}

// run sends events until the session or the subscription ends, or the stop time has come.
func (s *streamSubscription) run() {
	x := s.session
	defer s.cancel()
	err := s.send()
	if s.id != 0 {
		s.finish(s, err)
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
		e, lost, woken := s.events.Next()
		t, tell, changed := s.take() // after the event: one that follows a modification passes by the terms of that
		if tell {
			if err := s.notice("subscription-modified", func(n *notice) { s.describe(described{n}, n.def) }); err != nil {
				return err
			}
		}
		if err := s.session.notifyLoss(s.ctx, lost); err != nil {
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
			if err := s.session.notifyEvent(s.ctx, e); err != nil {
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
	return s.notice("replay-completed", nil)
}

// modifyBy changes what a request says; the rest stays.
func (s *streamSubscription) modifyBy(r *request) error {
	before := s.now()
	after, err := r.streamTerms(before)
	if err != nil {
		return err
	}
	if !after.stop.Equal(before.stop) && !after.stop.After(time.Now()) {
		return protocolError(tree.InvalidValue, "stop-time", "stop-time lies in the past")
	}
	s.modify(after, false)
	return nil
}

// refilter goes on by the filter of the configuration that the subscription names.
func (s *streamSubscription) refilter(root *tree.Node) {
	t := s.now()
	if t.name == "" {
		return
	}
	written, err := namedFilter(root, "stream-filter", t.name)
	if err == nil && written == t.written {
		return
	}
	if err == nil {
		t.written = written
		t.filter, err = written.compile(s.session.server, filter.EventXPath)
	}
	if err != nil {
		s.end(subscribed + ":filter-unavailable")
		return
	}
	s.modify(t, true)
}

// describe says what the subscription is of.
func (s *streamSubscription) describe(d describer, def *schema.Node) {
	t := s.now()
	if t.name != "" {
		d.Text(def.ChildNamed("stream-filter-name"), t.name)
	} else {
		d.Text(def.ChildNamed("stream-xpath-filter"), t.written.xpath())
	}
	d.Text(def.ChildNamed("stream"), stream)
	d.Text(def.ChildNamed("stop-time"), timeText(t.stop))
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
