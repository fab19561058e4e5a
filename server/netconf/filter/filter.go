package filter

import (
	"slices"
	"strings"

	"mooring/server/tree/schema"
	"mooring/server/tree/xpath"
)

// Filter says which part of the data is wanted; nil is all of it. It may be used any number of times, by any number of
// goroutines.
type Filter struct {
	schema *schema.Schema
	roots  []*selection // of the root; empty wants nothing
	expr   *xpath.Expr  // to be evaluated first; nil when roots says it all
	event  *xpath.Expr  // of EventXPath
}

// selection is what is wanted of the instances of one definition.
type selection struct {
	def   *schema.Node
	match []match // of leaves of the instance, all of which must hold
	value *string // of a leaf-list: only the entry with this value
	// whole wants everything in the instance; self the instance itself, with its keys but otherwise empty.
	whole, self bool
	kids        map[*schema.Node]*choices
}

// choices are what is wanted of the instances of one child: all of them, or what the selections say.
type choices struct {
	whole  bool
	keyed  map[string][]*selection // by joined keys of an entry: those that match all keys of a list
	others []*selection
}

// match holds when one of several leaves has its value. There are several where a filter names no namespace; none can hold
// when there is no such leaf.
type match []equal

type equal struct {
	leaf  *schema.Node
	value string // canonical
}

// add adds a selection of a child of s.def.
func (s *selection) add(kid *selection) {
	if s.kids == nil {
		s.kids = map[*schema.Node]*choices{}
	}
	c := s.kids[kid.def]
	if c == nil {
		c = &choices{}
		s.kids[kid.def] = c
	}
	if keys, rest, ok := kid.keys(); ok {
		if c.keyed == nil {
			c.keyed = map[string][]*selection{}
		}
		kid.match = rest
		c.keyed[keys] = append(c.keyed[keys], kid)
		return
	}
	c.others = append(c.others, kid)
}

// keys takes the matches apart that give all keys of a list, when there are such.
func (s *selection) keys() (joined string, rest []match, ok bool) {
	if len(s.def.Keys) == 0 || len(s.match) < len(s.def.Keys) {
		return "", nil, false
	}
	keys := make([]string, len(s.def.Keys))
	given := 0
	for _, m := range s.match {
		i := -1
		if len(m) == 1 {
			i = slices.Index(s.def.Keys, m[0].leaf)
		}
		if i < 0 || keys[i] != "" {
			rest = append(rest, m)
			continue
		}
		keys[i] = m[0].value
		given++
	}
	return strings.Join(keys, keySeparator), rest, given == len(keys)
}

// keySeparator joins keys as schema.Step.JoinedKeys does.
const keySeparator = "\x00"

// descend returns the selection of one child instance, which it makes when there is none: a path of instances becomes a
// selection that way, and paths with a common beginning share it.
func (s *selection) descend(step schema.Step) *selection {
	kid := &selection{def: step.Node}
	switch {
	case step.Keys == nil:
	case step.Node.Kind == schema.LeafList:
		kid.value = &step.Keys[0]
	default:
		for i, k := range step.Node.Keys {
			kid.match = append(kid.match, match{{k, step.Keys[i]}})
		}
	}
	if have := s.kids[step.Node].find(kid, step.JoinedKeys()); have != nil {
		return have
	}
	s.add(kid)
	return kid
}

func (c *choices) find(like *selection, keys string) *selection {
	switch {
	case c == nil:
		return nil
	case len(like.match) > 0:
		if list := c.keyed[keys]; len(list) > 0 {
			return list[0]
		}
		return nil
	}
	for _, s := range c.others {
		if len(s.match) == 0 && (s.value == nil && like.value == nil || s.value != nil && like.value != nil && *s.value == *like.value) {
			return s
		}
	}
	return nil
}

// keyedOnly reports whether only entries with known keys are wanted.
func (c *choices) keyedOnly() bool { return !c.whole && len(c.others) == 0 }

// of gives the selections of an entry of a list.
func (c *choices) of(keys string) []*selection {
	if more := c.keyed[keys]; len(more) > 0 {
		return append(slices.Clip(c.others), more...)
	}
	return c.others
}

// touch reports whether it can depend on one of these children of an instance what is shown of it.
func (c *choices) touch(defs []*schema.Node) bool {
	if c.whole || slices.ContainsFunc(c.others, func(s *selection) bool { return s.touches(defs) }) {
		return true
	}
	for _, list := range c.keyed {
		if slices.ContainsFunc(list, func(s *selection) bool { return s.touches(defs) }) {
			return true
		}
	}
	return false
}

func (s *selection) touches(defs []*schema.Node) bool {
	return s.whole || slices.ContainsFunc(defs, func(def *schema.Node) bool {
		return s.kids[def] != nil || slices.ContainsFunc(s.match, func(m match) bool {
			return slices.ContainsFunc(m, func(eq equal) bool { return eq.leaf == def })
		})
	})
}

// wants is what is wanted of one instance: what any of the selections says. nil is everything.
type wants []*selection

// self reports whether a selection wants the instance itself.
func (w wants) self() bool {
	return slices.ContainsFunc(w, func(s *selection) bool { return s.self })
}

// of gathers what is wanted of one child. ok is false when nothing is.
func (w wants) of(def *schema.Node) (c choices, ok bool) {
	if w == nil {
		return choices{whole: true}, true
	}
	for _, s := range w {
		switch k := s.kids[def]; {
		case k == nil:
		case !ok:
			c, ok = *k, true
		default:
			c = c.with(k)
		}
	}
	return c, ok
}

// with adds the choices of another selection of the same node; what both share is not changed.
func (c choices) with(more *choices) choices {
	sum := choices{others: append(slices.Clip(c.others), more.others...)}
	if len(c.keyed)+len(more.keyed) > 0 {
		sum.keyed = map[string][]*selection{}
		for _, from := range []map[string][]*selection{c.keyed, more.keyed} {
			for keys, list := range from {
				sum.keyed[keys] = append(sum.keyed[keys], list...)
			}
		}
	}
	return sum
}
