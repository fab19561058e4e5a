package filter

import (
	"context"
	"slices"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// Op says how a node differs between two versions, in the words of RFC 8072 section 2.5.
type Op string

// The operations that RFC 8641 section 3.5.2 makes use of.
const (
	Create  Op = "create"
	Delete  Op = "delete"
	Insert  Op = "insert" // of a new entry in the order of the user
	Move    Op = "move"
	Replace Op = "replace"
)

// Edit is one difference between two versions of what a client sees. It is valid until the next one.
type Edit struct {
	Op     Op
	Target schema.Path
	After  schema.Path // of Insert and Move: the entry before it; nil: it becomes the first
	by     *eye
	seen   sight
}

// WriteValue writes the node as it has become, as far as the client sees it. Of Delete and Move there is nothing to write.
func (e *Edit) WriteValue(w tree.Writer) { e.by.writeSight(w, e.seen) }

// Comparison finds what differs between two versions of what a client sees, and costs what differs: of a configuration, where only
// what the versions do not share is looked at, and of rows of state. It is for one goroutine.
type Comparison struct {
	was, is eye
	// steady: both versions are seen by the same rules through the same selections, so that what they share is seen alike.
	steady bool
	tell   func(*Edit)
	path   schema.Path
}

// eye is how one version is seen.
type eye struct {
	*walker
	top   sight // the root
	state bool  // rows are seen, and not a configuration
}

// sight is a node as it is seen; the zero value sees none.
type sight struct {
	node   *tree.Node
	wanted wants
}

// Compare prepares the comparison of two versions and calls tell for each difference that is found. State of was and is is not used.
// The error is that of [Read.Write].
func Compare(ctx context.Context, was, is Read, tell func(*Edit)) (*Comparison, error) {
	c := &Comparison{tell: tell, steady: was.Filter == is.Filter && (is.Filter == nil || is.Filter.expr == nil) && was.Access.Same(is.Access)}
	for side, read := range map[*eye]Read{&c.was: was, &c.is: is} {
		read.State = nil
		roots, whole, err := read.selections(ctx)
		if err != nil {
			return nil, err
		}
		side.walker = read.walker(ctx, nil)
		root := instance{def: read.Config.Schema(), config: read.Config}
		if wanted, ok := side.applicable(root, roots, whole); ok {
			side.top = sight{read.Config, wanted}
		}
	}
	return c, nil
}

// Steady reports whether what has not changed is seen as it was.
func (c *Comparison) Steady() bool { return c.steady }

// Config compares the configurations.
func (c *Comparison) Config() {
	c.was.state, c.is.state = false, false
	c.children(c.was.Config.Schema(), c.was.top, c.is.top)
}

// Row compares a row of state in its two versions, of which either may be nil. path leads to it. part: whether the instance is there
// is not for this row to say, which has only a part of it.
func (c *Comparison) Row(path schema.Path, was, is *tree.Node, part bool) {
	c.was.state, c.is.state = true, true
	last := path.Last()
	old, leaveOld := c.was.descend(path)
	new, leaveNew := c.is.descend(path)
	defer leaveOld()
	defer leaveNew()
	c.path = append(c.path[:0], path...)
	defer func() { c.path = c.path[:0] }()
	co, cn := old.of(last.Node), new.of(last.Node)
	if !part {
		c.node(was, is, co, cn)
		return
	}
	if was == nil {
		was = tree.Stub(last)
	}
	if is == nil {
		is = tree.Stub(last)
	}
	a, b := c.was.look(was, co), c.is.look(is, cn)
	c.children(last.Node, a, b)
	c.was.away(a)
	c.is.away(b)
}

// Again tells of a node that has changed and is as it was: that it was created, or replaced, or deleted. op is how it changed last, path
// leads to it. The first at steps of the path lead to row, which is nil where it is gone; at is 0 in a configuration.
func (c *Comparison) Again(op Op, path schema.Path, at int, row *tree.Node) {
	c.is.state = at > 0
	s, entered := c.is.top, 0
	for i, step := range path {
		n := row
		switch {
		case i < at-1:
			n = tree.Stub(step)
		case i >= at:
			if n = c.child(&c.is, s, step.Node); n != nil && step.Keys != nil {
				n = n.Entry(step.Keys...)
			}
		}
		if s = c.is.look(n, s.of(step.Node)); s.node == nil {
			break
		}
		entered++
	}
	c.path = append(c.path[:0], path...)
	switch {
	case s.node != nil && op == Create && c.is.shows(s):
		c.edit(Create, &c.is, s)
	case s.node != nil && op != Delete && c.is.shows(s):
		c.edit(Replace, &c.is, s)
	case s.node == nil && op == Delete:
		c.edit(Delete, &c.is, s)
	}
	c.path = c.path[:0]
	for range entered {
		c.is.leave()
	}
}

// of is what is wanted of a child.
func (s sight) of(def *schema.Node) (c choices) {
	if s.node != nil {
		c, _ = s.wanted.of(def)
	}
	return c
}

// none reports whether nothing is wanted.
func (c choices) none() bool { return !c.whole && len(c.keyed) == 0 && len(c.others) == 0 }

// descend looks at the instances on the path to a row, which say nothing but their keys. State of what is not configured is not seen.
func (e *eye) descend(path schema.Path) (s sight, leave func()) {
	if s = e.top; !e.has(path) {
		s = sight{}
	}
	entered := 0
	for _, step := range path.Parent() {
		if s = e.look(tree.Stub(step), s.of(step.Node)); s.node == nil {
			break
		}
		entered++
	}
	return s, func() {
		for range entered {
			e.leave()
		}
	}
}

// has reports whether the configuration has what a path leads through.
func (e *eye) has(path schema.Path) bool {
	for i, step := range path {
		if def := step.Node; !def.Config {
			break
		} else if (def.Kind == schema.List || def.Presence) && e.Config.Get(path[:i+1]) == nil {
			return false
		}
	}
	return true
}

// look looks at a node. away is to follow, with what look returned.
func (e *eye) look(n *tree.Node, c choices) (s sight) {
	if n == nil || c.none() || !e.enter(n) {
		return s
	}
	selections := c.others
	if n.IsEntry() {
		selections = c.of(n.Step().JoinedKeys())
	}
	wanted, ok := wants(nil), c.whole
	if n.Schema().Kind == schema.LeafList {
		ok = ok || slices.ContainsFunc(selections, func(s *selection) bool { return s.value == nil || *s.value == n.Value() })
	} else {
		wanted, ok = e.applicable(e.instanceOf(n), selections, c.whole)
	}
	if !ok {
		e.leave()
		return s
	}
	return sight{n, wanted}
}

func (e *eye) away(s sight) {
	if s.node != nil {
		e.leave()
	}
}

func (e *eye) instanceOf(n *tree.Node) instance {
	if e.state {
		return instance{def: n.Schema(), rows: []*tree.Node{n}}
	}
	return instance{def: n.Schema(), config: n}
}

// shows reports whether anything is seen of a node.
func (e *eye) shows(s sight) bool {
	def := s.node.Schema()
	if !def.HasChildren() || s.wanted == nil && (def.Kind == schema.List || def.Presence) {
		return true
	}
	var p probe
	e.writeSight(&p, s)
	return bool(p)
}

// writeSight writes a node that was entered.
func (e *eye) writeSight(w tree.Writer, s sight) {
	if def := s.node.Schema(); !def.HasChildren() {
		w.Leaf(def, s.node.Value(), false)
		return
	}
	e.out.to = w
	e.shown(e.instanceOf(s.node), s.wanted)
}

// probe notices that something is written.
type probe bool

func (p *probe) Open(*schema.Node)               { *p = true }
func (p *probe) Close()                          {}
func (p *probe) Leaf(*schema.Node, string, bool) { *p = true }

// node compares a node in its two versions; c.path leads to it.
func (c *Comparison) node(was, is *tree.Node, co, cn choices) {
	a, b := c.was.look(was, co), c.is.look(is, cn)
	c.pair(a, b)
	c.was.away(a)
	c.is.away(b)
}

func (c *Comparison) pair(was, is sight) {
	switch {
	case was.node == nil && is.node == nil:
	case was.node == nil:
		if c.is.shows(is) {
			c.edit(Create, &c.is, is)
		}
	case is.node == nil:
		if c.was.shows(was) {
			c.edit(Delete, &c.was, was)
		}
	case is.node.Schema().HasChildren():
		c.children(is.node.Schema(), was, is)
	case was.node.Value() != is.node.Value():
		c.edit(Replace, &c.is, is)
	}
}

func (c *Comparison) edit(op Op, by *eye, s sight) {
	c.tell(&Edit{Op: op, Target: c.path, by: by, seen: s})
}

// children compares what is in two versions of a node, keys left out.
func (c *Comparison) children(def *schema.Node, was, is sight) {
	alike := c.steady && was.node != nil && is.node != nil && slices.Equal(was.wanted, is.wanted)
	for _, kid := range def.Children {
		if kid.IsKey() || c.is.state && kid.Config && !kid.HasChildren() {
			continue
		}
		co, cn := was.of(kid), is.of(kid)
		if co.none() && cn.none() || alike && was.node.Child(kid) == nil && is.node.Child(kid) == nil && kid.Case == nil {
			continue
		}
		a, b := c.child(&c.was, was, kid), c.child(&c.is, is, kid)
		if a == nil && b == nil || alike && a.Same(b) {
			continue
		}
		c.path = append(c.path, schema.Step{Node: kid})
		if kid.Kind == schema.List || kid.Kind == schema.LeafList {
			l := lists{a, b, co, cn, alike}
			if kid.UserOrdered && kid.Config {
				c.ordered(l)
			} else {
				c.entries(l)
			}
		} else {
			c.node(a, b, co, cn)
		}
		c.path = c.path[:len(c.path)-1]
	}
}

func (c *Comparison) child(e *eye, s sight, def *schema.Node) *tree.Node {
	switch {
	case s.node == nil:
		return nil
	case e.state:
		return s.node.Child(def)
	}
	return e.configured(instance{config: s.node}, def)
}
