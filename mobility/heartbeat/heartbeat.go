// Package heartbeat finds out whether a peer can be reached, and whether it has lost its bindings, for LMAs and MAGs alike. It is told what
// the time is and what arrives, and says what is to be sent; addresses and keys are the business of the machines.
//
// RFC 5847.
package heartbeat

import (
	"container/heap"
	"time"

	"mooring/mobility"
	"mooring/mobility/wire"
)

// Health says whether a path works.
type Health uint8

// The states of a path.
const (
	Unknown Health = iota // nobody asks, or nothing was answered yet
	Up
	Down
)

// State describes a path to an operator.
type State struct {
	Health         Health
	Changed        time.Time // of Health; zero: never
	Turned         time.Time // when it became Down, or ended to be; zero: never
	Began          time.Time // when the numbers below began at 0; zero: nothing was counted yet
	Sent           uint64    // requests
	Responses      uint64    // that came in time
	Requests       uint64    // received and answered
	Missed         int       // requests in a row that were not answered
	RoundTrip      time.Duration
	LastResponse   time.Time // zero: there was none
	RestartCounter uint32    // that the peer stated last
	Stated         bool      // RestartCounter is one
}

// Path is one way to a peer. The zero value with an Owner is a path that nobody watches.
type Path[T any] struct {
	State
	Owner T

	timers   mobility.Heartbeat
	place    int // in the heap, counted from 1; 0: it is not watched
	seq      uint32
	sentAt   time.Time // of the last request
	next     time.Time // when the next request is due
	asked    bool      // the last request was not answered yet, in time or late
	waiting  bool      // it still can be in time
	attested time.Time // when RestartCounter was stated last
	deaf     bool      // the peer does not know of heartbeats
}

// Watched says whether requests are sent over the path.
func (p *Path[T]) Watched() bool { return p.place != 0 }

// due is when the path has something to do.
func (p *Path[T]) due() time.Time {
	if p.waiting {
		if late := p.sentAt.Add(p.timers.Timeout); late.Before(p.next) {
			return late
		}
	}
	return p.next
}

// Monitor sends requests over paths. One goroutine uses it; the zero value watches none.
type Monitor[T any] struct {
	Changed func(*Path[T]) // is told when a path has another health; nil: nobody is

	paths paths[T]
}

// Watch begins to send requests, the first at once, or goes on with other times.
func (m *Monitor[T]) Watch(now time.Time, p *Path[T], timers mobility.Heartbeat) {
	switch {
	case p.deaf || p.Watched() && p.timers == timers:
		return
	case !p.Watched():
		p.timers, p.next = timers, now
		heap.Push(&m.paths, p)
		return
	}
	p.timers = timers
	if next := now.Add(timers.Interval); next.Before(p.next) {
		p.next = next
	}
	heap.Fix(&m.paths, p.place-1)
}

// Ignore ends the requests. What is known of the restart counter of the peer stays.
func (m *Monitor[T]) Ignore(now time.Time, p *Path[T]) {
	if !p.Watched() {
		return
	}
	heap.Remove(&m.paths, p.place-1)
	p.waiting, p.asked, p.Missed = false, false, 0
	m.become(now, p, Unknown)
}

// Deadline returns when Due has something to say.
func (m *Monitor[T]) Deadline() (at time.Time, ok bool) {
	if len(m.paths) == 0 {
		return time.Time{}, false
	}
	return m.paths[0].due(), true
}

// Due returns a path that has something to do, or nil when none has. Over it a request with the number seq is to be sent, or it has just
// gone down, or neither.
func (m *Monitor[T]) Due(now time.Time) (p *Path[T], seq uint32, send, down bool) {
	if at, ok := m.Deadline(); !ok || at.After(now) {
		return nil, 0, false, false
	}
	p = m.paths[0]
	if p.waiting { // its time is over, or that of the next request has come (RFC 5847 section 3.1)
		p.waiting = false
		p.Missed++
		down = p.Missed > p.timers.Retries && m.become(now, p, Down)
	}
	if send = !p.next.After(now); send {
		p.seq++
		p.sentAt, p.next = now, now.Add(p.timers.Interval)
		p.asked, p.waiting = true, true
		p.count(now, &p.Sent)
	}
	heap.Fix(&m.paths, 0)
	return p, p.seq, send, down
}

// Outcome is what a response tells.
type Outcome struct {
	Up        bool      // the path works again after it was down
	Restarted bool      // the peer has lost what it knew at Before
	Before    time.Time // when the peer stated the restart counter that it had before
}

// Response takes in a response that came over the path, and says whether one was expected. A late one shows as well that the peer lives. An unsolicited
// one is about the restart alone (RFC 5847 section 3.2).
func (m *Monitor[T]) Response(now time.Time, p *Path[T], r *wire.Heartbeat) (out Outcome, expected bool) {
	if r.Flags&wire.HeartbeatU == 0 {
		if !p.asked || r.Seq != p.seq {
			return out, false
		}
		if p.waiting {
			p.Responses++
		}
		p.asked, p.waiting, p.Missed = false, false, 0
		p.RoundTrip, p.LastResponse = now.Sub(p.sentAt), now
		was := p.Health
		out.Up = m.become(now, p, Up) && was == Down
		heap.Fix(&m.paths, p.place-1)
	}
	if r.RestartCounter.Set {
		out.Restarted = p.Stated && p.RestartCounter != r.RestartCounter.Value
		out.Before = p.attested
		p.RestartCounter, p.Stated, p.attested = r.RestartCounter.Value, true, now
	}
	return out, true
}

// NotUnderstood takes in that the peer does not know what a heartbeat is: it gets none any more (RFC 5847 section 3, RFC 6275 section 9.3.3). It reports whether
// one was on its way.
func (m *Monitor[T]) NotUnderstood(now time.Time, p *Path[T]) bool {
	if !p.asked {
		return false
	}
	p.deaf = true
	m.Ignore(now, p)
	return true
}

// Deaf reports whether the peer does not know what a heartbeat is.
func (p *Path[T]) Deaf() bool { return p.deaf }

// Requested counts a request that was received and answered.
func (p *Path[T]) Requested(now time.Time) { p.count(now, &p.Requests) }

func (p *Path[T]) count(now time.Time, n *uint64) {
	if p.Began.IsZero() {
		p.Began = now
	}
	*n++
}

// become notes the health of a path, and reports whether it is another one.
func (m *Monitor[T]) become(now time.Time, p *Path[T], h Health) bool {
	if p.Health == h {
		return false
	}
	if h == Down || p.Health == Down {
		p.Turned = now
	}
	p.Health, p.Changed = h, now
	if m.Changed != nil {
		m.Changed(p)
	}
	return true
}

// paths is a heap by the time that each has something to do.
type paths[T any] []*Path[T]

func (h paths[T]) Len() int           { return len(h) }
func (h paths[T]) Less(i, j int) bool { return h[i].due().Before(h[j].due()) }
func (h paths[T]) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i+1, j+1
}

func (h *paths[T]) Push(x any) {
	p := x.(*Path[T])
	*h = append(*h, p)
	p.place = len(*h)
}

func (h *paths[T]) Pop() any {
	last := len(*h) - 1
	p := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	p.place = 0
	return p
}
