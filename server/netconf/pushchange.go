package netconf

import (
	"sync/atomic"
	"time"

	"mooring/server/access"
	"mooring/server/netconf/filter"
	"mooring/server/netconf/push"
	"mooring/server/tree"
)

// changeUpdates sends what changes. What has changed while nothing may be sent, or while the client did not read, is told as it is by
// then.
type changeUpdates struct {
	of      *pushSubscription
	filter  *filter.Filter // that the tracker follows by
	tracker *push.Tracker
	due     time.Time     // when the next update may be sent
	patches uint32        // sent since the last push-update
	owed    bool          // everything is to be sent
	failed  *tree.Node    // the configuration in which the filter could not be evaluated
	all     atomic.Bool   // the client asks for everything
	asked   chan struct{} // receives when it does
}

func newChangeUpdates(s *pushSubscription, t pushTerms) *changeUpdates {
	u := &changeUpdates{of: s, asked: make(chan struct{}, 1)}
	u.follow(t)
	return u
}

// follow begins anew: with everything, unless that is not wanted.
func (u *changeUpdates) follow(t pushTerms) {
	u.close()
	x := u.of.session
	o := push.Options{
		Running: func() *tree.Node { return x.server.store.Running().Root },
		Access:  func() *access.Access { return x.server.access.For(x.user) },
		Read:    u.of.read(t, nil),
	}
	if t.datastore == "operational" {
		o.State = x.server.state
	}
	u.filter, u.tracker, u.owed, u.failed = t.filter, push.New(o), t.sync, nil
	if !t.sync {
		u.tracker.Begin(u.of.ctx) // what changes from now on is told
	}
}

func (u *changeUpdates) close() {
	if u.tracker != nil {
		u.tracker.Close()
	}
}

// askForAll makes the next turn send everything.
func (u *changeUpdates) askForAll() {
	u.all.Store(true)
	select {
	case u.asked <- struct{}{}:
	default:
	}
}

// turn implements updates.
func (u *changeUpdates) turn(t pushTerms) (wake, error) {
	if t.filter != u.filter {
		u.follow(t)
	}
	_, commit := u.of.session.server.store.Watch()
	more := u.tracker.Look(time.Now())
	if u.all.Swap(false) {
		u.owed = true
	}
	if err := u.tell(t); err != nil {
		return wake{}, err
	}
	next := wake{rows: u.tracker.Ready(), commit: commit, resync: u.asked}
	switch {
	case u.tracker.Changed() && u.tracker.Config() != u.failed: // it waited, even if the time has come meanwhile
		next.at = u.due
	case more:
		next.at = time.Now()
	}
	return next, nil
}

// waits reports whether there is something to tell that may not be told yet.
func (u *changeUpdates) waits() bool {
	return u.tracker.Changed() && time.Now().Before(u.due)
}

// tell tells what is to be told now.
func (u *changeUpdates) tell(t pushTerms) error {
	root := u.tracker.Config()
	if root == u.failed {
		return nil
	}
	var told bool
	var err error
	switch {
	case u.owed:
		u.tracker.Begin(u.of.ctx)
		if told, err = u.of.tellAll(u.of.read(t, u.tracker.Config())); told {
			u.owed, u.patches = false, 0
		}
	case !u.tracker.Changed() || u.waits():
		return nil
	default:
		told, err = u.of.tellChanges(u.tracker, t.excluded, &u.patches)
	}
	if told {
		u.due = time.Now().Add(t.dampening)
	}
	if u.failed = nil; u.of.suspended.Load() {
		u.failed = root
	}
	return err
}
