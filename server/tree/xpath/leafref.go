package xpath

import (
	"slices"

	"mooring/server/tree/schema"
)

// Targets finds the instances that a leafref at i with that value refers to (RFC 7950 section 9.9): the leaves that its
// path leads to and that have the value. Where the path and the value give all keys of a list, it is looked up.
func Targets(i *Item, p *schema.LeafrefPath, value string) NodeSet {
	at := i
	if p.Up < 0 {
		at = i.top()
	}
	for range p.Up {
		if at = at.Parent; at == nil {
			return nil
		}
	}
	t := targets{from: i, value: value}
	t.descend(at, p.Steps)
	return t.found
}

type targets struct {
	from  *Item
	value string
	found NodeSet
}

func (t *targets) descend(at *Item, steps []schema.LeafrefStep) {
	def := steps[0].Node
	n, _ := at.Node.EffectiveChild(def)
	if n == nil {
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

// entries goes on into the entries of a list that can matter.
func (t *targets) entries(at *Item, steps []schema.LeafrefStep) {
	def := steps[0].Node
	list := at.Node.Child(def)
	known := map[*schema.Node]string{}
	for _, p := range steps[0].Predicates {
		v, ok := t.operand(p)
		if !ok {
			return // equal to nothing
		}
		known[p.Key] = v
	}
	if next := steps[1].Node; next.IsKey() {
		if v, ok := known[next]; ok && v != t.value {
			return
		}
		known[next] = t.value
	}
	keys := make([]string, 0, len(def.Keys))
	for _, k := range def.Keys {
		if v, ok := known[k]; ok {
			keys = append(keys, v)
		}
	}
	if len(keys) == len(def.Keys) && len(keys) > 0 {
		if e := list.Entry(keys...); e != nil {
			t.descend(at.Child(e), steps[1:])
		}
		return
	}
	for e := range list.Entries() {
		if !slices.ContainsFunc(steps[0].Predicates, func(p schema.LeafrefPredicate) bool {
			c, _ := e.EffectiveChild(p.Key)
			return c == nil || c.Value() != known[p.Key]
		}) {
			t.descend(at.Child(e), steps[1:])
		}
	}
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
