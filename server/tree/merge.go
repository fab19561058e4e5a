package tree

import (
	"slices"
	"strings"

	"mooring/server/tree/schema"
)

func joinAnchor(keys []string) string { return strings.Join(keys, keySeparator) }

// merge adds payload to old and returns the result: old itself when that changes nothing.
func (e *editor) merge(old, payload *Node) *Node {
	switch {
	case old == nil:
		e.touch()
		return payload
	case payload.in == nil:
		if old.text == payload.text {
			return old
		}
		e.touch()
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
				e.touchChild(&a[0])
				changed = true
			}
			a = a[1:]
		case len(a) == 0 || b[0].def.Position < a[0].def.Position:
			e.touchChild(&b[0])
			kids = append(kids, b[0])
			b, changed = b[1:], true
		default:
			e.way = append(e.way, &b[0])
			now := e.merge(&a[0], &b[0])
			e.way = e.way[:len(e.way)-1]
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
		e.way = append(e.way, entry)
		now := e.merge(held, entry)
		e.way = e.way[:len(e.way)-1]
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
