package validate

import (
	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/server/tree/xpath"
)

// ConditionsHold is tree.Conditions for the trees of the schema: it reports whether the conditions of what exists by default in a node hold.
func (r *Rules) ConditionsHold(above []*tree.Node, def *schema.Node) bool {
	if nr := r.nodes[def]; nr == nil || len(nr.whens) == 0 {
		return true
	}
	c := &checker{Rules: r, root: xpath.Root(above[0])}
	at := c.root
	for _, n := range above[1:] {
		at = at.Child(n)
	}
	return c.holds(at, def)
}

// ConditionsRead returns the definitions of which an instance may have come to exist by default, or ceased to, anywhere in the configuration, since
// its condition reads what the changes are about. All definitions above them are included. The map is nil when there are none.
func (r *Rules) ConditionsRead(changes tree.Changes) map[*schema.Node]bool {
	if !r.defaultsDepend {
		return nil
	}
	c := &conditionsRead{Rules: r, seen: map[*schema.Node]bool{}}
	for ch := range changes.All() {
		c.instances(ch.Old)
		c.instances(ch.New)
	}
	return c.found
}

type conditionsRead struct {
	*Rules
	seen  map[*schema.Node]bool // definitions that may have changed
	found map[*schema.Node]bool
}

// instances notes what a node that has changed, and all below it, is read by.
func (c *conditionsRead) instances(n *tree.Node) {
	if n == nil {
		return
	}
	if !n.IsList() {
		c.definition(n.Schema())
	}
	for kid := range n.Children() {
		if !kid.IsList() {
			c.instances(kid)
			continue
		}
		for e := range kid.Entries() {
			c.instances(e)
		}
	}
}

func (c *conditionsRead) definition(def *schema.Node) {
	if c.seen[def] {
		return
	}
	c.seen[def] = true
	for _, rule := range c.readers[def] {
		c.condition(rule)
	}
	for _, rule := range c.anything {
		c.condition(rule)
	}
}

// condition notes a definition whose condition may have another outcome. What exists by that may be read in turn.
func (c *conditionsRead) condition(rule reader) {
	if rule.part != partWhen || c.seen[rule.def] || !existsByDefault(rule.def) {
		return
	}
	if c.found == nil {
		c.found = map[*schema.Node]bool{}
	}
	for up := rule.def; up != nil; up = up.Parent {
		c.found[up] = true
	}
	c.below(rule.def)
}

func (c *conditionsRead) below(def *schema.Node) {
	c.found[def] = true
	c.definition(def)
	for _, kid := range def.Children {
		if existsByDefault(kid) {
			c.below(kid)
		}
	}
}

// existsByDefault reports whether a node can be there without having been set, with something in it.
func existsByDefault(def *schema.Node) bool {
	if def.Kind != schema.Container || def.Presence {
		return def.Config && len(def.Default) > 0
	}
	for _, kid := range def.Children {
		if existsByDefault(kid) {
			return true
		}
	}
	return false
}
