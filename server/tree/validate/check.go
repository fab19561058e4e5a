package validate

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/server/tree/xpath"
)

// checker validates one tree.
type checker struct {
	*Rules
	root *xpath.Item
	// operation is the input of an rpc or action whose parameters are checked; nil when it is configuration.
	operation *xpath.Item
	errs      []objection
	// full: the whole tree is walked, so every list is looked at once and needs no index.
	full bool
	// unique is asked instead of comparing all entries when the walk is not full.
	unique func(list *xpath.Item, def *schema.Node, which int) []clash
	doubts *doubts
}

// objection is an error with the rule that it comes from.
type objection struct {
	*tree.Error
	at   *xpath.Item
	part part
}

func (c *checker) fail(i *xpath.Item, p part, e *tree.Error) {
	if len(c.errs) < tree.MaxProblems {
		c.errs = append(c.errs, objection{e, i, p})
	}
}

// err joins what was found, without what may only be a consequence of something that is missing.
func (c *checker) err() error {
	found := make([]*tree.Error, len(c.errs))
	for i, o := range c.errs {
		found[i] = o.Error
	}
	missing := c.Rules.doubts(tree.Missing(found))
	var errs []error
	for _, o := range c.errs {
		if o.Tag == tree.DataMissing || !missing.about(o.at, o.part) {
			errs = append(errs, o.Error)
		}
	}
	return errors.Join(errs...)
}

func (c *checker) eval(i *xpath.Item) xpath.Eval {
	return xpath.Eval{From: i, Operation: c.operation, Visible: func(parent *xpath.Item, def *schema.Node) bool { return c.holds(parent, def) }}
}

// holds reports whether all conditions of a node in parent are true.
func (c *checker) holds(parent *xpath.Item, def *schema.Node) bool {
	nr := c.nodes[def]
	if nr == nil {
		return true // state
	}
	for _, w := range nr.whens {
		if !c.when(w, parent, def) {
			return false
		}
	}
	return true
}

func (c *checker) when(w when, parent *xpath.Item, def *schema.Node) bool {
	from := parent
	if w.Up == 0 { // the node itself, or a dummy in its place (RFC 7950 section 7.21.5)
		from = parent.Child(tree.NewLeaf(def, ""))
		if n := parent.Node.Child(def); n != nil && !n.IsList() {
			from = parent.Child(n)
		}
	}
	return w.expr.Bool(c.eval(from))
}

// subtree validates a node and everything below it.
func (c *checker) subtree(i *xpath.Item) {
	if nr := c.nodes[i.Node.Schema()]; nr != nil && nr.ruled {
		c.ruled(i, nr)
	}
}

func (c *checker) ruled(i *xpath.Item, nr *nodeRules) {
	c.own(i, nr)
	if !nr.def.HasChildren() {
		return
	}
	c.demands(i, nr)
	for _, below := range nr.kids {
		kid := i.Node.Child(below.def)
		switch {
		case kid == nil || !below.ruled:
		case !kid.IsList():
			c.ruled(i.Child(kid), below)
		default:
			for e := range kid.Entries() {
				c.ruled(i.Child(e), below)
			}
		}
	}
	c.byDefault(i, nr)
}

// byDefault validates what exists in i without having been set.
func (c *checker) byDefault(i *xpath.Item, nr *nodeRules) {
	for _, def := range nr.visit {
		if i.Node.Child(def) != nil || c.doubts.gap(i.Path().Append(def)) {
			continue
		}
		kid, _ := i.Node.EffectiveChild(def)
		if kid == nil || !c.holds(i, def) {
			continue
		}
		if !kid.IsList() {
			c.subtree(i.Child(kid))
			continue
		}
		for e := range kid.Entries() {
			c.subtree(i.Child(e))
		}
	}
}

// own applies the rules of the node itself.
func (c *checker) own(i *xpath.Item, nr *nodeRules) {
	c.conditions(i, nr)
	c.musts(i, nr)
	if nr.refs {
		c.reference(i)
	}
}

