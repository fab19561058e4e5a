package xpath

import (
	"slices"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

func (p path) eval(c *context) Value {
	var set NodeSet
	switch {
	case p.start != nil:
		set = p.start.eval(c).(NodeSet)
		for _, f := range p.filters {
			set = c.filter(set, f, false)
		}
	case p.absolute:
		set = NodeSet{c.node.top()}
	default:
		set = NodeSet{c.node}
	}
	for i := range p.steps {
		set = c.step(set, &p.steps[i])
	}
	return set
}

// step goes from every node of set along one step.
func (c *context) step(set NodeSet, s *step) NodeSet {
	if len(set) == 1 {
		return c.from(set[0], s)
	}
	var out NodeSet
	for _, i := range set {
		out = append(out, c.from(i, s)...)
	}
	if s.axis != axisChild && s.axis != axisSelf || !slices.IsSortedFunc(out, compare) {
		return ordered(out)
	}
	return out
}

// from goes from one node along one step.
func (c *context) from(i *Item, s *step) NodeSet {
	predicates := s.predicates
	var out NodeSet
	if s.axis == axisChild && s.test.kind == testName && !i.text {
		out, predicates = c.named(i, s)
	} else {
		out = c.along(i, s)
	}
	c.spend(1 + len(out))
	for _, p := range predicates {
		out = c.filter(out, p, s.axis.reverse())
	}
	if s.axis.reverse() {
		slices.Reverse(out)
	}
	return out
}

// filter keeps the nodes for which a predicate holds. The set is in the order of the axis, so that positions count along it.
func (c *context) filter(set NodeSet, p predicate, reverse bool) NodeSet {
	out := set[:0:0]
	for at, i := range set {
		inner := context{Eval: c.Eval, node: i, position: at + 1, size: len(set)}
		v := p.expr.eval(&inner)
		if f, ok := v.(float64); ok && f == float64(at+1) || !ok && toBool(v) {
			out = append(out, i)
		}
	}
	return out
}

func (t test) matches(i *Item) bool {
	switch t.kind {
	case testNode:
		return true
	case testText:
		return i.text
	case testNone:
		return false
	}
	if i.text || i.Parent == nil {
		return false
	}
	def := i.Node.Schema()
	if def.Kind == schema.Input {
		def = def.Parent
	}
	return (t.module == nil || def.Module == t.module) && (t.kind == testAny || def.Name == t.local)
}

// named is the child axis with a name, by far the most common step: the schema says where to look, and predicates that
// give all keys of a list make it a look-up. It returns the predicates still to be applied.
func (c *context) named(i *Item, s *step) (NodeSet, []predicate) {
	var out NodeSet
	left := s.predicates
	def := i.Node.Schema()
	if s.test.module != nil {
		if child := def.Child(s.test.module.Name, s.test.local); child != nil {
			return c.ofDefinition(i, child, s.predicates)
		}
		return c.undefined(i, s), s.predicates
	}
	matches := 0
	for _, child := range def.Children {
		if child.Name == s.test.local {
			var some NodeSet
			some, left = c.ofDefinition(i, child, s.predicates)
			out = append(out, some...)
			matches++
		}
	}
	switch {
	case matches > 1: // of several modules: apply all predicates to all
		return c.along(i, s), s.predicates
	case matches == 0:
		return c.undefined(i, s), s.predicates
	}
	return out, left
}

// undefined is the child axis where it leads to a notification, rpc or action: those are no children by definition.
func (c *context) undefined(i *Item, s *step) NodeSet {
	if def := i.Node.Schema(); def.Kind != schema.Root && len(def.Notifications)+len(def.Actions) == 0 {
		return nil
	}
	return c.along(i, s)
}

func (c *context) ofDefinition(i *Item, def *schema.Node, predicates []predicate) (NodeSet, []predicate) {
	if def.Kind == schema.List {
		if keys, n := c.lookup(def, predicates); keys != nil {
			entry := i.Node.Child(def).Entry(keys...)
			if entry == nil {
				return nil, nil
			}
			return c.readable(NodeSet{i.Child(entry)}), predicates[n:]
		}
	}
	n := i.Node.Child(def)
	if n == nil {
		if n = c.byDefault(i, def); n == nil {
			return nil, nil
		}
	}
	return c.expand(i, n, nil), predicates
}

// byDefault returns what exists of def in i by default, if anything.
func (c *context) byDefault(i *Item, def *schema.Node) *tree.Node {
	if c.Plain {
		return nil
	}
	n, _ := i.Node.EffectiveChild(def)
	if n == nil || len(def.Whens) > 0 && c.Visible != nil && !c.Visible(i, def) {
		return nil
	}
	return n
}

// lookup evaluates predicates that give every key of a list one value: the first n of them do.
func (c *context) lookup(def *schema.Node, predicates []predicate) (keys []string, n int) {
	n = len(def.Keys)
	if n == 0 || len(predicates) < n {
		return nil, 0
	}
	keys = make([]string, n)
	given := make([]bool, n)
	for _, p := range predicates[:n] {
		if p.key == nil {
			return nil, 0
		}
		at := slices.IndexFunc(def.Keys, func(k *schema.Node) bool {
			return k.Name == p.key.local && (p.key.module == nil || k.Module == p.key.module)
		})
		if at < 0 || given[at] || !plainText(def.Keys[at].Type) {
			return nil, 0
		}
		v := p.value.eval(c)
		if set, ok := v.(NodeSet); ok && len(set) != 1 {
			return nil, 0
		}
		switch v.(type) {
		case bool:
			return nil, 0
		case float64: // several texts are one number
			if !def.Keys[at].Type.Resolved().Base.IsInteger() {
				return nil, 0
			}
		}
		keys[at], given[at] = toString(v), true
	}
	return keys, n
}

// plainText reports whether a canonical value of t has no other text that an expression could compare equal to it.
func plainText(t *schema.Type) bool {
	switch t = t.Resolved(); t.Base {
	case schema.IdentityRef, schema.Decimal64, schema.InstanceID:
		return false
	}
	return !slices.ContainsFunc(t.Members, func(m *schema.Type) bool { return !plainText(m) })
}

// expand appends what a child is in a document: the entries of a list, else the child.
func (c *context) expand(parent *Item, n *tree.Node, out NodeSet) NodeSet {
	if !n.IsList() {
		return append(out, c.readable(NodeSet{parent.Child(n)})...)
	}
	for e := range n.Entries() {
		out = append(out, parent.Child(e))
	}
	return c.readable(out)
}

func (c *context) readable(set NodeSet) NodeSet {
	if c.Readable == nil {
		return set
	}
	return slices.DeleteFunc(set, func(i *Item) bool { return !c.Readable(i) })
}

// children returns all children of i, those that exist by default among them.
func (c *context) children(i *Item) (out NodeSet) {
	switch {
	case i.text:
		return nil
	case !i.Node.Schema().HasChildren():
		if i.Node.Value() == "" {
			return nil
		}
		return NodeSet{{Node: i.Node, Parent: i, text: true}}
	case c.Operation != nil && same(i, c.Operation.Parent):
		out = append(out, c.Operation)
	}
	if c.Plain {
		for kid := range i.Node.Children() {
			out = c.expand(i, kid, out)
		}
		return out
	}
	for kid := range i.Node.Effective() {
		def := kid.Schema()
		if len(def.Whens) > 0 && c.Visible != nil && i.Node.Child(def) == nil && !c.Visible(i, def) {
			continue
		}
		out = c.expand(i, kid, out)
	}
	return out
}

// along collects the nodes of an axis that pass the test, in the order of the axis.
func (c *context) along(i *Item, s *step) NodeSet {
	var out NodeSet
	add := func(item *Item) {
		if s.test.matches(item) {
			out = append(out, item)
		}
	}
	switch s.axis {
	case axisSelf:
		add(i)
	case axisChild:
		for _, k := range c.children(i) {
			add(k)
		}
	case axisDescendant:
		c.descend(i, add)
	case axisDescendantOrSelf:
		add(i)
		c.descend(i, add)
	case axisParent:
		if i.Parent != nil {
			add(i.Parent)
		}
	case axisAncestor, axisAncestorOrSelf:
		if s.axis == axisAncestorOrSelf {
			add(i)
		}
		for at := i.Parent; at != nil; at = at.Parent {
			add(at)
		}
	case axisFollowingSibling, axisPrecedingSibling, axisFollowing, axisPreceding:
		c.beside(i, s.axis, add)
	}
	return out // the attribute and namespace axes are empty in a data tree
}

func (c *context) descend(i *Item, add func(*Item)) {
	children := c.children(i)
	c.spend(len(children))
	for _, k := range children {
		add(k)
		c.descend(k, add)
	}
}

// beside walks the axes of siblings, and of all that stands before or after.
func (c *context) beside(i *Item, a axis, add func(*Item)) {
	if i.Parent == nil {
		return
	}
	siblings := c.children(i.Parent)
	at := slices.IndexFunc(siblings, func(k *Item) bool { return same(k, i) })
	switch a {
	case axisFollowingSibling:
		for _, k := range siblings[at+1:] {
			add(k)
		}
	case axisPrecedingSibling:
		for _, k := range slices.Backward(siblings[:max(at, 0)]) {
			add(k)
		}
	case axisFollowing:
		for _, k := range siblings[at+1:] {
			add(k)
			c.descend(k, add)
		}
		c.beside(i.Parent, a, add)
	case axisPreceding:
		for _, k := range slices.Backward(siblings[:max(at, 0)]) {
			var below NodeSet
			c.descend(k, func(d *Item) { below = append(below, d) })
			for _, d := range slices.Backward(below) {
				add(d)
			}
			add(k)
		}
		c.beside(i.Parent, a, add)
	}
}
