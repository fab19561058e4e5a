package tree

import (
	"iter"
	"slices"

	"mooring/server/tree/schema"
)

// Changes is what leads from one tree to another. It holds no copy: what differs is read off what the two do not share.
type Changes struct{ Old, New *Node }

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

// Diff returns what leads from old to new, which must be trees of one schema. It costs nothing; walking All costs the change.
func Diff(old, new *Node) Changes { return Changes{old, new} }

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
func (c Changes) All() iter.Seq[Change] { return changesBetween(c.Old, c.New) }

// Under yields the changes at path and below it, and also those above it that create or delete what is at path: then Old
// and New are the nodes at path.
func (c Changes) Under(path schema.Path) iter.Seq[Change] {
	return func(yield func(Change) bool) {
		d := differ{yield: yield, path: slices.Clone(path)}
		old, new := c.Old.getOrNil(path), c.New.getOrNil(path)
		d.pair(old, new)
	}
}

func (n *Node) getOrNil(path schema.Path) *Node {
	if n == nil {
		return nil
	}
	return n.Get(path)
}

func changesBetween(old, new *Node) iter.Seq[Change] {
	return func(yield func(Change) bool) {
		d := differ{yield: yield}
		d.pair(old, new)
	}
}

// differ walks two trees side by side and passes over what they share.
type differ struct {
	path    schema.Path
	implied bool // what is deleted now made way for another case
	yield   func(Change) bool
}

func (d *differ) report(old, new *Node, reordered bool) bool {
	return d.yield(Change{Path: slices.Clone(d.path), Old: old, New: new, Reordered: reordered, Implied: d.implied && new == nil})
}

// pair compares what is at d.path in both trees.
func (d *differ) pair(old, new *Node) bool {
	switch {
	case old == nil && new == nil || old.Same(new):
		return true
	case old == nil || new == nil:
		if one := cmpNil(old, new); one.IsList() {
			return d.entries(old, new)
		}
		return d.report(old, new, false)
	case old.IsList():
		return d.entries(old, new)
	case old.in == nil:
		return d.report(old, new, false) // Same said that the values differ
	}
	return d.children(old.in.kids, new.in.kids)
}

func cmpNil(a, b *Node) *Node {
	if a == nil {
		return b
	}
	return a
}

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
		def := cmpNil(a, b).def
		d.path = append(d.path, schema.Step{Node: def})
		d.implied = b == nil && def.Case != nil && slices.ContainsFunc(now, func(k Node) bool { return k.def.Excludes(def) })
		ok := d.pair(a, b)
		d.implied = false
		d.path = d.path[:len(d.path)-1]
		if !ok {
			return false
		}
	}
	return true
}

// entries compares two lists whose step is the last of d.path; either may be nil.
func (d *differ) entries(old, new *Node) bool {
	var a, b list
	if old != nil {
		a = *old.in.list
	}
	if new != nil {
		b = *new.in.list
	}
	if a.flat != nil || b.flat != nil {
		return d.flat(a.flat, b.flat)
	}
	last := len(d.path) - 1
	moved := false
	same := func(x, y *entry) bool {
		moved = moved || x.rank != y.rank
		return x.node.Same(&y.node)
	}
	ok := diff(a.keyed, b.keyed, byKey, same, func(x, y *entry) bool {
		var m, n *Node
		if x != nil {
			m = &x.node
		}
		if y != nil {
			n = &y.node
		}
		d.path[last].Keys = cmpNil(m, n).Keys()
		defer func() { d.path[last].Keys = nil }()
		return d.pair(m, n)
	})
	if ok && moved && reordered(a, b, d.path[last].Node) {
		return d.report(old, new, true)
	}
	return ok
}

// ChangedEntries yields the entries that differ between two versions of one list or leaf-list of a configuration, either of which may be
// nil: each in both versions, of which one is nil when it was created or deleted. It costs what differs.
func ChangedEntries(old, new *Node) iter.Seq2[*Node, *Node] {
	return func(yield func(old, new *Node) bool) {
		var a, b list
		if old != nil {
			a = *old.in.list
		}
		if new != nil {
			b = *new.in.list
		}
		same := func(x, y *entry) bool { return x.node.Same(&y.node) }
		diff(a.keyed, b.keyed, byKey, same, func(x, y *entry) bool {
			switch {
			case x == nil:
				return yield(nil, &y.node)
			case y == nil:
				return yield(&x.node, nil)
			}
			return yield(&x.node, &y.node)
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