func (c *checker) conditions(i *xpath.Item, nr *nodeRules) {
	for _, w := range nr.whens {
		if i.Parent != nil && !c.when(w, i.Parent, nr.def) && !c.doubts.about(i, partWhen) {
			c.fail(i, partWhen, conditionError(i.Path(), w.Text))
		}
	}
}

func conditionError(path schema.Path, condition string) *tree.Error {
	return &tree.Error{Tag: tree.UnknownElement, Path: path, Info: []tree.Info{{Name: "bad-element", Value: path.Last().Node.Name}},
		Message: "exists only when " + condition}
}

func (c *checker) musts(i *xpath.Item, nr *nodeRules) {
	for _, m := range nr.musts {
		if m.expr.Bool(c.eval(i)) || c.doubts.about(i, partMust) {
			continue
		}
		e := &tree.Error{Tag: tree.OperationFailed, AppTag: m.AppTag, Path: i.Path(), Message: m.Message}
		switch e.AppTag {
		case "":
			e.AppTag = "must-violation"
		case "instance-required", "missing-choice": // it stands for a leafref or a choice that YANG cannot express, and is told as one
			e.Tag = tree.DataMissing
		}
		if e.Message == "" {
			e.Message = "must satisfy " + m.Text
		}
		c.fail(i, partMust, e)
	}
}

// reference checks that what a leafref or instance-identifier refers to is there.
func (c *checker) reference(i *xpath.Item) {
	def := i.Node.Schema()
	if c.refers(i, def.Type, i.Node.Value()) || c.doubts.about(i, partRef) {
		return
	}
	where := "no instance"
	if t := def.Type; t.Base == schema.Leafref {
		where = "no " + t.Target.Path()
	}
	what := "is not configured"
	if c.operation != nil {
		what = "refers to what is not there"
	}
	c.fail(i, partRef, &tree.Error{Tag: tree.DataMissing, AppTag: "instance-required", Path: i.Path(),
		Message: fmt.Sprintf("%q %s: %s has this value", i.Node.Value(), what, where)})
}

func (c *checker) refers(i *xpath.Item, t *schema.Type, value string) bool {
	switch t.Base {
	case schema.Leafref:
		if _, err := t.ParseCanonical(value); err != nil {
			return false
		}
		return !t.RequireInstance || c.unseen(t.Target) || len(xpath.Targets(i, t.Leafref, value, c.holds)) > 0
	case schema.InstanceID:
		p, err := t.ParsePath(value)
		return err == nil && (!t.RequireInstance || c.unseen(p.Last().Node) || c.exists(p))
	case schema.Union: // the first member that the value fits and whose target exists (RFC 7950 section 9.12)
		return slices.ContainsFunc(t.Members, func(m *schema.Type) bool {
			got, err := m.ParseCanonical(value)
			return err == nil && got == value && c.refers(i, m, value)
		})
	}
	return true
}

// exists reports whether a path leads to an instance, a default value in use included.
func (c *checker) exists(p schema.Path) bool { return c.locate(p) != nil }

// locate follows a path from the root through what is there or exists by default; nil when it leads nowhere.
func (c *checker) locate(p schema.Path) *xpath.Item {
	at := c.root
	for _, s := range p {
		n, _ := at.Node.EffectiveChild(s.Node)
		if n != nil && at.Node.Child(s.Node) == nil && !c.holds(at, s.Node) {
			return nil
		}
		if n != nil && s.Keys != nil {
			n = n.Entry(s.Keys...)
		}
		if n == nil {
			return nil
		}
		at = at.Child(n)
	}
	return at
}

