package datastore

import (
	"context"

	"mooring/server/tree"
)

// Follower is told of commits. It is a place in the history and no queue: one that is slow costs nothing, and where it
// falls behind too far, several commits reach it as one.
type Follower struct {
	store *Store
	seen  *Snapshot
}

// Commit is what a Follower is told.
type Commit struct {
	*Snapshot
	Changes tree.Changes // since the commit told before
	Merged  int          // commits left out of the telling, whose changes are among Changes
}

// Follow begins after what runs now, which is returned beside the follower. A Follower is for one goroutine.
func (s *Store) Follow() (*Follower, *Snapshot) {
	now := s.Running()
	return &Follower{store: s, seen: now}, now
}

// Peek is Next without waiting; ok is false when there is no commit yet.
func (f *Follower) Peek() (c Commit, ok bool) {
	c, _, ok = f.take()
	return c, ok
}

func (f *Follower) take() (c Commit, woken chan struct{}, ok bool) {
	next, woken := f.peek()
	if next == nil {
		return c, woken, false
	}
	c = Commit{Snapshot: next, Changes: f.store.Between(f.seen, next), Merged: int(next.ID - f.seen.ID - 1)}
	f.seen = next
	return c, nil, true
}

// Next waits for the next commit. It returns the context's error when that ends first.
func (f *Follower) Next(ctx context.Context) (Commit, error) {
	for {
		c, woken, ok := f.take()
		if ok {
			return c, nil
		}
		select {
		case <-ctx.Done():
			return Commit{}, context.Cause(ctx)
		case <-woken:
		}
	}
}

// peek returns the commit after the one seen last, or the oldest that is still known.
func (f *Follower) peek() (*Snapshot, chan struct{}) {
	s := f.store
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, snap := range s.recent {
		if snap.ID > f.seen.ID {
			return snap, nil
		}
	}
	return nil, s.woken
}

// Watch returns what runs now, and a channel that is closed when something else does.
func (s *Store) Watch() (now *Snapshot, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Running(), s.woken
}
