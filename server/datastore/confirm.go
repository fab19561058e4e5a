package datastore

import (
	"context"
	"fmt"
	"time"

	"mooring/server/access"
	"mooring/server/tree"
)

// pending is a commit that is undone unless it is confirmed.
type pending struct {
	owner    *Session
	confirm  Confirm
	backup   *Snapshot // what runs again when it is not confirmed
	deadline time.Time
	timer    *time.Timer
}

// note is what the next start has to know of it.
func (p *pending) note() pendingNote {
	return newNote(p.backup, p.confirm, p.deadline.Add(-p.confirm.Timeout))
}

// Confirmation is something that happened to a commit that has to be confirmed.
type Confirmation struct {
	Step    ConfirmStep
	By      *Session      // who did it; of ConfirmTimeout nobody, nil
	Timeout time.Duration // how long it waits, after ConfirmStart and ConfirmExtend
}

// ConfirmStep says what happened, in the words of RFC 6470 section 2.2.
type ConfirmStep string

// The steps.
const (
	ConfirmStart    ConfirmStep = "start"
	ConfirmExtend   ConfirmStep = "extend"
	ConfirmComplete ConfirmStep = "complete"
	ConfirmCancel   ConfirmStep = "cancel" // on demand, or because its session has ended
	ConfirmTimeout  ConfirmStep = "timeout"
)

// defaultConfirmTimeout is that of RFC 6241 section 8.4.5.
const defaultConfirmTimeout = 600 * time.Second

// Pending tells of an unconfirmed commit: who made it, what its persist text is, and when it will be undone. The session is
// nil when there is none.
func (s *Store) Pending() (owner *Session, persist string, deadline time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending == nil {
		return nil, "", time.Time{}
	}
	return s.pending.owner, s.pending.confirm.Persist, s.pending.deadline
}

// confirmable checks that x may commit while a commit is pending; mu is held.
func (s *Store) confirmable(x *Session, o CommitOptions) error {
	p := s.pending
	switch {
	case x.User.Origin == access.System:
		return nil
	case p == nil && o.PersistID != "":
		return persistError("no commit waits to be confirmed")
	case p == nil:
		return nil
	case p.confirm.Persist != "" && o.PersistID == p.confirm.Persist:
		return nil
	case p.confirm.Persist == "" && o.PersistID == "" && p.owner == x:
		return nil
	case o.PersistID != "":
		return persistError("the commit that waits to be confirmed has another id")
	}
	return inUse(p.owner, "a commit of "+p.owner.describe()+" waits to be confirmed; wait until it is, or is undone")
}

func persistError(message string) error {
	return &tree.Error{Tag: tree.InvalidValue, Protocol: true, Message: message, Info: []tree.Info{{Name: "bad-element", Value: "persist-id"}}}
}

// backup is what an unconfirmed commit goes back to: where the first of a row started.
func (s *Store) backup(old *Snapshot) *Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending != nil {
		return s.pending.backup
	}
	return old
}

// settlePending arms, extends or ends the pending commit after a commit went through.
func (s *Store) settlePending(by *Session, old, next *Snapshot, o CommitOptions) {
	if o.Confirm == nil {
		if s.await(nil, 0) && by.User.Origin != access.System { // else it is being undone
			s.confirms(Confirmation{Step: ConfirmComplete, By: by})
		}
		return
	}
	step := ConfirmStart
	if s.await(&pending{owner: by, confirm: *o.Confirm, backup: s.backup(old)}, o.Confirm.Timeout) {
		step = ConfirmExtend
	}
	s.confirms(Confirmation{step, by, o.Confirm.Timeout})
}

// await lets p wait, or nothing if nil, in place of what waited, and reports whether something did.
func (s *Store) await(p *pending, left time.Duration) (was bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if was = s.pending != nil; was {
		s.pending.timer.Stop()
	}
	if s.pending = p; p != nil {
		p.deadline = time.Now().Add(left)
		p.timer = time.AfterFunc(left, func() { s.giveUp(p, Confirmation{Step: ConfirmTimeout}, "not confirmed in time") })
	}
	return was
}

// revertAgain is how long after a failure a roll-back that nobody waits for is tried again.
const revertAgain = 10 * time.Second

// giveUp undoes a pending commit where nobody waits for the outcome.
func (s *Store) giveUp(p *pending, step Confirmation, why string) {
	if err := s.revert(p, step, why); err != nil {
		s.log.Error("an unconfirmed commit stays in force for now", "error", err, "next attempt in", revertAgain)
		p.timer.Reset(revertAgain)
	}
}

// Cancel undoes a pending commit at once (RFC 6241 section 8.4.4.1).
func (x *Session) Cancel(persistID string) error {
	s := x.store
	s.mu.Lock()
	p := s.pending
	var err error
	switch {
	case p == nil:
		err = &tree.Error{Tag: tree.OperationFailed, Message: "no commit waits to be confirmed"}
	case persistID != p.confirm.Persist && (persistID != "" || p.confirm.Persist != ""):
		err = persistError("the commit that waits to be confirmed has another id")
	case p.confirm.Persist == "" && p.owner != x:
		err = &tree.Error{Tag: tree.OperationFailed, Message: "only " + p.owner.describe() + " can cancel its commit"}
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.revert(p, Confirmation{Step: ConfirmCancel, By: x}, "cancelled by "+x.describe())
}

// revert puts back what ran before the pending commit p, if that is still the one that waits: it may have been confirmed or
// extended since. Nobody may refuse.
func (s *Store) revert(p *pending, step Confirmation, why string) error {
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	s.mu.Lock()
	current := s.pending == p
	s.mu.Unlock()
	if !current {
		return nil
	}
	x, running := &Session{User: access.Element, store: s}, s.Running()
	o := CommitOptions{Via: "rollback", Comment: "unconfirmed commit undone: " + why}
	if _, err := s.commit(context.Background(), x, running, s.Between(running, p.backup), o); err != nil {
		return fmt.Errorf("undo the unconfirmed commit: %w", err)
	}
	s.confirms(step)
	return nil
}