// demands checks what an instance owes: mandatory nodes and choices, numbers of elements, unique.
func (c *checker) demands(i *xpath.Item, nr *nodeRules) {
	for _, def := range nr.demands {
		if !c.due(i, def.Case) || !c.holds(i, def) {
			continue
		}
		kid := i.Node.Child(def)
		switch {
		case def.Mandatory && kid == nil && !c.unsure(i, def):
			c.fail(i, partDemands, c.missing(i, def))
		case def.Kind == schema.List || def.Kind == schema.LeafList:
			c.numbers(i, def, kid)
		}
	}
	for _, ch := range nr.choices {
		c.choice(i, ch)
	}
}

func (c *checker) numbers(i *xpath.Item, def *schema.Node, list *tree.Node) {
	n := uint64(0)
	if list != nil {
		n = uint64(list.Len())
	}
	switch {
	case n >= def.MinElements || c.unsure(i, def):
	case n == 0 && c.operation != nil:
		c.fail(i, partDemands, c.missing(i, def))
	default:
		c.fail(i, partDemands, &tree.Error{Tag: tree.OperationFailed, AppTag: "too-few-elements", Path: i.Path().Append(def),
			Message: fmt.Sprintf("has %d entries, needs at least %d", n, def.MinElements)})
	}
	if def.MaxElements > 0 && n > def.MaxElements {
		c.fail(i, partDemands, &tree.Error{Tag: tree.OperationFailed, AppTag: "too-many-elements", Path: i.Path().Append(def),
			Message: fmt.Sprintf("has %d entries, takes at most %d", n, def.MaxElements)})
	}
	if list == nil || len(def.Unique) == 0 {
		return
	}
	for _, k := range c.clashes(i.Child(list), def) {
		if !c.doubts.clash(i.Path(), k) {
			c.fail(i, partDemands, k.error(i.Path()))
		}
	}
}

// missing is the error of what is mandatory: of a parameter it is the request that lacks it (RFC 6241 appendix A).
func (c *checker) missing(i *xpath.Item, def *schema.Node) *tree.Error {
	if c.operation == nil {
		return &tree.Error{Tag: tree.DataMissing, Path: i.Path().Append(def), Message: "is mandatory and missing"}
	}
	return &tree.Error{Tag: tree.MissingElement, Path: i.Path().Append(def), Info: []tree.Info{{Name: "bad-element", Value: def.Name}},
		Message: "parameter " + def.Name + " is missing"}
}

// unsure reports whether it cannot be known if an instance lacks a child.
func (c *checker) unsure(i *xpath.Item, def *schema.Node) bool {
	return c.doubts != nil && (c.doubts.gap(i.Path().Append(def)) || c.doubts.about(i, partDemands))
}

// due reports whether the case that a mandatory node stands in is in use: one of its nodes exists (RFC 7950 section 7.6.5).
func (c *checker) due(i *xpath.Item, in *schema.Case) bool {
	if in == nil {
		return true
	}
	return slices.ContainsFunc(in.All(), func(n *schema.Node) bool { return i.Node.Child(n) != nil })
}

func (c *checker) choice(i *xpath.Item, ch choice) {
	if !c.due(i, ch.Parent) || slices.ContainsFunc(ch.whens, func(e *xpath.Expr) bool { return !e.Bool(c.eval(i)) }) {
		return
	}
	if slices.ContainsFunc(ch.Cases, func(k *schema.Case) bool {
		return c.due(i, k) || slices.ContainsFunc(k.All(), func(def *schema.Node) bool { return c.unsure(i, def) })
	}) {
		return
	}
	if c.operation != nil {
		c.fail(i, partDemands, noCase(i, ch.Choice))
		return
	}
	names := make([]string, len(ch.Cases))
	for at, k := range ch.Cases {
		names[at] = k.Name
	}
	c.fail(i, partDemands, &tree.Error{Tag: tree.DataMissing, AppTag: "missing-choice", Path: i.Path(),
		Info:    []tree.Info{{Namespace: tree.YANGNamespace, Name: "missing-choice", Value: ch.Name}},
		Message: fmt.Sprintf("one of %s is needed (choice %s)", strings.Join(names, ", "), ch.Name)})
}
