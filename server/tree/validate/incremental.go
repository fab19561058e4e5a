package validate

import (
	"slices"

	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/server/tree/xpath"
)

// Check validates what changes lead to, given that their Old is valid: only what they can alter is looked at. A nil Old has everything
// validated. The error joins a *tree.Error for every violation.
func (r *Rules) Check(changes tree.Changes) error { return r.CheckKnown(changes, nil) }

// CheckKnown is Check of a document of which something is not known: violations that could be a consequence of a gap are left out.
func (r *Rules) CheckKnown(changes tree.Changes, gaps tree.Gaps) error {
	c := &checker{Rules: r, root: xpath.Root(changes.New), doubts: r.doubts(gaps)}
	if changes.Old == nil {
		c.full = true
		c.subtree(c.root)
		return c.err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.index == nil {
		r.index = newIndex(r)
	}
	r.index.follow(changes.Old)
	in := &increment{checker: c, delta: r.index.delta(changes), work: map[task]*values{}, above: map[string]bool{}}
	c.unique = in.delta.conflicts
	for ch := range changes.All() {
		in.change(ch)
	}
	in.run()
	if len(c.errs) == 0 && len(gaps) == 0 {
		r.index.adopt(in.delta) // most likely the next to be changed
	}
	return c.err()
}

// increment is the validation of one change.
type increment struct {
	*checker
	delta *delta
	// work is what rules elsewhere that read something changed; order keeps reports in the order of the changes.
	work  map[task]*values
	order []task
	above map[string]bool // instances whose demands have been checked
}

// task is a rule to be looked at again, for the instances below one anchor.
type task struct {
	reader
	at string // path of the anchor
}

// values narrows a task: a leafref can only have lost what went away. nil wants all instances looked at.
type values struct {
	anchor schema.Path
	all    bool
	gone   map[string]bool
}

// change validates what a change made and notes who reads it.
func (in *increment) change(ch tree.Change) {
	path := append(make(schema.Path, 0, len(ch.Path)+roomBelow), ch.Path...)
	if ch.Old != nil {
		in.notify(path, ch.Old, ch)
	}
	if ch.New != nil {
		in.notify(path, ch.New, ch)
	}
	if ch.New != nil && !ch.Reordered {
		if i := in.locate(ch.Path); i != nil {
			in.subtree(i)
		}
	}
	in.parents(ch.Path)
}

// parents checks the demands of all nodes above a change: a deep leaf can be part of a unique statement far up, and what
// is gone may have taken containers without presence with it.
func (in *increment) parents(path schema.Path) {
	for up := path; len(up) > 0; {
		up = up.Parent()
		key := up.String()
		if in.above[key] {
			return
		}
		in.above[key] = true
		if i := in.locate(up); i != nil {
			nr := in.nodes[i.Node.Schema()]
			in.demands(i, nr)
			in.byDefault(i, nr)
		}
	}
}

// notify notes the rules that read a node which was there or is there now, or anything below it.
func (in *increment) notify(path schema.Path, n *tree.Node, ch tree.Change) {
	def := n.Schema()
	for _, rule := range in.readers[def] {
		in.note(rule, path, n, ch)
	}
	for _, rule := range in.anything {
		in.note(rule, path, n, ch)
	}
	for kid := range n.Children() {
		if !kid.IsList() {
			in.notify(append(path, kid.Step()), kid, ch)
			continue
		}
		for e := range kid.Entries() {
			in.notify(append(path, e.Step()), e, ch)
		}
	}
}

func (in *increment) note(rule reader, path schema.Path, n *tree.Node, ch tree.Change) {
	depth := len(rule.anchor.Ancestors())
	if depth >= len(ch.Path) && ch.Old == nil {
		return // inside what was created, and validated with it
	}
	if depth > len(path) {
		depth = len(path)
	}
	var gone []string
	switch {
	case rule.part != partRef:
	case rule.def.Type.Base != schema.Leafref:
		if !in.delta.referred(rule.def, "") {
			return
		}
	case rule.target:
		if gone = in.lost(rule.def, path, n, ch); len(gone) == 0 {
			return
		}
	}
	anchor := path[:depth]
	t := task{rule, anchor.String()}
	w := in.work[t]
	if w == nil {
		w = &values{anchor: slices.Clone(anchor), gone: map[string]bool{}}
		in.work[t] = w
		in.order = append(in.order, t)
	}
	for _, value := range gone {
		w.gone[value] = true
	}
	w.all = w.all || gone == nil
}

// lost gives the values that a leafref's target had, or had by default, before the change and that leafrefs have after it.
func (in *increment) lost(def *schema.Node, path schema.Path, n *tree.Node, ch tree.Change) (gone []string) {
	if ch.Old != nil {
		if now := in.root.Node.Get(path); now == nil || now.Value() != n.Value() {
			gone = append(gone, n.Value())
		}
	}
	gone = append(gone, n.Schema().Default...)
	return slices.DeleteFunc(gone, func(value string) bool { return !in.delta.referred(def, value) })
}

// run looks again at the rules that were noted.
func (in *increment) run() {
	for _, t := range in.order {
		w := in.work[t]
		anchor := in.locate(w.anchor)
		if anchor == nil {
			continue
		}
		in.instances(anchor, t.def, func(i *xpath.Item) {
			if w.all || w.gone[i.Node.Value()] {
				in.again(i, t.part)
			}
		})
	}
}

func (in *increment) again(i *xpath.Item, p part) {
	nr := in.nodes[i.Node.Schema()]
	before := len(in.errs)
	switch p {
	case partMust:
		in.musts(i, nr)
	case partWhen:
		if i.Parent.Node.Child(nr.def) != nil {
			in.conditions(i, nr)
		}
	case partRef:
		in.reference(i)
	case partDemands:
		in.demands(i, nr)
		in.byDefault(i, nr)
	}
	in.dropRepeated(before)
}

// dropRepeated drops what was reported before: a node can be reached by several ways.
func (in *increment) dropRepeated(from int) {
	for at := from; at < len(in.errs); {
		e := in.errs[at]
		if slices.ContainsFunc(in.errs[:from], func(other objection) bool { return other.Message == e.Message && other.Path.Equal(e.Path) }) {
			in.errs = slices.Delete(in.errs, at, at+1)
			continue
		}
		at++
	}
}

// instances calls f for every instance of def below an instance of a node above it, what exists by default included.
func (c *checker) instances(anchor *xpath.Item, def *schema.Node, f func(*xpath.Item)) {
	var chain []*schema.Node
	for n := def; n != anchor.Node.Schema(); n = n.Parent {
		if n == nil {
			return
		}
		chain = append(chain, n)
	}
	c.follow(anchor, chain, f)
}

// follow goes down a chain of definitions, the lowest first.
func (c *checker) follow(i *xpath.Item, chain []*schema.Node, f func(*xpath.Item)) {
	if len(chain) == 0 {
		f(i)
		return
	}
	def, rest := chain[len(chain)-1], chain[:len(chain)-1]
	n, byDefault := i.Node.EffectiveChild(def)
	if n == nil || (byDefault || i.Node.Child(def) == nil) && !c.holds(i, def) {
		return
	}
	if !n.IsList() {
		c.follow(i.Child(n), rest, f)
		return
	}
	for e := range n.Entries() {
		c.follow(i.Child(e), rest, f)
	}
}
