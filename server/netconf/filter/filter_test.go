package filter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"mooring/server/access"
	"mooring/server/state"
	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/server/tree/xmlio"
	"mooring/yang"
)

var admin = access.User{Name: "root", Groups: []string{access.AdminGroup}, Origin: access.Local}

// plant is a schema with configuration and state, and NACM.
func plant(t testing.TB) *schema.Schema {
	t.Helper()
	files := fstest.MapFS{}
	for dir, from := range map[string]fs.FS{"own": os.DirFS("testdata"), "standard": yang.FS} {
		fs.WalkDir(from, ".", func(name string, d fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(name, ".yang") {
				text, _ := fs.ReadFile(from, name)
				files[dir+"/"+name] = &fstest.MapFile{Data: text}
			}
			return err
		})
	}
	s, err := schema.Compile(files, schema.Source{Name: "example-plant", Implement: true},
		schema.Source{Name: "example-plant-more", Implement: true}, schema.Source{Name: "ietf-netconf-acm", Implement: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const config = `{"example-plant:plant": {
	"name": "north", "gate": ["a", "b"], "office": {"room": "12"}, "alarm": {}, "example-plant-more:name": "south",
	"line": [
		{"hall": "A", "number": 1, "owner": "ann", "drive": "belt", "tag": ["x", "y"], "limits": {"speed": 100}},
		{"hall": "A", "number": 2, "owner": "bob", "drive": "chain", "tag": ["y"], "limits": {"load": 5}},
		{"hall": "B", "number": 1, "owner": "ann"}]}}`

func decode(t testing.TB, s *schema.Schema, text string) *tree.Node {
	t.Helper()
	n, err := tree.DecodeJSON(strings.NewReader(text), s.Root, tree.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// operating mounts state: each line has as many orders as its number says, and the lines know whether they run.
func operating(t testing.TB, s *schema.Schema, asked *[]string) *state.State {
	t.Helper()
	st := state.New(s, 0)
	ask := func(what string, want state.Keys) {
		if asked != nil {
			*asked = append(*asked, what+strings.ReplaceAll(fmt.Sprintf("%q", []string(want)), `"\x00"`, "*"))
		}
	}
	plant := s.Find("/example-plant:plant")
	line := plant.ChildNamed("line")
	order := line.ChildNamed("order")
	st.Mount(state.Table{Node: plant, Parts: []*schema.Node{plant.ChildNamed("clock"), plant.ChildNamed("temperature")},
		Read: func(_ context.Context, want state.Keys, out *state.Out) error {
			ask("plant", want)
			row := out.Row()
			row.Open(plant.ChildNamed("clock"))
			row.Text(plant.ChildNamed("clock").ChildNamed("time"), "noon")
			row.Close()
			row.Text(plant.ChildNamed("temperature"), "-3")
			return nil
		}})
	lines := [][2]string{{"A", "1"}, {"A", "2"}, {"B", "1"}, {"C", "9"}} // the last is not configured
	st.Mount(state.Table{Node: line, Parts: []*schema.Node{line.ChildNamed("running"), line.ChildNamed("output")},
		Read: func(_ context.Context, want state.Keys, out *state.Out) error {
			ask("line", want)
			output := line.ChildNamed("output")
			fault := output.ChildNamed("fault")
			for i, l := range lines {
				if !want.Wants(0, l[0]) || !want.Wants(1, l[1]) {
					continue
				}
				row := out.Row(l[:]...)
				row.Bool(line.ChildNamed("running"), i%2 == 0)
				row.Open(output)
				row.Uint(output.ChildNamed("pieces"), uint64(10*i))
				for code := range i {
					row.Open(fault)
					row.Uint(fault.ChildNamed("code"), uint64(code))
					row.Close()
				}
				row.Close()
			}
			return nil
		}})
	st.Mount(state.Table{Node: order, Parts: []*schema.Node{order.ChildNamed("customer"), order.ChildNamed("parts")},
		Read: func(_ context.Context, want state.Keys, out *state.Out) error {
			ask("order", want)
			for _, l := range lines {
				n, _ := strconv.Atoi(l[1])
				for id := range n {
					if !want.Wants(0, l[0]) || !want.Wants(1, l[1]) || !want.Wants(2, strconv.Itoa(id)) {
						continue
					}
					row := out.Row(l[0], l[1], strconv.Itoa(id))
					row.Text(order.ChildNamed("customer"), "c"+l[0]+strconv.Itoa(id))
					row.Open(order.ChildNamed("parts"))
					row.Uint(order.ChildNamed("parts").ChildNamed("left"), uint64(100-id))
					row.Close()
				}
			}
			return nil
		}})
	st.Mount(state.Table{Node: order, Parts: []*schema.Node{order.ChildNamed("progress")},
		Read: func(_ context.Context, want state.Keys, out *state.Out) error {
			ask("progress", want)
			id, ok := want.Exact(2)
			if !ok {
				return errors.New("this table is joined to another")
			}
			out.Row(want[0], want[1], id).Uint(order.ChildNamed("progress"), 50)
			return nil
		}})
	return st
}

func everything(root *tree.Node) *access.Access {
	return access.NewControl(func() *tree.Node { return root }).For(admin)
}

// subtree compiles what stands inside <filter>.
func subtree(t testing.TB, s *schema.Schema, text string) *Filter {
	t.Helper()
	r := xmlio.NewReader(strings.NewReader(`<filter xmlns="urn:example:plant" xmlns:pl="urn:example:plant" xmlns:more="urn:example:plant-more">`+text+`</filter>`), xmlio.Limits{})
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	f, err := Subtree(r, s)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func xpathFilter(t testing.TB, s *schema.Schema, text string) *Filter {
	t.Helper()
	f, err := XPath(s, text, map[string]string{"pl": "urn:example:plant", "m": "urn:example:plant-more", "": "urn:example:plant"})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// show writes what is read in a short form: elements without their namespaces, but m: before those of the other module.
func show(t testing.TB, r Read) string {
	t.Helper()
	var out bytes.Buffer
	x := tree.NewXMLWriter(&out, "", "")
	if err := r.Write(t.Context(), x); err != nil {
		t.Error(err)
	}
	if err := x.Flush(); err != nil {
		t.Fatal(err)
	}
	return brief(out.String())
}

var briefer = strings.NewReplacer(` xmlns="urn:example:plant"`, "", ` xmlns="urn:example:plant-more"`, " m", ` xmlns:pl="urn:example:plant"`, "")

func brief(xml string) string { return briefer.Replace(xml) }

const (
	line1 = `<line><hall>A</hall><number>1</number><owner>ann</owner><drive>pl:belt</drive><tag>x</tag><tag>y</tag><limits><speed>100</speed></limits></line>`
	line2 = `<line><hall>A</hall><number>2</number><owner>bob</owner><drive>pl:chain</drive><tag>y</tag><limits><load>5</load></limits></line>`
	line3 = `<line><hall>B</hall><number>1</number><owner>ann</owner></line>`
	whole = `<plant><name>north</name><gate>a</gate><gate>b</gate><office><room>12</room></office><alarm/>` + line1 + line2 + line3 + `<name m>south</name></plant>`
)

// TestSubtree is RFC 6241 section 6, rule by rule.
func TestSubtree(t *testing.T) {
	s := plant(t)
	root := decode(t, s, config)
	for _, c := range []struct{ name, filter, want string }{
		{"6.4.2 an empty filter selects nothing", ``, ``},
		{"6.2.1 a node of the namespace", `<plant/>`, whole},
		{"6.2.1 a node of another namespace", `<plant xmlns="urn:example:plant-more"/>`, ``},
		{"6.2.1 an unknown namespace", `<plant xmlns="urn:nobody"/>`, ``},
		{"6.2.1 no namespace is any", `<plant xmlns=""><name/></plant>`, `<plant><name>north</name><name m>south</name></plant>`},
		{"6.2.1 prefixes do not matter", `<pl:plant><pl:name/></pl:plant>`, `<plant><name>north</name></plant>`},
		{"6.2.2 no data has attributes", `<plant x="y"/>`, ``},
		{"6.2.2 nor below", `<plant><office x="y"/><name/></plant>`, `<plant><name>north</name></plant>`},
		{"6.2.2 nor in a content match", `<plant><name x="y">north</name></plant>`, ``},
		{"6.2.3 containment", `<plant><office/></plant>`, `<plant><office><room>12</room></office></plant>`},
		{"6.2.4 selection, white space is nothing", `<plant><name> </name></plant>`, `<plant><name>north</name></plant>`},
		{"6.2.5 content match alone selects all siblings", `<plant><name>north</name></plant>`, whole},
		{"6.2.5 white space around is nothing", "<plant><name>\n north </name></plant>", whole},
		{"6.2.5 content match that fails", `<plant><name>east</name></plant>`, ``},
		{"6.2.5 a failing match takes its siblings along", `<plant><name>east</name><office/></plant>`, ``},
		{"6.2.5 with a selection node", `<plant><name>north</name><office/></plant>`, `<plant><name>north</name><office><room>12</room></office></plant>`},
		{"6.2.5 several matches, all must hold", `<plant><line><owner>ann</owner><hall>B</hall></line></plant>`, `<plant>` + line3 + `</plant>`},
		{"6.2.5 a value in another spelling", `<plant><line><hall>A</hall><number>+1</number></line></plant>`, `<plant>` + line1 + `</plant>`},
		{"6.2.5 a value that is none", `<plant><line><hall>A</hall><number>one</number></line></plant>`, ``},
		{"6.2.5 an identity by the prefix in scope", `<plant><line xmlns:q="urn:example:plant"><drive>q:belt</drive></line></plant>`, `<plant>` + line1 + `</plant>`},
		{"6.2.5 an entry of a leaf-list", `<plant><line><tag>x</tag><owner/></line></plant>`, `<plant><line><hall>A</hall><number>1</number><owner>ann</owner><tag>x</tag></line></plant>`},
		{"6.2.5 a leaf-list alone", `<plant><line><tag>x</tag></line></plant>`, `<plant>` + line1 + `</plant>`},
		{"6.4.3 a list", `<plant><line/></plant>`, `<plant>` + line1 + line2 + line3 + `</plant>`},
		{"6.4.4 one leaf of all entries, with keys", `<plant><line><owner/></line></plant>`,
			`<plant><line><hall>A</hall><number>1</number><owner>ann</owner></line><line><hall>A</hall><number>2</number><owner>bob</owner></line><line><hall>B</hall><number>1</number><owner>ann</owner></line></plant>`},
		{"6.4.4 keys", `<plant><line><number/></line></plant>`,
			`<plant><line><hall>A</hall><number>1</number></line><line><hall>A</hall><number>2</number></line><line><hall>B</hall><number>1</number></line></plant>`},
		{"6.4.5 one entry", `<plant><line><hall>A</hall><number>2</number></line></plant>`, `<plant>` + line2 + `</plant>`},
		{"6.4.5 an entry that is not there", `<plant><line><hall>A</hall><number>3</number></line></plant>`, ``},
		{"6.4.5 entries by a part of the keys", `<plant><line><hall>A</hall></line></plant>`, `<plant>` + line1 + line2 + `</plant>`},
		{"6.4.6 a part of one entry", `<plant><line><hall>A</hall><number>1</number><limits/></line></plant>`, `<plant><line><hall>A</hall><number>1</number><limits><speed>100</speed></limits></line></plant>`},
		{"6.4.6 an entry without that part", `<plant><line><hall>B</hall><number>1</number><limits><speed/></limits></line></plant>`, `<plant><line><hall>B</hall><number>1</number></line></plant>`},
		{"6.4.7 several subtrees, in the order of the data", `<plant><line><hall>B</hall><number>1</number></line><line><hall>A</hall><number>1</number><owner/></line><office/></plant>`,
			`<plant><office><room>12</room></office><line><hall>A</hall><number>1</number><owner>ann</owner></line>` + line3 + `</plant>`},
		{"6.4.7 the same twice", `<plant><line><hall>B</hall><number>1</number></line><line><hall>B</hall><number>1</number><owner/></line></plant><plant><line><owner>bob</owner></line></plant>`, `<plant>` + line2 + line3 + `</plant>`},
		{"a container with nothing in it is not there", `<plant><clock/></plant>`, ``},
		{"nor are those around it", `<plant><line><limits><speed>7</speed></limits></line></plant>`, ``},
		{"a container with presence is", `<plant><alarm/></plant>`, `<plant><alarm/></plant>`},
		{"unknown elements select nothing", `<plant><sirens/></plant>`, ``},
		{"and leave the others alone", `<plant><sirens/><name/></plant>`, `<plant><name>north</name></plant>`},
		{"an unknown match does not hold", `<plant><siren>loud</siren><name/></plant>`, ``},
		{"elements in a leaf", `<plant><name><first/></name></plant>`, ``},
	} {
		if got := show(t, Read{Config: root, Filter: subtree(t, s, c.filter), Access: everything(root)}); got != c.want {
			t.Errorf("%s: %s\n got %s\nwant %s", c.name, c.filter, got, c.want)
		}
	}
}

func TestSubtreeWithMixedContent(t *testing.T) {
	s := plant(t)
	for _, text := range []string{"<plant>x<name/></plant>", "<plant><name/>x</plant>"} {
		r := xmlio.NewReader(strings.NewReader("<filter>"+text+"</filter>"), xmlio.Limits{})
		r.Next()
		if _, err := Subtree(r, s); err == nil {
			t.Errorf("%s is taken for a filter", text)
		}
	}
}

// TestNoFilter: everything, of the configuration and of both.
func TestNoFilter(t *testing.T) {
	s := plant(t)
	root := decode(t, s, config)
	if got := show(t, Read{Config: root, Access: everything(root)}); got != whole {
		t.Errorf("got %s\nwant %s", got, whole)
	}
	got := show(t, Read{Config: root, State: operating(t, s, nil), Access: everything(root)})
	want := `<plant><name>north</name><gate>a</gate><gate>b</gate><office><room>12</room></office><alarm/><clock><time>noon</time></clock><temperature>-3</temperature>` +
		strings.Replace(line1, "</line>", `<running>true</running><output><pieces>0</pieces></output>`+orders("A", 1)+"</line>", 1) +
		strings.Replace(line2, "</line>", `<running>false</running><output><pieces>10</pieces><fault><code>0</code></fault></output>`+orders("A", 2)+"</line>", 1) +
		strings.Replace(line3, "</line>", `<running>true</running><output><pieces>20</pieces><fault><code>0</code></fault><fault><code>1</code></fault></output>`+orders("B", 1)+"</line>", 1) +
		`<name m>south</name></plant>`
	if got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func orders(hall string, n int) (text string) {
	for id := range n {
		text += fmt.Sprintf("<order><id>%d</id><customer>c%s%d</customer><progress>50</progress><parts><left>%d</left></parts></order>", id, hall, id, 100-id)
	}
	return text
}

// TestState: configuration and state in one, and only those tables are asked that can have what is wanted.
func TestState(t *testing.T) {
	s := plant(t)
	root := decode(t, s, config)
	for _, c := range []struct{ filter, want, asked string }{
		{`<plant><name/></plant>`, `<plant><name>north</name></plant>`, ``},
		{`<plant><temperature/></plant>`, `<plant><temperature>-3</temperature></plant>`, `plant[]`},
		{`<plant><temperature>-3</temperature><name/></plant>`, `<plant><name>north</name><temperature>-3</temperature></plant>`, `plant[]`},
		{`<plant><clock><time/></clock></plant>`, `<plant><clock><time>noon</time></clock></plant>`, `plant[]`},
		{`<plant><line><hall>A</hall><number>2</number><order><id>1</id></order></line></plant>`,
			`<plant><line><hall>A</hall><number>2</number>` + strings.Replace(orders("A", 2), orders("A", 1), "", 1) + `</line></plant>`, `order["A" "2" "1"] progress["A" "2" "1"]`},
		{`<plant><line><hall>A</hall><number>2</number><order><id>1</id><customer/></order></line></plant>`,
			`<plant><line><hall>A</hall><number>2</number><order><id>1</id><customer>cA1</customer></order></line></plant>`, `order["A" "2" "1"]`},
		{`<plant><line><hall>A</hall><number>2</number><order><customer>cA0</customer><parts/></order></line></plant>`,
			`<plant><line><hall>A</hall><number>2</number><order><id>0</id><customer>cA0</customer><parts><left>100</left></parts></order></line></plant>`, `order["A" "2" *]`},
		{`<plant><line><running>false</running><owner/></line></plant>`,
			`<plant><line><hall>A</hall><number>2</number><owner>bob</owner><running>false</running></line></plant>`, `line["A" "1"] line["A" "2"] line["B" "1"]`},
		{`<plant><line><hall>C</hall><number>9</number></line></plant>`, ``, ``}, // get shows what is configured
		{`<store xmlns="urn:example:plant-more"/>`, ``, ``},
	} {
		var asked []string
		got := show(t, Read{Config: root, State: operating(t, s, &asked), Filter: subtree(t, s, c.filter), Access: everything(root)})
		if got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.filter, got, c.want)
		}
		if asked := strings.Join(asked, " "); asked != c.asked {
			t.Errorf("%s asked %s, want %s", c.filter, asked, c.asked)
		}
	}
}

// TestStateWithoutConfiguration: state below containers that nobody configured.
func TestStateWithoutConfiguration(t *testing.T) {
	s := plant(t)
	root := tree.NewRoot(s)
	const want = `<plant><clock><time>noon</time></clock><temperature>-3</temperature></plant>`
	for _, f := range []*Filter{nil, subtree(t, s, `<plant/>`), xpathFilter(t, s, `/pl:plant`)} {
		if got := show(t, Read{Config: root, State: operating(t, s, nil), Filter: f, Access: everything(root)}); got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
}

func TestFailingTables(t *testing.T) {
	s := plant(t)
	st := state.New(s, 0)
	store := s.Find("/example-plant-more:store")
	st.Mount(state.Table{Node: store, Parts: store.Children, Read: func(context.Context, state.Keys, *state.Out) error {
		return errors.New("the store does not answer")
	}})
	root := decode(t, s, config)
	var out bytes.Buffer
	x := tree.NewXMLWriter(&out, "", "")
	err := Read{Config: root, State: st, Access: everything(root)}.Write(t.Context(), x)
	x.Flush()
	if err == nil || !strings.Contains(err.Error(), "/example-plant-more:store: the store does not answer") {
		t.Errorf("error %v", err)
	}
	if got := brief(out.String()); got != whole {
		t.Errorf("got %s\nwant %s", got, whole)
	}
}
