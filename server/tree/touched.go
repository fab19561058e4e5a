package tree

import (
	"slices"

	"mooring/server/tree/schema"
)

// touched says where a tree may differ from the one that it was made from. It is a trie that lies beside the tree, shared and as immutable
// as that: an edit notes in it what it writes, and what changed is looked up there and nowhere else. nil is nowhere.
type touched struct {
	all     bool                // here, and anywhere below
	kids    []touchedKid        // by position in the schema
	entries btree[touchedEntry] // of a list or leaf-list, by key
	own     *owner
}

type touchedKid struct {
	def *schema.Node
	at  *touched
}

type touchedEntry struct {
	def *schema.Node
	key string
	at  *touched
}

// everywhere is where two trees may differ of which nothing is known.
var everywhere = &touched{all: true}

func byTouchedKey(a, b *touchedEntry) int { return compareKeys(a.def, a.key, b.key) }

func (t *touched) whole() bool { return t != nil && t.all }

// kid is what is noted of a child; a list is a child as a whole.
func (t *touched) kid(def *schema.Node) *touched {
	if t == nil || t.all {
		return t
	}
	if i, ok := t.find(def); ok {
		return t.kids[i].at
	}
	return nil
}

func (t *touched) find(def *schema.Node) (int, bool) {
	return slices.BinarySearchFunc(t.kids, def.Position, func(k touchedKid, p int) int { return k.def.Position - p })
}

// entry is what is noted of an entry of the list that t is about.
func (t *touched) entry(def *schema.Node, key string) *touched {
	if t == nil || t.all {
		return t
	}
	if e := t.entries.get(&touchedEntry{def: def, key: key}, byTouchedKey); e != nil {
		return e.at
	}
	return nil
}

// under is what is noted of the node at a path.
func (t *touched) under(path schema.Path) *touched {
	for _, s := range path {
		t = t.kid(s.Node)
		if s.Keys != nil {
			t = t.entry(s.Node, joinAnchor(s.Keys))
		}
	}
	return t
}

// add notes the node that way leads to.
func (t *touched) add(way []*Node, own *owner) *touched {
	if t.whole() || len(way) == 0 {
		return everywhere
	}
	n := way[0]
	switch {
	case !n.IsEntry() && n.IsList() && len(way) > 1: // the entry says which list
		return t.add(way[1:], own)
	case !n.IsEntry():
		return t.withKid(n.def, t.kid(n.def).add(way[1:], own), own)
	}
	list := t.kid(n.def)
	if list.whole() {
		return t
	}
	held := list.entry(n.def, n.text)
	if now := held.add(way[1:], own); now != held {
		list = list.withEntry(touchedEntry{n.def, n.text, now}, own)
	}
	return t.withKid(n.def, list, own)
}

func (t *touched) editable(own *owner) *touched {
	switch {
	case t == nil:
		return &touched{own: own}
	case t.own == own:
		return t
	}
	return &touched{all: t.all, kids: slices.Clone(t.kids), entries: t.entries, own: own}
}

// withKid returns t with another note of a child: none when at is nil. It is nil when nothing is left.
func (t *touched) withKid(def *schema.Node, at *touched, own *owner) *touched {
	if t.kid(def) == at {
		return t
	}
	t = t.editable(own)
	i, ok := t.find(def)
	switch {
	case at == nil:
		t.kids = cut(t.kids, i)
	case ok:
		t.kids[i].at = at
	default:
		t.kids = insert(t.kids, i, touchedKid{def, at})
	}
	return t.orNil()
}

// withEntry is withKid for an entry of the list that t is about.
func (t *touched) withEntry(e touchedEntry, own *owner) *touched {
	t = t.editable(own)
	if e.at == nil {
		t.entries, _ = t.entries.remove(&e, byTouchedKey, own)
	} else {
		t.entries = t.entries.put(e, byTouchedKey, own)
	}
	return t.orNil()
}

func (t *touched) orNil() *touched {
	if len(t.kids) == 0 && t.entries.len() == 0 {
		return nil
	}
	return t
}
