package datastore

import (
	"errors"
	"slices"

	"mooring/server/tree"
)

// What is wrong is said at once. The stages that find errors stand on each other: a document is read, then made into a candidate,
// validated and translated. Where one of them finds something, the later ones judge what is left, and keep quiet about what may be a
// consequence of errors that are known.

// validate checks a change by the rules of the schema. When it is refused, the error tells too what the translation objects to. It
// is called with commitMu held, which the Pipeline wants.
func (s *Store) validate(change Change) error {
	if err := s.rules.Check(change.Changes); err != nil {
		return s.refused(change, nil, err)
	}
	return nil
}

// refused joins what is wrong with a change, in the order of the document, with what the translation objects to in the rest.
func (s *Store) refused(change Change, gaps tree.Gaps, reasons ...error) error {
	found := tree.Errors(errors.Join(reasons...))
	if o, ok := s.pipeline.(Objector); ok && len(found) < tree.MaxProblems { // beyond that, what is missing is not known
		found = append(found, tree.Errors(o.Objections(change, slices.Concat(gaps, tree.Missing(found))))...)
	}
	return tree.Ordered(change.New, found)
}

// Refusal completes the error of edits that were to be committed at once, as a startup file and a gNMI Set are, but could not be
// made: it joins what every stage finds wrong with them, in the order of the document. err may be or join *tree.Incomplete values,
// and edits then hold what could be read. An error that is not about data stays as it is. What check refuses is not looked into.
func (c *Candidate) Refusal(check Check, err error, edits ...tree.Edit) error {
	found := tree.Errors(err)
	if slices.ContainsFunc(found, func(e *tree.Error) bool { return !aboutData(e) }) {
		return err
	}
	s := c.session.store
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	s.mu.Lock()
	running, base, at := s.Running(), c.base(), c.changes()
	s.mu.Unlock()
	edited, failed := tree.Perform(at.New, edits...)
	if failed != nil {
		return tree.Ordered(at.New, append(found, tree.Errors(failed)...))
	}
	if check != nil {
		if denied := check(edited); denied != nil {
			return tree.Ordered(edited.New, append(found, tree.Errors(denied)...))
		}
	}
	gaps := gapsOf(err)
	settled, unsettled := s.rules.SettleKnown(edited, gaps, edits...)
	if unsettled != nil {
		return err
	}
	changes := s.Between(running, base).Then(at).Then(settled)
	return s.refused(Change{By: c.session.User, Changes: changes}, gaps, err, s.rules.CheckKnown(changes, gaps))
}

// aboutData reports whether e is about what was to be written, and not about who wrote it when.
func aboutData(e *tree.Error) bool {
	switch e.Tag {
	case tree.AccessDenied, tree.InUse, tree.LockDenied, tree.ResourceDenied, tree.MalformedMessage:
		return false
	}
	return e.Path != nil
}

// gapsOf collects what is not known of the documents that err is about.
func gapsOf(err error) (gaps tree.Gaps) {
	if part, ok := err.(*tree.Incomplete); ok {
		return part.Gaps
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			gaps = append(gaps, gapsOf(one)...)
		}
		return gaps
	}
	if one := errors.Unwrap(err); one != nil {
		return gapsOf(one)
	}
	return nil
}
