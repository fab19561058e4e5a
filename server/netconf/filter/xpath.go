package filter

import (
	"cmp"
	"context"
	"slices"

	"mooring/server/access"
	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/server/tree/xpath"
)

// budget bounds the nodes that the evaluation of an expression may meet: a few seconds of one processor.
const budget = 20_000_000

// XPath compiles the expression of an XPath filter. namespaces are those in scope, prefix to namespace. A name without
// prefix, which strictly speaking nothing can be called, means any module. The error is a *tree.Error (RFC 6241 section 8.9.1).
func XPath(s *schema.Schema, text string, namespaces map[string]string) (*Filter, error) {
	e, err := expression(s, text, namespaces)
	if err != nil {
		return nil, err
	}
	if !e.IsNodeSet() {
		return nil, noFilter("xpath \"" + text + "\" does not select nodes")
	}
	f := &Filter{schema: s}
	paths, ok := e.Paths(s.Root)
	if !ok {
		f.expr = e
		return f, nil
	}
	root := &selection{def: s.Root}
	for _, p := range paths {
		root.along(p).whole = true
	}
	f.roots = append(f.roots, root)
	return f, nil
}

// EventXPath is XPath for events: see [Filter.Passes]. Whatever the value of the expression is, it counts as a boolean (RFC
// 5277 section 3.6).
func EventXPath(s *schema.Schema, text string, namespaces map[string]string) (*Filter, error) {
	e, err := expression(s, text, namespaces)
	if err != nil {
		return nil, err
	}
	return &Filter{schema: s, event: e}, nil
}

func expression(s *schema.Schema, text string, namespaces map[string]string) (*xpath.Expr, error) {
	prefixes := map[string]*schema.Module{}
	for prefix, space := range namespaces {
		if m := s.ByNamespace(space); m != nil && prefix != "" {
			prefixes[prefix] = m
		}
	}
	e, err := xpath.Compile(schema.Expr{Text: text, Prefixes: prefixes})
	if err != nil {
		return nil, noFilter(err.Error())
	}
	return e, nil
}

// Instances gives the nodes of a configuration that an expression selects, as far as the client may see them, and containers
// that are there by default. The error is a *tree.Error.
func Instances(config *tree.Node, a *access.Access, text string, namespaces map[string]string) ([]schema.Path, error) {
	e, err := expression(config.Schema().Schema(), text, namespaces)
	if err != nil {
		return nil, err
	}
	if !e.IsNodeSet() {
		return nil, &tree.Error{Tag: tree.InvalidValue, AppTag: "not-a-node-set", Protocol: true, // RFC 5717 section 2.4.1.1
			Message: "xpath \"" + text + "\" does not select nodes"}
	}
	nodes, err := e.Select(xpath.Eval{From: xpath.Root(config), Readable: Read{Access: a}.readable(), Budget: budget})
	if err != nil {
		return nil, noFilter(err.Error())
	}
	var paths []schema.Path
	for _, n := range nodes {
		if p := n.Path(); config.Get(p) != nil || n.Node.Schema().Kind == schema.Container {
			paths = append(paths, p)
		}
	}
	return paths, nil
}

func noFilter(message string) error {
	return &tree.Error{Tag: tree.InvalidValue, Protocol: true, Message: message}
}

// along makes the selections of a location path and returns the last.
func (s *selection) along(path []xpath.PathStep) *selection {
	for _, step := range path {
		kid := &selection{def: step.Node}
		for _, eq := range step.Equal {
			kid.match = append(kid.match, match{{eq.Leaf, eq.Value}})
		}
		s.add(kid)
		s = kid
	}
	return s
}

// visible reports whether what exists by default in parent is in use.
func (r Read) visible(parent *xpath.Item, def *schema.Node) bool {
	if r.Conditions == nil {
		return true
	}
	var above []*tree.Node
	for at := parent; at != nil; at = at.Parent {
		above = append(above, at.Node)
	}
	slices.Reverse(above)
	return r.Conditions(above, def)
}

// selections gives what is wanted of the root.
func (r Read) selections(ctx context.Context) (roots []*selection, whole bool, err error) {
	switch {
	case r.Filter == nil:
		return nil, true, nil
	case r.Filter.expr == nil:
		return r.Filter.roots, false, nil
	}
	eval := xpath.Eval{Plain: !r.Defaults.ReportsDefaults(), Budget: cmp.Or(r.Budget, budget), Visible: r.visible}
	if r.State == nil {
		eval.From, eval.Readable = xpath.Root(r.Config), r.readable()
	} else {
		seen, err := r.gather(ctx)
		if err != nil {
			return nil, false, err
		}
		eval.From = xpath.Root(seen)
	}
	nodes, err := r.Filter.expr.Select(eval)
	if err != nil {
		return nil, false, noFilter(err.Error())
	}
	root := &selection{def: r.Config.Schema()}
	for _, n := range nodes {
		s := root
		for _, step := range n.Path() {
			s = s.descend(step)
		}
		s.whole = true
	}
	return []*selection{root}, false, nil
}

// readable lets an expression see only what the client may.
func (r Read) readable() func(*xpath.Item) bool {
	if filter, _ := r.Access.Reader(nil); filter == nil {
		return nil
	}
	return func(i *xpath.Item) bool { return r.Access.Read(i.Path()) }
}

// gather makes a tree of the configuration and state that the expression looks at, as far as the client may see them.
func (r Read) gather(ctx context.Context) (*tree.Node, error) {
	r.Content, r.Depth = tree.AllContent, 0 // these are about what is shown
	root := &selection{def: r.Config.Schema()}
	reads, all := r.Filter.expr.Reads(root.def)
	for _, read := range reads {
		s := root
		for _, def := range read.Node.Ancestors() {
			s = s.descend(schema.Step{Node: def})
		}
		s.self = true
	}
	root.fill()
	root.whole = all
	b := &builder{}
	b.b.Open(root.def)
	r.write(ctx, b, []*selection{root}, false) // a table that fails does so again when it is shown, and is reported then
	if b.nodes > budget/10 {
		return nil, &tree.Error{Tag: tree.TooBig, Protocol: true, Message: xpath.ErrBudget.Error()}
	}
	if n, _ := b.b.Close(); n != nil {
		return n, nil
	}
	return tree.NewRoot(r.Filter.schema), nil
}

// fill wants the content of what is looked at and not gone into: leaves, and containers that are there with their content only.
func (s *selection) fill() {
	s.whole = len(s.kids) == 0 && (!s.def.HasChildren() || s.def.Kind == schema.Container && !s.def.Presence)
	for _, c := range s.kids {
		for _, kid := range c.others {
			kid.fill()
		}
	}
}

// builder makes a tree of what it is written. It takes no more when there is too much.
type builder struct {
	b     tree.Builder
	nodes int
	open  int // elements that are passed over
}

func (b *builder) Open(def *schema.Node) {
	if b.nodes++; b.open > 0 || b.nodes > budget/10 {
		b.open++
		return
	}
	b.b.Open(def)
}

func (b *builder) Close() {
	if b.open > 0 {
		b.open--
		return
	}
	b.b.Close()
}

func (b *builder) Leaf(def *schema.Node, value string, _ bool) {
	if b.nodes++; b.open == 0 {
		b.b.Leaf(def, value)
	}
}
