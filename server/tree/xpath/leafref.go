package xpath

import (
	"slices"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// Targets finds the instances that a leafref at i with that value refers to (RFC 7950 section 9.9): the leaves that its
// path leads to and that have the value. Where the path and the value give all keys of a list, it is looked up. visible is that of Eval.
func Targets(i *Item, p *schema.LeafrefPath, value string, visible func(parent *Item, def *schema.Node) bool) NodeSet {
	at := i
	if p.Up < 0 {
		at = i.top()
	}
	for range p.Up {
		if at = at.Parent; at == nil {
			return nil
		}
	}
	t := targets{from: i, value: value, visible: visible}
	t.descend(at, p.Steps)
	return t.found
}

type targets struct {
	from  *Item
	value string
	found NodeSet
	// visible decides whether what exists by default does exist.
	visible func(parent *Item, def *schema.Node) bool
}

func (t *targets) descend(at *Item, steps []schema.LeafrefStep) {
	def := steps[0].Node
	n, _ := at.Node.EffectiveChild(def)
	if n == nil || len(def.Whens) > 0 && t.visible != nil && at.Node.Child(def) == nil && !t.visible(at, def) {
		return
	}
	last := len(steps) == 1
	switch {
	case def.Kind == schema.LeafList:
		if e := n.Entry(t.value); e != nil {
			t.found = append(t.found, at.Child(e))
		}
	case last:
		if n.Value() == t.value {
			t.found = append(t.found, at.Child(n))
		}
	case def.Kind != schema.List:
		t.descend(at.Child(n), steps[1:])
	default:
		t.entries(at, steps)
	}
}

// given is a leaf of an entry with the value that it has to have.
type given struct {
	leaf  *schema.Node
	value string
}

// entries goes on into the entries of a list that can matter.
func (t *targets) entries(at *Item, steps []schema.LeafrefStep) {
	list := at.Node.Child(steps[0].Node)
	var room [4]given
	wanted := room[:0]
	for _, p := range steps[0].Predicates {
		v, ok := t.operand(p)
		if !ok {
			return // equal to nothing
		}
		wanted = append(wanted, given{p.Key, v})
	}
	if next := steps[1].Node; next.IsKey() {
		wanted = append(wanted, given{next, t.value})
	}
	if keys := keysGiven(steps[0].Node, wanted); keys != nil {
		if e := list.Entry(keys...); e != nil && holds(e, wanted) {
			t.descend(at.Child(e), steps[1:])
		}
		return
	}
	for e := range list.Entries() {
		if holds(e, wanted) {
			t.descend(at.Child(e), steps[1:])
		}
	}
}

// keysGiven returns the keys of a list's entry if all are given, or nil.
func keysGiven(def *schema.Node, wanted []given) (keys []string) {
	for _, k := range def.Keys {
		i := slices.IndexFunc(wanted, func(g given) bool { return g.leaf == k })
		if i < 0 {
			return nil
		}
		keys = append(keys, wanted[i].value)
	}
	return keys
}

// holds reports whether an entry has all values that are wanted.
func holds(e *tree.Node, wanted []given) bool {
	return !slices.ContainsFunc(wanted, func(g given) bool {
		leaf, _ := e.EffectiveChild(g.leaf)
		return leaf == nil || leaf.Value() != g.value
	})
}

// operand is the value that a predicate compares a key with.
func (t *targets) operand(p schema.LeafrefPredicate) (string, bool) {
	at := t.from
	for range p.Up {
		if at = at.Parent; at == nil {
			return "", false
		}
	}
	n := at.Node
	for _, def := range p.Down {
		if n, _ = n.EffectiveChild(def); n == nil {
			return "", false
		}
	}
	return n.Value(), true
}
