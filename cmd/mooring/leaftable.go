package main

import (
	"slices"
	"strings"

	"mooring/cmd/mooring/client"
)

// leafTable is how rows are shown as a line for each leaf, so that none is forgotten: what it is called, and its value. Leaves that a
// column of the view shows have no line.
type leafTable struct {
	what, value string                            // titles
	shows       func(text string, wide bool) bool // the leaves that have a line, by their value; nil: all
}

// isCount lets numbers be shown, and 0 only if there is room.
func isCount(text string, wide bool) bool {
	zero := strings.Trim(text, "0") == ""
	return strings.Trim(text, "0123456789") == "" && (wide || !zero)
}

// cells are the names and values of the leaves of a row that have a line, but for those that columns show.
func (t *leafTable) cells(r *client.Row, columns []column, wide bool) (lines [][2]string) {
	all := r.Leaves()
	for _, l := range all {
		shown := slices.ContainsFunc(columns, func(c column) bool {
			return slices.ContainsFunc(c.of, func(path []string) bool { return slices.Equal(path, l.Name) })
		})
		if !shown && (t.shows == nil || t.shows(l.Text, wide)) {
			lines = append(lines, [2]string{titleOf(l, all), l.Text})
		}
	}
	return lines
}

// titleOf is what people call a leaf: for a count the name of what is counted, with that of a number that stands for it.
func titleOf(l client.Leaf, all []client.Leaf) string {
	name := slices.Clone(l.Name)
	if last := len(name) - 1; name[last] == "count" {
		name[last] = "name"
		for _, other := range all {
			if slices.Equal(other.Name, name) {
				name = append(name[:last], other.Text, "")
				break
			}
		}
		name = name[:len(name)-1]
	}
	return strings.Join(name, " ")
}
