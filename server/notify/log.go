package notify

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// Limits bound what a Log keeps; zero takes the default.
type Limits struct {
	Events int // default 10,000
	Octets int // of memory, roughly; default 16 MiB
}

// Log holds the events that happened last. Its methods may be called concurrently.
type Log struct {
	schema  *schema.Schema
	limits  Limits
	created time.Time

	mu     sync.Mutex // guards what follows
	events []*Event   // the oldest first; without a gap in their numbers
	last   uint64     // number of the newest event there ever was
	octets int
	aged   time.Time     // of the event dropped last
	woken  chan struct{} // closed at each event

	told    uint64        // number of the commit that was told last
	telling chan struct{} // closed at each commit that is told; nil: nobody tells of commits
}

// NewLog returns an empty Log for notifications of a schema.
func NewLog(s *schema.Schema, limits Limits) *Log {
	limits = Limits{Events: cmp.Or(limits.Events, 10_000), Octets: cmp.Or(limits.Octets, 16<<20)}
	return &Log{schema: s, limits: limits, created: time.Now(), woken: make(chan struct{})}
}

// Schema is that of the events.
func (l *Log) Schema() *schema.Schema { return l.schema }

// Add adds an event, which happened at that time. A definition that is nil belongs to a feature that the element lacks:
// nothing is added. keys are those of all lists on the way to the notification, the outermost first; fill, unless nil, adds
// what it holds. Add waits for nobody.
func (l *Log) Add(at time.Time, def *schema.Node, keys []string, fill func(*tree.Builder)) {
	if def == nil {
		return
	}
	e := newEvent(at, def, keys, fill)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	e.ID = l.last
	l.events = append(l.events, e)
	l.octets += e.octets
	for len(l.events) > 1 && (len(l.events) > l.limits.Events || l.octets > l.limits.Octets) {
		l.octets -= l.events[0].octets
		l.aged = l.events[0].Time
		l.events[0] = nil
		l.events = l.events[1:]
	}
	close(l.woken)
	l.woken = make(chan struct{})
}

// Reader is a place in a Log. It is for one goroutine.
type Reader struct {
	log  *Log
	next uint64 // number of the event that is read next
}

// Read begins with the event that happens next.
func (l *Log) Read() *Reader {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &Reader{l, l.last + 1}
}

// Replay begins with the first event since that time which the log still holds. Events up to the number last, which Replay
// also returns, have happened already.
func (l *Log) Replay(since time.Time) (r *Reader, last uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.IndexFunc(l.events, func(e *Event) bool { return !e.Time.Before(since) })
	if i < 0 {
		i = len(l.events)
	}
	return &Reader{l, l.oldest() + uint64(i)}, l.last
}

// oldest is the number of the oldest event that the log holds; mu is held.
func (l *Log) oldest() uint64 { return l.last + 1 - uint64(len(l.events)) }

// Next returns the next event, or nil when there is none yet: then woken is closed when there may be one. lost is how many
// events before it were dropped from the log before they were read.
func (r *Reader) Next() (e *Event, lost uint64, woken <-chan struct{}) {
	l := r.log
	l.mu.Lock()
	defer l.mu.Unlock()
	oldest := l.oldest()
	if r.next < oldest {
		lost, r.next = oldest-r.next, oldest
	}
	if r.next > l.last {
		return nil, 0, l.woken
	}
	e = l.events[r.next-oldest]
	r.next++
	return e, lost, nil
}

// Size says what a Log holds.
type Size struct {
	Events, Octets int
	Limits         Limits
	Created        time.Time
	Aged           time.Time // when the event happened that was dropped last; zero: none was
}

// Size says what the log holds.
func (l *Log) Size() Size {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Size{len(l.events), l.octets, l.limits, l.created, l.aged}
}

// Since is the time from which on the log has everything.
func (s Size) Since() time.Time {
	if s.Aged.IsZero() {
		return s.Created
	}
	return s.Aged.Add(time.Microsecond)
}
