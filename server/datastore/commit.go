package datastore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"mooring/server/access"
	"mooring/server/tree"
)

// CommitOptions say what a commit is.
type CommitOptions struct {
	Label, Comment string
	Via            string // netconf, gnmi, … kept in the history
	Check          Check  // access control over what really changes in running; nil allows everything
	Confirm        *Confirm
	// Persist is the persist-id that confirms a pending commit of this or another session.
	PersistID string
	// BasedOn is the Snapshot.Transaction that running has to be of; when it is another, the commit is refused as a conflict. ""
	// takes any.
	BasedOn string
	// forced makes a Change that may not be refused for the sake of what is in use.
	forced bool
}

// Confirm makes a commit one that is undone unless it is confirmed (RFC 6241 section 8.4).
type Confirm struct {
	Timeout time.Duration // 0 takes 600 s
	// Persist lets other sessions confirm or cancel by this text, and the commit outlive its session; "" does not.
	Persist string
	// Resume keeps the commit waiting over a restart, too, if it has a Persist (RFC 6241 section 8.4.1, erratum 5790):
	// without, a start undoes it.
	Resume bool
}

// Result is a commit that was made.
type Result struct {
	Snapshot *Snapshot // what runs now; the one before when the commit changed nothing
	Changes  tree.Changes
	Warnings []*tree.Error
}

func (s *Snapshot) describe() string {
	if s.User == "" {
		return fmt.Sprint(s.ID)
	}
	return fmt.Sprintf("%d of user %s", s.ID, s.User)
}

// Transaction tells the snapshot from everything that ran before, on this element or on another of its address: a state folder
// that was emptied counts its commits from the beginning.
func (s *Snapshot) Transaction() string {
	if s.Time.IsZero() {
		return strconv.FormatUint(s.ID, 10)
	}
	return fmt.Sprintf("%d-%x", s.ID, s.Time.UnixNano())
}

// is refuses, unless the snapshot is the one that somebody bases a commit on.
func (s *Snapshot) is(transaction string) error {
	if transaction == "" || transaction == s.Transaction() {
		return nil
	}
	return &tree.Error{Tag: tree.OperationFailed, AppTag: "conflict",
		Message: fmt.Sprintf("this is based on %s, and commit %s came after that; read again what runs", transaction, s.describe())}
}

// Commit makes the candidate the running configuration. When it fails, nothing has changed anywhere, the candidate
// included, and the error joins a *tree.Error for everything found.
func (c *Candidate) Commit(ctx context.Context, o CommitOptions) (*Result, error) {
	if o.Confirm != nil {
		confirm := *o.Confirm
		confirm.Timeout = cmp.Or(confirm.Timeout, defaultConfirmTimeout)
		o.Confirm = &confirm
	}
	s := c.session.store
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	s.mu.Lock()
	err := c.commitable(o)
	old, changes := s.Running(), c.changes()
	s.mu.Unlock()
	if err := errors.Join(err, old.is(o.BasedOn)); err != nil {
		return nil, err
	}
	onTop, err := rebased(changes, old)
	if err != nil {
		return nil, err
	}
	result, err := s.commit(ctx, c.session, old, onTop, o)
	if err != nil {
		return nil, err
	}
	c.follow(changes, result.Snapshot)
	return result, nil
}

// follow lets the candidate follow running again, with what another session edited while committed was being committed.
func (c *Candidate) follow(committed tree.Changes, now *Snapshot) {
	s := c.session.store
	s.mu.Lock()
	defer s.mu.Unlock()
	at := c.content()
	if at.base == nil || at.changes.New.Same(committed.New) {
		*at = content{}
		return
	}
	since := committed.Inverse().Then(at.changes)
	if onTop, conflicts, err := since.Rebase(now.Root); err == nil && len(conflicts) == 0 {
		*at = content{now, onTop}
	}
}

// commitable checks locks and a pending commit; mu is held.
func (c *Candidate) commitable(o CommitOptions) error {
	s := c.session.store
	if err := s.checkLock(c.session, RunningStore); err != nil {
		return err
	}
	if err := c.writable(); err != nil {
		return err
	}
	return s.confirmable(c.session, o)
}

