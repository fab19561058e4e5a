package tree

import (
	"iter"
	"slices"
	"strings"

	"mooring/server/tree/schema"
)

// Node is one node of a data tree: a container, a list or leaf-list as a whole, one entry of either, a leaf, an anydata
// or the root. It never changes once it can be seen.
//
// Lists and leaf-lists are a level of their own: a container has the list as one child, and the list has the entries.
type Node struct {
	def  *schema.Node
	text string // value of a leaf or leaf-list entry; keys of a list entry, joined by keySeparator
	in   *inner // children, or entries; nil for leaves and leaf-list entries
}

// inner is what a node holds: kids for containers, list entries and the root, list for lists and leaf-lists as a whole.
type inner struct {
	kids []Node // by position in the schema; no two of one definition
	list *list
}

// keySeparator stands between the keys of a list entry; no YANG string may hold it.
const keySeparator = "\x00"

// Schema returns the definition of n; the root's is Schema.Root.
func (n *Node) Schema() *schema.Node { return n.def }

// Value returns the canonical value of a leaf, leaf-list entry or anydata, and "" for every other node.
func (n *Node) Value() string {
	if n.in != nil {
		return ""
	}
	return n.text
}

// IsList reports whether n is a list or leaf-list as a whole, as opposed to one entry.
func (n *Node) IsList() bool { return n.in != nil && n.in.list != nil }

// IsEntry reports whether n is one entry of a list or leaf-list.
func (n *Node) IsEntry() bool {
	return (n.def.Kind == schema.List || n.def.Kind == schema.LeafList) && !n.IsList()
}

// Keys returns the key values of a list entry in the order of the schema's keys, or the value of a leaf-list entry; nil
// for every other node.
func (n *Node) Keys() []string {
	switch {
	case !n.IsEntry():
		return nil
	case n.def.Kind == schema.List && len(n.def.Keys) == 0:
		return nil
	case n.def.Kind == schema.List && len(n.def.Keys) > 1:
		return strings.Split(n.text, keySeparator)
	}
	return []string{n.text}
}

// Step returns the path step that leads to n from the node above (for an entry: from the node that holds the list).
func (n *Node) Step() schema.Step { return schema.Step{Node: n.def, Keys: n.Keys()} }

// Children yields the children of a container, a list entry or the root in schema order; lists as one node each.
func (n *Node) Children() iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		kids := n.kids()
		for i := range kids {
			if !yield(&kids[i]) {
				return
			}
		}
	}
}

// Child returns the child with that definition, a list as a whole, or nil.
func (n *Node) Child(def *schema.Node) *Node {
	kids := n.kids()
	if i, ok := find(kids, def.Position); ok && kids[i].def == def {
		return &kids[i]
	}
	return nil
}

// ChildNamed returns the child called local, in the module of n when several are called so, or nil.
func (n *Node) ChildNamed(local string) *Node {
	if def := n.def.ChildNamed(local); def != nil {
		return n.Child(def)
	}
	return nil
}

// Leaf returns the value of the child leaf called local and whether it is there.
func (n *Node) Leaf(local string) (value string, ok bool) {
	if c := n.ChildNamed(local); c != nil {
		return c.Value(), true
	}
	return "", false
}

// Len returns the number of entries of a list or leaf-list, or of children of any other node.
func (n *Node) Len() int {
	if n.IsList() {
		return n.in.list.len()
	}
	return len(n.kids())
}

// Entries yields the entries of a list or leaf-list: in key order, or in the user's order where the schema says so. On
// any other node it yields nothing.
func (n *Node) Entries() iter.Seq[*Node] {
	if n == nil || !n.IsList() {
		return func(func(*Node) bool) {}
	}
	return n.in.list.all(n.def)
}

// Entry returns the entry with these key values (or of a leaf-list, with this value), or nil.
func (n *Node) Entry(keys ...string) *Node {
	if n == nil || !n.IsList() {
		return nil
	}
	return n.in.list.get(n.def, strings.Join(keys, keySeparator))
}

// Get follows a path from n down and returns what is there, or nil. The path is relative to n.
func (n *Node) Get(path schema.Path) *Node {
	for _, s := range path {
		if n = n.step(s); n == nil {
			return nil
		}
	}
	return n
}

func (n *Node) step(s schema.Step) *Node {
	c := n.Child(s.Node)
	if c == nil || s.Keys == nil {
		return c
	}
	return c.Entry(s.Keys...)
}

// Same reports whether n and m are one and the same, by identity and not by content: true means that nothing below
// differs, false that something probably does.
func (n *Node) Same(m *Node) bool {
	return n == m || n != nil && m != nil && n.def == m.def && n.in == m.in && n.text == m.text
}

// Equal reports whether n and m have the same content, the order of lists ordered by the user included.
func (n *Node) Equal(m *Node) bool {
	return Diff(n, m).Empty()
}

func (n *Node) kids() []Node {
	if n == nil || n.in == nil {
		return nil
	}
	return n.in.kids
}

// empty reports whether n means nothing by being there: a container without presence that holds nothing, an empty list.
func (n *Node) empty() bool {
	switch {
	case n.in == nil:
		return false
	case n.in.list != nil:
		return n.in.list.len() == 0
	}
	return n.def.Kind == schema.Container && !n.def.Presence && len(n.in.kids) == 0
}

// find returns where the child of that position is or would be.
func find(kids []Node, position int) (int, bool) {
	return slices.BinarySearchFunc(kids, position, func(k Node, p int) int { return k.def.Position - p })
}

// with returns n with child in the place of the one of its definition, or without it when child is nil or empty.
func (n *Node) with(def *schema.Node, child *Node) *Node {
	kids := n.kids()
	i, ok := find(kids, def.Position)
	gone := child == nil || child.empty()
	if gone && !ok {
		return n
	}
	changed := make([]Node, 0, len(kids)+1)
	changed = append(changed, kids[:i]...)
	if !gone {
		changed = append(changed, *child)
	}
	if ok {
		i++
	}
	changed = append(changed, kids[i:]...)
	return &Node{def: n.def, text: n.text, in: &inner{kids: changed}}
}

// NewRoot returns the empty tree of a schema.
func NewRoot(s *schema.Schema) *Node { return &Node{def: s.Root, in: &inner{}} }
