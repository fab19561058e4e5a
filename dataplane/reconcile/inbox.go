package reconcile

import (
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
	most    int     // that were in changes since it was made
	order   []place // oldest first; one whose change is a newer one by now is passed over
	count   uint64  // of arrivals
	config  *dataplane.Config
	before  uint64        // the first arrival that may be taken after config
	room    chan struct{} // closed while there is room
}

// arrival is a change and its place in the order of arrivals.
type arrival struct {
	number  uint64
	session *dataplane.Session // nil: it is to be removed
}

type place struct {
	number uint64
	id     dataplane.SessionID
}

func newInbox(limit int) inbox {
	room := make(chan struct{})
	close(room)
	return inbox{filled: make(chan struct{}, 1), limit: limit, changes: map[dataplane.SessionID]arrival{}, room: room}
}

func (b *inbox) put(changes []dataplane.Change) {
	b.mu.Lock()
	before := len(b.changes)
	if before == 0 && len(changes) > muchMemory { // the room that they take is known
		b.changes = make(map[dataplane.SessionID]arrival, len(changes))
	}
	b.order = slices.Grow(b.order, len(changes))
	for _, change := range changes {
		b.count++
		b.changes[change.ID] = arrival{b.count, change.Session}
		b.order = append(b.order, place{b.count, change.ID})
	}
	b.most = max(b.most, len(b.changes))
	if before < b.limit && len(b.changes) >= b.limit {
		b.room = make(chan struct{})
	}
	b.mu.Unlock()
	b.ring()
}

func (b *inbox) configure(c dataplane.Config) {
	b.mu.Lock()
	b.config, b.before = &c, b.count+1
	b.mu.Unlock()
	b.ring()
}

func (b *inbox) ring() {
	select {
	case b.filled <- struct{}{}:
	default:
	}
}

// take returns up to n changes in the order in which they arrived, and the configuration when nothing is left that arrived before it.
func (b *inbox) take(n int) (changes []dataplane.Change, config *dataplane.Config) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := len(b.changes)
	for len(b.order) > 0 && len(changes) < n {
		next := b.order[0]
		b.order = b.order[1:]
		if a := b.changes[next.id]; a.number == next.number {
			changes = append(changes, dataplane.Change{ID: next.id, Session: a.session})
			delete(b.changes, next.id)
		}
	}
	if len(b.order) == 0 {
		b.order = nil
		if b.most > muchMemory {
			b.changes, b.most = map[dataplane.SessionID]arrival{}, 0
		}
	}
	if before >= b.limit && len(b.changes) < b.limit {
		close(b.room)
	}
	if len(b.order) == 0 || b.order[0].number >= b.before {
		config, b.config = b.config, nil
	}
	return changes, config
}

func (b *inbox) roomChannel() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.room
}
