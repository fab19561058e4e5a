package tree

import (
	"slices"
	"strconv"
	"strings"

	"mooring/server/tree/schema"
)

// Builder makes a tree from the top down: Open and Close around what a container or list entry holds, Leaf for the rest.
// Order does not matter, keys included. Values are taken as canonical; a decoder checks them before.
//
// A Builder of NewScratch reuses its memory: what it built is valid until its next Reset, which suits state rendered
// row by row. The zero Builder allocates what it builds, for keeps.
type Builder struct {
	frames  []frame
	stack   []Node // children of the open nodes, the innermost last
	scratch bool
	arena   []Node
	own     *owner
}

// frame is an open node.
type frame struct {
	def    *schema.Node
	start  int            // where its children begin in stack
	sorted bool           // the children so far came in schema order
	unread []*schema.Node // keys that were given with a value that is wrong
}

// NewScratch returns a Builder that reuses its memory at every Reset.
func NewScratch() *Builder { return &Builder{scratch: true} }

// Reset forgets what was built. With a scratch builder this makes all its nodes invalid.
func (b *Builder) Reset() {
	b.frames, b.stack, b.arena, b.own = b.frames[:0], b.stack[:0], b.arena[:0], nil
}

// Open begins a container, a list entry, or the root, input, output or notification that the tree is built from. The
// first node opened is what Close returns in the end.
func (b *Builder) Open(def *schema.Node) {
	if b.own == nil {
		b.own = new(owner)
	}
	b.frames = append(b.frames, frame{def: def, start: len(b.stack), sorted: true})
}

// Leaf adds a leaf, a leaf-list entry or an anydata to the node that is open. It returns false, and adds nothing, when
// the leaf is there already or the leaf-list of a configuration holds the value.
func (b *Builder) Leaf(def *schema.Node, value string) bool {
	n := Node{def: def, text: value}
	if def.Kind == schema.LeafList {
		return b.entry(n, Keep)
	}
	return b.child(n)
}

// Uint adds a leaf of an unsigned integer type.
func (b *Builder) Uint(def *schema.Node, v uint64) bool {
	return b.Leaf(def, strconv.FormatUint(v, 10))
}

// Int adds a leaf of a signed integer type.
func (b *Builder) Int(def *schema.Node, v int64) bool {
	return b.Leaf(def, strconv.FormatInt(v, 10))
}

// Bool adds a leaf of type boolean.
func (b *Builder) Bool(def *schema.Node, v bool) bool { return b.Leaf(def, strconv.FormatBool(v)) }

// Add adds a finished node, with all it holds, to the node that is open: a leaf, a container, or an entry. It returns
// false, and adds nothing, when it is there already.
func (b *Builder) Add(n *Node) bool {
	switch {
	case n.empty():
		return true
	case n.IsEntry():
		return b.entry(*n, Keep)
	}
	return b.child(*n)
}

// Close ends the innermost open node. Of the first one it returns the finished node, nil when that is a container without
// presence that holds nothing; of the others it returns nil. ok is false when the entry is in its list already, or a key
// of it is missing: then it is left out.
func (b *Builder) Close() (n *Node, ok bool) {
	f := b.frames[len(b.frames)-1]
	b.frames = b.frames[:len(b.frames)-1]
	kids := b.stack[f.start:]
	if !f.sorted {
		slices.SortFunc(kids, func(x, y Node) int { return x.def.Position - y.def.Position })
	}
	built := Node{def: f.def, in: &inner{kids: b.keep(kids)}}
	b.stack = b.stack[:f.start]
	if len(b.frames) == 0 {
		b.own = nil // what is built is finished: nothing may change it any more
	}
	if f.def.Kind == schema.List {
		if built.text, ok = joinKeys(f.def, built.in.kids); !ok {
			return nil, false
		}
	}
	switch {
	case len(b.frames) == 0 && built.empty():
		return nil, true
	case len(b.frames) == 0:
		return &built, true
	case f.def.Kind == schema.List:
		return nil, b.entry(built, Keep)
	case built.empty():
		return nil, true
	}
	return nil, b.child(built)
}

// Missing returns the keys that the innermost open list entry lacks.
func (b *Builder) Missing() (keys []*schema.Node) {
	f := b.frames[len(b.frames)-1]
	for _, k := range f.def.Keys {
		if !b.has(k) && !slices.Contains(f.unread, k) {
			keys = append(keys, k)
		}
	}
	return keys
}

