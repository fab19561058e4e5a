package netconf

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// spec is what the oracle knows of a node of module example-oracle.
type spec struct {
	name   string
	kind   string   // container, presence, list, leaf, leaf-list
	byUser bool     // ordered
	choice string   // its case, where it stands in one
	values []string // of a leaf, or the keys of a list
	key    string
	kids   []*spec
}

var (
	letters = []string{"a", "b", "c", "d"}
	digits  = []string{"1", "2", "3", "4"}
	shop    = &spec{name: "shop", kind: "container", kids: []*spec{
		{name: "name", kind: "leaf", values: letters}, {name: "open", kind: "leaf", values: []string{"true", "false"}},
		{name: "till", kind: "presence", kids: []*spec{{name: "cash", kind: "leaf", values: digits}, {name: "key", kind: "leaf", values: letters}}},
		{name: "card", kind: "leaf", values: letters, choice: "card"}, {name: "bill", kind: "leaf", values: letters, choice: "bill"},
		{name: "term", kind: "leaf", values: digits, choice: "bill"},
		{name: "shelf", kind: "list", key: "id", values: letters, kids: []*spec{{name: "place", kind: "leaf", values: digits},
			{name: "box", kind: "list", key: "n", values: digits, kids: []*spec{{name: "label", kind: "leaf", values: letters}}}}},
		{name: "queue", kind: "list", key: "id", values: letters, byUser: true, kids: []*spec{{name: "shelf", kind: "leaf", values: letters}}},
		{name: "note", kind: "leaf-list", values: letters, byUser: true}, {name: "tag", kind: "leaf-list", values: letters},
	}}
)

// item is a node of a configuration in the simplest form: what it is, its key or value, and what is in it, in order.
type item struct {
	of    *spec
	value string // of a leaf, or the key of an entry
	kids  []*item
}

func (i *item) clone() *item {
	c := &item{of: i.of, value: i.value}
	for _, k := range i.kids {
		c.kids = append(c.kids, k.clone())
	}
	return c
}

// xml writes what is in the item as the server shows it.
func (i *item) xml(b *strings.Builder) {
	kids := slices.Clone(i.kids)
	slices.SortStableFunc(kids, func(x, y *item) int {
		if x.of != y.of || x.of.byUser {
			return cmp.Compare(slices.Index(i.of.kids, x.of), slices.Index(i.of.kids, y.of))
		}
		return strings.Compare(x.value, y.value)
	})
	for _, k := range kids {
		switch k.of.kind {
		case "leaf", "leaf-list":
			fmt.Fprintf(b, "<%s>%s</%[1]s>", k.of.name, k.value)
			continue
		case "presence":
			if len(k.kids) == 0 {
				fmt.Fprintf(b, "<%s/>", k.of.name)
				continue
			}
		}
		fmt.Fprintf(b, "<%s>", k.of.name)
		if k.of.key != "" {
			fmt.Fprintf(b, "<%s>%s</%[1]s>", k.of.key, k.value)
		}
		k.xml(b)
		fmt.Fprintf(b, "</%s>", k.of.name)
	}
}

// change is an element of an edit.
type change struct {
	item
	op            string // "": that of the surroundings
	where, anchor string // insert
	below         []*change
}

// xml writes the element.
func (c *change) xml(b *strings.Builder) {
	fmt.Fprintf(b, "<%s", c.of.name)
	if c.op != "" {
		fmt.Fprintf(b, " nc:operation=%q", c.op)
	}
	if c.where != "" {
		fmt.Fprintf(b, " y:insert=%q", c.where)
	}
	if c.anchor != "" && c.of.kind == "list" {
		fmt.Fprintf(b, ` y:key="[o:%s='%s']"`, c.of.key, c.anchor)
	} else if c.anchor != "" {
		fmt.Fprintf(b, ` y:value=%q`, c.anchor)
	}
	b.WriteString(">")
	switch {
	case c.of.key != "":
		fmt.Fprintf(b, "<%s>%s</%[1]s>", c.of.key, c.value)
	case c.of.kind == "leaf" || c.of.kind == "leaf-list":
		b.WriteString(c.value)
	}
	for _, k := range c.below {
		k.xml(b)
	}
	fmt.Fprintf(b, "</%s>", c.of.name)
}

