package schema

import (
	"fmt"
	"slices"
	"strings"
)

// LeafrefPath is the path of a leafref (RFC 7950 section 9.9.2), bound to the nodes that it passes.
type LeafrefPath struct {
	Text  string
	Up    int // levels up from the leafref's own node; -1: from the root
	Steps []LeafrefStep
}

// LeafrefStep goes down to Node, of whose entries the predicates select.
type LeafrefStep struct {
	Node       *Node
	Predicates []LeafrefPredicate
}

// LeafrefPredicate wants Key to have the value of the leaf that is Up levels above the leafref and then Down.
type LeafrefPredicate struct {
	Key  *Node
	Up   int
	Down []*Node
}

// leafrefText is the path before it is bound: the same path of a typedef leads elsewhere from each leaf that uses it.
type leafrefText struct {
	at    *statement
	up    int
	steps []textStep
}

type textStep struct {
	name       string
	predicates []textPredicate
}

type textPredicate struct {
	key  string
	up   int
	down []string
}

func parseLeafref(s *statement) (*leafrefText, error) {
	p := &leafrefText{at: s, up: -1}
	rest := strings.Join(strings.Fields(s.arg), "") // white space means nothing in a path
	if !strings.HasPrefix(rest, "/") {
		p.up, rest = leadingUps(rest)
		if p.up == 0 {
			return nil, fmt.Errorf("path %q starts neither with / nor with ../", s.arg)
		}
		rest = "/" + rest
	}
	for rest != "" {
		if !strings.HasPrefix(rest, "/") {
			return nil, fmt.Errorf("path %q: expected / before %q", s.arg, rest)
		}
		rest = rest[1:]
		end := strings.IndexAny(rest, "/[")
		if end < 0 {
			end = len(rest)
		}
		step := textStep{name: rest[:end]}
		rest = rest[end:]
		for strings.HasPrefix(rest, "[") {
			inside, after, ok := strings.Cut(rest[1:], "]")
			if !ok {
				return nil, fmt.Errorf("path %q: a bracket is not closed", s.arg)
			}
			predicate, err := parseLeafrefPredicate(inside)
			if err != nil {
				return nil, fmt.Errorf("path %q: %w", s.arg, err)
			}
			step.predicates = append(step.predicates, predicate)
			rest = after
		}
		p.steps = append(p.steps, step)
	}
	return p, nil
}

func parseLeafrefPredicate(text string) (textPredicate, error) {
	key, value, ok := strings.Cut(text, "=")
	value, current := strings.CutPrefix(value, "current()/")
	if !ok || !current {
		return textPredicate{}, fmt.Errorf("predicate [%s] is not of the form [key = current()/../leaf]", text)
	}
	up, rest := leadingUps(value)
	return textPredicate{key: key, up: up, down: strings.Split(rest, "/")}, nil
}

func leadingUps(path string) (ups int, rest string) {
	for strings.HasPrefix(path, "../") {
		path = path[3:]
		ups++
	}
	return ups, path
}

// bind gives n its own copy of a type whose leafrefs lead to nodes of the tree.
func (c *compiler) bind(t *Type, n *Node) (*Type, error) {
	switch t.Base {
	case Union:
		own := *t
		own.Members = slices.Clone(t.Members)
		for i, m := range t.Members {
			bound, err := c.bind(m, n)
			if err != nil {
				return nil, err
			}
			own.Members[i] = bound
		}
		return &own, nil
	case Leafref:
		if t.path == nil {
			return nil, fmt.Errorf("leafref without a path")
		}
		own := *t
		var err error
		if own.Leafref, err = c.bindPath(t.path, n); err != nil {
			return nil, t.path.at.errorf("path %q: %w", t.path.at.arg, err)
		}
		own.Target = own.Leafref.Steps[len(own.Leafref.Steps)-1].Node
		c.nodeType(own.Target)
		if own.Units == "" {
			own.Units = own.Target.Type.Units
		}
		return &own, nil
	}
	return t, nil
}

func (c *compiler) bindPath(p *leafrefText, n *Node) (*LeafrefPath, error) {
	bound := &LeafrefPath{Text: p.at.arg, Up: p.up}
	at := c.schema.Root
	if p.up >= 0 {
		if at = ascend(n, p.up); at == nil {
			return nil, fmt.Errorf("goes above the root from %s", n.path)
		}
	}
	for _, s := range p.steps {
		next, err := c.leafrefChild(p, at, s.name, n)
		if err != nil {
			return nil, err
		}
		step := LeafrefStep{Node: next}
		for _, pr := range s.predicates {
			bp := LeafrefPredicate{Up: pr.up}
			if bp.Key, err = c.leafrefChild(p, next, pr.key, n); err != nil {
				return nil, err
			}
			from := ascend(n, pr.up)
			for _, local := range pr.down {
				if from == nil {
					return nil, fmt.Errorf("a predicate goes above the root")
				}
				if from, err = c.leafrefChild(p, from, local, n); err != nil {
					return nil, err
				}
				bp.Down = append(bp.Down, from)
			}
			step.Predicates = append(step.Predicates, bp)
		}
		bound.Steps = append(bound.Steps, step)
		at = next
	}
	if at.Kind != Leaf && at.Kind != LeafList {
		return nil, fmt.Errorf("leads to the %s %s", at.Kind, at.path)
	}
	return bound, nil
}

// ascend goes up as data does: in data the parameters of an rpc or action stand in the element that invokes it, which input and
// output stand for here.
func ascend(n *Node, levels int) *Node {
	for ; levels > 0 && n != nil; levels-- {
		if n = n.Parent; n != nil && (n.Kind == RPC || n.Kind == Action) {
			n = n.Parent
		}
	}
	return n
}

func (c *compiler) leafrefChild(p *leafrefText, at *Node, qualified string, n *Node) (*Node, error) {
	m, local := n.Module, qualified
	if strings.Contains(qualified, ":") {
		var err error
		if m, local, err = p.at.split(qualified); err != nil {
			return nil, err
		}
	}
	if next := at.Child(m.Name, local); next != nil {
		return next, nil
	}
	if feature, ok := at.Unsupported(m.Name, local); ok {
		return nil, fmt.Errorf("%q below %s needs feature %s, and the leafref does not", qualified, at.path, feature)
	}
	return nil, fmt.Errorf("no node %q below %s", qualified, at.path)
}
