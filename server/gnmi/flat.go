package gnmi

import (
	"slices"
	"time"

	"mooring/server/access"
	"mooring/server/state"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// rowPlan says how the rows of a table are told that stand below one node. It is made once for many rows.
type rowPlan struct {
	access *access.Access // for whom it was made
	above  []string       // the keys of the lists above the rows
	hidden bool           // no row may be seen
	// alike: the same leaves of all rows are told, which is what old and new render. Otherwise each row has to be looked at by itself.
	alike    bool
	old, new *state.Renderer
}

// planOf returns the plan for a row.
func (r *reader) planOf(t *table, at schema.Path) *rowPlan {
	own := len(at.Last().Keys)
	above := r.keys[:len(r.keys)-own]
	if p := t.plan; p != nil && p.access == r.access && slices.Equal(p.above, above) {
		return p
	}
	t.plan = r.newPlan(t, at)
	t.plan.access, t.plan.above = r.access, slices.Clone(above)
	return t.plan
}

func (r *reader) newPlan(t *table, at schema.Path) *rowPlan {
	p := &rowPlan{}
	if slices.ContainsFunc(at, func(s schema.Step) bool { return !r.models.has(s.Node) }) {
		p.hidden = true
		return p
	}
	filter, readable := r.access.Reader(at.Parent())
	if !readable {
		p.hidden = true
		return p
	}
	if d, ok := filter.(interface{ Decided() bool }); ok && !d.Decided() || !t.uniform {
		return p
	}
	sel, wanted := t.sel.follow(at)
	if !wanted {
		p.hidden = true
		return p
	}
	see := &delta{filter: filter, models: r.models, state: true}
	if !see.enter(tree.NewLeaf(at.Last().Node, "")) {
		p.hidden = true
		return p
	}
	p.alike, p.old, p.new = true, state.NewRenderer(), state.NewRenderer()
	leaves := see.wanted(at.Last().Node, sel)
	p.old.Only(leaves...)
	p.new.Only(leaves...)
	return p
}

// leaves are those that are told of two versions of a row, of which one may be nil. What is surely the same in both is left out, unless it is
// told again. ok is false for rows that are told as trees.
func (p *rowPlan) leaves(old, new *state.Row, when time.Time, again bool) (was, is []state.Leaf, ok bool) {
	if old != nil && new != nil && !again {
		was, _ = p.old.Unlike(*old, *new, when)
		is, ok = p.new.Unlike(*new, *old, when)
		return was, is, ok
	}
	ok = true
	if old != nil {
		was, ok = p.old.Leaves(*old, when)
	}
	if new != nil && ok {
		is, ok = p.new.Leaves(*new, when)
	}
	return was, is, ok
}

// wanted are the leaves of a row that are told when all rows are alike.
func (d *delta) wanted(row *schema.Node, sel selection) (leaves []*schema.Node) {
	for _, def := range sel.children(row) {
		if def.HasChildren() || def.Config || !d.models.has(def) {
			continue
		}
		if _, ok := sel.enter(schema.Step{Node: def}); ok && d.enter(tree.NewLeaf(def, "")) {
			d.leave()
			leaves = append(leaves, def)
		}
	}
	return leaves
}

// flat tells what differs between two versions of a row that holds nothing but leaves: old may be empty.
func (d *delta) flat(at schema.Path, old, new []state.Leaf) error {
	d.sink.begin(at, d.when, d.merged)
	for len(old)+len(new) > 0 {
		was, is := together(old), together(new)
		switch {
		case len(is) == 0 || len(was) > 0 && was[0].Node.Position < is[0].Node.Position:
			d.sink.gone(nil, was[0].Node)
			old = old[len(was):]
			continue
		case len(was) > 0 && was[0].Node == is[0].Node:
			old = old[len(was):]
		default:
			was = nil
		}
		new = new[len(is):]
		if was == nil || d.again || !slices.EqualFunc(was, is, equalLeaf) {
			d.sink.leaf(nil, is[0].Node, d.textsOfLeaves(is))
		}
	}
	return d.sink.end()
}

// together are the first of a list of leaves that belong together: one, or all of a leaf-list.
func together(list []state.Leaf) []state.Leaf {
	n := min(1, len(list))
	for n > 0 && n < len(list) && list[n].Node == list[0].Node {
		n++
	}
	return list[:n]
}

func equalLeaf(a, b state.Leaf) bool { return string(a.Text) == string(b.Text) }

func (d *delta) textsOfLeaves(list []state.Leaf) [][]byte {
	d.texts = d.texts[:0]
	for _, l := range list {
		d.texts = append(d.texts, l.Text)
	}
	return d.texts
}
