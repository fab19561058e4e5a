package xpath

import (
	"cmp"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// Item is a node with the way to it: an element of a node-set. A nil Parent is that of the root.
type Item struct {
	Node   *tree.Node
	Parent *Item
	text   bool // the text of a leaf rather than the leaf
}

// Root makes the item that an evaluation starts from.
func Root(n *tree.Node) *Item { return &Item{Node: n} }

// Child makes the item of a child of i: a container, a leaf, or an entry.
func (i *Item) Child(n *tree.Node) *Item { return &Item{Node: n, Parent: i} }

// Path returns the way from the root.
func (i *Item) Path() schema.Path {
	p := schema.Path{}
	for at := i; at.Parent != nil; at = at.Parent {
		if !at.text {
			p = append(p, at.Node.Step())
		}
	}
	for a, b := 0, len(p)-1; a < b; a, b = a+1, b-1 {
		p[a], p[b] = p[b], p[a]
	}
	return p
}

// Locate follows a path from i down; nil when it leads nowhere.
func (i *Item) Locate(path schema.Path) *Item {
	for _, s := range path {
		n := i.Node.Get(schema.Path{s})
		if n == nil {
			return nil
		}
		i = i.Child(n)
	}
	return i
}

func (i *Item) top() *Item {
	for i.Parent != nil {
		i = i.Parent
	}
	return i
}

func (i *Item) depth() (d int) {
	for at := i; at.Parent != nil; at = at.Parent {
		d++
	}
	return d
}

// same reports whether two items are one node. Nodes that exist by default are made anew each time they are met, so their
// definition decides and not their address.
func same(a, b *Item) bool {
	for a != b {
		if a == nil || b == nil || a.text != b.text || a.Node.Schema() != b.Node.Schema() {
			return false
		}
		if a.Node != b.Node && a.Node.IsEntry() && compareEntries(a, b) != 0 {
			return false
		}
		a, b = a.Parent, b.Parent
	}
	return true
}

// compare orders items as they stand in the document.
func compare(a, b *Item) int {
	da, db := a.depth(), b.depth()
	x, y := a, b
	for ; da > db; da-- {
		x = x.Parent
	}
	for ; db > da; db-- {
		y = y.Parent
	}
	if same(x, y) { // one is above the other
		return cmp.Compare(a.depth(), b.depth())
	}
	for !same(x.Parent, y.Parent) {
		x, y = x.Parent, y.Parent
	}
	if x.Node.Schema() != y.Node.Schema() {
		return cmp.Compare(x.Node.Schema().Position, y.Node.Schema().Position)
	}
	return compareEntries(x, y)
}

// compareEntries orders entries of one list.
func compareEntries(x, y *Item) int {
	if x.Node == y.Node {
		return 0
	}
	if list := listOf(x); list != nil {
		return list.CompareEntries(x.Node, y.Node)
	}
	return cmp.Compare(x.Node.Value(), y.Node.Value())
}

func listOf(i *Item) *tree.Node {
	if i.Parent == nil {
		return nil
	}
	return i.Parent.Node.Child(i.Node.Schema())
}
