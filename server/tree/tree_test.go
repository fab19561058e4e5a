package tree

import (
	"os"
	"strings"
	"testing"

	"mooring/server/tree/schema"
	"mooring/server/tree/xmlio"
)

// example compiles the modules of the schema package's tests.
func example(t testing.TB) *schema.Schema {
	t.Helper()
	s, err := schema.Compile(os.DirFS("schema/testdata"),
		schema.Source{Name: "example-types", Implement: true},
		schema.Source{Name: "example-system", Implement: true, Features: []string{"tls"}},
		schema.Source{Name: "example-more", Implement: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustJSON(t testing.TB, s *schema.Schema, text string) *Node {
	t.Helper()
	n, err := DecodeJSON(strings.NewReader(text), s.Root, DecodeOptions{})
	if err != nil {
		t.Fatalf("%v\nin %s", err, text)
	}
	return n
}

func jsonOf(t testing.TB, n *Node) string {
	t.Helper()
	var b strings.Builder
	if err := WriteJSON(&b, n, ""); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}

func xmlOf(t testing.TB, n *Node) string {
	t.Helper()
	var b strings.Builder
	if err := WriteXML(&b, n, "", ""); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// editXML applies the content of a <config> element.
func editXML(t testing.TB, root *Node, op Op, config string) (*Node, error) {
	t.Helper()
	r := xmlio.NewReader(strings.NewReader(`<config xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" xmlns:yang="urn:ietf:params:xml:ns:yang:1">`+config+`</config>`), xmlio.Limits{})
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	ed, err := DecodeEdit(r, root.Schema(), op, DecodeOptions{})
	if err != nil {
		return nil, err
	}
	return Apply(root, ed)
}

func TestSmoke(t *testing.T) {
	s := example(t)
	in := `{"example-system:system":{"name":"box","ratio":"1.50","flags":"up"},"example-system:user":[{"realm":2,"id":"b"},{"id":"a","realm":10,"note":[{"at":9,"text":"x"},{"at":1,"text":"y"}]}]}`
	_, err := DecodeJSON(strings.NewReader(in), s.Root, DecodeOptions{})
	t.Log(err)
	n := mustJSON(t, s, strings.Replace(in, `,"flags":"up"`, `,"server":["z","a"],"transport":"example-more:sctp","marker":[null],"where":"/example-system:user[id='a'][realm='10']/note[at='9']"`, 1))
	t.Log(jsonOf(t, n))
	t.Log(xmlOf(t, n))
	m, err := editXML(t, n, Merge, `<system xmlns="urn:example:system"><name nc:operation="delete"/><ntp>x</ntp><server yang:insert="first">q</server></system>
	 <user xmlns="urn:example:system"><realm>10</realm><id>a</id><note nc:operation="create" yang:insert="before" yang:key="[at='1']"><at>5</at><text>n</text></note></user>`)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(jsonOf(t, m))
	for c := range Diff(n, m).All() {
		t.Log(c.Path, c.Old != nil, c.New != nil, c.Reordered)
	}
	var b strings.Builder
	w := NewJSONWriter(&b, "  ")
	w.Begin()
	(&Walk{Writer: w, Defaults: ReportAllTagged}).Node(m)
	w.End()
	t.Log(b.String())
	_, err = editXML(t, n, None, `<system xmlns="urn:example:system"><drift>x</drift><ntp>x</ntp><gps/><zz/><backup>b</backup><backup>c</backup></system><user xmlns="urn:example:system"><realm>10</realm><id>zz</id></user><foo xmlns="u:x"/>`)
	t.Log(err)
	_, err = editXML(t, n, None, `<system xmlns="urn:example:system"><backup>c</backup></system><user xmlns="urn:example:system"><realm>10</realm><id>zz</id></user>`)
	t.Log(err)
}
