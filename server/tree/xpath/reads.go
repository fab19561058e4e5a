package xpath

import "mooring/server/tree/schema"

// Read is a definition that an expression looks at, and the lowest node that the way there from the context node passes:
// when an instance of Node changes, the value can differ for context nodes below the same instance of Anchor only.
type Read struct{ Node, Anchor *schema.Node }

// Reads returns what the value of e depends on when it is evaluated at instances of from. all is true when that cannot be
// told, as with the target of an instance-identifier: then it may depend on anything.
func (e *Expr) Reads(from *schema.Node) (reads []Read, all bool) {
	return e.readsWithin(from, 0)
}

// maxConditions bounds conditions that depend on conditions; they may not go in circles (RFC 7950 section 7.21.5).
const maxConditions = 8

func (e *Expr) readsWithin(from *schema.Node, depth int) (reads []Read, all bool) {
	if depth > maxConditions {
		return nil, true
	}
	a := analysis{from: place{from, from}, root: from.Schema().Root, seen: map[Read]bool{}, depth: depth}
	a.expr(e.root, []place{a.from})
	return a.reads, a.all
}

// place is a definition that a part of an expression can lead to.
type place struct{ def, anchor *schema.Node }

type analysis struct {
	from  place
	root  *schema.Node
	reads []Read
	seen  map[Read]bool
	all   bool
	depth int
}

func (a *analysis) read(p place) {
	r := Read{p.def, p.anchor}
	if p.def == nil || p.def.Kind == schema.Root || a.seen[r] {
		return
	}
	a.seen[r] = true
	a.reads = append(a.reads, r)
	a.condition(p)
}

// condition adds what decides whether a node exists by default: its when, and the other cases of its choice.
func (a *analysis) condition(p place) {
	if p.def.Case != nil && (len(p.def.Default) > 0 || p.def.Kind == schema.Container) {
		for _, sibling := range p.def.Parent.Children {
			if sibling.Excludes(p.def) {
				a.read(place{sibling, higher(p.anchor, p.def.Parent)})
			}
		}
	}
	for _, w := range p.def.Whens {
		compiled, err := Compile(w.Expr)
		if err != nil {
			continue // reported where the condition itself is compiled
		}
		from := p.def
		for range w.Up {
			from = from.Parent
		}
		reads, all := compiled.readsWithin(from, a.depth+1)
		a.all = a.all || all
		for _, r := range reads {
			a.read(place{r.Node, higher(p.anchor, r.Anchor)})
		}
	}
}

// higher returns the one of two definitions on one way that is nearer the root.
func higher(x, y *schema.Node) *schema.Node {
	if len(x.Ancestors()) <= len(y.Ancestors()) {
		return x
	}
	return y
}

// expr notes what e reads and returns where it can lead, when it is a node-set.
func (a *analysis) expr(e expr, at []place) []place {
	switch e := e.(type) {
	case binary:
		left, right := a.expr(e.left, at), a.expr(e.right, at)
		if e.op == "|" {
			return append(left, right...)
		}
	case negative:
		a.expr(e.of, at)
	case call:
		return a.call(e, at)
	case path:
		return a.path(e, at)
	}
	return nil
}

func (a *analysis) call(f call, at []place) []place {
	var first []place
	for i, arg := range f.args {
		to := a.expr(arg, at)
		if i == 0 {
			first = to
		}
	}
	switch f.name {
	case "current":
		return []place{a.from}
	case "deref":
		var targets []place
		for _, p := range first {
			targets = append(targets, a.deref(p)...)
		}
		return targets
	}
	return nil
}

func (a *analysis) deref(p place) []place {
	t := p.def.Type
	switch {
	case t == nil:
		return nil
	case t.Base == schema.InstanceID:
		a.all = true
		return nil
	case t.Base != schema.Leafref:
		return nil
	}
	var end place
	reads, all := leafrefReads(p.def, t, a.depth)
	a.all = a.all || all
	for _, r := range reads {
		end = place{r.Node, higher(p.anchor, r.Anchor)}
		a.read(end)
	}
	return []place{end}
}

// LeafrefReads returns what decides whether a leafref at from has a target: the keys that predicates compare, whether what the path
// leads through exists by default, and last the target. all is true when that cannot be told.
func LeafrefReads(from *schema.Node, t *schema.Type) (reads []Read, all bool) {
	return leafrefReads(from, t, 0)
}

func leafrefReads(from *schema.Node, t *schema.Type, depth int) (reads []Read, all bool) {
	anchor := from.Schema().Root
	for up, at := t.Leafref.Up, from; up > 0; up-- {
		at = at.Parent
		anchor = at
	}
	a := analysis{from: place{from, from}, root: from.Schema().Root, seen: map[Read]bool{}, depth: depth}
	for _, s := range t.Leafref.Steps {
		a.condition(place{s.Node, anchor})
		for _, p := range s.Predicates {
			above := from
			for range p.Up {
				above = above.Parent
			}
			for _, d := range p.Down {
				a.reads = append(a.reads, Read{d, above})
			}
		}
	}
	return append(a.reads, Read{t.Target, anchor}), a.all
}

func (a *analysis) path(p path, at []place) []place {
	switch {
	case p.start != nil:
		at = a.expr(p.start, at)
		for _, f := range p.filters {
			a.expr(f.expr, at)
		}
	case p.absolute:
		at = []place{{a.root, a.root}}
	}
	for _, s := range p.steps {
		at = a.step(s, at)
		for _, pr := range s.predicates {
			a.expr(pr.expr, at)
		}
	}
	return at
}

func (a *analysis) step(s step, at []place) []place {
	var out []place
	add := func(p place) {
		if s.test.kind == testText {
			p.def = nil
		}
		if p.def != nil && s.test.kind == testName && p.def.Name != s.test.local ||
			p.def != nil && s.test.module != nil && p.def.Module != nil && p.def.Module != s.test.module {
			return
		}
		a.read(p)
		if p.def != nil {
			out = append(out, p)
		}
	}
	for _, p := range at {
		a.along(s.axis, p, add)
	}
	return out
}

func (a *analysis) along(x axis, p place, add func(place)) {
	up := func(n *schema.Node) place { return place{n, higher(p.anchor, n)} }
	switch x {
	case axisSelf:
		add(p)
	case axisChild:
		for _, c := range p.def.Children {
			add(place{c, p.anchor})
		}
	case axisDescendant, axisDescendantOrSelf:
		if x == axisDescendantOrSelf {
			add(p)
		}
		for _, c := range p.def.Children {
			add(place{c, p.anchor})
			a.along(axisDescendant, place{c, p.anchor}, add)
		}
	case axisParent:
		if p.def.Parent != nil {
			add(up(p.def.Parent))
		}
	case axisAncestor, axisAncestorOrSelf:
		if x == axisAncestorOrSelf {
			add(p)
		}
		for n := p.def.Parent; n != nil; n = n.Parent {
			add(up(n))
		}
	case axisFollowingSibling, axisPrecedingSibling:
		if p.def.Parent != nil {
			for _, c := range p.def.Parent.Children {
				add(place{c, higher(p.anchor, p.def.Parent)})
			}
		}
	case axisFollowing, axisPreceding:
		a.along(axisDescendant, place{a.root, a.root}, add)
	}
}
