package tree

import (
	"iter"
	"slices"

	"mooring/server/tree/schema"
)

// Effective yields the children of n in schema order with those that exist by default among them: leaves and leaf-lists
// whose default is in use (RFC 7950 sections 7.6.1, 7.7.2), and containers without presence. isDefault marks the leaves
// and leaf-lists that were not set. Conditions (when) of default nodes are not evaluated here: of a valid tree, package
// validate knows which hold.
func (n *Node) Effective() iter.Seq2[*Node, bool] {
	return func(yield func(*Node, bool) bool) {
		kids := n.kids()
		for _, def := range n.def.Children {
			if len(kids) > 0 && kids[0].def == def {
				if !yield(&kids[0], false) {
					return
				}
				kids = kids[1:]
				continue
			}
			if d := n.byDefault(def); d != nil && !yield(d, d.def.Kind != schema.Container) {
				return
			}
		}
	}
}

// EffectiveChild is Child with defaults: the child itself, or what stands in for it by default, or nil.
func (n *Node) EffectiveChild(def *schema.Node) (child *Node, isDefault bool) {
	if c := n.Child(def); c != nil {
		return c, false
	}
	d := n.byDefault(def)
	return d, d != nil && def.Kind != schema.Container
}

// EffectiveLeaf returns the value of the child leaf called local, its default when it is not set, and whether there is
// either.
func (n *Node) EffectiveLeaf(local string) (value string, ok bool) {
	def := n.def.ChildNamed(local)
	if def == nil {
		return "", false
	}
	if c, _ := n.EffectiveChild(def); c != nil {
		return c.Value(), true
	}
	return "", false
}

// byDefault returns what exists in n by default for a definition of which n holds nothing.
func (n *Node) byDefault(def *schema.Node) *Node {
	switch def.Kind {
	case schema.Container:
		if def.Presence || !n.caseInUse(def.Case) {
			return nil
		}
		return &Node{def: def, in: &inner{}}
	case schema.Leaf:
		if len(def.Default) == 0 || !n.caseInUse(def.Case) {
			return nil
		}
		return &Node{def: def, text: def.Default[0]}
	case schema.LeafList:
		if len(def.Default) == 0 || !n.caseInUse(def.Case) {
			return nil
		}
		l := &list{}
		for _, v := range def.Default {
			l.flat = append(l.flat, Node{def: def, text: v})
		}
		return &Node{def: def, in: &inner{list: l}}
	}
	return nil
}

// caseInUse reports whether the defaults of a case count: one of its nodes is there, or it is the default case and no node
// of the choice is (RFC 7950 section 7.9.3).
func (n *Node) caseInUse(c *schema.Case) bool {
	if c == nil {
		return true
	}
	if n.holdsCase(c) {
		return n.caseInUse(c.Choice.Parent)
	}
	return c.Choice.Default == c && !slices.ContainsFunc(c.Choice.Cases, n.holdsCase) && n.caseInUse(c.Choice.Parent)
}

// holdsCase reports whether a node of c, or of a choice inside it, is a child of n.
func (n *Node) holdsCase(c *schema.Case) bool {
	return slices.ContainsFunc(n.kids(), func(k Node) bool {
		for at := k.def.Case; at != nil; at = at.Choice.Parent {
			if at == c {
				return true
			}
		}
		return false
	})
}
