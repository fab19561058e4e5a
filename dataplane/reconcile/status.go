package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"mooring/dataplane"
)

// Status is the forwarding state as a whole.
type Status struct {
	Sessions, Objects int
	Pending, Failed   int            // of the objects
	Failures          []ObjectStatus // the failed objects, the longest failing first; at most MaxFailures
}

// MaxFailures bounds Status.Failures.
const MaxFailures = 100

// TunnelStatus is one tunnel as it is wanted and as it is.
type TunnelStatus struct {
	ID       dataplane.TunnelID
	Sessions int // that use it
	State    State
	Err      error
	Since    time.Time // of State
	dataplane.TunnelState
}

// ObjectStatus is one object of the host.
type ObjectStatus struct {
	Object   dataplane.Object
	Unwanted bool // it is to be removed
	State    State
	Err      error
	Since    time.Time // of State
	Tries    int       // that failed in a row
	RetryAt  time.Time
}

// SessionStatus is what became of a session.
type SessionStatus struct {
	State   State
	Err     error // why State is Failed
	Objects []ObjectStatus
}

// Status returns the present state. It costs the number of objects where any has failed.
func (r *Reconciler) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := Status{
		Sessions: r.plan.sessions.Len(), Objects: r.plan.routes.Len() + len(r.plan.others),
		Pending: r.plan.counts[Pending], Failed: r.plan.counts[Failed],
	}
	if s.Failed == 0 {
		return s
	}
	for it := range r.plan.all {
		if it.state == Failed {
			s.Failures = append(s.Failures, it.objectStatus())
		}
	}
	slices.SortFunc(s.Failures, func(a, b ObjectStatus) int {
		if c := a.Since.Compare(b.Since); c != 0 {
			return c
		}
		return cmp.Compare(fmt.Sprint(a.Object), fmt.Sprint(b.Object))
	})
	s.Failures = s.Failures[:min(len(s.Failures), MaxFailures)]
	return s
}

// Tunnels returns every tunnel, sorted by identifier, and the drops of packets that no tunnel could be named for. It costs the number
// of tunnels, however many sessions share them.
func (r *Reconciler) Tunnels() ([]TunnelStatus, dataplane.Drops) {
	states, drops := r.plane.Tunnels()
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]TunnelStatus, 0, len(r.plan.tunnels))
	for id, it := range r.plan.tunnels {
		list = append(list, TunnelStatus{id, it.sessions(), it.state, it.few().err, it.sinceTime(), states[id]})
	}
	slices.SortFunc(list, func(a, b TunnelStatus) int { return compareTunnels(a.ID, b.ID) })
	return list, drops
}

func compareTunnels(a, b dataplane.TunnelID) int {
	return cmp.Or(cmp.Compare(a.VRF, b.VRF), a.Local.Compare(b.Local), a.Peer.Compare(b.Peer),
		cmp.Compare(a.Port, b.Port), cmp.Compare(a.Encap, b.Encap))
}

// Session returns the state of a session, and whether there is one.
func (r *Reconciler) Session(id dataplane.SessionID) (SessionStatus, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.plan.session(id)
	if s == nil {
		return SessionStatus{}, false
	}
	var status SessionStatus
	for _, it := range s.items {
		status.Objects = append(status.Objects, it.objectStatus())
	}
	err, known := s.outcome()
	switch {
	case err != nil:
		status.State, status.Err = Failed, err
	case known:
		status.State = Installed
	}
	return status, true
}

// Counts says how many objects are in each State.
func (r *Reconciler) Counts() (pending, installed, failed int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := &r.plan.counts
	return c[Pending], c[Installed], c[Failed]
}

// Objects returns the state of everything that the configuration wants of itself, of tunnels, and of what the host has refused, in no order.
// It costs their number, however many objects bindings cause.
func (r *Reconciler) Objects() []ObjectStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	listed := map[*item]bool{}
	for key := range r.plan.config {
		listed[r.plan.find(key)] = true
	}
	for _, it := range r.plan.tunnels {
		listed[it] = true
	}
	for _, again := range r.plan.retries {
		if again.valid() {
			listed[again.item] = true
		}
	}
	list := make([]ObjectStatus, 0, len(listed))
	for it := range listed {
		list = append(list, it.objectStatus())
	}
	return list
}

// Object returns the state of the object of a key, and whether it is wanted, or still to be removed.
func (r *Reconciler) Object(key any) (ObjectStatus, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	it := r.plan.find(key)
	if it == nil {
		return ObjectStatus{}, false
	}
	return it.objectStatus(), true
}

func (it *item) objectStatus() ObjectStatus {
	few := it.few()
	return ObjectStatus{it.object(), !it.wanted, it.state, few.err, it.sinceTime(), few.tries, few.retryAt}
}
