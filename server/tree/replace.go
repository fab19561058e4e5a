package tree

import (
	"iter"
	"slices"

	"mooring/server/tree/schema"
)

// replace returns payload, made to share with old what is equal in both: old itself when everything is. What the two share already is
// passed over.
func (e *editor) replace(old, payload *Node) *Node {
	switch {
	case old == nil:
		e.touch()
		return payload
	case payload.Same(old):
		return old
	case payload.in == nil:
		return e.merge(old, payload)
	case payload.in.list != nil:
		return e.replaceList(old, payload)
	}
	return e.replaceKids(old, payload)
}

func (e *editor) replaceKids(old, payload *Node) *Node {
	changed := false
	for i := range old.in.kids {
		if kid := &old.in.kids[i]; payload.Child(kid.def) == nil {
			e.touchChild(kid)
			changed = true
		}
	}
	kids := slices.Clone(payload.in.kids)
	for i := range kids {
		held := old.Child(kids[i].def)
		e.way = append(e.way, &payload.in.kids[i])
		kids[i] = *e.replace(held, &kids[i])
		e.way = e.way[:len(e.way)-1]
		changed = changed || !kids[i].Same(held)
	}
	if !changed {
		return old
	}
	return &Node{def: old.def, text: old.text, in: &inner{kids: kids}}
}

func (e *editor) replaceList(old, payload *Node) *Node {
	was, is := *old.in.list, *payload.in.list
	if was.flat != nil || is.flat != nil {
		e.touch()
		return payload
	}
	var l list
	if old.def.UserOrdered {
		l = e.reorder(old, payload)
	} else {
		l = e.replaceEntries(was, is)
	}
	if l.same(was) {
		return old
	}
	return &Node{def: old.def, in: &inner{list: &l}}
}

// replaceEntries goes through what the two lists do not share. Its pages are its own: those of was are walked meanwhile, and may have been
// made by an edit before.
func (e *editor) replaceEntries(was, is list) list {
	l, own := was, new(owner)
	same := func(x, y *entry) bool { return x.node.Same(&y.node) }
	diff(was.keyed, is.keyed, byKey, same, func(x, y *entry) bool {
		if y == nil {
			e.touchChild(&x.node)
			l, _ = l.remove(x.node.def, x.node.text, own)
			return true
		}
		held := x.nodeOrNil()
		e.way = append(e.way, &y.node)
		now := e.replace(held, &y.node)
		e.way = e.way[:len(e.way)-1]
		if !now.Same(held) {
			l = l.put(*now, Keep, "", own)
		}
		return true
	})
	return l
}

// reorder is replaceEntries where the order is the user's.
func (e *editor) reorder(old, payload *Node) list {
	def, l, is, own := old.def, *old.in.list, *payload.in.list, new(owner)
	for entry := range old.Entries() {
		if is.get(def, entry.text) == nil {
			e.touchChild(entry)
			l, _ = l.remove(def, entry.text, own)
		}
	}
	where := Keep
	if !extends(l, is, def) {
		where = Last // each in turn: the order of the payload results
	}
	for entry := range payload.Entries() {
		held := l.get(def, entry.text)
		e.way = append(e.way, entry)
		now := e.replace(held, entry)
		if where != Keep {
			e.touch()
		}
		e.way = e.way[:len(e.way)-1]
		if where != Keep || !now.Same(held) {
			l = l.put(*now, where, "", own)
		}
	}
	return l
}

// extends reports whether new begins with the entries of old, in their order.
func extends(old, new list, def *schema.Node) bool {
	next, stop := iter.Pull(new.all(def))
	defer stop()
	for e := range old.all(def) {
		if n, ok := next(); !ok || n.text != e.text {
			return false
		}
	}
	return true
}
