package tree

import (
	"errors"
	"fmt"
	"io"
	"maps"
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

// config opens a <config> element around XML.
func config(t testing.TB, xml string) *xmlio.Reader {
	t.Helper()
	r := xmlio.NewReader(strings.NewReader(`<config xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" xmlns:yang="urn:ietf:params:xml:ns:yang:1">`+
		xml+`</config>`), xmlio.Limits{})
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	return r
}

// editXML applies the content of a <config> element.
func editXML(t testing.TB, root *Node, op Op, xml string) (*Node, error) {
	t.Helper()
	ed, err := DecodeEdit(config(t, xml), root.Schema(), op, DecodeOptions{})
	if err != nil {
		return nil, err
	}
	return Apply(root, ed)
}

const start = `{"example-system:system":{"name":"box","server":["z","a"],"drift":3},"example-system:user":[
	{"realm":10,"id":"a","mail":"a@b","note":[{"at":9,"text":"x"},{"at":1,"text":"y"}]},{"realm":2,"id":"b"}]}`

// TestEditConfig is what edit-config operations mean (RFC 6241 section 7.2, RFC 7950 sections 7.5.8 to 7.8.6).
func TestEditConfig(t *testing.T) {
	const system, user = `<system xmlns="urn:example:system">`, `<user xmlns="urn:example:system"><realm>10</realm><id>a</id>`
	for _, c := range []struct{ name, xml, want string }{
		{"merge adds and changes", system + `<name>new</name><load>7</load></system>`, `{"example-system:system":{"name":"new","load":7,"server":["z","a"],"drift":3}`},
		{"replace drops what is not given", `<system xmlns="urn:example:system" nc:operation="replace"><load>7</load></system>`, `{"example-system:system":{"load":7}`},
		{"delete takes no value", system + `<name nc:operation="delete"/></system>`, `{"example-system:system":{"server":["z","a"],"drift":3}`},
		{"remove of what is not there", system + `<backup nc:operation="remove"/></system>`, `{"example-system:system":{"name":"box","server":["z","a"],"drift":3}`},
		{"another case", system + `<ntp>x</ntp></system>`, `{"example-system:system":{"name":"box","server":["z","a"],"ntp":"x"}`},
		{"delete one case and write another", system + `<ntp>x</ntp><drift nc:operation="delete"/></system>`, `{"example-system:system":{"name":"box","server":["z","a"],"ntp":"x"}`},
		{"insert first", system + `<server yang:insert="first">q</server></system>`, `{"example-system:system":{"name":"box","server":["q","z","a"],"drift":3}`},
		{"insert after a value", system + `<server yang:insert="after" yang:value="z">q</server></system>`, `{"example-system:system":{"name":"box","server":["z","q","a"],"drift":3}`},
		{"move", system + `<server yang:insert="last">z</server></system>`, `{"example-system:system":{"name":"box","server":["a","z"],"drift":3}`},
		{"the order of the document", system + `<server>k</server><server nc:operation="create">b</server><server>c</server></system>`, `{"example-system:system":{"name":"box","server":["z","a","k","b","c"],"drift":3}`},
		{"presence", system + `<tls/></system>`, `{"example-system:system":{"name":"box","server":["z","a"],"tls":{},"drift":3}`},
		{"a container without presence", system + `<deep xmlns="urn:example:more"/></system>`, `{"example-system:system":{"name":"box","server":["z","a"],"drift":3}`},
		{"an augmented node", system + `<deep xmlns="urn:example:more"><red>1</red></deep></system>`, `{"example-system:system":{"name":"box","server":["z","a"],"drift":3,"example-more:deep":{"red":1}}`},
		{"prefixes of the document", `<s:system xmlns:s="urn:example:system"><s:transport xmlns:q="urn:example:more">q:sctp</s:transport></s:system>`, `{"example-system:system":{"name":"box","transport":"example-more:sctp","server":["z","a"],"drift":3}`},
		{"a path with the document's prefixes", `<s:system xmlns:s="urn:example:system"><s:where>/s:user[s:id='a'][s:realm="10"]</s:where></s:system>`, `{"example-system:system":{"name":"box","where":"/example-system:user[realm='10'][id='a']","server":["z","a"],"drift":3}`},
		{"canonical values", system + `<ratio> +01.50 </ratio><load>007</load><key>AA ==</key></system>`, `{"example-system:system":{"name":"box","load":7,"ratio":"1.5","key":"AA==","server":["z","a"],"drift":3}`},
		{"insert into a nested list", user + `<note yang:insert="before" yang:key="[at='1']"><at>5</at><text>n</text></note></user>`, `{"realm":10,"id":"a","mail":"a@b","note":[{"at":9,"text":"x"},{"at":5,"text":"n"},{"at":1,"text":"y"}]}`},
		{"replace an entry", `<user xmlns="urn:example:system" nc:operation="replace"><id>a</id><realm>10</realm></user>`, `{"realm":10,"id":"a"}`},
		{"delete an entry", `<user xmlns="urn:example:system" nc:operation="delete"><id>b</id><realm>2</realm></user>`, `"example-system:user":[{"realm":10,`},
		{"delete inside what is merged", user + `<mail nc:operation="delete"/><friend>b</friend></user>`, `{"realm":10,"id":"a","friend":"b","note"`},
		{"replace keeps other entries", user + `<note nc:operation="replace"><at>1</at></note></user>`, `"note":[{"at":9,"text":"x"},{"at":1}]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := editXML(t, mustJSON(t, example(t), start), Merge, c.xml)
			if err != nil {
				t.Fatal(err)
			}
			if text := jsonOf(t, got); !strings.Contains(text, c.want) {
				t.Errorf("got %s\nwant %s", text, c.want)
			}
		})
	}
}

func TestDefaultOperations(t *testing.T) {
	root := mustJSON(t, example(t), start)
	got, err := editXML(t, root, None, `<system xmlns="urn:example:system"><name>other</name></system>`)
	if err != nil || !got.Same(root) {
		t.Errorf("none changed something: %v", err)
	}
	got, err = editXML(t, root, None, `<system xmlns="urn:example:system"><name nc:operation="replace">other</name></system>`)
	if err != nil || !strings.Contains(jsonOf(t, got), `"name":"other"`) {
		t.Errorf("none around a replace: %v", err)
	}
	got, err = editXML(t, root, Replace, `<system xmlns="urn:example:system"><name>box</name></system>`)
	if err != nil || jsonOf(t, got) != `{"example-system:system":{"name":"box"}}` {
		t.Errorf("replace left more than the payload: %v %s", err, jsonOf(t, got))
	}
}

// TestReplaceShares: what a replacement leaves equal is not changed, and not reported.
func TestReplaceShares(t *testing.T) {
	s := example(t)
	root := mustJSON(t, s, start)
	again, err := Apply(root, Edit{Op: Replace, Node: mustJSON(t, s, start)})
	if err != nil || !again.Same(root) {
		t.Errorf("replaced by itself the tree is another: %v", err)
	}
	other, err := Apply(root, Edit{Op: Replace, Node: mustJSON(t, s, strings.Replace(start, "a@b", "c@d", 1))})
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for ch := range Diff(root, other).All() {
		paths = append(paths, ch.Path.String())
	}
	if len(paths) != 1 || paths[0] != "/example-system:user[realm='10'][id='a']/mail" {
		t.Errorf("changes: %q", paths)
	}
}

// TestImpliedDeletion: what makes way for another case is told apart from what was deleted.
func TestImpliedDeletion(t *testing.T) {
	s := example(t)
	root := mustJSON(t, s, `{"example-system:system":{"name":"a","drift":3}}`)
	next, err := editXML(t, root, Merge, `<system xmlns="urn:example:system"><ntp>x</ntp><name nc:operation="delete"/></system>`)
	if err != nil {
		t.Fatal(err)
	}
	implied := map[string]bool{}
	for ch := range Diff(root, next).All() {
		implied[ch.Path.Last().Node.Name] = ch.Implied
	}
	if want := map[string]bool{"name": false, "drift": true, "ntp": false}; !maps.Equal(implied, want) {
		t.Errorf("implied: %v, want %v", implied, want)
	}
}

// problem is one line of what an error says.
func describe(err error) string {
	var lines []string
	for _, e := range Errors(err) {
		line := string(e.Tag)
		if e.AppTag != "" {
			line += " " + e.AppTag
		}
		line += " " + e.Path.String()
		for _, i := range e.Info {
			line += " " + i.Name + "=" + i.Value
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// TestEditErrors is RFC 7950 sections 8.3.1, 8.3.2 and 15.7: every problem with its tag and path.
func TestEditErrors(t *testing.T) {
	const system = `<system xmlns="urn:example:system">`
	for _, c := range []struct{ name, xml, want string }{
		{"type", system + `<load>x</load></system>`, "invalid-value /example-system:system/load"},
		{"range", system + `<load>101</load></system>`, "invalid-value /example-system:system/load"},
		{"pattern with its app-tag", system + `<name>9</name></system>`, "invalid-value bad-name /example-system:system/name"},
		{"unknown element", system + `<nowhere/></system>`, "unknown-element /example-system:system bad-element=nowhere"},
		{"unknown namespace", `<x xmlns="urn:nowhere"/>`, "unknown-namespace / bad-element=x bad-namespace=urn:nowhere"},
		{"feature", system + `<gps/></system>`, "unknown-element /example-system:system bad-element=gps"},
		{"state", system + `<count>1</count></system>`, "unknown-element /example-system:system bad-element=count"},
		{"key missing", `<user xmlns="urn:example:system"><id>a</id></user>`, "missing-element /example-system:user bad-element=realm"},
		{"two cases", system + `<drift>1</drift><ntp>x</ntp></system>`, "bad-element /example-system:system bad-element=ntp"},
		{"key of the wrong type", `<user xmlns="urn:example:system"><note><at>x</at></note><realm>x</realm><id>a</id></user>`,
			"invalid-value /example-system:user[realm='x'][id='a']/note[at='x']/at\ninvalid-value /example-system:user[realm='x'][id='a']/realm"},
		{"key of the wrong type, created", `<user xmlns="urn:example:system" nc:operation="create"><realm>x</realm><id>a</id></user>`,
			"invalid-value /example-system:user[realm='x'][id='a']/realm"},
		{"twice", system + `<load>1</load><load>2</load></system>`, "bad-element /example-system:system/load bad-element=load"},
		{"twice among others", system + `<load>1</load><name>a</name><load>2</load></system>`, "bad-element /example-system:system/load bad-element=load"},
		{"twice, one by an operation", system + `<load>1</load><name>a</name><load nc:operation="merge">2</load></system>`, "bad-element /example-system:system/load bad-element=load"},
		{"entry twice", `<user xmlns="urn:example:system"><id>x</id><realm>1</realm></user><user xmlns="urn:example:system"><id>x</id><realm>1</realm></user>`,
			"bad-element /example-system:user[realm='1'][id='x'] bad-element=user"},
		{"elements in a leaf", system + `<load><x/></load></system>`, "bad-element /example-system:system/load bad-element=load"},
		{"create what is there", system + `<name nc:operation="create">q</name></system>`, "data-exists /example-system:system/name"},
		{"delete what is not there", system + `<load nc:operation="delete"/></system>`, "data-missing /example-system:system/load"},
		{"delete an entry that is not there", `<user xmlns="urn:example:system" nc:operation="delete"><id>q</id><realm>2</realm></user>`, "data-missing /example-system:user[realm='2'][id='q']"},
		{"no such operation", system + `<name nc:operation="destroy"/></system>`, "bad-attribute /example-system:system/name bad-attribute=operation bad-element=name"},
		{"insert where order is not the user's", system + `<port yang:insert="first">1</port></system>`, "unknown-attribute /example-system:system/port bad-attribute=insert bad-element=port"},
		{"insert without an anchor", system + `<server yang:insert="before">q</server></system>`, "missing-attribute /example-system:system/server bad-attribute=value bad-element=server"},
		{"insert beside nothing", system + `<server yang:insert="before" yang:value="nope">q</server></system>`, "bad-attribute missing-instance /example-system:system/server[.='q'] bad-attribute=value bad-element=server"},
		{"an anchor that is no key", `<user xmlns="urn:example:system"><realm>10</realm><id>a</id><note yang:insert="after" yang:key="[at='x']"><at>4</at></note></user>`,
			"bad-attribute /example-system:user[realm='10'][id='a']/note bad-attribute=key bad-element=note"},
		{"prefix in a value", system + `<transport>nope:x</transport></system>`, "invalid-value /example-system:system/transport"},
		{"several at once", system + `<load>x</load><ratio>y</ratio><nowhere/></system>`,
			"invalid-value /example-system:system/load\ninvalid-value /example-system:system/ratio\nunknown-element /example-system:system bad-element=nowhere"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := editXML(t, mustJSON(t, example(t), start), Merge, c.xml)
			if got := describe(err); got != c.want {
				t.Errorf("got  %s\nwant %s\n(%v)", got, c.want, err)
			}
		})
	}
}

func TestFeatureIsNamed(t *testing.T) {
	_, err := editXML(t, NewRoot(example(t)), Merge, `<system xmlns="urn:example:system"><gps/></system>`)
	if err == nil || !strings.Contains(err.Error(), "needs feature radio") {
		t.Errorf("%v", err)
	}
}

func TestJSONErrors(t *testing.T) {
	s := example(t)
	for _, c := range []struct{ in, want string }{
		{`{"system": {}}`, "unknown-element / bad-element=system"},
		{`{"other:system": {}}`, "unknown-element / bad-element=other:system"},
		{`{"example-system:system": {"load": "7"}}`, "invalid-value /example-system:system/load"},
		{`{"example-system:system": {"load": 1000}}`, "invalid-value /example-system:system/load"},
		{`{"example-system:system": {"ratio": 1.5}}`, "invalid-value /example-system:system/ratio"},
		{`{"example-system:system": {"enabled": "true"}}`, "invalid-value /example-system:system/enabled"},
		{`{"example-system:system": {"marker": null}}`, "invalid-value /example-system:system/marker"},
		{`{"example-system:system": {"server": "a"}}`, "invalid-value /example-system:system/server"},
		{`{"example-system:system": []}`, "invalid-value /example-system:system"},
		{`{"example-system:user": [{"realm": 1}]}`, "missing-element /example-system:user bad-element=id"},
		{`{"example-system:user": [{"realm": 1, "id": "a"}, {"id": "a", "realm": 1}]}`, "bad-element /example-system:user[realm='1'][id='a'] bad-element=user"},
		{`{"example-system:system": {"drift": 1, "ntp": "x"}}`, "bad-element /example-system:system/ntp bad-element=ntp"},
		{`{"example-system:system": {"server": ["a", "a"]}}`, "bad-element /example-system:system/server"},
		{`{"example-system:system": {"count": 1}}`, "unknown-element /example-system:system bad-element=count"},
		{`{"example-system:system": {"name": "a", "name": "b"}}`, "bad-element /example-system:system/name bad-element=name"},
		{`{"example-system:system": {}, "example-system:system": {"name": "9"}}`, "bad-element /example-system:system bad-element=system"},
		{`{"example-system:user": [], "example-system:user": [{"realm": 1, "id": "a"}], "example-system:user": []}`, "bad-element /example-system:user bad-element=user\nbad-element /example-system:user bad-element=user"},
		{`{"example-system:user": [7, {"realm": "x", "id": "a"}, {"realm": {}, "id": "a", "mail": 1}]}`,
			"invalid-value /example-system:user\ninvalid-value /example-system:user[realm='x'][id='a']/realm\n" +
				"invalid-value /example-system:user/realm\ninvalid-value /example-system:user/mail"},
		{`{"example-system:user": [{"mail": 1, "id": "a", "realm": 1}]}`, "invalid-value /example-system:user[realm='1'][id='a']/mail"},
		{strings.Repeat(`{"example-system:system":`, 20000), "unknown-element /example-system:system bad-element=example-system:system\nmalformed-message /"},
		{`{"example-system:system": {"load": ` + strings.Repeat("[", 20000), "malformed-message /"},
		{`{"example-system:system": `, "malformed-message /"},
		{`{} {}`, "malformed-message /"},
	} {
		_, err := DecodeJSON(strings.NewReader(c.in), s.Root, DecodeOptions{})
		if got := strings.Replace(describe(err), " bad-element=server", "", 1); got != c.want {
			t.Errorf("%.200s\ngot  %s\nwant %s\n(%.200v)", c.in, got, c.want, err)
		}
	}
}

func TestDecodeJSONAt(t *testing.T) {
	s := example(t)
	for _, c := range []struct{ path, in, want string }{
		{"/example-system:system/name", `"a"`, `{"example-system:system":{"name":"a"}}`},
		{"/example-system:system", `{"name": "a"}`, `{"example-system:system":{"name":"a"}}`},
		{"/example-system:user[realm='1'][id='a']", `{"mail": "m"}`, `{"example-system:user":[{"realm":1,"id":"a","mail":"m"}]}`},
		{"/example-system:user[realm='1'][id='a']", `{"id": "a", "example-system:mail": "m"}`, `{"example-system:user":[{"realm":1,"id":"a","mail":"m"}]}`},
		{"/example-system:user", `[{"realm": 1, "id": "a"}]`, `{"example-system:user":[{"realm":1,"id":"a"}]}`},
		{"/example-system:system/server", `["b", "a"]`, `{"example-system:system":{"server":["b","a"]}}`},
		{"/example-system:system/server[.='a']", `"a"`, `{"example-system:system":{"server":["a"]}}`},
		{"/", `{"example-system:system": {"name": "a"}}`, `{"example-system:system":{"name":"a"}}`},
	} {
		path, err := schema.ParsePath(s, c.path, s.Module)
		if err != nil {
			t.Fatal(err)
		}
		n, err := DecodeJSONAt(strings.NewReader(c.in), s, path, DecodeOptions{})
		if err != nil {
			t.Errorf("%s %s: %v", c.path, c.in, err)
			continue
		}
		root, err := Apply(NewRoot(s), At(s, path, Replace, n))
		if err != nil || jsonOf(t, root) != c.want {
			t.Errorf("%s %s: %v %s", c.path, c.in, err, jsonOf(t, root))
		}
	}
	path, _ := schema.ParsePath(s, "/example-system:user[realm='1'][id='a']", s.Module)
	if _, err := DecodeJSONAt(strings.NewReader(`{"id": "b"}`), s, path, DecodeOptions{}); describe(err) != "invalid-value /example-system:user[realm='1'][id='a']" {
		t.Errorf("a key that differs from the path: %v", err)
	}
}

// TestLooseJSON is the encoding of gNMI's JSON: names without modules, numbers for 64 bits and decimals.
func TestLooseJSON(t *testing.T) {
	s := example(t)
	n, err := DecodeJSON(strings.NewReader(`{"system": {"ratio": 1.5, "load": 3, "deep": {"red": 2}}}`), s.Root, DecodeOptions{Loose: true})
	if err != nil || jsonOf(t, n) != `{"example-system:system":{"load":3,"ratio":"1.5","example-more:deep":{"red":2}}}` {
		t.Errorf("%v", err)
	}
}

// TestErrorsTakesWrappedErrorsApart: who adds what was tried must not lose all but the first.
func TestErrorsTakesWrappedErrorsApart(t *testing.T) {
	one, two := &Error{Message: "one"}, &Error{Message: "two"}
	err := fmt.Errorf("startup: %w", errors.Join(one, fmt.Errorf("second: %w", two), io.EOF))
	got := Errors(err)
	if len(got) != 3 || got[0] != one || got[1] != two || got[2].Tag != OperationFailed {
		t.Errorf("found %v", got)
	}
}
