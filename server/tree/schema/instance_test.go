package schema

import (
	"strings"
	"testing"
	"testing/fstest"
)

// pointing has instance-identifiers to point with, and things of two modules to point at.
func pointing(t testing.TB) *Schema {
	t.Helper()
	s, err := Compile(fstest.MapFS{
		"a.yang": {Data: []byte(`module a { yang-version 1.1; namespace "urn:a"; prefix a;
			identity base; identity one { base base; }
			container top {
				leaf where { type instance-identifier; }
				leaf-list tag { type string; }
				list user { key "name kind"; leaf name { type string; } leaf kind { type identityref { base base; } } leaf mail { type string; } }
				list mark { key on; leaf on { type empty; } }
				list log { config false; leaf text { type string; } }
			} }`)},
		"b.yang": {Data: []byte(`module b { yang-version 1.1; namespace "urn:b"; prefix b; import a { prefix x; }
			augment /x:top { leaf extra { type string; } leaf preset { type instance-identifier { require-instance false; } default "/x:top/extra"; } }
			augment /x:top/x:user { leaf shoe { type uint8; } } }`)},
	}, Source{Name: "a", Implement: true}, Source{Name: "b", Implement: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestInstanceIdentifier is RFC 7950 section 9.13 in XML, with the prefixes p and q of the document, and RFC 7951 section 6.11 in JSON. The
// canonical form is that of JSON.
func TestInstanceIdentifier(t *testing.T) {
	s := pointing(t)
	where := s.Find("/a:top/where").Type
	prefixes := map[string]*Module{"p": s.Module("a"), "q": s.Module("b"), "": s.Module("a")}
	xml := Lexical{XML: true, Module: func(prefix string) *Module { return prefixes[prefix] }}
	json := Lexical{Token: JSONString, Module: func(name string) *Module {
		if name == "" {
			return s.Module("a") // that of the leaf
		}
		return s.Module(name)
	}}
	for _, c := range []struct {
		lex  Lexical
		text string
		want string // canonical, or with ! before it a part of the error
	}{
		{xml, "/p:top/p:tag[.='x']", "/a:top/tag[.='x']"},
		{xml, " /p:top/q:extra\n", "/a:top/b:extra"},
		{xml, `/p:top/p:user[p:kind = "p:one"][p:name='n']/q:shoe`, "/a:top/user[name='n'][kind='a:one']/b:shoe"},
		{xml, "/p:top/p:mark[p:on='']", "/a:top/mark[on='']"},
		{xml, "/p:top/p:log[3]/p:text", "/a:top/log[3]/text"},
		{xml, "/top/p:tag[.='x']", `!"top" has no prefix`},
		{xml, "/p:top/tag[.='x']", `!"tag" has no prefix`},
		{xml, "/p:top/p:user[name='n'][p:kind='p:one']", `!"name" has no prefix`},
		{xml, "/a:top/a:tag[.='x']", `!prefix "a" names no module`},
		{xml, "/p:top/p:user[p:name='n']", `!key "kind" is missing`},
		{xml, "/p:top/p:user[p:name='n'][p:name='n'][p:kind='p:one']", `!key "name" is given twice`},
		{xml, "/p:top/p:user[2]", "![2]: an entry of list /a:top/user is not named by its position but by its keys, as in [name='...'][kind='...']"},
		{xml, "/p:top/p:tag[1]", "![1]: an entry of leaf-list /a:top/tag is not named by its position but by its value, as in [.='...']"},
		{xml, "/p:top/p:user", "!stands for all its entries; one of them is named by its keys, as in [name='...'][kind='...']"},
		{xml, "/p:top/p:user/q:shoe", "!stands for all its entries"},
		{xml, "/p:top/p:tag", "!stands for all its entries; one of them is named by its value"},
		{xml, "/p:top/p:log", "!stands for all its entries; one of them is named by its position"},
		{xml, "/p:top/p:log[0]", "!positions begin with 1"},
		{xml, "/p:top/p:log[1][2]", "!two positions"},
		{xml, "/p:top[1]", "!container /a:top"},
		{xml, "/p:top/p:user[p:mail='x']", "!no key"},
		{xml, "/", "!a name is expected"},
		{xml, " ", "!empty path"},
		{json, "/a:top/tag[.='x']", "/a:top/tag[.='x']"},
		{json, "/a:top/b:extra", "/a:top/b:extra"},
		{json, "/a:top/user[name='n'][kind='a:one']/b:shoe", "/a:top/user[name='n'][kind='a:one']/b:shoe"},
		{json, "/a:top/user[kind='one'][name='n']/b:shoe", "/a:top/user[name='n'][kind='a:one']/b:shoe"},
		{json, "/top/tag[.='x']", "!the first name of an instance-identifier needs the name of its module, as in /module:top"},
		{json, "/a:top/extra", `!no node "extra" of module a`},
		{json, "/p:top/tag[.='x']", `!prefix "p" names no module`},
	} {
		got, err := where.Parse(c.text, c.lex)
		switch want, wrong := strings.CutPrefix(c.want, "!"); {
		case wrong && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s is %q, %v; want the error %s", c.text, got, err, want)
		case !wrong && (err != nil || got != want):
			t.Errorf("%s is %q, %v; want %q", c.text, got, err, want)
		case !wrong:
			p, err := where.ParsePath(got)
			if err != nil || p.String() != got {
				t.Errorf("%s is read as %s, %v", got, p, err)
			}
			back, err := where.Parse(p.Format(func(m *Module) string { return map[string]string{"a": "p", "b": "q"}[m.Name] }), xml)
			if err != nil || back != got {
				t.Errorf("%s comes back from XML as %s, %v", got, back, err)
			}
		}
	}
	if preset := s.Find("/a:top/b:preset"); len(preset.Default) != 1 || preset.Default[0] != "/a:top/b:extra" {
		t.Errorf("the default is %q", preset.Default)
	}
}
