package netconf

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"mooring/server/tree/schema"
)

// subscriber is what subscriptions have in common, whatever they are of.
type subscriber struct {
	session *session
	id      uint32 // 0: by create-subscription, whose subscriptions have no number
	ctx     context.Context
	cancel  context.CancelFunc // ends the subscription and not the session

	reason         atomic.Pointer[string] // why the publisher has ended it: an identity; nil: it has not
	suspended      atomic.Bool
	sent, excluded atomic.Uint64 // event records; excluded are those that do not pass the filter or may not be read
}

func newSubscriber(x *session) *subscriber {
	s := &subscriber{session: x}
	s.ctx, s.cancel = context.WithCancel(x.ctx)
	return s
}

func (s *subscriber) common() *subscriber { return s }

// end ends the subscription by the publisher. reason is an identity derived from subscription-terminated-reason.
func (s *subscriber) end(reason string) {
	s.reason.CompareAndSwap(nil, &reason)
	s.cancel()
}

// finish takes a subscription that has ended out of the list, and says why it has ended unless the client knows.
func (s *subscriber) finish(of subscription, lost error) {
	x := s.session
	x.server.dynamic.remove(of)
	if reason := s.reason.Load(); reason != nil && lost == nil {
		s.noticeUnder(x.ctx, "subscription-terminated", func(n *notice) { n.text("reason", *reason) })
	}
}

// notice sends a notification about the subscription (RFC 8639 section 2.7); fill, unless nil, says more.
func (s *subscriber) notice(name string, fill func(*notice)) error {
	return s.noticeUnder(s.ctx, name, fill)
}

func (s *subscriber) noticeUnder(ctx context.Context, name string, fill func(*notice)) error {
	return s.session.notice(ctx, s.session.server.schema.Notification(subscribed, name), func(n *notice) {
		n.uint("id", uint64(s.id))
		if fill != nil {
			fill(n)
		}
	})
}

// suspend says that nothing is sent for a while, and why: by an identity derived from subscription-suspended-reason.
func (s *subscriber) suspend(reason string) error {
	if s.suspended.Swap(true) {
		return nil
	}
	return s.notice("subscription-suspended", func(n *notice) { n.text("reason", reason) })
}

func (s *subscriber) resume() error {
	if !s.suspended.Swap(false) {
		return nil
	}
	return s.notice("subscription-resumed", nil)
}

// agreed are terms of a subscription, which can be changed while it runs.
type agreed[T any] struct {
	mu       sync.Mutex // guards what follows
	terms    T
	announce bool          // the client is to be told that there are others
	changed  chan struct{} // closed when there are others
}

func newAgreed[T any](terms T) *agreed[T] {
	return &agreed[T]{terms: terms, changed: make(chan struct{})}
}

// now returns the terms.
func (a *agreed[T]) now() T {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.terms
}

// take returns the terms for whoever keeps them: whether the client is to be told of them, which is said once, and what is closed
// when there are others. All at once, or the client might be told of terms that the next record is not sent by.
func (a *agreed[T]) take() (terms T, tell bool, changed <-chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	tell, a.announce = a.announce, false
	return a.terms, tell, a.changed
}

// modify changes the terms. announce: the client does not know.
func (a *agreed[T]) modify(terms T, announce bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.terms, a.announce = terms, a.announce || announce
	close(a.changed)
	a.changed = make(chan struct{})
}

// describer takes what is said of a subscription.
type describer interface {
	Open(*schema.Node)
	Text(leaf *schema.Node, value string) // leaves out an empty one
	Close()
}

// described makes a notice a describer.
type described struct{ *notice }

func (d described) Close() { d.notice.Close() }

func (d described) Text(leaf *schema.Node, value string) {
	if value != "" {
		d.Leaf(leaf, value)
	}
}

// timeText writes a time as yang:date-and-time; the zero time is none.
func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