// find returns the index of the child that a change is about, or -1.
func (i *item) find(c *change) int {
	return slices.IndexFunc(i.kids, func(k *item) bool {
		return k.of == c.of && (c.of.kind == "leaf" || k.value == c.value || c.of.kind == "presence")
	})
}

// apply carries out changes in an item as the RFCs say (6241 section 7.2, 7950 sections 7.7.9 and 7.8.6), deletions first. It
// returns the error-tag of the first that fails.
func (i *item) apply(list []*change, op string) (tag string) {
	for _, deleting := range []bool{true, false} {
		for _, c := range list {
			own := cmp.Or(c.op, op)
			if (own == "delete" || own == "remove") != deleting {
				continue
			}
			if tag := i.one(c, own); tag != "" {
				return tag
			}
		}
	}
	return ""
}

func (i *item) one(c *change, op string) (tag string) {
	at := i.find(c)
	switch {
	case at < 0 && (op == "delete" || op == "none"):
		return "data-missing"
	case at >= 0 && op == "create":
		return "data-exists"
	case op == "delete" || op == "remove":
		if at >= 0 {
			i.kids = slices.Delete(i.kids, at, at+1)
		}
		return ""
	}
	var n *item
	if at >= 0 {
		n = i.kids[at]
	} else {
		n = &item{of: c.of, value: c.value}
		i.kids = slices.DeleteFunc(i.kids, func(k *item) bool {
			return c.of.choice != "" && k.of.choice != "" && k.of.choice != c.of.choice
		})
		i.kids = append(i.kids, n)
	}
	if op != "none" && c.of.kind == "leaf" {
		n.value = c.value
	}
	if op == "replace" {
		n.kids = nil
	}
	if c.where != "" {
		if tag := i.place(n, c, at >= 0); tag != "" {
			return tag
		}
	}
	return n.apply(c.below, op)
}

// place moves an entry. One that was there stays where it is next to itself.
func (i *item) place(n *item, c *change, wasThere bool) (tag string) {
	if c.anchor == c.value && wasThere {
		return ""
	}
	i.kids = slices.DeleteFunc(i.kids, func(k *item) bool { return k == n })
	at := 0
	switch c.where {
	case "last":
		at = len(i.kids)
	case "before", "after":
		if at = slices.IndexFunc(i.kids, func(k *item) bool { return k.of == n.of && k.value == c.anchor }); at < 0 {
			return "bad-attribute"
		}
		if c.where == "after" {
			at++
		}
	}
	i.kids = slices.Insert(i.kids, at, n)
	return ""
}

// edits makes random changes in the instances of a node, none of them of the same child. free says that elements may have
// operations of their own.
func edits(rnd *rand.Rand, of *spec, free bool) (list []*change) {
	pick := func(from []string) string { return from[rnd.IntN(len(from))] }
	taken := map[string]bool{}
	chosen := ""
	for range 1 + rnd.IntN(3) {
		kid := of.kids[rnd.IntN(len(of.kids))]
		c := &change{item: item{of: kid}}
		if len(kid.values) > 0 {
			c.value = pick(kid.values)
		}
		name := kid.name
		if kid.kind == "list" || kid.kind == "leaf-list" {
			name += c.value
		}
		if taken[name] || kid.choice != "" && chosen != "" && chosen != kid.choice {
			continue // two cases in one payload are an error of another kind
		}
		taken[name], chosen = true, cmp.Or(kid.choice, chosen)
		if free && rnd.IntN(2) == 0 {
			c.op = pick([]string{"merge", "replace", "create", "delete", "remove"})
		}
		gone := c.op == "delete" || c.op == "remove"
		if kid.byUser && !gone && rnd.IntN(2) == 0 {
			if c.where = pick([]string{"first", "last", "before", "after"}); c.where == "before" || c.where == "after" {
				c.anchor = pick(kid.values)
			}
		}
		if len(kid.kids) > 0 && !gone && rnd.IntN(4) > 0 {
			c.below = edits(rnd, kid, free && (c.op == "" || c.op == "merge"))
		}
		list = append(list, c)
	}
	return list
}

