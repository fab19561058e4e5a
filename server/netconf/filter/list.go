package filter

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"mooring/server/state"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// list writes the entries of a list that are wanted: those of the configuration, with the state that belongs to them, or those of
// a list of state.
func (k *walker) list(i instance, def *schema.Node, c choices) {
	config := k.configured(i, def)
	if c.whole && !k.above[def] && len(i.rows) == 0 && k.Content != tree.StateOnly {
		k.subtree.Node(config)
		return
	}
	k.path = append(k.path, schema.Step{Node: def})
	for entry := range selected(config, c) {
		k.entry(instance{def: def, config: entry}, c, k.mounted[def])
	}
	for _, row := range i.rows {
		for entry := range selected(row.Child(def), c) {
			k.entry(instance{def: def, rows: []*tree.Node{entry}}, c, false)
		}
	}
	if k.mounted[def] && !def.Config {
		k.tableEntries(def, c)
	}
	k.path = k.path[:len(k.path)-1]
}

// entry writes one entry. joined says that tables hold more of it.
func (k *walker) entry(i instance, c choices, joined bool) {
	last := &k.path[len(k.path)-1]
	last.Keys = i.node().Keys()
	if joined {
		defer k.join(&i, c)()
	}
	k.instance(i, c.of(last.JoinedKeys()), c.whole)
	last.Keys = nil
}

// selected yields the entries of a list of which something may be wanted: those with known keys are looked up.
func selected(list *tree.Node, c choices) iter.Seq[*tree.Node] {
	if list == nil || !c.keyedOnly() {
		return list.Entries()
	}
	var found []*tree.Node
	for keys := range c.keyed {
		if e := list.Entry(strings.Split(keys, keySeparator)...); e != nil {
			found = append(found, e)
		}
	}
	slices.SortFunc(found, list.CompareEntries)
	return slices.Values(found)
}

// tableEntries writes the rows of a list of state. Where several tables have parts of its entries, the first says which there
// are.
func (k *walker) tableEntries(def *schema.Node, c choices) {
	if !c.keyedOnly() {
		k.walkTable(def, c)
		return
	}
	last := &k.path[len(k.path)-1]
	for _, keys := range slices.Sorted(maps.Keys(c.keyed)) {
		last.Keys = strings.Split(keys, keySeparator)
		k.walkTable(def, c)
	}
	last.Keys = nil
}

func (k *walker) walkTable(def *schema.Node, c choices) {
	views := k.views(def)
	if len(views) == 0 {
		return
	}
	r := k.renderer()
	for row, err := range views[0].Rows(k.ctx) {
		if err != nil {
			k.errs = append(k.errs, fmt.Errorf("%s: %w", def.Path(), err))
			break
		}
		if k.ctx.Err() != nil {
			break
		}
		if n := r.Render(row, time.Now()); n != nil {
			k.entry(instance{def: def, rows: []*tree.Node{n}}, c, len(views) > 1)
		}
	}
	k.idle = append(k.idle, r)
}

// views gives what the tables mounted at def hold of the instances that the path leads to.
func (k *walker) views(def *schema.Node) []state.View {
	return slices.DeleteFunc(k.State.At(k.path), func(v state.View) bool { return v.Node() != def })
}

// join adds to an instance what tables have of it, as far as c can want it. The function that it returns is to be called when
// that has been used.
func (k *walker) join(i *instance, c choices) (done func()) {
	var used []*state.Renderer
	views := k.views(i.def)
	if len(i.rows) > 0 && i.def.Kind == schema.List {
		views = views[1:] // the row came from the first
	}
	for _, v := range views {
		if !c.touch(v.Parts()) {
			continue
		}
		for row, err := range v.Rows(k.ctx) {
			if err != nil {
				k.errs = append(k.errs, fmt.Errorf("%s: %w", i.def.Path(), err))
				break
			}
			r := k.renderer()
			used = append(used, r)
			if n := r.Render(row, time.Now()); n != nil {
				i.rows = append(i.rows, n)
			}
			break // there is one
		}
	}
	return func() { k.idle = append(k.idle, used...) }
}

func (k *walker) renderer() *state.Renderer {
	if len(k.idle) == 0 {
		return state.NewRenderer()
	}
	r := k.idle[len(k.idle)-1]
	k.idle = k.idle[:len(k.idle)-1]
	return r
}

// findTables notes where tables are mounted.
func (k *walker) findTables() {
	if k.State == nil {
		return
	}
	k.mounted, k.above = map[*schema.Node]bool{}, map[*schema.Node]bool{}
	for _, v := range k.State.At(nil) {
		k.mounted[v.Node()] = true
		for def := v.Node(); def != nil; def = def.Parent {
			k.above[def] = true
		}
	}
}
