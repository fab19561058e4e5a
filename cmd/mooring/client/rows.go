package client

import (
	"slices"
	"strings"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
)

// Rows are what a Client has been told of some lists or containers of state.
type Rows struct {
	depths map[string]int // of a row, by the names on the way to it
	order  []*Row         // as they were first told of; some may be gone
	byPath map[string]*Row
}

// All returns the rows in the order in which they became known.
func (r *Rows) All() []*Row {
	r.sweep()
	return r.order
}

// Row returns the row with a path, or nil.
func (r *Rows) Row(path string) *Row { return r.byPath[path] }

// Forget drops a row, as if nothing had been told of it.
func (r *Rows) Forget(row *Row) {
	row.gone = true
	delete(r.byPath, row.Path)
	if len(r.order) > 2*len(r.byPath)+1000 {
		r.sweep()
	}
}

// sweep drops the rows that are gone from the order.
func (r *Rows) sweep() {
	if len(r.order) > len(r.byPath) {
		r.order = slices.DeleteFunc(r.order, func(row *Row) bool { return row.gone })
	}
}

// Change is what a notification brought about: rows that are new or differ, and rows that are no more.
type Change struct{ Set, Gone []*Row }

// NewRows returns Rows of what will be told of subscriptions.
func NewRows(subscriptions []Subscription) *Rows {
	r := &Rows{depths: map[string]int{}, byPath: map[string]*Row{}}
	for _, s := range subscriptions {
		row := s.row()
		r.depths[row] = strings.Count(row, "/") + 1
	}
	return r
}

// Take brings rows up to date.
func (r *Rows) Take(n *gpb.Notification) (change Change) {
	for _, path := range n.GetDelete() {
		r.remove(slices.Concat(n.GetPrefix().GetElem(), path.GetElem()), &change)
	}
	var row *Row
	var at []*gpb.PathElem // leads to row
	for _, u := range n.GetUpdate() {
		elems := slices.Concat(n.GetPrefix().GetElem(), u.GetPath().GetElem())
		if row == nil || len(elems) <= len(at) || !slices.Equal(elems[:len(at)], at) {
			depth, of := r.depth(elems)
			if depth == 0 || depth == len(elems) {
				continue // beside what was asked for
			}
			at = elems[:depth]
			row = r.row(at, of)
			change.set(row)
		}
		row.value.set(elems[len(at):], u.GetVal().GetJsonIetfVal())
	}
	return change
}

func (c *Change) set(row *Row) {
	if !slices.Contains(c.Set, row) {
		c.Set = append(c.Set, row)
	}
}

// depth tells how many elements lead to the row that elems are in, and their names; 0 for none.
func (r *Rows) depth(elems []*gpb.PathElem) (depth int, of string) {
	names := make([]string, 0, len(elems))
	for i, e := range elems {
		names = append(names, localName(e))
		if of := strings.Join(names, "/"); r.depths[of] > 0 {
			return i + 1, of
		}
	}
	return 0, ""
}

func (r *Rows) row(elems []*gpb.PathElem, of string) *Row {
	path := pathText(elems)
	row := r.byPath[path]
	if row == nil {
		row = &Row{Path: path, Of: of, elems: elems, value: object{}}
		r.byPath[path] = row
		r.order = append(r.order, row)
	}
	return row
}

// remove takes out a part of a row, or the rows at elems and below.
func (r *Rows) remove(elems []*gpb.PathElem, change *Change) {
	if depth, _ := r.depth(elems); depth > 0 && depth < len(elems) {
		if row := r.byPath[pathText(elems[:depth])]; row != nil {
			row.value.remove(elems[depth:])
			change.set(row)
		}
		return
	}
	gone := pathText(elems)
	if row := r.byPath[gone]; row != nil {
		r.Forget(row)
		change.Gone = append(change.Gone, row)
		return
	}
	for _, row := range r.order {
		if !row.gone && strings.HasPrefix(row.Path, gone+"/") {
			row.gone = true
			change.Gone = append(change.Gone, row)
		}
	}
	for _, row := range change.Gone {
		r.Forget(row)
	}
}
