package datastore

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"mooring/server/access"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// PartialLock keeps everybody but its holder from changing nodes of running, and what is below them (RFC 5717).
type PartialLock struct {
	ID     uint32
	Holder *Session
	Since  time.Time
	Select []string      // what the nodes were chosen by
	Nodes  []schema.Path // those of them that are still there
}

// partialLocks are those that are held; Store.mu guards them.
type partialLocks struct {
	held   []PartialLock // the oldest first
	lastID uint32
}

const (
	maxPartialLocks = 1000   // held at a time by all sessions: monitoring shows them all
	maxLockedNodes  = 10_000 // of one lock
)

// LockParts locks the nodes that choose picks of running. No commit comes between the choice and the lock. The expressions are
// for those who want to know what was locked.
func (x *Session) LockParts(expressions []string, choose func(running *tree.Node) ([]schema.Path, error)) (PartialLock, error) {
	s := x.store
	for {
		chosenOf := s.Running()
		nodes, err := choose(chosenOf.Root) // which can take its time: commits go on
		if err != nil {
			return PartialLock{}, err
		}
		lock, granted, err := s.lockParts(chosenOf, PartialLock{Holder: x, Since: time.Now(), Select: expressions, Nodes: nodes})
		if granted || err != nil {
			return lock, err
		}
	}
}

// lockParts grants a lock, unless it was chosen of what does not run any more.
func (s *Store) lockParts(chosenOf *Snapshot, lock PartialLock) (_ PartialLock, granted bool, err error) {
	s.commitMu.Lock() // a commit under way was checked before the lock and could change what is locked
	defer s.commitMu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Running() != chosenOf {
		return lock, false, nil
	}
	if err := s.lockable(lock); err != nil {
		return lock, false, err
	}
	s.parts.lastID++
	for slices.ContainsFunc(s.parts.held, func(other PartialLock) bool { return other.ID == s.parts.lastID }) {
		s.parts.lastID++
	}
	lock.ID = s.parts.lastID
	s.parts.held = append(s.parts.held, lock)
	return lock, true, nil
}

// lockable says why a lock cannot be had (RFC 5717 sections 2.4.1.1 and 2.6.2).
func (s *Store) lockable(lock PartialLock) error {
	if len(lock.Nodes) > maxLockedNodes || len(s.parts.held) >= maxPartialLocks {
		return &tree.Error{Tag: tree.ResourceDenied, Protocol: true,
			Message: fmt.Sprintf("at most %d nodes can be locked at once and %d partial locks held: lock nodes further up", maxLockedNodes, maxPartialLocks)}
	}
	if holder := s.locks[RunningStore].Holder; holder != nil {
		return lockDenied(holder, "running is locked")
	}
	if s.pending != nil {
		e := inUse(s.pending.owner, "a commit of "+s.pending.owner.describe()+" waits to be confirmed and may yet be undone")
		e.AppTag = "outstanding-confirmed-commit"
		return e
	}
	for _, other := range s.parts.held {
		if other.Holder == lock.Holder {
			continue
		}
		if at := overlap(other.Nodes, lock.Nodes); at != nil {
			e := lockDenied(other.Holder, at.String()+" is locked")
			e.Path = at
			return e
		}
	}
	return nil
}

// overlap finds a node that is in both of two areas: each is its nodes with everything below them.
func overlap(a, b []schema.Path) schema.Path {
	for range 2 {
		top := map[string]bool{}
		for _, p := range a {
			top[p.String()] = true
		}
		for _, p := range b {
			for n := range p {
				if top[p[:n+1].String()] {
					return p
				}
			}
		}
		a, b = b, a
	}
	return nil
}

// UnlockParts gives a lock of the session back.
func (x *Session) UnlockParts(id uint32) error {
	s := x.store
	s.mu.Lock()
	defer s.mu.Unlock()
	mine := func(l PartialLock) bool { return l.ID == id && l.Holder == x }
	if !slices.ContainsFunc(s.parts.held, mine) {
		return &tree.Error{Tag: tree.InvalidValue, Protocol: true, Message: fmt.Sprintf("the session holds no partial lock %d", id),
			Info: []tree.Info{{Name: "bad-element", Value: "lock-id"}}}
	}
	s.parts.held = slices.DeleteFunc(s.parts.held, mine)
	return nil
}

// PartialLocks returns the locks that are held on parts of running.
func (s *Store) PartialLocks() []PartialLock {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.parts.held)
}

// release gives back all locks of a session.
func (p *partialLocks) release(x *Session) {
	p.held = slices.DeleteFunc(p.held, func(l PartialLock) bool { return l.Holder == x })
}

// follow takes nodes out of the locks that are no more: whoever makes them anew may do so (RFC 5717 section 2.4.1).
func (p *partialLocks) follow(running *tree.Node) {
	for i, l := range p.held {
		p.held[i].Nodes = slices.DeleteFunc(slices.Clone(l.Nodes), func(n schema.Path) bool { return !exists(running, n) })
	}
}

// exists reports whether a node is there; a container without presence is wherever the node above it is.
func exists(root *tree.Node, p schema.Path) bool {
	if len(p) == 0 || root.Get(p) != nil {
		return true
	}
	def := p.Last().Node
	return def.Kind == schema.Container && !def.Presence && exists(root, p.Parent())
}

// checkParts refuses a commit that changes what others have locked.
func (s *Store) checkParts(by *Session, changes tree.Changes) error {
	if by.User.Origin == access.System {
		return nil
	}
	for _, l := range s.PartialLocks() {
		if l.Holder == by {
			continue
		}
		for _, node := range l.Nodes {
			for ch := range changes.Under(node) {
				return &tree.Error{Tag: tree.InUse, AppTag: "locked", Path: ch.Path, // RFC 5717 section 2.5
					Message: fmt.Sprintf("%s is locked by %s; wait until it unlocks, or have that session ended", node, l.Holder.describe()),
					Info:    []tree.Info{{Name: "session-id", Value: strconv.FormatUint(uint64(l.Holder.ID), 10)}}}
			}
		}
	}
	return nil
}
