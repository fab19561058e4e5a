package engine

import (
	"sync"
	"sync/atomic"
	"time"

	"mooring/mobility"
)

// Event is something that happened to a machine, for notifications. A sink that is too slow misses some; who may not miss
// anything follows the table (binding.Table.Follow), which forgets nothing but what was overtaken.
type Event struct {
	At      time.Time
	Machine Name
	mobility.Event
}

// queue is between the loop and a sink: the one fills a slice while the other looks at another.
type queue[T any] struct {
	limit   int
	filled  chan struct{} // has a token when there is something to deliver; closed at the end
	dropped atomic.Uint64

	mu      sync.Mutex
	waiting []T
}

// events is the queue of events.
type events struct{ queue[Event] }

func (q *queue[T]) init(limit int) { q.limit, q.filled = limit, make(chan struct{}, 1) }

// put adds events, and drops those that there is no room for.
func (q *events) put(now time.Time, machine Name, list []mobility.Event) {
	if len(list) == 0 {
		return
	}
	q.mu.Lock()
	for _, event := range list {
		if len(q.waiting) >= q.limit {
			q.dropped.Add(1)
			continue
		}
		q.waiting = append(q.waiting, Event{now, machine, event})
	}
	q.mu.Unlock()
	q.signal()
}

// offer adds one value, and reports whether there was room.
func (q *queue[T]) offer(v T) bool {
	q.mu.Lock()
	room := len(q.waiting) < q.limit
	if room {
		q.waiting = append(q.waiting, v)
	}
	q.mu.Unlock()
	if !room {
		q.dropped.Add(1)
	}
	q.signal()
	return room
}

func (q *queue[T]) signal() {
	select {
	case q.filled <- struct{}{}:
	default:
	}
}

// mostSpare is how many values a queue keeps the memory of. That of a burst is given back.
const mostSpare = 1024

// deliver hands events to the sink until close, and then what is left.
func (q *queue[T]) deliver(sink func([]T)) {
	var spare []T
	for range q.filled {
		q.mu.Lock()
		list := q.waiting
		q.waiting = spare[:0]
		q.mu.Unlock()
		if len(list) > 0 {
			sink(list)
		}
		clear(list)
		if spare = list; cap(spare) > mostSpare {
			spare = nil
		}
	}
}

// close lets deliver end. Nothing may be put afterwards.
func (q *queue[T]) close() { close(q.filled) }
