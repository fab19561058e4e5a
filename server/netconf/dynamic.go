package netconf

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"mooring/server/netconf/filter"
	"mooring/server/state"
	"mooring/server/tree"
)

const (
	subscribed    = "ietf-subscribed-notifications" // RFC 8639
	xmlEncoding   = subscribed + ":encode-xml"
	maxPerSession = 32 // subscriptions
)

// dynamic are the subscriptions by establish-subscription, of all sessions.
type dynamic struct {
	mu   sync.Mutex // guards what follows
	last uint32
	open map[uint32]*streamSubscription
}

// add gives a subscription of a session its number. It fails where the session may not have another one.
func (d *dynamic) add(x *session, t terms) (*streamSubscription, error) {
	x.subs.mu.Lock()
	defer x.subs.mu.Unlock()
	switch {
	case x.subs.stream:
		return nil, &tree.Error{Tag: tree.NotSupported, Protocol: true, Message: "the session has a subscription by create-subscription, which excludes others (RFC 8640 section 3)"}
	case x.subs.others >= maxPerSession:
		return nil, subscriptionError(tree.ResourceDenied, "insufficient-resources", fmt.Sprintf("the session has %d subscriptions, which is all it may have", maxPerSession))
	}
	x.subs.others++
	d.mu.Lock()
	defer d.mu.Unlock()
	for {
		d.last++
		if d.last != 0 && d.open[d.last] == nil {
			break
		}
	}
	s := newStreamSubscription(x, d.last, t)
	if d.open == nil {
		d.open = map[uint32]*streamSubscription{}
	}
	d.open[s.id] = s
	return s, nil
}

func (d *dynamic) remove(s *streamSubscription) {
	s.session.subs.mu.Lock()
	s.session.subs.others--
	s.session.subs.mu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.open, s.id)
}

// find returns the subscription that a request names; of is the session that it must be of, or nil.
func (d *dynamic) find(r *request, of *session) (*streamSubscription, error) {
	id, _ := strconv.ParseUint(r.value("id"), 10, 32)
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.open[uint32(id)]
	if s == nil || of != nil && s.session != of {
		return nil, subscriptionError(tree.InvalidValue, "no-such-subscription", fmt.Sprintf("there is no subscription %d of this session", id))
	}
	return s, nil
}

// subscriptionError is an error in the terms of RFC 8640 section 7.
func subscriptionError(tag tree.Tag, identity, message string) error {
	return &tree.Error{Tag: tag, AppTag: subscribed + ":" + identity, Message: message}
}

// establishSubscription begins a subscription of the session (RFC 8639 section 2.4.2).
func (r *request) establishSubscription() (answer, error) {
	x, events := r.session, r.server.events
	if encoding, given := r.given("encoding"); given && encoding != xmlEncoding {
		return nil, subscriptionError(tree.InvalidValue, "encoding-unsupported", "notifications are encoded as XML (encode-xml)")
	}
	if name := r.value("stream"); name != stream {
		return nil, subscriptionError(tree.InvalidValue, "stream-unavailable", "there is no such stream; there is "+stream)
	}
	t, err := r.terms(terms{})
	if err != nil {
		return nil, err
	}
	start, replay := r.time("replay-start-time")
	switch {
	case replay && start.After(time.Now()):
		return nil, protocolError(tree.InvalidValue, "replay-start-time", "replay-start-time lies in the future")
	case !t.stop.IsZero() && !t.stop.After(start):
		return nil, protocolError(tree.InvalidValue, "stop-time", "stop-time is not later than replay-start-time")
	case !t.stop.IsZero() && !replay && !t.stop.After(time.Now()):
		return nil, protocolError(tree.InvalidValue, "stop-time", "stop-time lies in the past")
	}
	sub, err := r.server.dynamic.add(x, t)
	if err != nil {
		return nil, err
	}
	sub.begin(events, start)
	return func(w *replyWriter) error {
		x.subscribe(sub.run)
		w.output(r, "id", strconv.FormatUint(uint64(sub.id), 10))
		if from := events.Size().Since(); replay && start.Before(from) {
			w.output(r, "replay-start-time-revision", eventTime(from))
		}
		return nil
	}, nil
}

// output writes a leaf of the output of an operation.
func (w *replyWriter) output(r *request, name, value string) {
	w.raw("<" + name)
	w.attr("xmlns", r.def.Module.Namespace)
	w.text(value)
	w.raw("</" + name + ">")
}

