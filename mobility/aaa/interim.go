package aaa

import (
	"maps"
	"slices"
	"time"

	"layeh.com/radius/rfc2866"
)

// appoint gives the session of a tunnel a time for its next Interim-Update.
func (a *anchor) appoint(s *Session, now time.Time) {
	s.due = time.Time{}
	if a.Interim > 0 {
		s.due = now.Add(a.Interim)
		a.interim = append(a.interim, s)
	}
}

// schedule makes new appointments for all tunnels.
func (a *anchor) schedule(now time.Time) {
	a.interim = nil
	for _, id := range slices.SortedFunc(maps.Keys(a.tunnels), compareTunnels) {
		a.appoint(a.tunnels[id], now)
	}
}

// next returns the session whose update is due first, or nil.
func (a *anchor) next() *Session {
	for len(a.interim) > 0 && a.tunnels[a.interim[0].Tunnel] != a.interim[0] {
		a.interim[0], a.interim = nil, a.interim[1:] // it ended
	}
	if len(a.interim) == 0 {
		return nil
	}
	return a.interim[0]
}

// Deadline returns when Advance has something to do, at the latest.
func (l *Ledger) Deadline() (at time.Time, ok bool) {
	for _, a := range l.anchors {
		if s := a.next(); s != nil && (!ok || s.due.Before(at)) {
			at, ok = s.due, true
		}
	}
	return at, ok
}

// Advance makes the Interim-Updates that are due. Nodes have none (feature LMA-16).
func (l *Ledger) Advance(now time.Time, out *Changes) {
	for _, name := range slices.Sorted(maps.Keys(l.anchors)) {
		a := l.anchors[name]
		for s := a.next(); s != nil && !s.due.After(now); s = a.next() {
			s.read(l.meter)
			l.record(now, a, s, rfc2866.AcctStatusType_Value_InterimUpdate, nil, out)
			out.Open = append(out.Open, s)
			a.interim = a.interim[1:]
			due := s.due.Add(a.Interim) // from when it was due, so that the interval is kept
			if due.Before(now) {
				due = now.Add(a.Interim)
			}
			s.due = due
			a.interim = append(a.interim, s)
		}
	}
}

// Checkpoint reads the counters of sessions, so that little is lost when this process is killed; of all of them, or of every n-th, starting
// with the i-th by their numbers.
func (l *Ledger) Checkpoint(i, n uint64, out *Changes) {
	for s := range l.Sessions {
		number := uint64(s.Binding)
		if s.Kind == Tunnel {
			number = 0 // there are few
		}
		if (number%n == i || s.Kind == Tunnel && i == 0) && s.read(l.meter) {
			out.Open = append(out.Open, s)
		}
	}
}

// Sessions yields the open sessions. They belong to the ledger.
func (l *Ledger) Sessions(yield func(*Session) bool) {
	for _, name := range slices.Sorted(maps.Keys(l.anchors)) {
		a := l.anchors[name]
		for _, s := range a.tunnels {
			if !yield(s) {
				return
			}
		}
		for _, s := range a.nodes {
			if !yield(s) {
				return
			}
		}
	}
}

// MultiSession is the Acct-Multi-Session-Id of a session: what the sessions of nodes have in common with that of their tunnel.
func (l *Ledger) MultiSession(s *Session) string {
	if a := l.anchors[s.Anchor]; a != nil && a.tunnels[s.Tunnel] != nil {
		return a.tunnels[s.Tunnel].ID
	}
	return s.ID
}

// Session returns the open session of an Acct-Session-Id, or nil.
func (l *Ledger) Session(id string) *Session { return l.byID[id] }
