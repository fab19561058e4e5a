package main

import (
	"cmp"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"mooring/cmd/mooring/client"
)

// view is one kind of state as a table.
type view struct {
	name, short, long string
	alias             []string // what people may call it
	rows              []client.Subscription
	columns           []column
	more              []column   // shown as well with --wide
	lines             *leafTable // where a row is a line for each of its leaves
	filters           []filter
	example           string // of a filter
}

// allFilters are those of the view, and what LMAs and MAGs have is filtered by their name.
func (v *view) allFilters() []filter {
	if slices.ContainsFunc(v.rows, ofMachine) {
		return append(slices.Clip(v.filters), byMachine)
	}
	return v.filters
}

// allRows are those of the view and of its filters.
func (v *view) allRows() []client.Subscription {
	all := slices.Clone(v.rows)
	for _, f := range v.filters {
		all = append(all, f.rows...)
	}
	return all
}

// examples are command lines.
func (v *view) examples() string {
	lines := []string{"", "--state-dir /tmp/lma --watch", "--address lma1.example.net --user alice --password-file password.txt --json"}
	if v.example != "" {
		lines = slices.Insert(lines, 1, v.example+" --wide")
	}
	for i, flags := range lines {
		lines[i] = strings.TrimRight("  mooring show "+v.name+" "+flags, " ")
	}
	return strings.Join(lines, "\n")
}

func ofMachine(s client.Subscription) bool {
	return strings.HasPrefix(s.Path, "pmipv6/lma/") || strings.HasPrefix(s.Path, "pmipv6/mag/")
}

// filter is a flag that lets only some rows be shown.
type filter struct {
	flag, usage string
	cell        func(*client.Row) string // values separated by commas, one of which has to match
	values      []string                 // that shells suggest
	rows        []client.Subscription    // that are looked through in place of the view's; nil: those
}

// matches reports whether one of the values of a row is like pattern, in which * and ? stand for any characters and any one. No
// value is like no pattern.
func (f filter) matches(pattern string, r *client.Row) bool {
	for value := range strings.SplitSeq(f.cell(r), ",") {
		if ok, err := path.Match(pattern, value); ok && err == nil && value != "" {
			return true
		}
	}
	return false
}

// byMachine is by the name of the LMA or MAG.
var byMachine = filter{flag: "machine", usage: "only rows of the LMA or MAG called `NAME`", cell: func(r *client.Row) string {
	return cmp.Or(r.Key("lma", "name"), r.Key("mag", "name"))
}}

// byStatus is a filter by oper-status.
var byStatus = filter{flag: "status", usage: "only rows with this `STATUS`, such as up", values: []string{"up", "down", "unknown", "encap-mismatch"},
	cell: func(r *client.Row) string { return r.Text("oper-status") }}

// byLeaf is a filter by some leaves.
func byLeaf(flag, usage string, paths ...[]string) filter {
	return filter{flag: flag, usage: usage, cell: func(r *client.Row) string {
		var values []string
		for _, leaf := range paths {
			values = append(values, r.Text(leaf...))
		}
		return strings.Join(values, ",")
	}}
}

// byKey is a filter by the key of a list on the way to the row.
func byKey(flag, usage, list, name string) filter {
	return filter{flag: flag, usage: usage, cell: func(r *client.Row) string { return r.Key(list, name) }}
}

// byCustomer is a filter by the customer that rows are of.
var byCustomer = byKey("customer", "only rows of the customer called `NAME`; * stands for anything", "customer", "name")

// column is what one of a row's cells says.
type column struct {
	title string
	cell  func(*client.Row) string
	of    [][]string // the leaves that it says something of, where it names them
}

// none stands where a row has nothing to say.
const none = "-"

// leaf is a column that shows a leaf.
func leaf(title string, path ...string) column { return either(title, path) }

// either is a column that shows the first of some leaves that there is: rows of several kinds may have different ones.
func either(title string, paths ...[]string) column {
	return column{title, func(r *client.Row) string {
		for _, path := range paths {
			if text := r.Text(path...); text != "" {
				return text
			}
		}
		return none
	}, paths}
}

// keyOf is a column that shows the key of a list on the way to the row.
func keyOf(title, list, name string) column {
	return column{title: title, cell: func(r *client.Row) string { return cmp.Or(r.Key(list, name), none) }}
}

// total is a column that adds up leaves; one of a list counts in each entry.
func total(title string, paths ...[]string) column {
	return column{title, func(r *client.Row) string {
		for _, path := range paths {
			if text := r.Text(path...); text != "" {
				return sum(strings.Split(text, ","))
			}
		}
		return none
	}, paths}
}

// count is a column that tells in how many entries of a list there is a leaf.
func count(title string, path ...string) column {
	return column{title, func(r *client.Row) string {
		if text := r.Text(path...); text != "" {
			return strconv.Itoa(1 + strings.Count(text, ","))
		}
		return "0"
	}, [][]string{path}}
}

// machine is the column that tells which LMA or MAG of the element a row is about.
var machine = column{title: "MACHINE", cell: func(r *client.Row) string {
	if name := r.Key("lma", "name"); name != "" {
		return "lma " + name
	}
	return "mag " + r.Key("mag", "name")
}}

// ofCustomer is the column that tells whose customer's a row is.
var ofCustomer = keyOf("CUSTOMER", "customer", "name")

// sockets is a column of addresses with ports, which are leaves of the entries of a list.
func sockets(title, list string) column {
	address, port := []string{list, "address"}, []string{list, "port"}
	return column{title, func(r *client.Row) string {
		var all []string
		ports := strings.Split(r.Text(port...), ",")
		for i, text := range strings.Split(r.Text(address...), ",") {
			at, err := netip.ParseAddr(text)
			if err != nil {
				return none
			}
			n, err := strconv.ParseUint(ports[i], 10, 16)
			if err != nil {
				return none
			}
			all = append(all, netip.AddrPortFrom(at, uint16(n)).String())
		}
		return strings.Join(all, ",")
	}, [][]string{address, port}}
}

// span is a column whose leaf counts units of time.
func span(c column, unit time.Duration) column {
	return column{c.title, func(r *client.Row) string {
		n, err := strconv.ParseInt(c.cell(r), 10, 64)
		if err != nil {
			return none
		}
		return (time.Duration(n) * unit).String()
	}, c.of}
}

// sum adds up numbers.
func sum(texts []string) string {
	total := uint64(0)
	for _, text := range texts {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return none
		}
		total += n
	}
	return strconv.FormatUint(total, 10)
}
