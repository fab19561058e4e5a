package filter

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"mooring/server/state"
	"mooring/server/tree/schema"
)

// Tables are the tables of state that hold something of what the filter selects; each of them is there once.
func (f *Filter) Tables(s *state.State) (views []state.View) {
	if f == nil {
		return s.At(nil)
	}
	add := func(path schema.Path) {
		for _, v := range s.At(path) {
			i := slices.IndexFunc(views, v.Same)
			if i < 0 {
				views = append(views, v)
			} else if !views[i].Equal(v) { // entries of it here and there: all are followed
				views[i] = v.Whole()
			}
		}
	}
	for _, root := range f.roots {
		root.leaves(nil, add)
	}
	return views
}

// leaves calls add for the paths to what is wanted whole.
func (s *selection) leaves(path schema.Path, add func(schema.Path)) {
	if s.whole || s.self {
		add(path)
		return
	}
	for def, c := range s.kids {
		if c.whole {
			add(path.Append(def))
			continue
		}
		for _, kid := range c.others {
			kid.leaves(path.Append(def), add)
		}
		for keys, kids := range c.keyed {
			for _, kid := range kids {
				kid.leaves(path.Append(def, strings.Split(keys, keySeparator)...), add)
			}
		}
	}
}

// Followable says why the changes of what the filter selects of operational data cannot be told one by one; nil: they can.
// A selection that depends on values can be followed where the values come with what they select: from one row of
// state, or from the configuration.
func (f *Filter) Followable(s *state.State) error {
	if f == nil {
		return nil
	}
	if f.expr != nil {
		return errors.New("changes of operational data can be told of location paths whose predicates compare children with literals, and not of other expressions")
	}
	o := origins{views: s.At(nil)}
	for _, root := range f.roots {
		if err := o.check(root); err != nil {
			return err
		}
	}
	return nil
}

// Selects reports whether the filter can select something for which yes says so.
func (f *Filter) Selects(s *schema.Schema, yes func(leaf *schema.Node) bool) (found bool) {
	if f == nil || f.expr != nil {
		return holds(s.Root, yes)
	}
	for _, root := range f.roots {
		root.leaves(schema.Path{{Node: s.Root}}, func(p schema.Path) { found = found || holds(p.Last().Node, yes) })
	}
	return found
}

// holds reports whether there is such a leaf at or below a definition, or something else that means something by being there.
func holds(def *schema.Node, yes func(*schema.Node) bool) bool {
	if !def.HasChildren() || def.Presence || def.Kind == schema.List {
		return yes(def)
	}
	return slices.ContainsFunc(def.Children, func(kid *schema.Node) bool { return holds(kid, yes) })
}

// origins says where nodes come from: from the configuration, or from a table of state.
type origins struct{ views []state.View }

const (
	fromConfig  = -1
	fromNowhere = -2 // nothing fills it in
)

// of gives the table that a leaf is of, by its place.
func (o origins) of(def *schema.Node) int {
	if def.Config {
		return fromConfig
	}
	for at := def; at.Parent != nil; at = at.Parent {
		for i, v := range o.views {
			if v.Node() == at.Parent && slices.Contains(v.Parts(), at) {
				return i
			}
		}
	}
	return fromNowhere
}

func (o origins) check(s *selection) error {
	for _, m := range s.match {
		for _, eq := range m {
			if eq.leaf.IsKey() {
				continue
			}
			if of := o.of(eq.leaf); !o.only(s, of) {
				return fmt.Errorf("changes cannot be told of what is selected by the value of %s and comes from elsewhere", eq.leaf.Path())
			}
		}
	}
	for _, c := range s.kids {
		for _, kid := range c.others {
			if err := o.check(kid); err != nil {
				return err
			}
		}
		for _, kids := range c.keyed {
			for _, kid := range kids {
				if err := o.check(kid); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// only reports whether all that a selection wants has one origin.
func (o origins) only(s *selection, of int) bool {
	if s.whole {
		return o.within(s.def, of)
	}
	for def, c := range s.kids {
		if c.whole && !o.within(def, of) {
			return false
		}
		for _, kid := range c.others {
			if !o.only(kid, of) {
				return false
			}
		}
		for _, kids := range c.keyed {
			if slices.ContainsFunc(kids, func(kid *selection) bool { return !o.only(kid, of) }) {
				return false
			}
		}
	}
	return true
}

// within reports whether everything at or below a definition has one origin.
func (o origins) within(def *schema.Node, of int) bool {
	if !def.HasChildren() {
		from := o.of(def)
		return def.IsKey() || from == of || from == fromNowhere
	}
	return !slices.ContainsFunc(def.Children, func(kid *schema.Node) bool { return !o.within(kid, of) })
}
