package validate

import (
	"slices"

	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/server/tree/xpath"
)

// maxRounds bounds conditions that switch each other off in turn.
const maxRounds = 16

// Settle makes a configuration consistent with the when conditions: what the edits wrote where a condition is false is an
// error, be it what was there already, and what they made conditional on something false elsewhere is removed (RFC 7950 sections 8.2,
// 8.3.1). edited is what the edits did to a tree in which all conditions hold; what is returned leads from there, too.
func (r *Rules) Settle(edited tree.Changes, edits ...tree.Edit) (tree.Changes, error) {
	return r.settle(edited, edits, nil, func(err error) bool { return err != nil })
}

// SettleKnown removes from a document, of which something is not known, what its conditions switch off for certain. What the edits
// wrote where a condition is false stays, for CheckKnown to object to.
func (r *Rules) SettleKnown(edited tree.Changes, gaps tree.Gaps, edits ...tree.Edit) (tree.Changes, error) {
	return r.settle(edited, edits, r.doubts(gaps), func(error) bool { return false })
}

// settle goes on until nothing is left to remove, or fatal says that what was found ends it.
func (r *Rules) settle(edited tree.Changes, edits []tree.Edit, d *doubts, fatal func(error) bool) (tree.Changes, error) {
	if !r.nodes[r.schema.Root].conditional {
		return edited, nil
	}
	settled, last := edited, edited
	for range maxRounds {
		s := &settling{checker: &checker{Rules: r, root: xpath.Root(settled.New), doubts: d}, edited: edited, edits: edits, seen: map[string]bool{}}
		for ch := range last.All() {
			s.change(ch)
		}
		if err := s.err(); fatal(err) {
			return tree.Changes{}, err
		}
		if len(s.remove) == 0 {
			return settled, nil
		}
		var err error
		if last, err = tree.Perform(settled.New, s.remove...); err != nil {
			return tree.Changes{}, err
		}
		settled = settled.Then(last)
	}
	return tree.Changes{}, &tree.Error{Tag: tree.OperationFailed, Message: "conditions (when) of the model switch each other off without end"}
}

// settling is one round: conditions that the change can have made false.
type settling struct {
	*checker
	edited tree.Changes
	edits  []tree.Edit // that made them
	remove []tree.Edit
	seen   map[string]bool
}

func (s *settling) change(ch tree.Change) {
	if ch.New != nil && !ch.Reordered {
		if i := s.locate(ch.Path); i != nil {
			s.below(i)
		}
	}
	for _, n := range []*tree.Node{ch.Old, ch.New} {
		if n != nil {
			s.notify(ch.Path, n, ch)
		}
	}
}

// below looks at the conditions of a node that was written and of everything in it.
func (s *settling) below(i *xpath.Item) {
	nr := s.nodes[i.Node.Schema()]
	if nr == nil || !nr.conditional {
		return
	}
	s.verify(i, nr)
	for kid := range i.Node.Children() {
		if !kid.IsList() {
			s.below(i.Child(kid))
			continue
		}
		for e := range kid.Entries() {
			s.below(i.Child(e))
		}
	}
}

// notify looks at the conditions elsewhere that read what changed.
func (s *settling) notify(path schema.Path, n *tree.Node, ch tree.Change) {
	for _, rules := range [][]reader{s.readers[n.Schema()], s.anything} {
		for _, rule := range rules {
			depth := min(len(rule.anchor.Ancestors()), len(path))
			if rule.part != partWhen || ch.Old == nil && depth >= len(ch.Path) {
				continue // another rule, or inside what was created and looked at already
			}
			anchor := s.locate(path[:depth])
			if anchor == nil {
				continue
			}
			s.instances(anchor, rule.def, func(i *xpath.Item) { s.verify(i, s.nodes[rule.def]) })
		}
	}
	for kid := range n.Children() {
		if !kid.IsList() {
			s.notify(append(path[:len(path):len(path)], kid.Step()), kid, ch)
			continue
		}
		for e := range kid.Entries() {
			s.notify(append(path[:len(path):len(path)], e.Step()), e, ch)
		}
	}
}

// verify removes a node whose condition is false, or objects to it when the edit wrote it.
func (s *settling) verify(i *xpath.Item, nr *nodeRules) {
	if i.Parent == nil || i.Parent.Node.Child(nr.def) == nil || s.holds(i.Parent, nr.def) || s.doubts.about(i, partWhen) {
		return
	}
	path := i.Path()
	if key := path.String(); s.seen[key] {
		return
	} else {
		s.seen[key] = true
	}
	if s.edited.Old.Get(path).Same(s.edited.New.Get(path)) && !slices.ContainsFunc(s.edits, func(ed tree.Edit) bool { return ed.Writes(path) }) {
		s.remove = append(s.remove, tree.At(s.schema, path, tree.Remove, nil))
		return
	}
	for _, w := range nr.whens {
		if !s.when(w, i.Parent, nr.def) {
			s.fail(i, partWhen, conditionError(path, w.Text))
		}
	}
}
