package schema

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func example(t testing.TB) *Schema {
	t.Helper()
	s, err := Compile(os.DirFS("testdata"),
		Source{Name: "example-types", Implement: true},
		Source{Name: "example-system", Implement: true, Features: []string{"tls"}},
		Source{Name: "example-more", Implement: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// module compiles one module whose body is given.
func module(t testing.TB, body string) (*Schema, error) {
	t.Helper()
	text := `module m { yang-version 1.1; namespace "urn:m"; prefix m; ` + body + ` }`
	return Compile(fstest.MapFS{"m.yang": {Data: []byte(text)}}, Source{Name: "m", Implement: true, Features: []string{"*"}})
}

// outline writes what is below n, one line a node.
func outline(b *strings.Builder, n *Node, indent string) {
	for _, k := range n.below() {
		fmt.Fprintf(b, "%s%s %s", indent, k.Kind, k.Name)
		if k.Module != n.Module && n.Module != nil {
			fmt.Fprintf(b, " of %s", k.Module.Name)
		}
		if k.Type != nil {
			fmt.Fprintf(b, " %s", k.Type.Base)
		}
		if len(k.Default) > 0 {
			fmt.Fprintf(b, " = %s", strings.Join(k.Default, ","))
		}
		if k.Case != nil {
			fmt.Fprintf(b, " in %s/%s", k.Case.Choice.Name, k.Case.Name)
		}
		for _, w := range k.Whens {
			fmt.Fprintf(b, " when%d(%s)", w.Up, w.Text)
		}
		if !k.Config {
			b.WriteString(" state")
		}
		b.WriteByte('\n')
		outline(b, k, indent+"  ")
	}
}

// TestOutline holds the compiled example against what its text means: order, augments, refinements, choices, conditions,
// features and deviations.
func TestOutline(t *testing.T) {
	s := example(t)
	var b strings.Builder
	outline(&b, s.Root, "")
	const want = `container system
  leaf name string
  leaf backup string = spare
  leaf load uint8 = 50
  leaf ratio decimal64
  leaf enabled boolean = true
  leaf mode enumeration = slow
  leaf key binary
  leaf transport identityref = example-types:ipv4
  leaf marker empty
  leaf where instance-identifier
  leaf either union
  leaf-list server string
  leaf-list port uint16 = 830,9339
  container tls
    leaf port uint16
  leaf drift int32 = -5 in clock/free
  leaf ntp string in clock/source
  leaf stratum uint8 in extra/stratum
  leaf pool empty in extra/pool
  leaf caesium of example-more empty in clock/atomic
  leaf count uint32 when1(enabled = 'true') state
  leaf limit uint32 = 20 when1(enabled = 'true')
  leaf colour of example-more string when1(base:enabled = 'true')
  container deep of example-more when1(base:enabled = 'true')
    leaf blue uint8
    leaf red uint8
list user
  leaf realm uint8
  leaf id string
  leaf mail string
  leaf friend leafref
  container address
    leaf street string
  list note
    leaf at uint32
    leaf text string
  action ping state
    input input state
      leaf count uint8 = 3 state
      leaf size of example-more uint16 state
    output output state
      leaf rtt uint32 state
  notification gone state
    leaf why string state
container part
  leaf load uint8 = 50
  leaf owner leafref
`
	if b.String() != want {
		t.Errorf("got\n%s", b.String())
	}
	if rpc := s.RPC("example-system", "restart"); rpc == nil || rpc.Input.Children[0].Units != "seconds" {
		t.Error("rpc restart")
	}
	if s.Notification("example-system", "started") == nil {
		t.Error("notification started")
	}
}

func TestDetails(t *testing.T) {
	s := example(t)
	at := func(path string) *Node {
		t.Helper()
		n := s.Find(path)
		if n == nil {
			t.Fatalf("no %s", path)
		}
		return n
	}
	user := at("/example-system:user")
	if len(user.Keys) != 2 || user.Keys[0].Name != "realm" || !user.Children[1].IsKey() || user.Children[2].IsKey() {
		t.Error("keys come first, in the order of the key statement")
	}
	if len(user.Unique) != 1 || len(user.Unique[0].Leaves) != 2 || user.Unique[0].Leaves[1][1].Name != "street" {
		t.Errorf("unique: %+v", user.Unique)
	}
	system := at("/example-system:system")
	if m := system.Musts[0]; m.AppTag != "same-name" || m.Message != "name and backup differ" {
		t.Errorf("must: %+v", m)
	}
	if server := at("/example-system:system/server"); server.MaxElements != 5 || !server.UserOrdered {
		t.Error("the deviation did not replace max-elements")
	}
	if feature, ok := system.Unsupported("example-system", "gps"); !ok || feature != "radio" {
		t.Errorf("gps is unsupported for want of %q", feature)
	}
	if system.Child("example-system", "flags") != nil {
		t.Error("a node that a deviation removed is there")
	}
	if d := s.Module("example-system").Deviations; len(d) != 1 || d[0].Name != "example-more" {
		t.Errorf("deviations: %v", d)
	}
	if enum, ok := at("/example-system:system/mode").Type.EnumValue("slow"); !ok || enum != 7 {
		t.Errorf("enum slow is %d", enum)
	}
	if _, ok := at("/example-system:system/mode").Type.EnumValue("radio"); ok {
		t.Error("an enum whose feature is missing is there")
	}
	if limit := at("/example-system:system/limit"); len(limit.Musts) != 1 || limit.Musts[0].Text != ". > 1" {
		t.Error("a must that a refine adds is missing")
	}
	friend := at("/example-system:user/friend").Type
	if friend.Target != at("/example-system:user/id") || len(friend.Leafref.Steps[0].Predicates) != 1 || friend.Leafref.Up != -1 {
		t.Errorf("leafref: %+v", friend.Leafref)
	}
	if owner := at("/example-system:part/owner").Type; owner.RequireInstance || owner.Leafref.Up != 2 {
		t.Errorf("relative leafref: %+v", owner.Leafref)
	}
	if load := at("/example-system:system/load"); load.Units != "percent" || load.Type.Typedef != "percent" {
		t.Errorf("units %q of typedef %q", load.Units, load.Type.Typedef)
	}
	prefixes := map[string]bool{}
	for _, m := range s.Modules {
		if prefixes[m.Prefix] {
			t.Errorf("two modules have the prefix %s", m.Prefix)
		}
		prefixes[m.Prefix] = true
	}
	stratum, pool, ntp, drift := at("/example-system:system/stratum"), at("/example-system:system/pool"), at("/example-system:system/ntp"), at("/example-system:system/drift")
	if !stratum.Excludes(pool) || stratum.Excludes(ntp) || !drift.Excludes(stratum) || drift.Excludes(system) {
		t.Error("which nodes exclude each other")
	}
	if sub := s.Module("example-system").Submodules; len(sub) != 1 || !strings.HasPrefix(sub[0].Text, "submodule") {
		t.Error("the text of the submodule is kept")
	}
}

func TestValues(t *testing.T) {
	s, err := module(t, `
		identity base; identity one { base base; } identity two { base one; }
		leaf i8 { type int8 { range "-5..-1 | 10..max"; } } leaf u64 { type uint64; } leaf dec { type decimal64 { fraction-digits 3; } }
		leaf str { type string { length "2..4"; pattern '[a-zé]+'; pattern 'ab.*' { modifier invert-match; } } }
		leaf bits { type bits { bit b { position 5; } bit a { position 1; } } } leaf bin { type binary { length 2; } }
		leaf id { type identityref { base base; } } leaf e { type empty; } leaf bool { type boolean; }
		leaf un { type union { type uint8; type enumeration { enum auto; } type string { pattern 'x.*'; } } }
		leaf ref { type leafref { path "../i8"; } }`)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		leaf, text, want string // want "" stands for an error
		token            Token
	}{
		{"i8", "+010", "10", Text}, {"i8", " -5 ", "-5", Text}, {"i8", "0", "", Text}, {"i8", "128", "", Text}, {"i8", "0x10", "", Text}, {"i8", "", "", Text}, {"i8", "1_0", "", Text},
		{"i8", "10", "10", JSONNumber}, {"i8", "10", "", JSONString}, {"i8", "1e1", "", JSONNumber}, {"i8", "10.0", "", JSONNumber},
		{"u64", "18446744073709551615", "18446744073709551615", JSONString}, {"u64", "18446744073709551616", "", Text}, {"u64", "1", "", JSONNumber}, {"u64", "-0", "0", Text},
		{"dec", "1.5", "1.5", JSONString}, {"dec", "-0.0010", "-0.001", Text}, {"dec", "7", "7.0", Text}, {"dec", "1.2345", "", Text}, {"dec", "9223372036854775.807", "9223372036854775.807", Text},
		{"dec", "9223372036854775.808", "", Text}, {"dec", "-.5", "", Text}, {"dec", "1.", "", Text}, {"dec", "1e3", "", Text},
		{"str", "éé", "éé", Text}, {"str", "a", "", Text}, {"str", "abc", "", Text}, {"str", "aabba", "", Text}, {"str", "AA", "", Text}, {"str", "\x00a", "", Text},
		{"bits", " b  a ", "a b", Text}, {"bits", "a a", "", Text}, {"bits", "c", "", Text}, {"bits", "", "-", Text},
		{"bin", "AA E=", "AAE=", Text}, {"bin", "AA==", "", Text}, {"bin", "?", "", Text},
		{"id", "m:two", "m:two", JSONString}, {"id", "two", "m:two", JSONString}, {"id", "base", "", Text}, {"id", "q:one", "", Text},
		{"e", "", "-", JSONNull}, {"e", "x", "", Text}, {"e", "", "", JSONString}, {"bool", "true", "true", JSONBoolean}, {"bool", "true", "", JSONString}, {"bool", "1", "", Text},
		{"un", "7", "7", JSONNumber}, {"un", "auto", "auto", JSONString}, {"un", "x1", "x1", Text}, {"un", "7", "", JSONString}, {"un", "300", "", Text},
		{"ref", "012", "12", Text}, {"ref", "3", "", Text},
	} {
		n := s.Find("/m:" + c.leaf)
		got, err := n.Type.Parse(c.text, Lexical{Token: c.token, Module: func(p string) *Module {
			if p == "" {
				return n.Module
			}
			return s.Module(p)
		}})
		if want := strings.TrimPrefix(c.want, "-"); (err == nil) != (c.want != "") || err == nil && got != want && c.want != got {
			t.Errorf("%s %q as token %d: %q, %v, want %q", c.leaf, c.text, c.token, got, err, c.want)
		}
	}
}

func TestStandardTypesAreNormalised(t *testing.T) {
	for in, want := range map[string]string{"2001:DB8:0::1": "2001:db8::1", "fe80::1%eth0": "fe80::1%eth0", "192.0.2.1": "192.0.2.1"} {
		if got := address(in); got != want {
			t.Errorf("address %s is %s, want %s", in, got, want)
		}
	}
	for in, want := range map[string]string{"2001:DB8::1/32": "2001:db8::/32", "10.1.2.3/8": "10.0.0.0/8"} {
		if got := prefix(in); got != want {
			t.Errorf("prefix %s is %s, want %s", in, got, want)
		}
	}
}

func TestPaths(t *testing.T) {
	s := example(t)
	for in, want := range map[string]string{
		"/example-system:user[id='a'][realm='7']/note[at = \"3\"]/text": "/example-system:user[realm='7'][id='a']/note[at='3']/text",
		" / example-system:system / example-system:server[.='x'] ":      "/example-system:system/server[.='x']",
		"/example-system:system/example-more:deep/red":                  "/example-system:system/example-more:deep/red",
		"/example-system:user": "/example-system:user",
		"/":                    "/",
		`/example-system:system/server[.="it's"]`: `/example-system:system/server[.="it's"]`,
	} {
		p, err := ParsePath(s, in, s.Module)
		if err != nil || p.String() != want {
			t.Errorf("%s: %v, %v", in, p, err)
		}
	}
	p, err := ParsePath(s, "/example-system:system/example-more:deep/red", s.Module)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Format(func(m *Module) string { return "x" + m.Name[8:9] }); got != "/xs:system/xm:deep/xm:red" {
		t.Errorf("with prefixes: %s", got)
	}
	for _, bad := range []string{"", "x", "/nope:x", "/example-system:system/nope", "/example-system:user[id='a']", "/example-system:user[id='a'][id='a'][realm='1']",
		"/example-system:user[realm='x'][id='a']", "/example-system:system[a='b']", "/example-system:system/server[.='x'", "/example-system:system/gps", "/example-system:user[mail='x']"} {
		if p, err := ParsePath(s, bad, s.Module); err == nil {
			t.Errorf("%q was read as %v", bad, p)
		}
	}
	list, entry := Path{{Node: s.Find("/example-system:user")}}, Path{{Node: s.Find("/example-system:user"), Keys: []string{"1", "a"}}}
	if !list.Contains(entry) || entry.Contains(list) || !(Path{}).Contains(entry) || !entry.Contains(entry) {
		t.Error("what contains what")
	}
}

// TestErrors: what is wrong in a module is said with its place.
func TestErrors(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{`leaf a { type nosuch; }`, `typedef "nosuch" is not defined`},
		{`leaf a { type q:x; }`, `prefix "q"`},
		{`uses nosuch;`, `grouping "nosuch" is not defined`},
		{`grouping g { uses g; } uses g;`, "uses itself"},
		{`typedef t { type t; } leaf a { type t; }`, "defined by itself"},
		{`leaf a { type leafref { path "../nosuch"; } }`, `no node "nosuch"`},
		{`leaf a { type leafref { path "../b"; } } leaf b { type leafref { path "../a"; } }`, "leads back to itself"},
		{`leaf a { type uint8 { range "1..300"; } }`, "wider than the type"},
		{`leaf a { type uint8 { range "5..1"; } }`, "ascending"},
		{`leaf a { type uint8; default 300; }`, "outside 0..255"},
		{`leaf a { type string { pattern '('; } }`, "regular expression"},
		{`list l { leaf a { type string; } }`, "has no key"},
		{`list l { key b; leaf a { type string; } }`, `no leaf "b" to be its key`},
		{`leaf a { type string; } leaf a { type string; }`, "defined twice"},
		{`container c { config false; leaf a { config true; type string; } }`, "cannot be configuration below state"},
		{`augment "/m:nosuch" { leaf a { type string; } }`, "augment: no node"},
		{`leaf a { if-feature nosuch; type string; }`, `no feature "nosuch"`},
		{`identity a { base b; } identity b { base a; }`, "derived from itself"},
		{`choice c { default x; leaf a { type string; } }`, `no case "x"`},
		{`leaf a { type identityref { base nosuch; } }`, `identity "nosuch"`},
		{`leaf a {`, "missing 1 closing brace"},
	} {
		_, err := module(t, c.body)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "m.yang") && !strings.Contains(err.Error(), "identity m:") {
			t.Errorf("%s\ngot %v\nwant %s", c.body, err, c.want)
		}
	}
	if _, err := Compile(fstest.MapFS{}, Source{Name: "m"}); err == nil || !strings.Contains(err.Error(), "no file m.yang") {
		t.Errorf("a module that is not there: %v", err)
	}
}

