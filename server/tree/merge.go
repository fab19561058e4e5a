package tree

import (
	"iter"
	"slices"
	"strings"

	"mooring/server/tree/schema"
)

func joinAnchor(keys []string) string { return strings.Join(keys, keySeparator) }

// merge adds payload to old and returns the result: old itself when that changes nothing.
func (e *editor) merge(old, payload *Node) *Node {
	switch {
	case old == nil:
		return payload
	case payload.in == nil:
		if old.text == payload.text {
			return old
		}
		return payload
	case payload.in.list != nil:
		return e.mergeList(old, payload)
	}
	return e.mergeKids(old, payload)
}

func (e *editor) mergeKids(old, payload *Node) *Node {
	a, b := old.in.kids, payload.in.kids
	kids := make([]Node, 0, len(a)+len(b))
	changed := false
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].def.Position < b[0].def.Position:
			if !excluded(a[0].def, payload) {
				kids = append(kids, a[0])
			} else {
				changed = true
			}
			a = a[1:]
		case len(a) == 0 || b[0].def.Position < a[0].def.Position:
			kids = append(kids, b[0])
			b, changed = b[1:], true
		default:
			now := e.merge(&a[0], &b[0])
			changed = changed || !now.Same(&a[0])
			kids = append(kids, *now)
			a, b = a[1:], b[1:]
		}
	}
	if !changed {
		return old
	}
	return &Node{def: old.def, text: old.text, in: &inner{kids: slices.Clip(kids)}}
}

// excluded reports whether payload holds a node of another case of a choice that def is part of.
func excluded(def *schema.Node, payload *Node) bool {
	return def.Case != nil && slices.ContainsFunc(payload.in.kids, func(k Node) bool { return k.def.Excludes(def) })
}

func (e *editor) mergeList(old, payload *Node) *Node {
	l := *old.in.list
	changed := false
	for entry := range payload.Entries() {
		held := l.get(entry.def, entry.text)
		now := e.merge(held, entry)
		if !now.Same(held) {
			l = l.put(*now, Keep, "", e.own)
			changed = true
		}
	}
	if !changed {
		return old
	}
	return &Node{def: old.def, in: &inner{list: &l}}
}

// replace returns payload, made to share with old what is equal in both: old itself when everything is.
func (e *editor) replace(old, payload *Node) *Node {
	switch {
	case old == nil || payload.Same(old):
		return payload
	case payload.in == nil:
		return e.merge(old, payload)
	case payload.in.list != nil:
		return e.replaceList(old, payload)
	}
	kids := slices.Clone(payload.in.kids)
	changed := len(kids) != len(old.in.kids)
	for i := range kids {
		held := old.Child(kids[i].def)
		kids[i] = *e.replace(held, &kids[i])
		changed = changed || !kids[i].Same(held)
	}
	if !changed {
		return old
	}
	return &Node{def: old.def, text: old.text, in: &inner{kids: kids}}
}

func (e *editor) replaceList(old, payload *Node) *Node {
	def := old.def
	if payload.in.list.flat != nil || old.in.list.flat != nil {
		return payload
	}
	l := *old.in.list
	for entry := range old.Entries() {
		if payload.in.list.get(def, entry.text) == nil {
			l, _ = l.remove(def, entry.text, e.own)
		}
	}
	where := Keep
	if def.UserOrdered && !extends(l, *payload.in.list, def) {
		where = Last // each in turn: the order of the payload results
	}
	for entry := range payload.Entries() {
		held := l.get(def, entry.text)
		now := e.replace(held, entry)
		if where != Keep || !now.Same(held) {
			l = l.put(*now, where, "", e.own)
		}
	}
	if l.same(*old.in.list) {
		return old
	}
	return &Node{def: def, in: &inner{list: &l}}
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