// commit runs steps 2 to 7 of the package documentation; commitMu is held.
// changes start at old.
func (s *Store) commit(ctx context.Context, by *Session, old *Snapshot, changes tree.Changes, o CommitOptions) (*Result, error) {
	next := old
	result := &Result{Snapshot: old, Changes: changes}
	change := Change{By: by.User, Changes: changes, Forced: o.forced || by.User.Origin == access.System}
	if !changes.Empty() {
		next = &Snapshot{ID: old.ID + 1, Root: changes.New, changes: changes, from: old.ID, Time: time.Now(), User: by.User.Name, Via: o.Via, Label: o.Label,
			Comment: o.Comment, Trial: o.Confirm != nil, By: by}
		if o.Confirm != nil {
			next.Persist = o.Confirm.Persist
		}
		if o.Check != nil {
			if err := o.Check(changes); err != nil {
				return nil, err
			}
		}
		if err := s.checkParts(by, changes); err != nil {
			return nil, err
		}
		if err := s.validate(change); err != nil {
			return nil, err
		}
	}
	prepared, warnings, err := s.pipeline.Prepare(ctx, change)
	if err != nil {
		return nil, err
	}
	if err := s.persist(old, next, o); err != nil {
		prepared.Abort()
		return nil, &tree.Error{Tag: tree.OperationFailed, Message: fmt.Sprintf("%v: %v", errPersist, err)}
	}
	if next != old {
		next.Warnings = warnings
	}
	s.swap(next)
	prepared.Apply()
	s.warn(warnings)
	s.settlePending(by, old, next, o)
	result.Snapshot, result.Warnings = next, warnings
	return result, nil
}

// persist makes a commit durable. What decides is one step: the record of the commit or, when there is nothing but a confirmation,
// the end of the note about the trial. So an error means that nothing was committed.
func (s *Store) persist(old, next *Snapshot, o CommitOptions) error {
	if s.disk == nil {
		return nil
	}
	if o.Confirm != nil {
		if err := s.disk.writePending(newNote(s.backup(old), *o.Confirm, time.Now())); err != nil {
			s.restoreNote()
			return err
		}
	}
	if next != old {
		if err := s.disk.append(old, next, s.keep); err != nil {
			s.restoreNote()
			return err
		}
	}
	if o.Confirm != nil {
		return nil
	}
	err := s.disk.clearPending()
	switch {
	case err == nil:
		return nil
	case next != old:
		s.log.Warn("the note of an unconfirmed commit stays, but means nothing any more", "file", pendingFile, "error", err)
		return nil
	}
	s.restoreNote() // it may be gone, only that the folder could not be synced
	return err
}

// restoreNote writes what the note of the commit that waits said before a commit that failed.
func (s *Store) restoreNote() {
	s.mu.Lock()
	p := s.pending
	s.mu.Unlock()
	if p != nil {
		s.disk.writePending(p.note())
	}
}

// swap makes next the running configuration and wakes the followers.
func (s *Store) swap(next *Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Running() == next {
		return
	}
	s.running.Store(next)
	s.parts.follow(next.Root)
	s.recent = append(s.recent, next)
	if len(s.recent) > recentLimit {
		s.recent = append([]*Snapshot(nil), s.recent[len(s.recent)-recentLimit:]...)
	}
	close(s.woken)
	s.woken = make(chan struct{})
}

// Rollback commits the configuration of another snapshot. That something is in use which that does not have is no reason to refuse it.
func (x *Session) Rollback(ctx context.Context, to *Snapshot, o CommitOptions) (*Result, error) {
	o.Via = cmp.Or(o.Via, "rollback")
	o.Comment = cmp.Or(o.Comment, fmt.Sprintf("rollback to commit %d", to.ID))
	o.forced = true
	c, running := x.Private(), x.store.Running()
	*c.own = content{running, x.store.Between(running, to)}
	return c.Commit(ctx, o)
}
