package gnmi

import (
	"context"
	"slices"
	"time"

	"mooring/server/access"
	"mooring/server/state"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// reader reads for one user: what patterns select of configuration and state, as far as the user may see it and the models are wanted.
type reader struct {
	*service
	access *access.Access
	models models
	sink   sink
	// explicit leaves out values in use by default.
	explicit bool

	old, new *state.Renderer
	delta    delta       // of rows
	path     schema.Path // to the row that is told; used again
	keys     []string
}

func (s *service) reader(who access.User, m models, to sink) *reader {
	return &reader{service: s, access: s.options.Access.For(who), models: m, sink: to, old: state.NewRenderer(), new: state.NewRenderer()}
}

// config tells what changes of the configuration make of it. All of it is told when it comes from nothing (Old nil), and with again.
func (r *reader) config(changes tree.Changes, sel selection, when time.Time, again bool) error {
	filter, _ := r.access.Reader(nil)
	d := &delta{sink: r.sink, filter: filter, models: r.models, when: when, again: again, changes: changes, conditions: r.options.Store.ConditionsHold, explicit: r.explicit}
	if changes.Old != nil && !again {
		d.elsewhere = r.options.Store.ConditionsRead(changes)
	}
	return d.top(changes.Old, changes.New, sel)
}

// table is a table of state of which something is wanted.
type table struct {
	view state.View
	sel  selection // from the root
	// owner: an entry of the list is there when its row is, and not otherwise
	owner bool
	// uniform: the same is wanted of all rows that the view yields
	uniform bool
	plan    *rowPlan // of the rows that were told last
}

// tables finds the tables that hold what patterns lead to, as deep as that. Where several lead to one table, it is looked at once.
func (s *service) tables(patterns []schema.Path, depth int) []*table {
	var list []*table
	var wanted []schema.Path // to the rows that any of the patterns wants, for each table
	for _, p := range patterns {
		for _, v := range s.options.State.At(p) {
			def := v.Node()
			rows := rowsOf(def, p)
			i := slices.IndexFunc(list, func(t *table) bool { return t.view.Same(v) })
			if i < 0 {
				list = append(list, &table{view: v, sel: selectionOf([]schema.Path{p}, depth), owner: def.Kind == schema.List && !def.Config})
				wanted = append(wanted, rows)
				continue
			}
			wanted[i] = widen(wanted[i], rows)
			list[i].sel = list[i].sel.union(selectionOf([]schema.Path{p}, depth))
			list[i].view = s.widened(v, wanted[i])
		}
	}
	for i, t := range list {
		t.uniform = !slices.ContainsFunc(patterns, func(p schema.Path) bool { return !sameRows(rowsOf(t.view.Node(), p), wanted[i]) })
	}
	return list
}

// sameRows reports whether two patterns of rows mean the same; that they are of different tables is the same to both.
func sameRows(p, q schema.Path) bool {
	for i := range p {
		if p[i].Node != q[i].Node {
			return true
		}
		if !slices.Equal(p[i].Keys, q[i].Keys) {
			return false
		}
	}
	return true
}

// rowsOf is a pattern of the rows of a table that another pattern is about.
func rowsOf(def *schema.Node, p schema.Path) schema.Path {
	var rows schema.Path
	for i, node := range def.Ancestors() {
		if i < len(p) {
			rows = append(rows, p[i])
		} else {
			rows = append(rows, schema.Step{Node: node, Keys: openKeys(node)})
		}
	}
	return rows
}

// widen gives a pattern of the rows that either of two means; both lead to one table.
func widen(p, q schema.Path) schema.Path {
	wide := slices.Clone(p)
	for i := range wide {
		if !slices.Equal(p[i].Keys, q[i].Keys) {
			wide[i].Keys = openKeys(p[i].Node)
		}
	}
	return wide
}

// widened is the view of the same table that a pattern of its rows gives.
func (s *service) widened(v state.View, rows schema.Path) state.View {
	views := s.options.State.At(rows)
	return views[slices.IndexFunc(views, v.Same)]
}

// rows tells everything of the rows that there are.
func (r *reader) rows(ctx context.Context, t *table, when time.Time) error {
	for row, err := range t.view.Rows(ctx) {
		if err != nil {
			return err
		}
		if err := r.row(t, nil, &row, when, false); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// row tells what differs between two versions of a row, of which one may be nil; with again it also tells what is as it was.
func (r *reader) row(t *table, old, new *state.Row, when time.Time, again bool) error {
	one := new
	if one == nil {
		one = old
	}
	r.path, r.keys = one.AppendPath(r.path[:0], r.keys[:0])
	at := r.path
	plan := r.planOf(t, at)
	d := &r.delta
	d.sink, d.models, d.when, d.state, d.again = r.sink, r.models, when, true, again
	switch {
	case plan.hidden:
		return nil
	case plan.alike && new == nil && t.owner:
		return r.sink.removed(at, when)
	case plan.alike:
		if was, is, flat := plan.leaves(old, new, when, again); flat {
			return d.flat(at, was, is)
		}
	}
	sel, wanted := t.sel.follow(at)
	if !wanted {
		return nil
	}
	filter, readable := r.access.Reader(at)
	if !readable {
		return nil
	}
	if new == nil && t.owner {
		return r.sink.removed(at, when)
	}
	d.filter = filter
	return d.instance(at, render(r.old, old, when), render(r.new, new, when), sel)
}

func render(with *state.Renderer, row *state.Row, when time.Time) *tree.Node {
	if row == nil {
		return nil
	}
	return with.Render(*row, when)
}
