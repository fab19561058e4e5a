package netconf

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"mooring/server/netconf/filter"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

const (
	subscribed    = "ietf-subscribed-notifications" // RFC 8639
	xmlEncoding   = subscribed + ":encode-xml"
	maxPerSession = 32 // subscriptions
)

// subscription is a subscription by establish-subscription.
type subscription interface {
	common() *subscriber
	// run sends what there is to send until the session or the subscription ends.
	run()
	// modifyBy changes what a modify-subscription asks for; the rest stays.
	modifyBy(*request) error
	// refilter goes on by the filter that the configuration has by now, where the subscription refers to one.
	refilter(config *tree.Node)
	// describe says what it is of. def is an entry of /subscriptions, or a notification with the same leaves.
	describe(d describer, def *schema.Node)
}

// dynamic are the subscriptions by establish-subscription, of all sessions.
type dynamic struct {
	mu   sync.Mutex // guards what follows
	last uint32
	open map[uint32]subscription
}

// admit finds out whether a session may have another subscription, which remove or a failed attempt gives back.
func (x *session) admit() error {
	x.subs.mu.Lock()
	defer x.subs.mu.Unlock()
	switch {
	case x.subs.stream:
		return &tree.Error{Tag: tree.NotSupported, Protocol: true, Message: "the session has a subscription by create-subscription, which excludes others (RFC 8640 section 3)"}
	case x.subs.others >= maxPerSession:
		return subscriptionError(tree.ResourceDenied, "insufficient-resources", fmt.Sprintf("the session has %d subscriptions, which is all it may have", maxPerSession))
	}
	x.subs.others++
	return nil
}

// add gives a subscription its number.
func (d *dynamic) add(s subscription) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for {
		d.last++
		if d.last != 0 && d.open[d.last] == nil {
			break
		}
	}
	if d.open == nil {
		d.open = map[uint32]subscription{}
	}
	s.common().id = d.last
	d.open[d.last] = s
}

func (d *dynamic) remove(s subscription) {
	of := s.common()
	of.session.subs.mu.Lock()
	of.session.subs.others--
	of.session.subs.mu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.open, of.id)
}

// find returns the subscription that a request names; of is the session that it must be of, or nil.
func (d *dynamic) find(r *request, of *session) (subscription, error) {
	id, _ := strconv.ParseUint(r.value("id"), 10, 32)
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.open[uint32(id)]
	if s == nil || s.common().ctx.Err() != nil || of != nil && s.common().session != of { // one that was ended may not have left yet
		return nil, subscriptionError(tree.InvalidValue, "no-such-subscription", fmt.Sprintf("there is no subscription %d of this session", id))
	}
	return s, nil
}

func (d *dynamic) list() []subscription {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []subscription
	for _, s := range d.open {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b subscription) int { return cmp.Compare(a.common().id, b.common().id) })
	return list
}

// establishSubscription begins a subscription of the session (RFC 8639 section 2.4.2).
func (r *request) establishSubscription() (answer, error) {
	if encoding, given := r.given("encoding"); given && encoding != xmlEncoding {
		return nil, subscriptionError(tree.InvalidValue, "encoding-unsupported", "notifications are encoded as XML (encode-xml)")
	}
	if _, push := r.given("datastore"); push {
		return r.establishPush()
	}
	return r.establishStream()
}

func (r *request) establishStream() (answer, error) {
	x, events := r.session, r.server.events
	if name := r.value("stream"); name != stream {
		return nil, subscriptionError(tree.InvalidValue, "stream-unavailable", "there is no such stream; there is "+stream)
	}
	if err := r.without("periodic", "on-change"); err != nil {
		return nil, err
	}
	t, err := r.streamTerms(streamTerms{})
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
	if err := x.admit(); err != nil {
		return nil, err
	}
	sub := newStreamSubscription(x, t)
	sub.begin(events, start)
	from := events.Size().Since()
	return r.established(sub, func(w *replyWriter) {
		if replay && start.Before(from) {
			w.output(r, "replay-start-time-revision", eventTime(from))
		}
	}), nil
}

// established answers with the number of a new subscription, and starts it. more writes what else there is to say.
func (r *request) established(s subscription, more func(*replyWriter)) answer {
	r.server.dynamic.add(s)
	s.refilter(r.server.store.Running().Root) // in case that it has changed meanwhile
	return func(w *replyWriter) error {
		r.session.subscribe(s.run)
		w.output(r, "id", strconv.FormatUint(uint64(s.common().id), 10))
		more(w)
		return nil
	}
}

// output writes a leaf of the output of an operation.
func (w *replyWriter) output(r *request, name, value string) {
	w.raw("<" + name)
	w.attr("xmlns", r.def.Module.Namespace)
	w.text(value)
	w.raw("</" + name + ">")
}

// without refuses parameters that belong to the other kind of target.
func (r *request) without(parameters ...string) error {
	for _, name := range parameters {
		if r.input.ChildNamed(name) != nil {
			return protocolError(tree.BadElement, name, name+" does not go with what is subscribed to")
		}
	}
	return nil
}

// streamTerms reads what a request wants of a subscription to the stream; what it does not say stays.
func (r *request) streamTerms(t streamTerms) (streamTerms, error) {
	if stop, given := r.time("stop-time"); given {
		t.stop = stop
	}
	if r.filter != nil {
		t.filter, t.written, t.name = r.filter, filterText{}, ""
	}
	written, name, given, err := r.writtenFilter("stream-xpath-filter", "stream-filter-name", "stream-filter")
	if err != nil || !given {
		return t, err
	}
	f, err := written.compile(r.server, filter.EventXPath)
	if err != nil {
		return t, r.unsupportedFilter(err)
	}
	t.filter, t.written, t.name = f, written, name
	return t, nil
}

// modifySubscription changes a subscription (RFC 8639 section 2.4.3).
func (r *request) modifySubscription() (answer, error) {
	sub, err := r.server.dynamic.find(r, r.session)
	if err != nil {
		return nil, err
	}
	if err := sub.modifyBy(r); err != nil {
		return nil, err
	}
	return func(w *replyWriter) error {
		if r.then != nil {
			r.then()
		}
		return ok(w)
	}, nil
}

// deleteSubscription ends a subscription of the session (RFC 8639 section 2.4.4).
func (r *request) deleteSubscription() (answer, error) {
	sub, err := r.server.dynamic.find(r, r.session)
	if err != nil {
		return nil, err
	}
	r.server.log.Info("a subscription is deleted", "subscription", sub.common().id, "session", r.session.id)
	sub.common().cancel()
	return ok, nil
}

// killSubscription ends a subscription of any session (RFC 8639 section 2.4.5).
func (r *request) killSubscription() (answer, error) {
	sub, err := r.server.dynamic.find(r, nil)
	if err != nil {
		return nil, err
	}
	r.server.log.Info("a subscription is killed", "subscription", sub.common().id, "of", sub.common().session.id, "by", r.session.id)
	sub.common().end(subscribed + ":no-such-subscription")
	return ok, nil
}
