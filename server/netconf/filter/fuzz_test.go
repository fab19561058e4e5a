package filter

import (
	"strings"
	"testing"

	"mooring/server/tree"
	"mooring/server/tree/xmlio"
)

// partOf checks that what is shown is well-formed, valid, and all in the configuration.
func partOf(t *testing.T, root *tree.Node, filter, shown string) {
	t.Helper()
	r := xmlio.NewReader(strings.NewReader("<data>"+shown+"</data>"), xmlio.Limits{})
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	part, err := tree.DecodeXML(r, root.Schema(), tree.DecodeOptions{})
	if err != nil {
		t.Fatalf("%s shows %s: %v", filter, shown, err)
	}
	both, err := tree.Apply(root, tree.Edit{Op: tree.Merge, Node: part})
	if err != nil || !both.Equal(root) {
		t.Fatalf("%s shows %s, which is not all there, %v", filter, shown, err)
	}
}

// shown is what is read, as XML.
func shown(t *testing.T, r Read) (string, error) {
	var b strings.Builder
	x := tree.NewXMLWriter(&b, "", "")
	err := r.Write(t.Context(), x)
	if err := x.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.String(), err
}

// FuzzXPath: what is found along a location path is what evaluating the expression finds, and is part of the configuration.
func FuzzXPath(f *testing.F) {
	s := plant(f)
	root := decode(f, s, config)
	for _, seed := range []string{
		`/`, `//pl:room`, `/plant/name`, `/pl:plant/pl:line[pl:hall='A'][pl:number='2']/pl:owner`, `/pl:plant/pl:line[last()]`, `/pl:plant/pl:line/pl:tag[.='x']`,
		`/pl:plant/pl:line[pl:owner='bob' or pl:hall='B']/pl:owner`, `//pl:speed/..`, `/pl:plant/pl:line[not(pl:tag)]/pl:number | /pl:plant/pl:alarm`, `/*/*[position()<3]`,
		`/pl:plant/pl:line[pl:number=2]`, `/pl:plant/pl:gate[.='b']|//pl:limits`, `/pl:plant/pl:line[pl:hall="A"]/pl:limits[pl:speed='100']`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 200 {
			return
		}
		spaces := map[string]string{"pl": "urn:example:plant", "m": s.Module("example-plant-more").Namespace}
		compiled, err := XPath(s, text, spaces)
		if err != nil {
			return
		}
		read := Read{Config: root, Filter: compiled, Access: everything(root)}
		got, err := shown(t, read)
		if err != nil {
			return // it costs too much
		}
		partOf(t, root, text, got)
		e, err := expression(s, text, spaces)
		if err != nil {
			t.Fatal(err)
		}
		read.Filter = &Filter{schema: s, expr: e}
		if want, err := shown(t, read); err != nil || got != want {
			t.Fatalf("%s shows %s, and evaluated %s, %v", text, got, want, err)
		}
	})
}

// FuzzSubtree: whatever a subtree filter is, it is refused or shows a part of the configuration; with state too, it is read.
func FuzzSubtree(f *testing.F) {
	s := plant(f)
	root := decode(f, s, config)
	st := operating(f, s, nil)
	for _, seed := range []string{
		``, `<plant/>`, `<plant><line><hall>A</hall><number>1</number></line></plant>`, `<plant><line><owner>ann</owner><limits/></line><gate>b</gate></plant>`,
		`<plant><line><tag>x</tag><tag>y</tag><number/></line></plant>`, `<plant a="1"/>`, `<plant>text<name/></plant>`, `<q:plant xmlns:q="urn:example:plant"><q:line><q:drive>q:belt</q:drive></q:line></q:plant>`,
		`<plant><line><order><id>0</id></order></line><clock/></plant>`, `<x xmlns=""/><plant><name>north</name></plant>`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := xmlio.NewReader(strings.NewReader(`<filter xmlns="urn:example:plant">`+text+`</filter>`), xmlio.Limits{Total: 1 << 16})
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
		compiled, err := Subtree(r, s)
		if err != nil {
			return
		}
		read := Read{Config: root, Filter: compiled, Access: everything(root)}
		got, err := shown(t, read)
		if err != nil {
			t.Fatal(err)
		}
		partOf(t, root, text, got)
		read.State = st
		if _, err := shown(t, read); err != nil {
			t.Fatal(err)
		}
	})
}
