package reconcile

import (
	"sync"

	"mooring/dataplane"
)

// inbox collects what is wanted until Run takes it.
type inbox struct {
	filled chan struct{} // has a token when there is something to take
	limit  int

	mu       sync.Mutex
	changes  map[dataplane.SessionID]arrival
	most     int    // that were in changes since it was made
	wanted   order  // of sessions that are wanted
	unwanted order  // of those that are to be removed
	count    uint64 // of arrivals
	config   *dataplane.Config
	before   uint64        // the first arrival that may be taken after config
	room     chan struct{} // closed while there is room
}

// arrival is a change and its place in the order of arrivals.
type arrival struct {
	number  uint64
	session *dataplane.Session // nil: it is to be removed
}

// order has the oldest arrival first. One whose change is a newer one by now is passed over.
type order []place

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
	for _, change := range changes {
		b.count++
		b.changes[change.ID] = arrival{b.count, change.Session}
		to := &b.wanted
		if change.Session == nil {
			to = &b.unwanted
		}
		*to = append(*to, place{b.count, change.ID})
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
}

func (b *inbox) ring() {
	select {
	case b.filled <- struct{}{}:
	default:
	}
}

// take returns up to n changes of sessions that are wanted, and up to so many of others, each in the order in which they arrived, and the
// configuration when nothing is left that arrived before it: much that is removed does not keep anybody waiting who is new. Before it fills the
// inbox, which would keep everybody waiting, n of it are taken, too.
func (b *inbox) take(n, removed int) (changes []dataplane.Change, config *dataplane.Config) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := len(b.changes)
	if len(b.unwanted) > b.limit/2 {
		removed = n
	}
	changes = b.takeFrom(&b.unwanted, removed, b.takeFrom(&b.wanted, n, nil))
	if len(b.wanted)+len(b.unwanted) == 0 && b.most > muchMemory {
		b.changes, b.most = map[dataplane.SessionID]arrival{}, 0
	}
	if before >= b.limit && len(b.changes) < b.limit {
		close(b.room)
	}
	if !b.wanted.hasBefore(b.before) && !b.unwanted.hasBefore(b.before) {
		config, b.config = b.config, nil
	}
	return changes, config
}

// takeFrom adds up to n changes of an order to a list.
func (b *inbox) takeFrom(from *order, n int, list []dataplane.Change) []dataplane.Change {
	for o := *from; len(o) > 0 && n > 0; *from = o {
		next := o[0]
		o = o[1:]
		if a := b.changes[next.id]; a.number == next.number {
			list = append(list, dataplane.Change{ID: next.id, Session: a.session})
			delete(b.changes, next.id)
			n--
		}
	}
	if len(*from) == 0 {
		*from = nil
	}
	return list
}

// hasBefore reports whether something is left that arrived before an arrival.
func (o order) hasBefore(number uint64) bool { return len(o) > 0 && o[0].number < number }

func (b *inbox) roomChannel() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.room
}
