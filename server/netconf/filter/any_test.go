package filter

import (
	"os"
	"testing"

	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/yang"
	"testing/fstest"
)

// TestAnydataIsSelectedAsAWhole: what is in an anydata has no schema, so that filters lead to the node and not into it.
func TestAnydataIsSelectedAsAWhole(t *testing.T) {
	text, err := os.ReadFile("../../tree/schema/testdata/example-any.yang")
	if err != nil {
		t.Fatal(err)
	}
	acm, err := yang.FS.ReadFile("ietf/ietf-netconf-acm.yang")
	if err != nil {
		t.Fatal(err)
	}
	types, err := yang.FS.ReadFile("ietf/ietf-yang-types.yang")
	if err != nil {
		t.Fatal(err)
	}
	s, err := schema.Compile(fstest.MapFS{"example-any.yang": {Data: text}, "ietf-netconf-acm.yang": {Data: acm}, "ietf-yang-types.yang": {Data: types}},
		schema.Source{Name: "example-any", Implement: true}, schema.Source{Name: "ietf-netconf-acm", Implement: true})
	if err != nil {
		t.Fatal(err)
	}
	root := decode(t, s, `{"example-any:holder":{"kind":"xml","data":{"example-any:holder":{"kind":"inner"}},"xml":"a<b/>"}}`)
	const (
		data = `<data><holder><kind>inner</kind></holder></data>`
		xml  = `<xml>a<b/></xml>`
	)
	holder := func(content string) string { return `<holder xmlns="urn:example:any">` + content + `</holder>` }
	namespace := map[string]string{"a": "urn:example:any"}
	for filter, want := range map[string]string{
		`<a:holder xmlns:a="urn:example:any"><a:data/></a:holder>`:                    holder(data),
		`<a:holder xmlns:a="urn:example:any"><a:xml/><a:kind/></a:holder>`:            holder(`<kind>xml</kind>` + xml),
		`<a:holder xmlns:a="urn:example:any"><a:kind>xml</a:kind></a:holder>`:         holder(`<kind>xml</kind>` + data + xml),
		`<a:holder xmlns:a="urn:example:any"><a:data>inner</a:data></a:holder>`:       "",
		`<a:holder xmlns:a="urn:example:any"><a:data><a:holder/></a:data></a:holder>`: "",
	} {
		if got := show(t, Read{Config: root, Filter: subtree(t, s, filter), Access: everything(root)}); got != want {
			t.Errorf("%s selects %s\nwant %s", filter, got, want)
		}
	}
	for expression, want := range map[string]string{
		`/a:holder/a:data`:                           holder(data),
		`/a:holder[contains(a:data, 'inner')]/a:xml`: holder(xml),
		`//a:kind`: holder(`<kind>xml</kind>`),
	} {
		f, err := XPath(s, expression, namespace)
		if err != nil {
			t.Fatal(err)
		}
		if got := show(t, Read{Config: root, Filter: f, Access: everything(root), Defaults: tree.Explicit}); got != want {
			t.Errorf("%s selects %s\nwant %s", expression, got, want)
		}
	}
}
