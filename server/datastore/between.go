package datastore

import "mooring/server/tree"

// Between returns what leads from one snapshot to another, which is what the commits in between changed, or undo it. Only where they are
// not in memory any more, the trees are compared.
func (s *Store) Between(from, to *Snapshot) tree.Changes {
	s.mu.Lock()
	recent := s.recent // appended to, and never changed
	s.mu.Unlock()
	if from == to {
		return tree.Unchanged(to.Root)
	}
	if changes, ok := between(recent, from, to); ok {
		return changes
	}
	return tree.Diff(from.Root, to.Root)
}

// between goes from one snapshot to another by way of the recent ones.
func between(recent []*Snapshot, from, to *Snapshot) (changes tree.Changes, ok bool) {
	begin, first := leave(recent, from)
	end, last := leave(recent, to)
	if begin == nil || end == nil {
		return changes, false
	}
	var through tree.Changes
	if begin.ID > end.ID {
		through, ok = along(recent, end, begin)
		through = through.Inverse()
	} else {
		through, ok = along(recent, begin, end)
	}
	return first.Then(through).Then(last.Inverse()), ok
}

// leave returns the recent snapshot next to one, which is itself or the one that it was made from, and what leads there.
func leave(recent []*Snapshot, s *Snapshot) (*Snapshot, tree.Changes) {
	if s.from <= s.ID {
		return s, tree.Unchanged(s.Root)
	}
	for _, r := range recent {
		if r.ID == s.from {
			return r, s.changes.Inverse()
		}
	}
	return nil, tree.Changes{}
}

// along joins what the commits after from changed, up to to.
func along(recent []*Snapshot, from, to *Snapshot) (changes tree.Changes, ok bool) {
	at, changes := from, tree.Unchanged(from.Root)
	for _, r := range recent {
		if r.ID <= from.ID || r.ID > to.ID {
			continue
		}
		if r.from != at.ID || !r.changes.Old.Same(at.Root) {
			return changes, false
		}
		at, changes = r, changes.Then(r.changes)
	}
	return changes, at == to
}
