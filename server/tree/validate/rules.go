// Package validate enforces what RFC 7950 asks of a valid configuration (section 8): mandatory nodes, numbers of elements,
// unique, leafref and instance-identifier targets, must and when.
//
// Every rule knows, from its expression and the schema, which definitions its verdict depends on and how far up the way
// there leads. A change is validated by looking at what it created, at the nodes above what it changed, and at those
// instances whose rules read something that changed; the rest was valid and still is.
package validate

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"mooring/server/tree/schema"
	"mooring/server/tree/xpath"
)

// Rules is what a schema demands, compiled once. It is safe for concurrent use.
type Rules struct {
	schema *schema.Schema
	nodes  map[*schema.Node]*nodeRules
	// readers are the rules that read a definition.
	readers map[*schema.Node][]reader
	// anything are the rules that may depend on any node.
	anything []reader
	// defaultsDepend: there are nodes with a condition that can exist by default.
	defaultsDepend bool

	mu    sync.Mutex
	index *index // of the configuration validated last
}

// nodeRules are the rules of instances of one definition.
type nodeRules struct {
	def   *schema.Node
	musts []must
	whens []when
	// refs is set for a leaf or leaf-list whose type refers to instances that must exist.
	refs bool
	// demands are the children that the instance owes or that are limited.
	demands []*schema.Node
	choices []choice // mandatory ones, outermost first
	// visit are the children that may exist by default and have rules in or below them.
	visit []*schema.Node
	// ruled: there are rules in or below instances of the definition.
	ruled bool
	// kids are the children with rules in or below them, and the lists of which something is unique: all that a walk has to look at.
	kids []*nodeRules
	// conditional: in or below them there are nodes with a when.
	conditional bool
}

type must struct {
	*schema.Must
	expr *xpath.Expr
}

type when struct {
	*schema.When
	expr *xpath.Expr
}

// choice is a choice that must be made where its conditions hold.
type choice struct {
	*schema.Choice
	whens []*xpath.Expr
}

// reader is a rule of def that must be looked at again when what it reads changes, for the instances of def below the same
// instance of anchor.
type reader struct {
	def, anchor *schema.Node
	part        part
	// target marks the end of a leafref path, where only what goes away matters.
	target bool
}

// part says which of the rules of a definition are meant.
type part uint8

const (
	partMust part = iota
	partWhen
	partRef
	partDemands // of the instance that holds the node
)

// Compile compiles the rules of a schema; all errors in expressions are returned, joined.
func Compile(s *schema.Schema) (*Rules, error) {
	r := &Rules{schema: s, nodes: map[*schema.Node]*nodeRules{}, readers: map[*schema.Node][]reader{}}
	var errs []error
	r.compile(s.Root, &errs)
	for _, def := range s.RPCs {
		r.compile(def.Input, &errs)
	}
	r.actions(s.Root, &errs)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return r, nil
}

// actions compiles the rules of the parameters of all actions at n and below.
func (r *Rules) actions(n *schema.Node, errs *[]error) {
	for _, def := range n.Actions {
		r.compile(def.Input, errs)
	}
	for _, c := range n.Children {
		r.actions(c, errs)
	}
}

