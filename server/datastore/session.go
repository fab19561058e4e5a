package datastore

import (
	"fmt"
	"maps"
	"strconv"
	"time"

	"mooring/server/access"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// Session is somebody who edits: it holds locks and, without persist, an unconfirmed commit. Close it when the client goes.
type Session struct {
	User  access.User
	ID    uint32 // the NETCONF session-id; 0 for everybody else
	store *Store
}

// NewSession begins a session; id is the NETCONF session-id, or 0. It costs nothing: a gNMI Set makes one for its private
// candidate.
func (s *Store) NewSession(user access.User, id uint32) *Session {
	return &Session{User: user, ID: id, store: s}
}

// CheckInput checks the parameters of an rpc, or of an action at a node, beside a configuration; see validate.Rules.Input.
func (s *Session) CheckInput(at schema.Path, def *schema.Node, input, running *tree.Node) error {
	return s.store.rules.Input(at, def, input, running)
}

// Close gives back the locks of the session, discards the candidate if it held that lock (RFC 6241 section 8.3.5.2), and
// undoes a commit that only this session could have confirmed (section 8.4.1).
func (x *Session) Close() {
	s := x.store
	s.mu.Lock()
	for target, lock := range s.locks {
		if lock.Holder == x {
			s.unlock(target)
		}
	}
	s.parts.release(x)
	p := s.pending
	s.mu.Unlock()
	if p != nil && p.owner == x && p.confirm.Persist == "" {
		s.giveUp(p, Confirmation{Step: ConfirmCancel, By: x}, "session lost")
	}
}

// Lock locks a datastore against all other sessions (RFC 6241 section 7.5).
func (x *Session) Lock(target Target) error {
	s := x.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if holder := s.locks[target].Holder; holder != nil {
		return lockDenied(holder, fmt.Sprintf("%s is locked", target))
	}
	if target == RunningStore && s.pending != nil && s.pending.owner != x {
		return lockDenied(s.pending.owner, "running holds an unconfirmed commit made")
	}
	if target == RunningStore && len(s.parts.held) > 0 {
		return lockDenied(s.parts.held[0].Holder, "a part of running is locked")
	}
	if target == CandidateStore && s.shared.edited() {
		return lockDenied(nil, "the candidate holds changes; discard or commit them first")
	}
	s.locks[target] = Lock{x, time.Now()}
	return nil
}

// Unlock gives back a lock; that of the candidate discards its changes.
func (x *Session) Unlock(target Target) error {
	s := x.store
	s.mu.Lock()
	defer s.mu.Unlock()
	switch holder := s.locks[target].Holder; holder {
	case nil:
		return &tree.Error{Tag: tree.OperationFailed, Protocol: true, Message: fmt.Sprintf("%s is not locked", target)}
	case x:
		s.unlock(target)
		return nil
	default:
		return lockDenied(holder, fmt.Sprintf("%s is locked", target))
	}
}

// unlock runs with mu held.
func (s *Store) unlock(target Target) {
	delete(s.locks, target)
	if target == CandidateStore {
		s.shared = content{}
	}
}

// Lock is a lock that is held.
type Lock struct {
	Holder *Session
	Since  time.Time
}

// Locks returns the locks that are held.
func (s *Store) Locks() map[Target]Lock {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.locks)
}

// checkLock refuses x when another session holds the lock of target; mu is held.
func (s *Store) checkLock(x *Session, target Target) error {
	if holder := s.locks[target].Holder; holder != nil && holder != x && x.User.Origin != access.System {
		return inUse(holder, fmt.Sprintf("%s is locked by %s; wait until it unlocks, or have that session ended", target, holder.describe()))
	}
	return nil
}

func (x *Session) describe() string {
	if x.ID == 0 {
		return "user " + x.User.Name
	}
	return fmt.Sprintf("session %d of user %s", x.ID, x.User.Name)
}

// lockDenied is the error of RFC 6241 appendix A: the id is 0 when the holder is no NETCONF session.
func lockDenied(holder *Session, message string) *tree.Error {
	id := uint32(0)
	if holder != nil {
		id = holder.ID
		message += " by " + holder.describe()
	}
	return &tree.Error{Tag: tree.LockDenied, Protocol: true, Message: message,
		Info: []tree.Info{{Name: "session-id", Value: strconv.FormatUint(uint64(id), 10)}}}
}

func inUse(holder *Session, message string) *tree.Error {
	return &tree.Error{Tag: tree.InUse, Message: message,
		Info: []tree.Info{{Name: "session-id", Value: strconv.FormatUint(uint64(holder.ID), 10)}}}
}