// has reports whether the innermost open node holds something of that definition.
func (b *Builder) has(def *schema.Node) bool {
	f := b.frames[len(b.frames)-1]
	return slices.ContainsFunc(b.stack[f.start:], func(n Node) bool { return n.def == def })
}

// forget takes out of the innermost open node what it holds of that definition.
func (b *Builder) forget(def *schema.Node) {
	f := b.frames[len(b.frames)-1]
	b.stack = append(b.stack[:f.start], slices.DeleteFunc(b.stack[f.start:], func(n Node) bool { return n.def == def })...)
}

// keysSoFar returns the keys of the innermost open list entry that are known so far.
func (b *Builder) keysSoFar() (keys []string) {
	f := b.frames[len(b.frames)-1]
	for _, k := range f.def.Keys {
		if i := slices.IndexFunc(b.stack[f.start:], func(n Node) bool { return n.def == k }); i >= 0 {
			keys = append(keys, b.stack[f.start+i].text)
		}
	}
	return keys
}

// Value returns the value of a leaf that the innermost open node has got already.
func (b *Builder) Value(def *schema.Node) (value string, ok bool) {
	f := b.frames[len(b.frames)-1]
	for _, n := range b.stack[f.start:] {
		if n.def == def {
			return n.text, true
		}
	}
	return "", false
}

// keep moves children from the stack to where they stay.
func (b *Builder) keep(kids []Node) []Node {
	if len(kids) == 0 {
		return nil
	}
	if !b.scratch {
		return slices.Clone(kids)
	}
	if cap(b.arena)-len(b.arena) < len(kids) { // nodes built before keep the old arena
		b.arena = make([]Node, 0, max(256, 2*cap(b.arena), len(kids)))
	}
	at := len(b.arena)
	b.arena = append(b.arena, kids...)
	return b.arena[at:len(b.arena):len(b.arena)]
}

func (b *Builder) child(n Node) bool {
	f := &b.frames[len(b.frames)-1]
	kids := b.stack[f.start:]
	if last := len(kids) - 1; last >= 0 && (!f.sorted || kids[last].def.Position >= n.def.Position) {
		if slices.ContainsFunc(kids, func(k Node) bool { return k.def == n.def }) {
			return false
		}
		f.sorted = false
	}
	b.stack = append(b.stack, n)
	return true
}

// entry adds an entry to its list in the open node, which it makes when there is none yet.
func (b *Builder) entry(n Node, where Where) bool {
	f := &b.frames[len(b.frames)-1]
	kids := b.stack[f.start:]
	i := len(kids) - 1
	for i >= 0 && kids[i].def != n.def {
		i--
	}
	if i < 0 {
		b.child(Node{def: n.def, in: &inner{list: newList(n)}})
		return true
	}
	l := kids[i].in.list
	if l.flat != nil {
		l.flat = append(l.flat, n)
		return true
	}
	if l.get(n.def, n.text) != nil {
		return false
	}
	*l = l.put(n, where, "", b.own) // the builder's own until it is closed
	return true
}

// newList returns a list with one entry. State is kept as it was reported, since its keys may be missing or repeat.
func newList(n Node) *list {
	if !n.def.Config {
		return &list{flat: []Node{n}}
	}
	return new(list{}.put(n, Keep, "", nil))
}

// joinKeys gives the text of a list entry from its children; false when a key is missing.
func joinKeys(def *schema.Node, kids []Node) (string, bool) {
	for i := range def.Keys {
		if i >= len(kids) || kids[i].def != def.Keys[i] {
			return "", false
		}
	}
	switch len(def.Keys) {
	case 0:
		return "", true
	case 1:
		return kids[0].text, true
	}
	keys := make([]string, len(def.Keys))
	for i := range keys {
		keys[i] = kids[i].text
	}
	joined := strings.Join(keys, keySeparator)
	for i, at := 0, 0; i < len(keys); i++ { // the leaves share the text of the joined key
		kids[i].text = joined[at : at+len(keys[i])]
		at += len(keys[i]) + len(keySeparator)
	}
	return joined, true
}

// otherCase returns the definition of a child of the open node that stands in another case of a choice than def, or nil.
func (b *Builder) otherCase(def *schema.Node) *schema.Node {
	if def.Case == nil {
		return nil
	}
	f := b.frames[len(b.frames)-1]
	for i := range b.stack[f.start:] {
		if other := b.stack[f.start+i].def; other.Excludes(def) {
			return other
		}
	}
	return nil
}
