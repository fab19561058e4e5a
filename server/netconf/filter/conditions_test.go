package filter

import (
	"strings"
	"testing"
	"testing/fstest"

	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/server/tree/validate"
	"mooring/yang"
)

// TestDefaultsWhoseConditionIsFalse do not exist (RFC 7950 section 7.21.5), so that no mode of with-defaults shows them.
func TestDefaultsWhoseConditionIsFalse(t *testing.T) {
	files := fstest.MapFS{"m.yang": {Data: []byte(`module m { yang-version 1.1; namespace "urn:m"; prefix m;
		container top {
			leaf mode { type string; default plain; }
			leaf speed { when "../mode = 'fast'"; type uint8; default 9; }
			container options { when "../mode = 'fast'"; leaf depth { type uint8; default 3; } }
			leaf-list port { when "../mode = 'fast'"; type uint8; default 1; default 2; }
			list item { key id; leaf id { type string; } leaf kind { type string; } leaf size { when "../kind = 'big' or ../../mode = 'fast'"; type uint8; default 7; }
				container more { leaf weight { when "../../kind"; type uint8; default 5; } } }
		} }`)}}
	for _, name := range []string{"ietf-netconf-acm", "ietf-yang-types"} {
		text, err := yang.FS.ReadFile("ietf/" + name + ".yang")
		if err != nil {
			t.Fatal(err)
		}
		files[name+".yang"] = &fstest.MapFile{Data: text}
	}
	s, err := schema.Compile(files, schema.Source{Name: "m", Implement: true}, schema.Source{Name: "ietf-netconf-acm", Implement: true})
	if err != nil {
		t.Fatal(err)
	}
	rules, err := validate.Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	const (
		plain = `{"m:top":{"item":[{"id":"a"},{"id":"b","kind":"big"}]}}`
		fast  = `{"m:top":{"mode":"fast","item":[{"id":"a"}]}}`
	)
	for _, c := range []struct{ config, subtree, xpath, want string }{
		{plain, `<m:top/>`, `/m:top`, `<top><mode>plain</mode><item><id>a</id><more/></item><item><id>b</id><kind>big</kind><size>7</size><more><weight>5</weight></more></item></top>`},
		{plain, `<m:top><m:speed/><m:options/><m:port/></m:top>`, `/m:top/m:speed | /m:top/m:options | /m:top/m:port`, ``},
		{plain, `<m:top><m:item><m:size/></m:item></m:top>`, `//m:size`, `<top><item><id>b</id><size>7</size></item></top>`},
		{plain, `<m:top><m:item><m:size>7</m:size><m:id/></m:item></m:top>`, `/m:top/m:item[m:size = 7]/m:size`, `<top><item><id>b</id><size>7</size></item></top>`},
		{fast, `<m:top/>`, `/m:top`, `<top><mode>fast</mode><speed>9</speed><options><depth>3</depth></options><port>1</port><port>2</port><item><id>a</id><size>7</size><more/></item></top>`},
		{fast, `<m:top><m:options><m:depth/></m:options><m:port/></m:top>`, `//m:depth | //m:port`, `<top><options><depth>3</depth></options><port>1</port><port>2</port></top>`},
	} {
		root := decode(t, s, c.config)
		byPath, err := XPath(s, c.xpath, map[string]string{"m": "urn:m"})
		if err != nil {
			t.Fatal(err)
		}
		for what, f := range map[string]*Filter{c.subtree: subtree(t, s, strings.Replace(c.subtree, "<m:top", `<m:top xmlns:m="urn:m"`, 1)), c.xpath: byPath} {
			got := show(t, Read{Config: root, Filter: f, Access: everything(root), Defaults: tree.ReportAll, Conditions: rules.ConditionsHold})
			if got = strings.Replace(got, ` xmlns="urn:m"`, "", 1); got != c.want {
				t.Errorf("%s of %s shows\n%s, want\n%s", what, c.config, got, c.want)
			}
		}
	}
}
