package reconcile

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"mooring/dataplane"
)

// inbox collects what is wanted until Run takes it.
type inbox struct {
	filled chan struct{} // has a token when there is something to take
	limit  int

	mu      sync.Mutex
	changes map[dataplane.SessionID]arrival
	count   uint64 // of arrivals
	config  *dataplane.Config
	room    chan struct{} // closed while there is room
}

// arrival is a change and its place in the order of arrivals.
type arrival struct {
	number uint64
	dataplane.Change
}

func newInbox(limit int) inbox {
	room := make(chan struct{})
	close(room)
	return inbox{filled: make(chan struct{}, 1), limit: limit, changes: map[dataplane.SessionID]arrival{}, room: room}
}

func (b *inbox) put(changes []dataplane.Change) {
	b.mu.Lock()
	before := len(b.changes)
	for _, change := range changes {
		b.count++
		b.changes[change.ID] = arrival{b.count, change}
	}
	if before < b.limit && len(b.changes) >= b.limit {
		b.room = make(chan struct{})
	}
	b.mu.Unlock()
	b.ring()
}

func (b *inbox) configure(c dataplane.Config) {
	b.mu.Lock()
	b.config = &c
	b.mu.Unlock()
	b.ring()
}

func (b *inbox) ring() {
	select {
	case b.filled <- struct{}{}:
	default:
	}
}

// take returns what has arrived, in order.
func (b *inbox) take() ([]arrival, *dataplane.Config) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.changes) >= b.limit {
		close(b.room)
	}
	changes, config := slices.Collect(maps.Values(b.changes)), b.config
	if clear(b.changes); len(changes) > muchMemory {
		b.changes = map[dataplane.SessionID]arrival{}
	}
	b.config = nil
	slices.SortFunc(changes, func(x, y arrival) int { return cmp.Compare(x.number, y.number) })
	return changes, config
}

func (b *inbox) roomChannel() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.room
}