// compile compiles the rules of n and everything below: of configuration, or of the input of an rpc or action. State has no rules here:
// what the element reports of itself is not refused.
func (r *Rules) compile(n *schema.Node, errs *[]error) *nodeRules {
	parameters := !n.Config
	nr := &nodeRules{def: n}
	r.nodes[n] = nr
	for i := range n.Musts {
		e, err := xpath.Compile(n.Musts[i].Expr)
		*errs = append(*errs, located(n, "must", err))
		if err == nil {
			nr.musts = append(nr.musts, must{&n.Musts[i], e})
			r.reads(e, n, reader{def: n, part: partMust})
		}
	}
	r.defaultsDepend = r.defaultsDepend || len(n.Whens) > 0 && existsByDefault(n)
	for i := range n.Whens {
		e, err := xpath.Compile(n.Whens[i].Expr)
		*errs = append(*errs, located(n, "when", err))
		if err == nil {
			nr.whens = append(nr.whens, when{&n.Whens[i], e})
			r.reads(e, ascend(n, n.Whens[i].Up), reader{def: n, part: partWhen})
			r.reads(e, ascend(n, n.Whens[i].Up), reader{def: n.Parent, part: partDemands})
		}
	}
	if n.Type != nil {
		nr.refs = r.references(n, n.Type)
	}
	for _, c := range n.Children {
		if !c.Config && !parameters {
			continue
		}
		below := r.compile(c, errs)
		r.readForUnique(c)
		if demanding(c) {
			nr.demands = append(nr.demands, c)
		}
		if below.ruled && (c.Kind == schema.Container && !c.Presence || len(c.Default) > 0 && (len(below.musts) > 0 || below.refs)) {
			nr.visit = append(nr.visit, c)
		}
		if below.ruled || len(c.Unique) > 0 {
			nr.kids = append(nr.kids, below)
		}
		nr.ruled = nr.ruled || below.ruled
		nr.conditional = nr.conditional || below.conditional
	}
	for _, ch := range mandatoryChoices(n.Choices) {
		if ch.Config || parameters {
			nr.choices = append(nr.choices, compileChoice(n, ch, errs))
		}
	}
	nr.ruled = nr.ruled || len(nr.musts)+len(nr.whens)+len(nr.demands)+len(nr.choices) > 0 || nr.refs
	nr.conditional = nr.conditional || len(nr.whens) > 0
	return nr
}

// compileChoice compiles the conditions of a choice in n. The nodes of its cases have them too, and register what they read.
func compileChoice(n *schema.Node, ch *schema.Choice, errs *[]error) choice {
	c := choice{Choice: ch}
	for _, w := range ch.Whens {
		e, err := xpath.Compile(w.Expr)
		*errs = append(*errs, located(n, "when", err))
		if err == nil {
			c.whens = append(c.whens, e)
		}
	}
	return c
}

// readForUnique registers what decides if a default counts in a unique statement of a list.
func (r *Rules) readForUnique(list *schema.Node) {
	for _, u := range list.Unique {
		if !list.Config || !defaulted(u) {
			continue
		}
		for _, chain := range u.Leaves {
			for _, def := range chain {
				for _, w := range r.nodes[def].whens {
					r.reads(w.expr, ascend(def, w.Up), reader{def: list.Parent, part: partDemands})
				}
			}
		}
	}
}

func located(n *schema.Node, what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %s: %w", n.Path(), what, err)
}

func ascend(n *schema.Node, levels int) *schema.Node {
	for range levels {
		n = n.Parent
	}
	return n
}

// demanding reports whether the node that holds c must look at c: is it there, how often, are its entries unique.
func demanding(c *schema.Node) bool {
	return c.Mandatory || c.MinElements > 0 || c.MaxElements > 0 || len(c.Unique) > 0
}

// reads registers a rule with everything that its expression looks at when it is evaluated at from.
func (r *Rules) reads(e *xpath.Expr, from *schema.Node, rule reader) {
	if !rule.def.Config {
		return // parameters, of which all are looked at
	}
	reads, all := e.Reads(from)
	if all {
		rule.anchor = r.schema.Root
		r.anything = append(r.anything, rule)
		return
	}
	for _, read := range reads {
		rule.anchor = read.Anchor
		r.register(read.Node, rule)
	}
}

func (r *Rules) register(n *schema.Node, rule reader) {
	if rule.def.Config && !slices.Contains(r.readers[n], rule) {
		r.readers[n] = append(r.readers[n], rule)
	}
}

// references registers the leafrefs of a type and reports whether it has any that require their target.
func (r *Rules) references(n *schema.Node, t *schema.Type) bool {
	switch t.Base {
	case schema.Leafref:
		if !t.RequireInstance {
			return false
		}
		reads, all := xpath.LeafrefReads(n, t)
		if all && n.Config {
			r.anything = append(r.anything, reader{def: n, anchor: r.schema.Root, part: partRef})
		}
		for i, read := range reads {
			r.register(read.Node, reader{def: n, anchor: read.Anchor, part: partRef, target: i == len(reads)-1})
		}
		return true
	case schema.InstanceID:
		if t.RequireInstance && n.Config {
			r.anything = append(r.anything, reader{def: n, anchor: r.schema.Root, part: partRef})
		}
		return t.RequireInstance
	case schema.Union:
		found := false
		for _, m := range t.Members {
			found = r.references(n, m) || found
		}
		return found
	}
	return false
}
