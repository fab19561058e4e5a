package state

import (
	"context"
	"slices"
	"sync"
)

// Follower follows tables. Its first rounds bring every row, the later ones what changed since: the newest state of each row, however
// often it changed. It costs a mark in each table and no queue, so a slow one does no harm. One goroutine uses it.
type Follower struct {
	state   *State
	ready   chan struct{}
	cursors []cursor
	turn    int // of the cursor that is asked first
	closing sync.Once
}

// cursor is a place in the changes of one table.
type cursor interface {
	// next appends some of the rows that changed, or nothing when all have been seen.
	next(buf []Row) []Row
	// complete reports whether next has told of all rows that there were at first.
	complete() bool
	close()
}

// Follow begins before the first row of what is wanted. Close it when done.
func (s *State) Follow(views ...View) *Follower {
	f := &Follower{state: s, ready: make(chan struct{}, 1)}
	for _, v := range views {
		f.cursors = append(f.cursors, v.table.follow(v.keys, f.ready))
	}
	f.wake()
	s.mu.Lock()
	s.followers[f] = true
	s.mu.Unlock()
	return f
}

// Ready receives a value when there may be something to read.
func (f *Follower) Ready() <-chan struct{} { return f.ready }

// Next appends rows to buf and returns it: those of one table at a time, a row that is gone before one that takes its place. An empty result
// means that everything up to now has been seen. Tables take turns, so that one in which rows change all the time does not hide the others.
func (f *Follower) Next(buf []Row) []Row {
	before := len(buf)
	for range f.cursors {
		c := f.cursors[f.turn]
		f.turn = (f.turn + 1) % len(f.cursors)
		if buf = c.next(buf); len(buf) > before {
			break
		}
	}
	return buf
}

// Complete reports whether Next has told of every row that there was when the follower was made, however many have changed since.
func (f *Follower) Complete() bool {
	return !slices.ContainsFunc(f.cursors, func(c cursor) bool { return !c.complete() })
}

// Wait waits until there may be something to read, and returns the context's error when that ends first.
func (f *Follower) Wait(ctx context.Context) error {
	select {
	case <-f.ready:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Close gives back what the tables keep for the follower.
func (f *Follower) Close() {
	f.closing.Do(func() {
		f.state.mu.Lock()
		delete(f.state.followers, f)
		f.state.mu.Unlock()
		for _, c := range f.cursors {
			c.close()
		}
	})
}

func (f *Follower) wake() { signal(f.ready) }

func signal(ready chan struct{}) {
	select {
	case ready <- struct{}{}:
	default:
	}
}
