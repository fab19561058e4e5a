package binding

import (
	"slices"

	"mooring/dataplane"
	"mooring/mobility"
)

// Change says that a row is now as Binding, or (Binding nil) gone. Puts counts how often it was put, up to this one: an observer sees from two
// of them how many it has not been told of.
type Change struct {
	ID      dataplane.SessionID
	Binding *mobility.Binding
	Puts    uint32
}

// Mark is an observer's place in the order of changes. Its first round yields every row, the later ones what changed since:
// the newest state of each row, however often it changed. A mark costs nothing while nobody reads from it, but that deleted
// rows are remembered until it has seen them; Close it when done. One goroutine uses a mark.
type Mark struct {
	table *Table
	shard int
	seen  [shardCount]uint64 // the last change of each shard that was seen; the shard's lock guards it
	round bool               // all shards have had their turn
	ready chan struct{}
}

// Follow returns a mark before the first row.
func (t *Table) Follow() *Mark { return t.FollowOn(make(chan struct{}, 1)) }

// FollowOn is Follow with a channel for Ready that has a capacity of 1. Several marks, of other tables too, may share it.
func (t *Table) FollowOn(ready chan struct{}) *Mark {
	m := &Mark{table: t, ready: ready}
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		s.marks = append(s.marks, m)
		s.mu.Unlock()
	}
	m.wake()
	return m
}

// Ready receives a value when there may be something to read.
func (m *Mark) Ready() <-chan struct{} { return m.ready }

// Next appends changes to buf and returns it: those of one shard at a time, in the order in which they could first have been
// seen. An empty result means that the mark has seen everything up to now.
func (m *Mark) Next(buf []Change) []Change {
	for range shardCount {
		before := len(buf)
		buf = m.table.shards[m.shard].drain(m, buf)
		m.shard = (m.shard + 1) % shardCount
		m.round = m.round || m.shard == 0
		if len(buf) > before {
			return buf
		}
	}
	return buf
}

// Complete reports whether Next has told of every row that there was when the mark was made, however many have changed since.
func (m *Mark) Complete() bool { return m.round }

// Close releases what the table remembers for the mark.
func (m *Mark) Close() {
	for i := range m.table.shards {
		s := &m.table.shards[i]
		s.mu.Lock()
		s.marks = slices.DeleteFunc(s.marks, func(other *Mark) bool { return other == m })
		s.sweep()
		s.mu.Unlock()
	}
}

// drain appends what changed after the mark, whose turn it is to read this shard, and moves the mark to the newest change.
func (s *shard) drain(m *Mark, buf []Change) []Change {
	s.mu.RLock()
	seen, newest := m.seen[m.shard], s.changes
	s.mu.RUnlock()
	if seen == newest {
		return buf
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	first := s.oldest
	if seen > 0 {
		first = s.after(seen)
	}
	for n := first; n != 0; n = s.at(n).newer {
		e := s.at(n)
		if e.row != nil || seen > 0 { // a mark that has seen nothing needs no obituary
			buf = append(buf, Change{e.id, e.show(), e.puts})
		}
	}
	m.seen[m.shard], s.seen = s.changes, s.changes
	s.sweep()
	return buf
}

// after returns the oldest entry that changed after a change, if there is one; else the newest.
func (s *shard) after(change uint64) number {
	n := s.newest
	for {
		older := s.at(n).older
		if older == 0 || s.at(older).change <= change {
			return n
		}
		n = older
	}
}

// touch makes e the newest change and wakes the observers. Where none of them has seen the change before, e keeps its place: they will see
// it as it is then.
func (s *shard) touch(e *entry) {
	for _, m := range s.marks {
		m.wake()
	}
	if e.change > s.seen && e.row != nil {
		return
	}
	if s.newest != e.number {
		s.unlink(e)
		e.older = s.newest
		if s.newest != 0 {
			s.at(s.newest).newer = e.number
		} else {
			s.oldest = e.number
		}
		s.newest = e.number
	}
	s.changes++
	e.change = s.changes
}

func (m *Mark) wake() {
	select {
	case m.ready <- struct{}{}:
	default:
	}
}

// unlink takes e out of the order of changes, if it is in it.
func (s *shard) unlink(e *entry) {
	if e.older != 0 {
		s.at(e.older).newer = e.newer
	} else if s.oldest == e.number {
		s.oldest = e.newer
	}
	if e.newer != 0 {
		s.at(e.newer).older = e.older
	} else if s.newest == e.number {
		s.newest = e.older
	}
	e.older, e.newer = 0, 0
}

// sweep forgets the deleted rows that every mark has seen.
func (s *shard) sweep() {
	seen := s.changes
	for _, m := range s.marks {
		seen = min(seen, m.seen[s.place])
	}
	for len(s.deleted) > 0 && s.deleted[0].change <= seen {
		if e := s.at(s.deleted[0].entry); e.row == nil && e.change == s.deleted[0].change { // not put again since
			s.forget(e)
		}
		s.deleted = s.deleted[1:]
	}
}
