package tree

import (
	"slices"

	"mooring/server/tree/schema"
)

// Op is what an edit does to a node (RFC 6241 section 7.2).
type Op uint8

// The operations. None changes nothing by itself but wants the node to be there; Ensure and Seek are for nodes above the
// one that is operated on: Ensure creates them where they are missing, Seek leaves the edit without effect.
const (
	Merge Op = iota
	Replace
	Create
	Delete
	Remove
	None
	Ensure
	Seek
)

var opNames = [...]string{"merge", "replace", "create", "delete", "remove", "none", "ensure", "seek"}

func (o Op) String() string { return opNames[o] }

// Edit is an operation on one node with everything below it. It is what an <edit-config> payload, an operation of a gNMI
// Set, an imported file and a roll-back are turned into.
type Edit struct {
	Op Op
	// Node is the node operated on: its definition, its keys or value, and what it is to hold. Merge, Replace, Create and
	// None apply to all that it holds. For Delete, Remove, Ensure and Seek only definition and keys count.
	Node *Node
	// Below are operations of their own on nodes below Node, which need not be in it. Deletions come first, then the rest
	// in order.
	Below []Edit
	// Where places an entry of a list or leaf-list ordered by the user; Anchor holds the keys that Before and After refer
	// to. An entry that Merge or None finds in place stays there when Where is Keep.
	Where  Where
	Anchor []string
}

// At makes the edit that applies op to the node at path, holding what content holds (nil for an empty one; its own
// definition and keys are those of the path). Missing nodes above are created, except for Delete, which then fails, and
// Remove, which then does nothing.
func At(s *schema.Schema, path schema.Path, op Op, content *Node) Edit {
	last := Edit{Op: op, Node: content}
	if content == nil && len(path) > 0 {
		last.Node = Stub(path.Last())
	} else if content == nil {
		last.Node = NewRoot(s)
	}
	return Through(s, path, op, last)
}

// Through wraps an edit of the node at path in what leads to it from the root.
func Through(s *schema.Schema, path schema.Path, op Op, last Edit) Edit {
	if len(path) == 0 {
		return last
	}
	way := Ensure
	switch op {
	case Delete, None:
		way = None
	case Remove, Seek:
		way = Seek
	}
	for i := len(path) - 2; i >= 0; i-- {
		last = Edit{Op: way, Node: Stub(path[i]), Below: []Edit{last}}
	}
	return Edit{Op: way, Node: NewRoot(s), Below: []Edit{last}}
}

// Stub returns a node that a step leads to, without content. The entry of a list holds its keys.
func Stub(step schema.Step) *Node {
	def := step.Node
	isList := def.Kind == schema.List || def.Kind == schema.LeafList
	switch {
	case isList && step.Keys == nil:
		return &Node{def: def, in: &inner{list: new(list)}}
	case def.Kind == schema.LeafList:
		return &Node{def: def, text: step.Keys[0]}
	case !def.HasChildren():
		return &Node{def: def}
	}
	n := &Node{def: def, in: &inner{kids: make([]Node, len(step.Keys))}}
	for i, k := range step.Keys {
		n.in.kids[i] = Node{def: def.Keys[i], text: k}
	}
	n.text, _ = joinKeys(def, n.in.kids)
	return n
}

// NewLeaf returns a leaf, leaf-list entry or anydata with a canonical value.
func NewLeaf(def *schema.Node, value string) *Node { return &Node{def: def, text: value} }

// Writes reports whether the edit itself puts a node in place, be it with what is there already. The path leads there from the node
// operated on.
func (ed *Edit) Writes(path schema.Path) bool {
	switch ed.Op {
	case Merge, Replace, Create:
		if n := ed.Node.Get(path); n != nil && !n.empty() {
			return true
		}
	}
	return len(path) > 0 && slices.ContainsFunc(ed.Below, func(b Edit) bool { return b.Node.Step().Equal(path[0]) && b.Writes(path[1:]) })
}

// Apply applies edits in order and returns the new root. When an edit fails, root is what holds, and the error joins an
// *Error for everything found wrong, each with its path.
//
// Payloads are expected to have been checked by the decoder that made them: types, keys, one case of a choice.
func Apply(root *Node, edits ...Edit) (*Node, error) {
	c, err := Perform(root, edits...)
	return c.New, err
}

// Perform is Apply that tells what leads from root to the new one, which the edits know.
func Perform(root *Node, edits ...Edit) (Changes, error) {
	e := &editor{own: new(owner)}
	at := root
	for i := range edits {
		if changed := e.node(at, &edits[i]); changed != nil {
			at = changed
		} else {
			at = &Node{def: root.def, in: &inner{}} // the root itself was deleted
		}
	}
	if err := e.errs.err(); err != nil {
		return Changes{}, err
	}
	return Changes{root, at, e.touched}, nil
}
