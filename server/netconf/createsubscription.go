package netconf

import (
	"context"
	"time"

	"mooring/server/netconf/filter"
	"mooring/server/notify"
	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/server/tree/xmlio"
)

const (
	ncEvent     = "notifications"    // the module of create-subscription
	manageEvent = "nc-notifications" // the module of streams
	stream      = "NETCONF"          // RFC 5277 section 3.2.3
)

// createSubscription sends the events of the stream to the session from now on (RFC 5277 section 2.1.1).
func (r *request) createSubscription() (answer, error) {
	x, events := r.session, r.server.events
	if name := r.value("stream"); name != stream {
		return nil, protocolError(tree.InvalidValue, "stream", "there is no stream "+schema.Quote(name)+"; there is "+stream)
	}
	sub := &streamSubscription{session: x, filter: r.filter}
	start, replay := r.time("startTime")
	var stops bool
	sub.stop, stops = r.time("stopTime")
	switch {
	case stops && !replay:
		return nil, protocolError(tree.MissingElement, "startTime", "stopTime is of use only together with startTime")
	case replay && start.After(time.Now()):
		return nil, protocolError(tree.BadElement, "startTime", "startTime lies in the future")
	case stops && !sub.stop.After(start):
		return nil, protocolError(tree.BadElement, "stopTime", "stopTime is not later than startTime")
	}
	if !x.subs.take() {
		return nil, &tree.Error{Tag: tree.OperationFailed, Protocol: true, Message: "the session has a subscription already; another one needs another session"}
	}
	if replay {
		sub.events, sub.past = events.Replay(start)
		sub.replays = true
	} else {
		sub.events = events.Read()
	}
	return func(w *replyWriter) error {
		x.subscribe(sub.run)
		return ok(w)
	}, nil
}

// misplacedFilter takes the filter of create-subscription in the base namespace, where ncclient puts it.
func misplacedFilter(def *schema.Node, el *xmlio.Element) *schema.Node {
	if def.Kind != schema.Input || def.Module.Name != ncEvent || el.Name != (xmlio.Name{Space: tree.NetconfNamespace, Local: "filter", Prefix: el.Name.Prefix}) {
		return nil
	}
	return def.ChildNamed("filter")
}

// time returns a parameter that is a time. Its zone does not matter.
func (r *request) time(name string) (t time.Time, given bool) {
	text, given := r.given(name)
	if given {
		t, _ = time.Parse(time.RFC3339Nano, text) // checked by its type
	}
	return t, given
}

// take begins the one subscription of a session that create-subscription makes; false when there is one.
func (s *subscriptions) take() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.stream
	s.stream = true
	return !was
}

func (s *subscriptions) giveBack() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stream = false
}

// streamSubscription is a subscription of RFC 5277.
type streamSubscription struct {
	session *session
	filter  *filter.Filter
	events  *notify.Reader
	replays bool   // events of the past are being sent
	past    uint64 // number of the last of them
	stop    time.Time
}

// run sends events until the session ends, or the stop time has come.
func (s *streamSubscription) run() {
	x := s.session
	ctx := x.ctx
	if !s.stop.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, s.stop)
		defer cancel()
	}
	if s.send(ctx) != nil || x.ctx.Err() != nil {
		return
	}
	if s.replays && x.notifyEmpty(x.server.schema.Notification(manageEvent, "replayComplete")) != nil {
		return
	}
	x.subs.giveBack()
	x.notifyEmpty(x.server.schema.Notification(manageEvent, "notificationComplete"))
}

// send sends events until ctx ends, or one lies behind the stop time. An error says that the session has ended.
func (s *streamSubscription) send(ctx context.Context) error {
	x := s.session
	for {
		e, lost, woken := s.events.Next()
		if err := x.notifyLoss(lost); err != nil {
			return err
		}
		if s.replays && (e == nil || e.ID > s.past) {
			s.replays = false
			if err := x.notifyEmpty(x.server.schema.Notification(manageEvent, "replayComplete")); err != nil {
				return err
			}
		}
		switch {
		case e == nil:
			select {
			case <-woken:
			case <-ctx.Done():
				return nil
			}
		case !s.stop.IsZero() && e.Time.After(s.stop):
			return nil
		case s.filter.Passes(e.Root) && e.Readable(x.server.access.For(x.user)):
			if err := x.notifyEvent(e); err != nil {
				return err
			}
		}
	}
}