func TestFeatureExpressions(t *testing.T) {
	s, err := module(t, `feature a; feature b; feature c; feature none { if-feature "a and not b"; }
		leaf l1 { if-feature "a and b or not c"; type empty; } leaf l2 { if-feature "not (a or b)"; type empty; } leaf l3 { if-feature a; if-feature "not b"; type empty; }`)
	if err != nil {
		t.Fatal(err)
	}
	if s.Find("/m:l1") == nil || s.Find("/m:l2") != nil || s.Find("/m:l3") != nil {
		t.Error("features a, b and c are all supported")
	}
	if got, _ := s.Root.Unsupported("m", "l3"); got != "not b" {
		t.Errorf("l3 is missing for %q", got)
	}
}

func TestRename(t *testing.T) {
	got, ok := Rename(`/a:b[a:c = 'a:d']/child::e | c:f("a:g")`, func(p string) (string, bool) { return "module-" + p, true })
	if want := `/module-a:b[module-a:c = 'a:d']/child::e | module-c:f("a:g")`; got != want || !ok {
		t.Errorf("%s", got)
	}
}

func TestCompare(t *testing.T) {
	s, err := module(t, `leaf n { type int32; } leaf s { type string; } leaf d { type decimal64 { fraction-digits 2; } }`)
	if err != nil {
		t.Fatal(err)
	}
	for leaf, list := range map[string][]string{"n": {"-10", "-9", "0", "9", "10"}, "s": {"10", "9"}, "d": {"-1.5", "-1.25", "0.0", "2.0", "10.0"}} {
		typ := s.Find("/m:" + leaf).Type
		if !slices.IsSortedFunc(list, typ.Compare) {
			t.Errorf("%s: %q is not in order", leaf, list)
		}
	}
}
