package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"

	"mooring/cmd/mooring/client"
)

// print prints rows as a table, sorted by the first columns.
func (x *shown) print(w io.Writer, rows []*client.Row) error {
	if len(rows) == 0 {
		_, err := fmt.Fprintf(w, "no %s\n", x.name)
		return err
	}
	columns := x.columns
	if x.wide {
		columns = slices.Concat(columns, x.more)
	}
	lines := x.lineUp(rows, columns)
	if len(lines) == 0 {
		_, err := fmt.Fprintf(w, "no %s other than 0, which --wide shows\n", x.name)
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.Join(x.titles(columns), "\t"))
	for _, line := range lines {
		fmt.Fprintln(t, line)
	}
	return t.Flush()
}

func (x *shown) titles(columns []column) (titles []string) {
	for _, c := range columns {
		titles = append(titles, c.title)
	}
	if x.lines != nil {
		titles = append(titles, x.lines.what, x.lines.value)
	}
	return titles
}

// lineUp makes the lines of a table, sorted.
func (x *shown) lineUp(rows []*client.Row, columns []column) (lines []string) {
	for _, row := range rows {
		var cells []string
		for _, c := range columns {
			cells = append(cells, strings.Map(printable, c.cell(row)))
		}
		if x.lines == nil {
			lines = append(lines, strings.Join(cells, "\t"))
			continue
		}
		for _, l := range x.lines.cells(row, slices.Concat(x.columns, x.more), x.wide) {
			lines = append(lines, strings.Join(append(slices.Clip(cells), strings.Map(printable, l[0]), strings.Map(printable, l[1])), "\t"))
		}
	}
	slices.Sort(lines)
	return lines
}

// printable replaces what would change a terminal, or where the columns of a table are: names come from others.
func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return '?'
}
