package datastore

import (
	"strings"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// content is what a candidate holds: nothing until it is edited, so that it follows running.
type content struct {
	base    *Snapshot // what running was at the first edit; nil: not edited
	changes tree.Changes
}

func (c content) edited() bool { return c.base != nil && !c.changes.New.Same(c.base.Root) }

// Candidate is a configuration in the making: the one that all sessions share, or one of a session alone.
type Candidate struct {
	session *Session
	own     *content // nil: the shared one
}

// Candidate returns the shared candidate as this session sees it.
func (x *Session) Candidate() *Candidate { return &Candidate{session: x} }

// Private returns a candidate of its own, for one transaction: gNMI Set, import, rollback.
func (x *Session) Private() *Candidate { return &Candidate{session: x, own: new(content)} }

func (c *Candidate) content() *content {
	if c.own != nil {
		return c.own
	}
	return &c.session.store.shared
}

// Root returns the configuration in the candidate: running until it is edited.
func (c *Candidate) Root() *tree.Node {
	s := c.session.store
	s.mu.Lock()
	defer s.mu.Unlock()
	return c.changes().New
}

// Base returns the snapshot that the candidate's changes started from.
func (c *Candidate) Base() *Snapshot {
	s := c.session.store
	s.mu.Lock()
	defer s.mu.Unlock()
	return c.base()
}

func (c *Candidate) base() *Snapshot {
	if at := c.content(); at.base != nil {
		return at.base
	}
	return c.session.store.Running()
}

// Changes returns what the candidate changes.
func (c *Candidate) Changes() tree.Changes {
	s := c.session.store
	s.mu.Lock()
	defer s.mu.Unlock()
	return c.changes()
}

// changes leads from the base to what is in the candidate; mu is held.
func (c *Candidate) changes() tree.Changes {
	if at := c.content(); at.base != nil {
		return at.changes
	}
	return tree.Unchanged(c.session.store.Running().Root)
}

// Check decides whether an edit may be kept: access control. It is given what the edit changed by itself, without what
// follows from conditions.
type Check func(tree.Changes) error

// Edit applies edits and returns what they changed. When one fails, or check (unless nil) refuses, nothing is changed and
// the error joins a *tree.Error for everything found.
func (c *Candidate) Edit(check Check, edits ...tree.Edit) (tree.Changes, error) {
	return c.change(func(root *tree.Node) (tree.Changes, error) {
		edited, err := tree.Perform(root, edits...)
		if err != nil {
			return edited, err
		}
		if check != nil {
			if err := check(edited); err != nil {
				return edited, err
			}
		}
		return c.session.store.rules.Settle(edited, edits...)
	})
}

// Test finds out whether edits could be made and the candidate would be valid then. It changes nothing; warnings come from the
// translation.
func (c *Candidate) Test(check Check, edits ...tree.Edit) (warnings []*tree.Error, err error) {
	s := c.session.store
	s.mu.Lock()
	trial := content{c.base(), c.changes()}
	err = c.writable()
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	private := Candidate{session: c.session, own: &trial}
	if _, err := private.Edit(check, edits...); err != nil {
		return nil, err
	}
	return private.Validate()
}

// Replace puts another configuration in place of the candidate's: copy-config, rollback. It shares what is equal.
func (c *Candidate) Replace(root *tree.Node) error {
	_, err := c.Edit(nil, tree.Edit{Op: tree.Replace, Node: root})
	return err
}

// Discard undoes all changes: the candidate follows running again.
func (c *Candidate) Discard() error {
	s := c.session.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := c.writable(); err != nil {
		return err
	}
	*c.content() = content{}
	return nil
}

// writable checks the lock of a shared candidate; mu is held.
func (c *Candidate) writable() error {
	if c.own != nil {
		return nil
	}
	return c.session.store.checkLock(c.session, CandidateStore)
}

// change runs f on the candidate's root and keeps what it returns that leads on from there. Whoever edits holds mu over f, which costs the
// edit.
func (c *Candidate) change(f func(*tree.Node) (tree.Changes, error)) (tree.Changes, error) {
	s := c.session.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := c.writable(); err != nil {
		return tree.Changes{}, err
	}
	before := c.changes()
	step, err := f(before.New)
	if err != nil {
		return tree.Changes{}, err
	}
	*c.content() = content{c.base(), before.Then(step)}
	return step, nil
}

// Validate checks the candidate as a commit would, without any effect. Warnings come from the translation.
func (c *Candidate) Validate() (warnings []*tree.Error, err error) {
	s := c.session.store
	s.commitMu.Lock() // the Pipeline is asked by one at a time
	defer s.commitMu.Unlock()
	s.mu.Lock()
	old, changes := s.Running(), c.changes()
	s.mu.Unlock()
	changes, err = rebased(changes, old)
	if err != nil {
		return nil, err
	}
	change := Change{By: c.session.User, Changes: changes}
	if err := s.validate(change); err != nil {
		return nil, err
	}
	return s.pipeline.Translate(change)
}

// ValidateTree checks a configuration that is in no datastore, as validate with a <config> source asks.
func (s *Store) ValidateTree(root *tree.Node) error {
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	change := Change{Changes: tree.Diff(s.Running().Root, root)}
	if err := s.validate(change); err != nil {
		return err
	}
	_, err := s.pipeline.Translate(change)
	return err
}

// rebased puts a candidate's changes on top of what running is by now.
func rebased(changes tree.Changes, running *Snapshot) (tree.Changes, error) {
	onTop, conflicts, err := changes.Rebase(running.Root)
	if len(conflicts) > 0 {
		return tree.Changes{}, conflictError(conflicts, running)
	}
	return onTop, err
}

func conflictError(conflicts []schema.Path, running *Snapshot) error {
	paths := make([]string, 0, min(len(conflicts), 10))
	for _, p := range conflicts[:cap(paths)] {
		paths = append(paths, p.String())
	}
	return &tree.Error{Tag: tree.OperationFailed, AppTag: "conflict", Path: conflicts[0],
		Message: "commit " + running.describe() + " changed the same since the candidate was edited: " + strings.Join(paths, ", ") +
			"; discard the changes and make them anew"}
}
