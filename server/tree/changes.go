package tree

import (
	"iter"
	"slices"

	"mooring/server/tree/schema"
)

// Changes is what leads from one tree to another. It holds no copy: it knows where the two may differ, and what differs is read off them
// there. It is as immutable as they are.
type Changes struct {
	Old, New *Node
	touched  *touched
}

// Change is one node that differs: created when Old is nil, deleted when New is nil, otherwise a leaf with another value
// or, with Reordered, a list whose entries changed places. Only the topmost node of what was created or deleted is named;
// entries of lists are named one by one.
type Change struct {
	Path      schema.Path
	Old, New  *Node
	Reordered bool
	// Implied: deleted because a node of another case of its choice took the place (RFC 7950 section 8.2). Access control
	// does not ask about it (RFC 8341 section 3.2.5).
	Implied bool
}

// Diff returns what leads from old to new, any two trees of one schema. Nothing is known of how the one became the other, so that walking
// All compares them: it costs what the two do not share.
func Diff(old, new *Node) Changes { return Changes{old, new, everywhere} }

// Unchanged returns what leads from a tree to itself: where edits begin.
func Unchanged(root *Node) Changes { return Changes{Old: root, New: root} }

// Empty reports whether nothing changed.
func (c Changes) Empty() bool {
	for range c.All() {
		return false
	}
	return true
}

// Len counts the changes.
func (c Changes) Len() (n int) {
	for range c.All() {
		n++
	}
	return n
}

// All yields the changes, in the order of the schema and of keys. The path of a change may be kept.
func (c Changes) All() iter.Seq[Change] {
	return func(yield func(Change) bool) {
		d := differ{yield: yield}
		d.pair(c.touched, c.Old, c.New)
	}
}

// Under yields the changes at path and below it, and also those above it that create or delete what is at path: then Old
// and New are the nodes at path.
func (c Changes) Under(path schema.Path) iter.Seq[Change] {
	return func(yield func(Change) bool) {
		d := differ{yield: yield, path: slices.Clone(path)}
		if at := c.touched.under(path); at != nil {
			d.pair(at, c.Old.getOrNil(path), c.New.getOrNil(path))
		}
	}
}

func (n *Node) getOrNil(path schema.Path) *Node {
	if n == nil {
		return nil
	}
	return n.Get(path)
}

// differ walks two trees side by side where they may differ, and passes over what they share.
type differ struct {
	path    schema.Path
	implied bool // what is deleted now made way for another case
	yield   func(Change) bool
}

func (d *differ) report(old, new *Node, reordered bool) bool {
	return d.yield(Change{Path: slices.Clone(d.path), Old: old, New: new, Reordered: reordered, Implied: d.implied && new == nil})
}

// pair compares what is at d.path in both trees.
func (d *differ) pair(t *touched, old, new *Node) bool {
	switch {
	case t == nil || old == nil && new == nil || old.Same(new):
		return true
	case old == nil || new == nil:
		if one := cmpNil(old, new); one.IsList() {
			return d.entries(t, old, new)
		}
		return d.report(old, new, false)
	case old.IsList():
		return d.entries(t, old, new)
	case old.in == nil:
		return d.report(old, new, false) // Same said that the values differ
	case t.all:
		return d.children(old.in.kids, new.in.kids)
	}
	for _, kid := range t.kids {
		if a, b := old.Child(kid.def), new.Child(kid.def); !d.child(kid.at, a, b, new.in.kids) {
			return false
		}
	}
	return true
}

func cmpNil(a, b *Node) *Node {
	if a == nil {
		return b
	}
	return a
}

// children compares all children of two nodes.
func (d *differ) children(old, new []Node) bool {
	now := new
	for len(old) > 0 || len(new) > 0 {
		var a, b *Node
		switch {
		case len(new) == 0 || len(old) > 0 && old[0].def.Position < new[0].def.Position:
			a, old = &old[0], old[1:]
		case len(old) == 0 || new[0].def.Position < old[0].def.Position:
			b, new = &new[0], new[1:]
		default:
			a, b, old, new = &old[0], &new[0], old[1:], new[1:]
		}
		if !d.child(everywhere, a, b, now) {
			return false
		}
	}
	return true
}

