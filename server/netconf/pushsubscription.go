package netconf

import (
	"time"

	"mooring/server/netconf/filter"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// pushSubscription sends what a datastore holds, again and again, or what changes in it (RFC 8641).
type pushSubscription struct {
	*subscriber
	*agreed[pushTerms]
	updates updates
}

// updates are what a subscription sends. One goroutine uses them.
type updates interface {
	// turn sends what is to be sent now, and says what the next turn waits for. An error says that the session has ended.
	turn(pushTerms) (wake, error)
	close()
}

// wake is what a turn waits for; what is nil or zero does not come.
type wake struct {
	at                   time.Time
	rows, commit, resync <-chan struct{}
}

// establishPush begins a subscription to a datastore.
func (r *request) establishPush() (answer, error) {
	if err := r.without("stream-filter-name", "stream-xpath-filter", "replay-start-time"); err != nil {
		return nil, err
	}
	if r.input.ChildNamed("periodic") == nil && r.input.ChildNamed("on-change") == nil {
		return nil, protocolError(tree.MissingElement, "periodic", "it is not said when updates are wanted; say periodic or on-change")
	}
	name, _ := r.given("datastore")
	t, err := r.pushTerms(pushTerms{datastore: unqualified(name)})
	if err != nil {
		return nil, err
	}
	if err := r.session.admit(); err != nil {
		return nil, err
	}
	s := &pushSubscription{subscriber: newSubscriber(r.session), agreed: newAgreed(t)}
	if t.period > 0 {
		s.updates = &periodicUpdates{of: s}
	} else {
		s.updates = newChangeUpdates(s, t)
	}
	return r.established(s, func(*replyWriter) {}), nil
}

// modifyBy implements subscription.
func (s *pushSubscription) modifyBy(r *request) error {
	before := s.now()
	name, _ := r.given("datastore")
	if unqualified(name) != before.datastore {
		return protocolError(tree.InvalidValue, "datastore", "the subscription is to datastore "+before.datastore+" and stays so")
	}
	other := "on-change"
	if before.period == 0 {
		other = "periodic"
	}
	if err := r.without(other); err != nil {
		return err
	}
	after, err := r.pushTerms(before)
	if err != nil {
		return err
	}
	r.then = func() { s.modify(after, false) } // updates of the new terms follow the reply
	return nil
}

// refilter implements subscription.
func (s *pushSubscription) refilter(config *tree.Node) {
	t := s.now()
	if t.name == "" {
		return
	}
	server := s.session.server
	written, err := namedFilter(config, "selection-filter", t.name)
	if err == nil && written == t.written {
		return
	}
	if err == nil {
		t.written = written
		t.filter, err = written.compile(server, filter.XPath)
	}
	if err == nil && t.period == 0 && t.datastore == "operational" && server.state != nil {
		err = t.filter.Followable(server.state)
	}
	if err != nil {
		s.end(subscribed + ":filter-unavailable")
		return
	}
	s.modify(t, true)
}

// describe implements subscription.
func (s *pushSubscription) describe(d describer, def *schema.Node) {
	t := s.now()
	t.describe(d, def)
}

// resyncSubscription sends everything that a subscription selects (RFC 8641 section 4.4.4).
func (r *request) resyncSubscription() (answer, error) {
	sub, _ := r.server.dynamic.find(r, r.session)
	s, known := sub.(*pushSubscription)
	if !known {
		return nil, pushError(tree.InvalidValue, "no-such-subscription-resync", "the session has no such subscription to a datastore")
	}
	changes, tells := s.updates.(*changeUpdates)
	if !tells || !s.now().sync {
		return nil, pushError(tree.NotSupported, "on-change-sync-unsupported", "only a subscription on change that did not renounce push-update (sync-on-start) can be resynchronized")
	}
	return func(w *replyWriter) error {
		changes.askForAll() // it follows the reply
		return ok(w)
	}, nil
}

// run implements subscription.
func (s *pushSubscription) run() {
	defer s.cancel()
	err := s.send()
	s.updates.close()
	s.finish(s, err)
}

// send sends updates until the subscription ends. An error says that the session has.
func (s *pushSubscription) send() error {
	for {
		t, tell, changed := s.take()
		if tell {
			if err := s.notice("subscription-modified", func(n *notice) { s.describe(described{n}, n.def) }); err != nil {
				return err
			}
		}
		if !t.stop.IsZero() && !time.Now().Before(t.stop) {
			return nil
		}
		next, err := s.updates.turn(t)
		if err != nil {
			return err
		}
		if !t.stop.IsZero() && (next.at.IsZero() || t.stop.Before(next.at)) {
			next.at = t.stop
		}
		if s.ctx.Err() != nil {
			return nil
		}
		s.wait(next, changed)
	}
}

func (s *pushSubscription) wait(next wake, changed <-chan struct{}) {
	var at <-chan time.Time
	if !next.at.IsZero() {
		timer := time.NewTimer(time.Until(next.at))
		defer timer.Stop()
		at = timer.C
	}
	select {
	case <-at:
	case <-next.rows:
	case <-next.commit:
	case <-next.resync:
	case <-changed:
	case <-s.ctx.Done():
	}
}

// read says how the datastore is read, which is as get-data does. running is the configuration that runs.
func (s *pushSubscription) read(t pushTerms, running *tree.Node) filter.Read {
	x := s.session
	read := filter.Read{Config: running, Filter: t.filter, Access: x.server.access.For(x.user), Conditions: x.server.store.ConditionsHold, Budget: x.server.limits.Expression}
	switch t.datastore {
	case "operational":
		read.State, read.Defaults = x.server.state, tree.ReportInUse
		if t.period == 0 && read.State != nil {
			read.Without = x.server.ticking()
		}
	case "candidate":
		read.Config = x.store.Candidate().Root()
	}
	return read
}
