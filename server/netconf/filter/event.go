package filter

import (
	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/server/tree/xpath"
)

// notifications are those that are defined at a node.
func notifications(def *schema.Node) []*schema.Node {
	if def.Kind == schema.Root {
		return def.Schema().Notifications
	}
	return def.Notifications
}

// Passes reports whether an event passes the filter, which is when something of the notification is selected (RFC 5277 section
// 3.6): then all of it does. The keys of the data node that it is about are no part of it. root is the root of a tree that holds the notification. An expression that costs too much selects nothing.
func (f *Filter) Passes(root *tree.Node) bool {
	if f == nil {
		return true
	}
	if f.event != nil {
		yes, err := f.event.Test(xpath.Eval{From: xpath.Root(root), Plain: true, Budget: eventBudget})
		return err == nil && yes
	}
	for _, s := range f.roots {
		if s.selects(root, false) {
			return true
		}
	}
	return false
}

// eventBudget bounds the nodes that the evaluation of an expression may meet in one event.
const eventBudget = 100_000

// selects reports whether anything is selected of a node of an event that is inside the notification, or leads there.
func (s *selection) selects(n *tree.Node, inside bool) bool {
	if !s.holds(n) {
		return false
	}
	if s.whole || s.self {
		return true
	}
	inside = inside || n.Schema().Kind == schema.Notification
	for kid := range n.Children() {
		c := s.kids[kid.Schema()]
		switch {
		case c == nil, !inside && !kid.Schema().HasChildren():
		case !kid.IsList():
			if c.selects(kid, inside) {
				return true
			}
		default:
			for entry := range kid.Entries() {
				if c.selects(entry, inside) {
					return true
				}
			}
		}
	}
	return false
}

func (c *choices) selects(n *tree.Node, inside bool) bool {
	for _, s := range c.of(n.Step().JoinedKeys()) {
		if (s.value == nil || *s.value == n.Value()) && s.selects(n, inside) {
			return true
		}
	}
	return c.whole
}

// holds reports whether the matches hold.
func (s *selection) holds(n *tree.Node) bool {
	for _, m := range s.match {
		if !m.in(n) {
			return false
		}
	}
	return true
}

func (m match) in(n *tree.Node) bool {
	for _, eq := range m {
		leaf := n.Child(eq.leaf)
		if leaf == nil {
			continue
		}
		for one := range entries(leaf) {
			if one.Value() == eq.value {
				return true
			}
		}
	}
	return false
}