// child compares a child in its two versions; now are all children that there are in the new one.
func (d *differ) child(t *touched, old, new *Node, now []Node) bool {
	if old == nil && new == nil {
		return true
	}
	def := cmpNil(old, new).def
	d.path = append(d.path, schema.Step{Node: def})
	d.implied = new == nil && def.Case != nil && slices.ContainsFunc(now, func(k Node) bool { return k.def.Excludes(def) })
	ok := d.pair(t, old, new)
	d.implied = false
	d.path = d.path[:len(d.path)-1]
	return ok
}

// dense is the part of a list's entries from which on it costs less to go through all pages that are not shared than to look up each entry
// that was touched.
const dense = 16

// entries compares two lists whose step is the last of d.path; either may be nil.
func (d *differ) entries(t *touched, old, new *Node) bool {
	a, b := old.listOrNone(), new.listOrNone()
	if a.flat != nil || b.flat != nil {
		return d.flat(a.flat, b.flat)
	}
	moved := false
	same := func(x, y *entry) bool {
		moved = moved || x.rank != y.rank
		return x.node.Same(&y.node)
	}
	ok := true
	if t.all || t.entries.len() > max(a.len(), b.len())/dense {
		ok = diff(a.keyed, b.keyed, byKey, same, func(x, y *entry) bool { return d.entry(everywhere, x, y) })
	} else {
		for e := range t.entries.from(nil, byTouchedKey) {
			x, y := a.keyed.get(probe(e.def, e.key), byKey), b.keyed.get(probe(e.def, e.key), byKey)
			if x != nil && y != nil && same(x, y) {
				continue
			}
			if ok = d.entry(e.at, x, y); !ok {
				break
			}
		}
	}
	if ok && moved && reordered(a, b, d.path[len(d.path)-1].Node) {
		return d.report(old, new, true)
	}
	return ok
}

// entry compares an entry in its two versions; d.path leads to the list, whose step becomes its own.
func (d *differ) entry(t *touched, old, new *entry) bool {
	last := len(d.path) - 1
	m, n := old.nodeOrNil(), new.nodeOrNil()
	if m == nil && n == nil {
		return true
	}
	d.path[last].Keys = cmpNil(m, n).Keys()
	defer func() { d.path[last].Keys = nil }()
	return d.pair(t, m, n)
}

// listOrNone returns what a list holds; n may be nil.
func (n *Node) listOrNone() list {
	if n == nil {
		return list{}
	}
	return *n.in.list
}

func (e *entry) nodeOrNil() *Node {
	if e == nil {
		return nil
	}
	return &e.node
}

// ChangedEntries yields the entries that differ between two versions of one list or leaf-list of a configuration, either of which may be
// nil: each in both versions, of which one is nil when it was created or deleted. It costs what differs.
func ChangedEntries(old, new *Node) iter.Seq2[*Node, *Node] {
	return func(yield func(old, new *Node) bool) {
		a, b := old.listOrNone(), new.listOrNone()
		same := func(x, y *entry) bool { return x.node.Same(&y.node) }
		diff(a.keyed, b.keyed, byKey, same, func(x, y *entry) bool {
			return yield(x.nodeOrNil(), y.nodeOrNil())
		})
	}
}

// flat compares lists of state, which have no index: as a whole.
func (d *differ) flat(old, new []Node) bool {
	if slices.EqualFunc(old, new, func(a, b Node) bool { return a.Equal(&b) }) {
		return true
	}
	last := len(d.path) - 1
	defer func() { d.path[last].Keys = nil }()
	for i := range old {
		d.path[last].Keys = old[i].Keys()
		if !d.report(&old[i], nil, false) {
			return false
		}
	}
	for i := range new {
		d.path[last].Keys = new[i].Keys()
		if !d.report(nil, &new[i], false) {
			return false
		}
	}
	return true
}

// reordered reports whether the entries that both lists have stand in another order.
func reordered(old, new list, def *schema.Node) bool {
	var before []string
	for e := range old.all(def) {
		if new.get(def, e.text) != nil {
			before = append(before, e.text)
		}
	}
	for e := range new.all(def) {
		if old.get(def, e.text) == nil {
			continue
		}
		if before[0] != e.text {
			return true
		}
		before = before[1:]
	}
	return false
}
