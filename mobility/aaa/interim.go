package aaa

import (
	"maps"
	"slices"
	"time"

	"layeh.com/radius/rfc2866"
)

// appoint gives the session of a tunnel a time for its next Interim-Update.
func (a *anchor) appoint(s *Session, now time.Time) {
	s.tunnel.due = time.Time{}
	if a.Interim > 0 {
		s.tunnel.due = now.Add(a.Interim)
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
	for len(a.interim) > 0 && a.tunnels[a.interim[0].tunnel.id] != a.interim[0] {
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
		if s := a.next(); s != nil && (!ok || s.tunnel.due.Before(at)) {
			at, ok = s.tunnel.due, true
		}
	}
	return at, ok
}

// Advance makes the Interim-Updates that are due. Nodes have none (feature LMA-16).
func (l *Ledger) Advance(now time.Time, out *Changes) {
	for _, name := range slices.Sorted(maps.Keys(l.anchors)) {
		a := l.anchors[name]
		for s := a.next(); s != nil && !s.tunnel.due.After(now); s = a.next() {
			s.read(l.meter)
			l.record(now, a, s, rfc2866.AcctStatusType_Value_InterimUpdate, nil, out)
			out.Open = append(out.Open, s)
			a.interim = a.interim[1:]
			due := s.tunnel.due.Add(a.Interim) // from when it was due, so that the interval is kept
			if due.Before(now) {
				due = now.Add(a.Interim)
			}
			s.tunnel.due = due
			a.interim = append(a.interim, s)
		}
	}
}

// neighbours are sessions with successive numbers, of which some stand together on a page of the disk: to write one costs as much as to write all.
const neighbours = 16

// Checkpoint reads the counters of sessions, so that little is lost when this process is killed; of all of them, or of a share i of n.
func (l *Ledger) Checkpoint(i, n uint64, out *Changes) {
	for s := range l.Sessions {
		if s.number/neighbours%n == i && s.read(l.meter) {
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
		for s := range a.nodes.All() {
			if !yield(s) {
				return
			}
		}
	}
}

// MultiSession is the Acct-Multi-Session-Id of a session: what the sessions of nodes have in common with that of their tunnel.
func (l *Ledger) MultiSession(s *Session) string {
	if t := s.anchor.tunnels[s.Tunnel()]; t != nil {
		return t.ID()
	}
	return s.ID()
}

// Session returns the open session of an Acct-Session-Id, or nil.
func (l *Ledger) Session(id string) *Session {
	number, ok := SessionNumber(l.birth, id)
	if !ok {
		return nil
	}
	return l.numbers.Find(spread(number), func(s *Session) bool { return s.number == number })
}
