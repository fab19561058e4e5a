package validate

import (
	"strings"
	"testing"
	"testing/fstest"

	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/server/tree/xmlio"
)

func TestInput(t *testing.T) {
	s, err := schema.Compile(fstest.MapFS{"m.yang": {Data: []byte(`module m { yang-version 1.1; namespace "urn:m"; prefix m;
		rpc act { input { leaf what { type string; mandatory true; } leaf-list when { type string; min-elements 1; max-elements 2; }
			container deep { leaf must { type uint8; mandatory true; } } container on { presence "p"; leaf x { type uint8; mandatory true; } }
			choice how { mandatory true; leaf fast { type empty; } case slow { leaf s1 { type empty; } leaf s2 { type uint8; mandatory true; } } } } } }`)}},
		schema.Source{Name: "m", Implement: true})
	if err != nil {
		t.Fatal(err)
	}
	rules, err := Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	def := s.RPC("m", "act")
	for _, c := range []struct{ xml, want string }{
		{`<what>a</what><when>1</when><deep><must>1</must></deep><fast/>`, ""},
		{``, "parameter what, parameter when, one of these parameters is needed: fast, s1, s2, parameter must"},
		{`<what>a</what><when>1</when><when>2</when><when>3</when><deep><must>1</must></deep><fast/>`, "has 3 entries, takes at most 2"},
		{`<what>a</what><when>1</when><deep><must>1</must></deep><s1/><on/>`, "parameter s2, parameter x"},
	} {
		r := xmlio.NewReader(strings.NewReader(`<act xmlns="urn:m">`+c.xml+`</act>`), xmlio.Limits{})
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
		n, err := tree.DecodeXML(r, def.Input, tree.DecodeOptions{State: true})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range tree.Errors(rules.Input(nil, def, n, tree.NewRoot(s))) {
			if e.Tag != tree.MissingElement && e.AppTag == "" {
				t.Errorf("%s: %s is %s", c.xml, e.Message, e.Tag)
			}
			got = append(got, strings.TrimSuffix(e.Message, " is missing"))
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %q, want %q", c.xml, got, c.want)
		}
	}
}

// TestInputUniqueConditionalDefaults compares a default among parameters only when its condition holds (RFC 7950 sections 7.8.3, 7.21.5).
func TestInputUniqueConditionalDefaults(t *testing.T) {
	s, err := schema.Compile(fstest.MapFS{"m.yang": {Data: []byte(`module m { yang-version 1.1; namespace "urn:m"; prefix m;
		rpc act { input { list port { key id; unique speed; leaf id { type string; } leaf fast { type empty; }
			leaf speed { when "../fast"; type uint8; default 9; } } } } }`)}},
		schema.Source{Name: "m", Implement: true})
	if err != nil {
		t.Fatal(err)
	}
	rules, err := Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	def := s.RPC("m", "act")
	for xml, want := range map[string]string{
		`<port><id>a</id></port><port><id>b</id></port>`:                                      "",
		`<port><id>a</id><fast/></port><port><id>b</id></port>`:                               "",
		`<port><id>a</id><fast/><speed>9</speed></port><port><id>b</id></port>`:               "",
		`<port><id>a</id><fast/></port><port><id>b</id><fast/></port>`:                        "data-not-unique",
		`<port><id>a</id><fast/><speed>9</speed></port><port><id>b</id><fast/></port>`:        "data-not-unique",
		`<port><id>a</id><fast/><speed>8</speed></port><port><id>b</id><fast/></port>`:        "",
		`<port><id>a</id><fast/></port><port><id>b</id></port><port><id>c</id><fast/></port>`: "data-not-unique",
	} {
		r := xmlio.NewReader(strings.NewReader(`<act xmlns="urn:m">`+xml+`</act>`), xmlio.Limits{})
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
		n, err := tree.DecodeXML(r, def.Input, tree.DecodeOptions{State: true})
		if err != nil {
			t.Fatal(err)
		}
		var got string
		for _, e := range tree.Errors(rules.Input(nil, def, n, tree.NewRoot(s))) {
			got += e.AppTag
		}
		if got != want {
			t.Errorf("%s: %q, want %q", xml, got, want)
		}
	}
}
