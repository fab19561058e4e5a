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

// events is the queue between the loop and the sink: the one fills a slice while the other looks at another.
type events struct {
	limit   int
	filled  chan struct{} // has a token when there is something to deliver; closed at the end
	dropped atomic.Uint64

	mu      sync.Mutex
	waiting []Event
}

func (q *events) init(limit int) { q.limit, q.filled = limit, make(chan struct{}, 1) }

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
	select {
	case q.filled <- struct{}{}:
	default:
	}
}

// deliver hands events to the sink until close, and then what is left.
func (q *events) deliver(sink func([]Event)) {
	var spare []Event
	for range q.filled {
		q.mu.Lock()
		list := q.waiting
		q.waiting = spare[:0]
		q.mu.Unlock()
		if len(list) > 0 {
			sink(list)
		}
		clear(list)
		spare = list
	}
}

// close lets deliver end. Nothing may be put afterwards.
func (q *events) close() { close(q.filled) }
