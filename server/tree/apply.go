package tree

import (
	"slices"

	"mooring/server/tree/schema"
)

// editor applies one set of edits.
type editor struct {
	way     []*Node  // what leads to the node being worked on, from below the root
	touched *touched // what was written so far
	own     *owner
	errs    problems
	done    map[*Edit]bool // deletions that have been made ahead of their turn
}

func (e *editor) fail(tag Tag, message string) *Error {
	err := &Error{Tag: tag, Path: e.path(), Message: message}
	e.errs.add(err)
	return err
}

func (e *editor) path() schema.Path {
	path := make(schema.Path, len(e.way))
	for i, n := range e.way {
		path[i] = n.Step()
	}
	return path
}

// at runs f with a way that is longer by n.
func (e *editor) at(n *Node, f func()) {
	e.way = append(e.way, n)
	f()
	e.way = e.way[:len(e.way)-1]
}

// touch notes that the node being worked on has become another.
func (e *editor) touch() { e.touched = e.touched.add(e.way, e.own) }

// touchChild notes that of a child.
func (e *editor) touchChild(n *Node) { e.at(n, e.touch) }

// touchSibling notes that of another child of the node above.
func (e *editor) touchSibling(n *Node) {
	last := &e.way[len(e.way)-1]
	defer func(here *Node) { *last = here }(*last)
	*last = n
	e.touch()
}

// node applies an edit to old, which is nil when the node is not there, and returns what is there then, nil for nothing.
func (e *editor) node(old *Node, ed *Edit) *Node {
	exists := old != nil && !old.empty()
	var now *Node
	switch ed.Op {
	case Delete:
		if !exists {
			e.fail(DataMissing, "cannot delete what is not there")
		}
		e.touch()
		return nil
	case Remove:
		if exists {
			e.touch()
		}
		return nil
	case Create:
		if exists && len(e.way) > 0 {
			e.fail(DataExists, "cannot create what is there already")
			return old
		}
		e.touch()
		now = ed.Node
	case Replace:
		now = e.replace(old, ed.Node)
	case Merge:
		now = e.merge(e.deletions(old, ed), ed.Node)
	case Ensure:
		if now = old; now == nil {
			e.touch()
			now = ed.Node
		}
	case Seek:
		if old == nil && holds(ed.Node.def) {
			return nil
		}
		now = old
	case None:
		if now = e.none(old, ed.Node); now == nil && (len(ed.Below) == 0 || holds(ed.Node.def)) {
			return nil
		}
	}
	return e.below(now, ed)
}

// holds reports whether a node of that definition is there or not, while a container without presence always is.
func holds(def *schema.Node) bool { return def.Kind != schema.Container || def.Presence }

// none checks that what the payload names is there and returns old.
func (e *editor) none(old, payload *Node) *Node {
	if old == nil && holds(payload.def) && payload.def.Kind != schema.Root {
		if e.blamed() {
			return nil
		}
		e.fail(DataMissing, "the node is not there, and the operation none does not create it")
		return nil
	}
	for kid := range payload.Children() {
		if kid.IsList() {
			for entry := range kid.Entries() {
				e.at(entry, func() { e.none(old.childEntry(entry), entry) })
			}
			continue
		}
		if kid.def.IsKey() {
			continue
		}
		e.at(kid, func() { e.none(old.childOrNil(kid.def), kid) })
	}
	return old
}

// blamed reports whether something is wrong here already: who misses a node in the payload and who has an edit below it
// come by in turn.
func (e *editor) blamed() bool {
	path := e.path()
	return slices.ContainsFunc(e.errs.list, func(err error) bool {
		known, ok := err.(*Error)
		return ok && known.Path.Equal(path)
	})
}

func (n *Node) childOrNil(def *schema.Node) *Node {
	if n == nil {
		return nil
	}
	return n.Child(def)
}

// childEntry returns the entry of n's lists that has the definition and key of entry.
func (n *Node) childEntry(entry *Node) *Node {
	if l := n.childOrNil(entry.def); l != nil {
		return l.in.list.get(entry.def, entry.text)
	}
	return nil
}

// below applies the edits below n.
func (e *editor) below(n *Node, ed *Edit) *Node {
	n = e.deletions(n, ed)
	for i := range ed.Below {
		b := &ed.Below[i]
		if b.deletes() {
			continue
		}
		if n == nil {
			n = &Node{def: ed.Node.def, text: ed.Node.text, in: &inner{}}
		}
		e.at(b.Node, func() { n = e.child(n, b) })
	}
	if n != nil && n.empty() && n.def.Kind != schema.Root {
		return nil
	}
	return n
}

func (ed *Edit) deletes() bool { return ed.Op == Delete || ed.Op == Remove }

