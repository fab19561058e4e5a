package schema

import (
	"slices"
	"testing"
	"testing/fstest"
)

// compileFiles compiles modules, of which those named are implemented with all features.
func compileFiles(t testing.TB, files map[string]string, implement ...string) *Schema {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name+".yang"] = &fstest.MapFile{Data: []byte("module " + name + " { yang-version 1.1; namespace \"urn:" + name + "\"; prefix " + name + "; " + text + " }")}
	}
	var sources []Source
	for _, m := range implement {
		sources = append(sources, Source{Name: m, Implement: true, Features: []string{"*"}})
	}
	s, err := Compile(fsys, sources...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestNumbersOfEnums: each is one more than the highest before it, those that a feature switches off included (RFC 7950 sections 9.6.4.2 and
// 9.7.4.2).
func TestNumbersOfEnums(t *testing.T) {
	s, err := Compile(fstest.MapFS{"m.yang": {Data: []byte(`module m { yang-version 1.1; namespace "urn:m"; prefix m; feature f;
		leaf e { type enumeration { enum low { value -5; } enum next; enum off { if-feature f; } enum last; } }
		leaf b { type bits { bit off { if-feature f; } bit one; bit two; } }
		typedef base { type enumeration { enum a; enum b; enum c; } }
		leaf r { type base { enum c; enum a; } } }`)}}, Source{Name: "m", Implement: true})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.Find("/m:e").Type.Enums, []Enum{{"low", -5}, {"next", -4}, {"last", -2}}; !slices.Equal(got, want) {
		t.Errorf("the enums are %v, want %v", got, want)
	}
	if got, want := s.Find("/m:b").Type.Bits, []Bit{{"one", 1}, {"two", 2}}; !slices.Equal(got, want) {
		t.Errorf("the bits are %v, want %v", got, want)
	}
	if got, want := s.Find("/m:r").Type.Enums, []Enum{{"c", 2}, {"a", 0}}; !slices.Equal(got, want) {
		t.Errorf("the restricted enums are %v, want %v", got, want)
	}
	for _, wrong := range []string{"leaf x { type b { enum z; } } typedef b { type enumeration { enum a; } }", "leaf x { type b { bit z; } } typedef b { type bits { bit a; } }"} {
		if _, err := module(t, wrong); err == nil {
			t.Errorf("%s was compiled", wrong)
		}
	}
}

// TestFeaturesOfFeatures: a feature whose if-feature is false is not supported (RFC 7950 section 7.20.1).
func TestFeaturesOfFeatures(t *testing.T) {
	files := fstest.MapFS{
		"a.yang": {Data: []byte(`module a { yang-version 1.1; namespace "urn:a"; prefix a; feature base; }`)},
		"b.yang": {Data: []byte(`module b { yang-version 1.1; namespace "urn:b"; prefix b; import a { prefix x; }
			feature on { if-feature x:base; } feature further { if-feature "on and not other"; } feature other { if-feature "not x:base"; }
			leaf l { if-feature further; type string; } leaf o { if-feature other; type string; } }`)},
	}
	for _, with := range []bool{true, false} {
		a := Source{Name: "a", Implement: true}
		if with {
			a.Features = []string{"base"}
		}
		s, err := Compile(files, a, Source{Name: "b", Implement: true, Features: []string{"*"}})
		if err != nil {
			t.Fatal(err)
		}
		if l, o := s.Find("/b:l") != nil, s.Find("/b:o") != nil; l != with || o == with {
			t.Errorf("with a:base %v: l is there %v, o %v", with, l, o)
		}
		if got := slices.Contains(s.Module("b").Features, "further"); got != with {
			t.Errorf("with a:base %v: the features are %v", with, s.Module("b").Features)
		}
	}
}

// TestUniqueNamesSchemaNodes, choices and cases among them (RFC 7950 sections 6.5 and 7.8.3), with the prefixes of its own text.
func TestUniqueNamesSchemaNodes(t *testing.T) {
	s := compileFiles(t, map[string]string{
		"a": `import g { prefix g; } container top { uses g:inner; }
			list two { key id; unique "by/a/mail a:deep/by/x/x"; leaf id { type string; } choice by { case a { leaf mail { type string; } } }
				container deep { choice by { leaf x { type string; } } } }`,
		"g": `grouping inner { list inner { key k; unique "g:c/g:v"; leaf k { type string; } container c { leaf v { type string; } } } }`,
	}, "a")
	for list, want := range map[string][]string{"/a:two": {"/a:two/mail", "/a:two/deep/x"}, "/a:top/inner": {"/a:top/inner/c/v"}} {
		var got []string
		for _, chain := range s.Find(list).Unique[0].Leaves {
			got = append(got, chain[len(chain)-1].Path())
		}
		if !slices.Equal(got, want) {
			t.Errorf("unique in %s: %q, want %q", list, got, want)
		}
	}
	for _, wrong := range []string{"unique c;", "unique nowhere;", "unique by;"} {
		if _, err := module(t, `list l { key k; leaf k { type string; } container c { leaf v { type string; } } choice by { leaf x { type string; } } `+wrong+` }`); err == nil {
			t.Errorf("%s was compiled", wrong)
		}
	}
}

// TestKeysHaveNoDefault: it means nothing, since a key is always given (RFC 7950 section 7.8.2).
func TestKeysHaveNoDefault(t *testing.T) {
	s := compileFiles(t, map[string]string{"m": `typedef n { type uint8; default 3; } list l { key "a b"; leaf a { type n; } leaf b { type string; default x; } leaf c { type n; } }`}, "m")
	for leaf, want := range map[string]int{"a": 0, "b": 0, "c": 1} {
		if got := len(s.Find("/m:l").ChildNamed(leaf).Default); got != want {
			t.Errorf("%s has %d defaults", leaf, got)
		}
	}
}

// TestDefaultsOfTheModel may be written in hexadecimal or octal (RFC 7950 section 9.2.1); data may not.
func TestDefaultsOfTheModel(t *testing.T) {
	s := compileFiles(t, map[string]string{"m": `leaf h { type uint8; default 0x1F; } leaf o { type int8; default -017; } typedef d { type uint16; default 0xff; } leaf t { type d; }`}, "m")
	for leaf, want := range map[string]string{"h": "31", "o": "-15", "t": "255"} {
		n := s.Root.ChildNamed(leaf)
		if len(n.Default) != 1 || n.Default[0] != want {
			t.Errorf("the default of %s is %q, want %s", leaf, n.Default, want)
		}
		if v, err := n.Type.Parse("0x1F", Lexical{}); err == nil {
			t.Errorf("%s in data is %s", leaf, v)
		}
	}
}

// TestAugmentInUses: names carry the prefix of the text of the grouping, wherever it is used (RFC 7950 sections 7.13 and 7.17).
func TestAugmentInUses(t *testing.T) {
	s := compileFiles(t, map[string]string{
		"a": `import b { prefix b; } container top { uses b:outer; }`,
		"b": `grouping inner { container box { leaf x { type string; } } }
			grouping outer { uses inner { augment b:box { when "x"; leaf y { type string; } } refine b:box/b:x { default "d"; } } }`,
	}, "a")
	if y := s.Find("/a:top/box/y"); y == nil || len(y.Whens) != 1 {
		t.Errorf("the augment brings %v", y)
	}
	if x := s.Find("/a:top/box/x"); x == nil || len(x.Default) != 1 {
		t.Errorf("the refine brings %v", x)
	}
}

// TestAugmentedModulesAreImplemented, though nobody asks for it (RFC 7950 section 5.6.5); those that are only imported are not.
func TestAugmentedModulesAreImplemented(t *testing.T) {
	s := compileFiles(t, map[string]string{
		"a": `import b { prefix b; } import c { prefix c; } import d { prefix d; } augment /b:top { leaf x { type c:t; } } deviation /d:y { deviate not-supported; }`,
		"b": `import e { prefix e; } container top; augment /e:far { leaf y { type string; } }`,
		"c": `typedef t { type string; } leaf z { type t; }`,
		"d": `leaf y { type string; }`,
		"e": `container far;`,
	}, "a")
	for path, want := range map[string]bool{"/b:top/a:x": true, "/e:far/b:y": true, "/c:z": false, "/d:y": false} {
		if got := s.Find(path) != nil; got != want {
			t.Errorf("%s is there: %v", path, got)
		}
	}
	if s.Module("c").Implemented || !s.Module("d").Implemented {
		t.Error("c is implemented, or d is not")
	}
}