// modifySubscription changes the filter or the stop time of a subscription (RFC 8639 section 2.4.3).
func (r *request) modifySubscription() (answer, error) {
	sub, err := r.server.dynamic.find(r, r.session)
	if err != nil {
		return nil, err
	}
	before, _ := sub.now()
	after, err := r.terms(before)
	if err != nil {
		return nil, err
	}
	if !after.stop.Equal(before.stop) && !after.stop.After(time.Now()) {
		return nil, protocolError(tree.InvalidValue, "stop-time", "stop-time lies in the past")
	}
	sub.modify(func(t *terms) { *t = after })
	return ok, nil
}

// terms reads what a request wants of a subscription; what it does not say stays.
func (r *request) terms(t terms) (terms, error) {
	if _, given := r.given("stream-filter-name"); given {
		return t, subscriptionError(tree.InvalidValue, "filter-unsupported", "filters have no names; say stream-subtree-filter or stream-xpath-filter")
	}
	if stop, given := r.time("stop-time"); given {
		t.stop = stop
	}
	if r.filter != nil {
		t.filter, t.xpath = r.filter, ""
	}
	if text, given := r.given("stream-xpath-filter"); given {
		byName := map[string]string{} // the value is canonical: its prefixes are names of modules
		for _, m := range r.server.schema.Modules {
			byName[m.Name] = m.Namespace
		}
		f, err := filter.EventXPath(r.server.schema, text, byName)
		if err != nil {
			return t, subscriptionError(tree.InvalidValue, "filter-unsupported", err.Error())
		}
		t.filter, t.xpath = f, text
	}
	return t, nil
}

// deleteSubscription ends a subscription of the session (RFC 8639 section 2.4.4).
func (r *request) deleteSubscription() (answer, error) {
	sub, err := r.server.dynamic.find(r, r.session)
	if err != nil {
		return nil, err
	}
	r.server.log.Info("a subscription is deleted", "subscription", sub.id, "session", r.session.id)
	sub.cancel()
	return ok, nil
}

// killSubscription ends a subscription of any session (RFC 8639 section 2.4.5).
func (r *request) killSubscription() (answer, error) {
	sub, err := r.server.dynamic.find(r, nil)
	if err != nil {
		return nil, err
	}
	r.server.log.Info("a subscription is killed", "subscription", sub.id, "of", sub.session.id, "by", r.session.id)
	sub.kill()
	return ok, nil
}

// mountSubscriptions mounts /streams and /subscriptions of RFC 8639.
func (s *Server) mountSubscriptions() {
	streams, list := s.schema.Find("/"+subscribed+":streams/stream"), s.schema.Find("/"+subscribed+":subscriptions/subscription")
	if streams == nil || list == nil || list.Config {
		return
	}
	s.mount(streams, func(out *state.Out) {
		size, row := s.events.Size(), out.Row(stream)
		row.Text(streams.ChildNamed("description"), streamDescription)
		row.Empty(streams.ChildNamed("replay-support"))
		row.Time(streams.ChildNamed("replay-log-creation-time"), size.Created)
		row.Time(streams.ChildNamed("replay-log-aged-time"), size.Aged)
	})
	receivers := list.ChildNamed("receivers")
	receiver := receivers.ChildNamed("receiver")
	s.mount(list, func(out *state.Out) {
		for _, sub := range s.dynamic.list() {
			t, _ := sub.now()
			row := out.Row(strconv.FormatUint(uint64(sub.id), 10))
			row.Text(list.ChildNamed("stream-xpath-filter"), t.xpath)
			row.Text(list.ChildNamed("stream"), stream)
			row.Time(list.ChildNamed("stop-time"), t.stop)
			row.Text(list.ChildNamed("encoding"), xmlEncoding)
			row.Open(receivers)
			row.Open(receiver)
			row.Text(receiver.ChildNamed("name"), fmt.Sprintf("session %d of user %s", sub.session.id, sub.session.user.Name))
			row.Uint(receiver.ChildNamed("sent-event-records"), sub.sent.Load())
			row.Uint(receiver.ChildNamed("excluded-event-records"), sub.excluded.Load())
			row.Text(receiver.ChildNamed("state"), "active")
			row.Close()
			row.Close()
		}
	})
}

func (d *dynamic) list() []*streamSubscription {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []*streamSubscription
	for _, s := range d.open {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b *streamSubscription) int { return cmp.Compare(a.id, b.id) })
	return list
}