// passes reports whether ed is only a way to what is below it.
func (ed *Edit) passes() bool { return ed.Op == Ensure || ed.Op == Seek || ed.Op == None }

// deletions makes the deletions below n, at any depth, before anything is written: the case of a choice that is deleted
// and the one that is written in its place do not meet.
func (e *editor) deletions(n *Node, ed *Edit) *Node {
	for i := range ed.Below {
		b := &ed.Below[i]
		if e.done[b] || !b.deletes() && !(b.passes() && slices.ContainsFunc(b.Below, func(d Edit) bool { return d.deletes() || d.passes() })) {
			continue
		}
		held := n.childOrNil(b.Node.def)
		if b.Node.IsEntry() {
			held = n.childEntry(b.Node)
		}
		if held == nil && !b.deletes() {
			continue // what leads to nothing is seen to in its turn
		}
		if n == nil {
			n = &Node{def: ed.Node.def, text: ed.Node.text, in: &inner{}}
		}
		e.at(b.Node, func() {
			if b.deletes() {
				n = e.child(n, b)
				e.mark(b)
			} else if now := e.deletions(held, b); !now.Same(held) {
				n = e.put(n, now)
			}
		})
	}
	return n
}

// put returns n with what has become of a child, or of an entry of one of its lists, that it holds.
func (e *editor) put(n, now *Node) *Node {
	if !now.IsEntry() {
		return n.with(now.def, now)
	}
	l := n.Child(now.def).in.list.put(*now, Keep, "", e.own)
	return n.with(now.def, &Node{def: now.def, in: &inner{list: &l}})
}

func (e *editor) mark(ed *Edit) {
	if e.done == nil {
		e.done = map[*Edit]bool{}
	}
	e.done[ed] = true
}

// child applies an edit to a child of n, or to an entry of one of n's lists, and returns n with the result.
func (e *editor) child(n *Node, ed *Edit) *Node {
	def := ed.Node.def
	held := n.Child(def)
	if !ed.Node.IsEntry() {
		now := e.node(held, ed)
		if now != nil && (held == nil || !now.Same(held)) {
			n = e.withoutOtherCases(n, def)
		}
		if now.Same(held) {
			return n
		}
		if def.IsKey() {
			e.fail(BadElement, "a key cannot be changed or removed; delete the entry and create another")
			return n
		}
		return n.with(def, now)
	}
	var l list
	var old *Node
	if held != nil {
		l = *held.in.list
		old = l.get(def, ed.Node.text)
	}
	now := e.node(old, ed)
	if now == nil {
		if old == nil {
			return n
		}
		l, _ = l.remove(def, ed.Node.text, e.own)
		return n.with(def, &Node{def: def, in: &inner{list: &l}})
	}
	if now.Same(old) && ed.Where == Keep {
		return n
	}
	if !e.placeable(l, ed) {
		return n
	}
	if old == nil {
		n = e.withoutOtherCases(n, def)
	}
	if ed.Where != Keep {
		e.touch() // it may have another place
	}
	l = l.put(*now, ed.Where, joinAnchor(ed.Anchor), e.own)
	return n.with(def, &Node{def: def, in: &inner{list: &l}})
}

// placeable checks the place that an edit wants for an entry (RFC 7950 section 15.7).
func (e *editor) placeable(l list, ed *Edit) bool {
	if ed.Where == Keep {
		return true
	}
	if !ed.Node.def.UserOrdered {
		e.fail(UnknownAttribute, "the order of these entries is not the user's: they cannot be inserted at a place")
		return false
	}
	if (ed.Where == Before || ed.Where == After) && l.get(ed.Node.def, joinAnchor(ed.Anchor)) == nil {
		err := e.fail(BadAttribute, "there is no entry "+schema.Path{{Node: ed.Node.def, Keys: ed.Anchor}}.String()+" to insert next to")
		attribute := "key"
		if ed.Node.def.Kind == schema.LeafList {
			attribute = "value"
		}
		err.AppTag, err.Info = "missing-instance", []Info{{Name: "bad-attribute", Value: attribute}, {Name: "bad-element", Value: ed.Node.def.Name}}
		return false
	}
	return true
}

// withoutOtherCases removes from n what belongs to other cases of the choices that def is part of (RFC 7950 section 8.2). The way leads to
// the child of n, or entry in it, that has this definition.
func (e *editor) withoutOtherCases(n *Node, def *schema.Node) *Node {
	if def.Case == nil {
		return n
	}
	for _, kid := range n.kids() {
		if def.Excludes(kid.def) {
			e.touchSibling(&kid)
			n = n.with(kid.def, nil)
		}
	}
	return n
}