// Random edits leave the candidate as a model as plain as can be says, with the errors that it says; and what becomes of it is
// valid where yanglint says so.
func TestEditsAgreeWithOracle(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("yanglint"); err != nil {
		t.Fatal("yanglint is missing: install the Debian package libyang2-tools")
	}
	f := start(t, "", Limits{})
	c := f.dial(admin)
	file := filepath.Join(t.TempDir(), "data.xml")
	rnd := rand.New(rand.NewPCG(7, 9))
	model := &item{of: &spec{kids: []*spec{shop}}, kids: []*item{{of: shop}}}
	outcome := map[string]int{}
	for step := range 4000 {
		list := edits(rnd, shop, true)
		op := []string{"merge", "merge", "merge", "none", "replace"}[rnd.IntN(5)]
		if op == "replace" && rnd.IntN(10) > 0 {
			op = "merge" // seldom: it forgets everything
		}
		if op == "replace" {
			list = edits(rnd, shop, false)
		}
		var b strings.Builder
		for _, one := range list {
			one.xml(&b)
		}
		request := edit(`<shop xmlns="urn:example:oracle" xmlns:o="urn:example:oracle" xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" xmlns:y="urn:ietf:params:xml:ns:yang:1">`+
			b.String()+`</shop>`, "<default-operation>"+op+"</default-operation>")
		next := model.clone()
		if op == "replace" {
			next.kids[0].kids = nil
		}
		want := next.kids[0].apply(list, op)
		if want == "" {
			model = next
		}
		got := said(t, c.rpc(request))
		if (got == success) != (want == "") || want != "" && !strings.Contains(got, want) {
			t.Fatalf("step %d: %s\ngot  %s\nwant %s", step, request, got, cmp.Or(want, success))
		}
		b.Reset()
		model.kids[0].xml(&b)
		if shown := c.oracle(); shown != b.String() {
			t.Fatalf("step %d: %s (%s)\ngot  %s\nwant %s", step, request, got, shown, b.String())
		}
		outcome[cmp.Or(want, "done")]++
		if step%10 == 0 && b.Len() > 0 {
			outcome[c.verdict(file, b.String())]++
		}
	}
	for _, kind := range []string{"done", "data-missing", "data-exists", "bad-attribute", "valid", "not valid"} {
		if outcome[kind] < 50 {
			t.Errorf("%q came up %d times: the generator tests little of it", kind, outcome[kind])
		}
	}
}

// oracle returns the content of shop in the candidate.
func (c *client) oracle() string {
	c.t.Helper()
	text := c.rpc(`<get-config><source><candidate/></source><filter><shop xmlns="urn:example:oracle"/></filter></get-config>`)
	text = strings.TrimSuffix(strings.TrimPrefix(text, "<data>"), "</data>")
	return strings.TrimSuffix(strings.TrimPrefix(text, `<shop xmlns="urn:example:oracle">`), "</shop>")
}

// verdict compares what the server and yanglint say of the candidate.
func (c *client) verdict(file, content string) string {
	c.t.Helper()
	if err := os.WriteFile(file, []byte(`<shop xmlns="urn:example:oracle">`+content+"</shop>"), 0o600); err != nil {
		c.t.Fatal(err)
	}
	says, err := exec.CommandContext(c.t.Context(), "yanglint", "-p", "testdata", "-t", "config", "testdata/example-oracle.yang", file).CombinedOutput()
	ours := c.rpc(validateC)
	if (err == nil) != (ours == success) {
		c.t.Fatalf("%s\nwe say %s\nyanglint says %v %s", content, ours, err, says)
	}
	if err == nil {
		return "valid"
	}
	return "not valid"
}
