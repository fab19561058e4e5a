package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"mooring/dataplane"
)

// Status is what operators see of the forwarding state.
type Status struct {
	Sessions, Objects int
	Pending, Failed   int             // of the objects
	Drops             dataplane.Drops // of packets that no tunnel could be named for
	Tunnels           []TunnelStatus  // sorted by identifier
	Failures          []ObjectStatus  // the failed objects, the longest failing first; at most MaxFailures
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

// Status returns the present state.
func (r *Reconciler) Status() Status {
	tunnels, drops := r.plane.Tunnels()
	r.mu.Lock()
	defer r.mu.Unlock()
	s := Status{Sessions: len(r.plan.sessions), Objects: len(r.plan.items), Drops: drops}
	for _, it := range r.plan.items {
		switch it.state {
		case Pending:
			s.Pending++
		case Failed:
			s.Failed++
			s.Failures = append(s.Failures, it.objectStatus())
		}
		if tunnel, ok := it.object.(dataplane.Tunnel); ok {
			s.Tunnels = append(s.Tunnels, TunnelStatus{tunnel.ID, it.sessions(), it.state, it.err, it.since, tunnels[tunnel.ID]})
		}
	}
	slices.SortFunc(s.Tunnels, func(a, b TunnelStatus) int { return compareTunnels(a.ID, b.ID) })
	slices.SortFunc(s.Failures, func(a, b ObjectStatus) int {
		if c := a.Since.Compare(b.Since); c != 0 {
			return c
		}
		return cmp.Compare(fmt.Sprint(a.Object), fmt.Sprint(b.Object))
	})
	s.Failures = s.Failures[:min(len(s.Failures), MaxFailures)]
	return s
}

func compareTunnels(a, b dataplane.TunnelID) int {
	return cmp.Or(cmp.Compare(a.VRF, b.VRF), a.Local.Compare(b.Local), a.Peer.Compare(b.Peer),
		cmp.Compare(a.Port, b.Port), cmp.Compare(a.Encap, b.Encap))
}

// Session returns the state of a session, and whether there is one.
func (r *Reconciler) Session(id dataplane.SessionID) (SessionStatus, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.plan.sessions[id]
	if s == nil {
		return SessionStatus{}, false
	}
	var status SessionStatus
	for _, it := range s.items {
		status.Objects = append(status.Objects, it.objectStatus())
	}
	err, known := r.plan.outcome(id, s)
	switch {
	case err != nil:
		status.State, status.Err = Failed, err
	case known:
		status.State = Installed
	}
	return status, true
}

func (it *item) objectStatus() ObjectStatus {
	return ObjectStatus{it.object, !it.wanted, it.state, it.err, it.since, it.tries, it.retryAt}
}
