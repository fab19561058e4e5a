package xpath

import (
	"slices"

	"mooring/server/tree/schema"
)

// PathStep is one level of a location path that needs no evaluation: a definition, and the values that leaves of an instance have to
// have, all of them.
type PathStep struct {
	Node  *schema.Node
	Equal []Equal
}

// Equal asks a leaf, or an entry of a leaf-list, for a value.
type Equal struct {
	Leaf  *schema.Node
	Value string
}

// Paths gives the location paths that e stands for when it starts at root: names, wildcards and //, with predicates that
// compare children with literals, joined by |. ok is false when there is more in it, so that it has to be evaluated.
func (e *Expr) Paths(root *schema.Node) (paths [][]PathStep, ok bool) {
	return pathsOf(e.root, root)
}

func pathsOf(e expr, root *schema.Node) ([][]PathStep, bool) {
	switch e := e.(type) {
	case binary:
		left, ok := pathsOf(e.left, root)
		right, rok := pathsOf(e.right, root)
		return append(left, right...), ok && rok && e.op == "|"
	case path:
		if e.start != nil {
			return nil, false
		}
		found := [][]PathStep{{{Node: root}}}
		for i := range e.steps {
			var ok bool
			if found, ok = follow(found, &e.steps[i]); !ok {
				return nil, false
			}
		}
		for i := range found {
			found[i] = found[i][1:]
		}
		return found, true
	}
	return nil, false
}

// follow goes one step further on every path.
func follow(paths [][]PathStep, s *step) (longer [][]PathStep, ok bool) {
	for _, p := range paths {
		last := p[len(p)-1]
		switch {
		case s.test.kind == testText || s.test.kind == testNone:
			return nil, false
		case s.axis == axisSelf && s.test.kind == testNode && len(s.predicates) == 0:
			longer = append(longer, p)
		case s.axis == axisDescendantOrSelf && s.test.kind == testNode && len(s.predicates) == 0:
			longer = append(append(longer, p), below(p, last.Node)...)
		case s.axis == axisChild:
			longer = append(longer, children(p, last.Node)...)
		case s.axis == axisDescendant:
			longer = append(longer, below(p, last.Node)...)
		default:
			return nil, false
		}
	}
	if s.axis == axisSelf || s.axis == axisDescendantOrSelf {
		return longer, true
	}
	longer = slices.DeleteFunc(longer, func(p []PathStep) bool { return !s.test.accepts(p[len(p)-1].Node) })
	ok = true
	for i := range longer {
		last := &longer[i][len(longer[i])-1]
		if last.Equal, ok = equals(last.Node, s.predicates); !ok {
			return nil, false
		}
	}
	return longer, true
}

func (t test) accepts(def *schema.Node) bool {
	return (t.module == nil || def.Module == t.module) && (t.kind != testName || def.Name == t.local)
}

func children(p []PathStep, def *schema.Node) (longer [][]PathStep) {
	for _, c := range def.Children {
		longer = append(longer, append(slices.Clip(p), PathStep{Node: c}))
	}
	return longer
}

func below(p []PathStep, def *schema.Node) (longer [][]PathStep) {
	for _, kid := range children(p, def) {
		longer = append(append(longer, kid), below(kid, kid[len(kid)-1].Node)...)
	}
	return longer
}

// equals reads predicates that compare a child with a literal.
func equals(def *schema.Node, predicates []predicate) (list []Equal, ok bool) {
	for _, p := range predicates {
		if p.key == nil {
			return nil, false
		}
		var leaves []*schema.Node
		for _, c := range def.Children {
			if p.key.accepts(c) {
				leaves = append(leaves, c)
			}
		}
		value, text := p.value.(literal)
		if len(leaves) != 1 || !text || leaves[0].Type == nil || !plainText(leaves[0].Type) {
			return nil, false
		}
		list = append(list, Equal{leaves[0], string(value)})
	}
	return list, true
}
