package xpath

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

const data = `{
	"example-rules:top": {"mode": "fast", "flags": "a c", "link": "example-rules:lte", "size": 3, "word": "abc", "inner": {"x": 1}, "port": [3, 1, 2]},
	"example-rules:group": [
		{"name": "g1", "weight": 7, "member": [{"id": 1, "level": 4}, {"id": 2, "friend": 1}]},
		{"name": "g2", "member": [{"id": 1}]}],
	"example-rules:ref": [
		{"id": 9, "group": "g1", "where": "/example-rules:group[name='g2']"},
		{"id": 4, "group": "g2"},
		{"id": 7, "where": "/example-rules:top/limit"}]}`

func fixture(t testing.TB) (*schema.Schema, *Item) {
	t.Helper()
	s, err := schema.Compile(os.DirFS("../validate/testdata"), schema.Source{Name: "example-rules", Implement: true})
	if err != nil {
		t.Fatal(err)
	}
	n, err := tree.DecodeJSON(strings.NewReader(data), s.Root, tree.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return s, Root(n)
}

func compile(s *schema.Schema, text string) (*Expr, error) {
	m := s.Module("example-rules")
	return Compile(schema.Expr{Text: text, Module: m, Prefixes: map[string]*schema.Module{"r": m}})
}

// show writes a value as the tables below do: nodes by their paths.
func show(v Value) string {
	switch v := v.(type) {
	case NodeSet:
		var paths []string
		for _, i := range v {
			p := strings.ReplaceAll(i.Path().String(), "example-rules:", "")
			if i.text {
				p += "/text()"
			}
			paths = append(paths, p)
		}
		return strings.Join(paths, " ")
	case float64:
		return formatNumber(v)
	}
	return fmt.Sprint(v)
}

// TestExpressions evaluates at /ref[id='4'], the second of three in the user's order.
func TestExpressions(t *testing.T) {
	s, root := fixture(t)
	path, err := schema.ParsePath(s, "/example-rules:ref[id='4']", s.Module)
	if err != nil {
		t.Fatal(err)
	}
	from := root.Locate(path)
	for _, c := range []struct{ expr, want string }{
		// arithmetic, comparison, logic
		{"1 + 2 * 3", "7"}, {"(1 + 2) * 3", "9"}, {"7 mod 3", "1"}, {"-7 mod 3", "-1"}, {"1 div 0", "Infinity"}, {"- - 3", "3"},
		{"1 = 1.0", "true"}, {"'a' = 'b' or 2 > 1 and 1 >= 1", "true"}, {"1 < 2 = true()", "true"}, {"'1' + 1", "2"}, {"'x' + 1", "NaN"},
		{"not(1 = 2)", "true"}, {"3 - 2 - 1", "0"}, {"10 div 4", "2.5"},
		// strings
		{"concat('a', 1, true())", "a1true"}, {"starts-with('abc', 'ab')", "true"}, {"contains('abc', 'd')", "false"},
		{"substring-before('1999/04', '/')", "1999"}, {"substring-after('1999/04', '/')", "04"}, {"substring('12345', 2, 3)", "234"},
		{"substring('12345', 1.5, 2.6)", "234"}, {"substring('12345', 0, 3)", "12"}, {"substring('12345', 2)", "2345"}, {"substring('12345', 0 div 0, 3)", ""},
		{"string-length('äbc')", "3"}, {"normalize-space('  a  b ')", "a b"}, {"translate('bar', 'abc', 'AB')", "BAr"}, {"string(1 div 3)", "0.3333333333333333"},
		{"number('  12 ')", "12"}, {"number('1e3')", "NaN"}, {"floor(-1.5)", "-2"}, {"ceiling(1.2)", "2"}, {"round(2.5)", "3"}, {"round(-2.5)", "-2"},
		// paths
		{".", "/ref[id='4']"}, {"group", "/ref[id='4']/group"}, {"/group/name", "/group[name='g1']/name /group[name='g2']/name"},
		{"../top/port", "/top/port[.='1'] /top/port[.='2'] /top/port[.='3']"}, {"/", "/"}, {"/r:top/r:size", "/top/size"}, {"nowhere", ""},
		{"/group[1]/name", "/group[name='g1']/name"}, {"/group[last()]/name", "/group[name='g2']/name"}, {"/group[name = 'g2']", "/group[name='g2']"},
		{"/group[name = current()/group]/member", "/group[name='g2']/member[id='1']"}, {"/group['g1' = name]/weight", "/group[name='g1']/weight"},
		{"/group[weight > 5]/name", "/group[name='g1']/name"}, {"/group[weight]/member[2]/id", "/group[name='g1']/member[id='2']/id"},
		{"//id[. = 1]", "/group[name='g1']/member[id='1']/id /group[name='g2']/member[id='1']/id"}, {"count(//member)", "3"}, {"count(//*) > 20", "true"},
		{"//member[position() = 2]/id", "/group[name='g1']/member[id='2']/id"},
		{"preceding-sibling::ref/id", "/ref[id='9']/id"}, {"following-sibling::ref/id", "/ref[id='7']/id"}, {"/ref[3]/preceding-sibling::ref[1]/id", "/ref[id='4']/id"},
		{"ancestor-or-self::node()", "/ /ref[id='4']"}, {"group/ancestor::ref", "/ref[id='4']"}, {"count(following::node()) > 0", "true"}, {"count(preceding::member)", "3"},
		{"/ref[2] | /ref[1] | /ref[2]", "/ref[id='9'] /ref[id='4']"}, {"(/ref | /group)[1]", "/group[name='g1']"}, {"(//id)[2]", "/group[name='g1']/member[id='2']/id"},
		{"group/text()", "/ref[id='4']/group/text()"}, {"@x", ""}, {"comment()", ""}, {"/*/name", "/group[name='g1']/name /group[name='g2']/name"},
		{"child::r:group/parent::node()", "/ref[id='4']"}, {"self::ref", "/ref[id='4']"}, {"self::group", ""}, {"descendant::id", "/ref[id='4']/id"},
		// comparison with node-sets
		{"/group/name = 'g2'", "true"}, {"/group/name != 'g2'", "true"}, {"/group/name = group", "true"}, {"nowhere = nowhere", "false"}, {"/group = true()", "true"},
		{"sum(/top/port)", "6"}, {"count(/group[member/id = 2])", "1"}, {"string(/group/name)", "g1"}, {"local-name(/*[1])", "top"}, {"name(..)", ""},
		{"namespace-uri(.)", "urn:example:rules"}, {"boolean(nowhere)", "false"}, {"/top/port > 2", "true"},
		// defaults in use, and containers without presence
		{"/top/limit", "/top/limit"}, {"/top/limit = 4", "true"}, {"/top/quiet", "/top/quiet"}, {"boolean(/top/inner/y)", "false"}, {"count(/ref/opts)", "3"},
		{"/group[low = 1]/name", "/group[name='g1']/name /group[name='g2']/name"},
		// YANG
		{"current()/group", "/ref[id='4']/group"}, {"deref(group)", "/group[name='g2']/name"}, {"deref(group)/../member", "/group[name='g2']/member[id='1']"},
		{"deref(/ref[1]/where)", "/group[name='g2']"}, {"deref(/ref[3]/where)", "/top/limit"}, {"id('g1')", ""}, {"deref(/group/member/friend)/../level", "/group[name='g1']/member[id='1']/level"},
		{"re-match('aab', '[ab]+')", "true"}, {"re-match('aabc', '[ab]+')", "false"}, {"re-match(/top/word, concat('a', '.*'))", "true"},
		{"derived-from(/top/link, 'r:radio')", "true"}, {"derived-from(/top/link, 'lte')", "false"}, {"derived-from-or-self(/top/link, 'lte')", "true"},
		{"derived-from(/top/link, 'r:nowhere')", "false"}, {"/top/link = 'r:lte'", "true"}, {"/top/link = 'lte'", "true"}, {"/top/link != 'r:wire'", "true"},
		{"enum-value(/top/mode)", "9"}, {"enum-value(nowhere)", "NaN"}, {"bit-is-set(/top/flags, 'c')", "true"}, {"bit-is-set(/top/flags, 'b')", "false"},
	} {
		e, err := compile(s, c.expr)
		if err != nil {
			t.Errorf("%s: %v", c.expr, err)
			continue
		}
		if got := show(e.Evaluate(Eval{From: from})); got != c.want {
			t.Errorf("%s: %s, want %s", c.expr, got, c.want)
		}
	}
}

// An identity is compared by what the prefix in the expression stands for, also where it is one member of a union and where
// it is the key of a list.
func TestIdentityByPrefixOfTheExpression(t *testing.T) {
	s, err := schema.Compile(fstest.MapFS{
		"kinds.yang": {Data: []byte(`module kinds { namespace "urn:kinds"; prefix k; identity kind; identity fast { base kind; } }`)},
		"m.yang": {Data: []byte(`module m { namespace "urn:m"; prefix m; import kinds { prefix q; } identity fast { base q:kind; }
			leaf plain { type identityref { base q:kind; } }
			leaf either { type union { type uint8; type identityref { base q:kind; } } }
			list by { key id; leaf id { type union { type uint8; type identityref { base q:kind; } } } }
			list named { key id; leaf id { type string; } } }`)},
	}, schema.Source{Name: "m", Implement: true}, schema.Source{Name: "kinds", Implement: true})
	if err != nil {
		t.Fatal(err)
	}
	n, err := tree.DecodeJSON(strings.NewReader(`{"m:plain": "kinds:fast", "m:either": "kinds:fast", "m:by": [{"id": "kinds:fast"}], "m:named": [{"id": "01"}]}`), s.Root, tree.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	m := s.Module("m")
	prefixes := map[string]*schema.Module{"q": s.Module("kinds"), "k": m} // k is another module's own prefix
	for expr, want := range map[string]string{
		"/plain = 'q:fast'": "true", "'q:fast' = /plain": "true", "/plain != 'q:fast'": "false", "/plain = 'k:fast'": "false", "/plain = 'kinds:fast'": "true",
		"/either = 'q:fast'": "true", "/either = 'q:slow'": "false", "count(/by[id = 'q:fast'])": "1", "count(/named[id = 1])": "1", "count(/named[id = '1'])": "0",
	} {
		e, err := Compile(schema.Expr{Text: expr, Module: m, Prefixes: prefixes})
		if err != nil {
			t.Fatal(err)
		}
		if got := show(e.Evaluate(Eval{From: Root(n)})); got != want {
			t.Errorf("%s: %s, want %s", expr, got, want)
		}
	}
}

func TestPlainAndReadable(t *testing.T) {
	s, root := fixture(t)
	e, err := compile(s, "/top/limit | /group/name")
	if err != nil {
		t.Fatal(err)
	}
	if got := show(e.Evaluate(Eval{From: root, Plain: true})); got != "/group[name='g1']/name /group[name='g2']/name" {
		t.Errorf("without defaults: %s", got)
	}
	hidden := func(i *Item) bool { return i.Node.Schema().Name != "group" }
	if got := show(e.Evaluate(Eval{From: root, Readable: hidden})); got != "/top/limit" {
		t.Errorf("with a list that may not be read: %s", got)
	}
}

func TestAnyModule(t *testing.T) {
	_, root := fixture(t)
	e, err := Compile(schema.Expr{Text: "/top/size | /group[name='g1']/weight"})
	if err != nil {
		t.Fatal(err)
	}
	if got := show(e.Evaluate(Eval{From: root})); got != "/top/size /group[name='g1']/weight" {
		t.Errorf("names without prefix: %s", got)
	}
}

func TestRefused(t *testing.T) {
	s, _ := fixture(t)
	for _, text := range []string{
		"", "1 +", "(1", "a[", "a]", "'open", "$x", "nosuch()", "count(1)", "count()", "not(1, 2)", "x:y", "foo::bar", "1 | 2", "1/a", "a b",
		"#", "re-match('a', '[')", "a//", "/ /", "sum('1')", "..a", strings.Repeat("(", 300) + "1" + strings.Repeat(")", 300), strings.Repeat("-", 5000) + "1",
	} {
		if e, err := compile(s, text); err == nil {
			t.Errorf("%.40q was compiled: %v", text, e)
		}
	}
}

func TestBudget(t *testing.T) {
	s, root := fixture(t)
	for _, c := range []struct {
		expr string
		want error
	}{{"/group[name = 'g1']/member", nil}, {"//*[//*[//*[//*]]]", ErrBudget}} {
		e, err := compile(s, c.expr)
		if err != nil {
			t.Fatal(err)
		}
		if set, err := e.Select(Eval{From: root, Budget: 10_000}); err != c.want || err == nil && len(set) != 2 {
			t.Errorf("%s: %d nodes, %v", c.expr, len(set), err)
		}
	}
	e, err := compile(s, "1 + 1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Select(Eval{From: root}); err == nil {
		t.Error("a number was selected")
	}
}

// TestKeyLookUp: all keys given, a list is not walked.
func TestKeyLookUp(t *testing.T) {
	s, _ := fixture(t)
	b := new(tree.Builder)
	b.Open(s.Root)
	for i := range 20_000 {
		b.Open(s.Find("/example-rules:group"))
		b.Leaf(s.Find("/example-rules:group/name"), fmt.Sprintf("g%05d", i))
		b.Close()
	}
	n, _ := b.Close()
	e, err := compile(s, "/group[name = 'g12345']/name")
	if err != nil {
		t.Fatal(err)
	}
	root := Root(n)
	if got := show(e.Evaluate(Eval{From: root})); got != "/group[name='g12345']/name" {
		t.Fatal(got)
	}
	if allocs := testing.AllocsPerRun(10, func() { e.Evaluate(Eval{From: root}) }); allocs > 50 {
		t.Errorf("%v allocations for one entry of 20,000", allocs)
	}
}

func TestReads(t *testing.T) {
	s, _ := fixture(t)
	for _, c := range []struct{ at, expr, want string }{
		{"/example-rules:top/size", ". <= ../limit", "/top/size at /top/size, /top at /top, /top/limit at /top"},
		{"/example-rules:ref/heavy", "/group[name = current()/../group]/weight >= .",
			"/group at /, /group/name at /, /ref at /ref, /ref/group at /ref, /group/weight at /, /ref/heavy at /ref/heavy"},
		{"/example-rules:group/member/level", "deref(../friend)/../level",
			"/group/member at /group/member, /group/member/friend at /group/member, /group/member/id at /group, /group/member at /group, /group/member/level at /group"},
	} {
		e, err := compile(s, c.expr)
		if err != nil {
			t.Fatal(err)
		}
		reads, all := e.Reads(s.Find(c.at))
		var list []string
		for _, r := range reads {
			list = append(list, strings.ReplaceAll(r.Node.Path()+" at "+r.Anchor.Path(), "example-rules:", ""))
		}
		if got := strings.Join(list, ", "); got != c.want || all {
			t.Errorf("%s at %s reads\n%s\nwant\n%s", c.expr, c.at, got, c.want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for text, want := range map[string]float64{"1": 1, "-1.5": -1.5, " 2 ": 2, "": math.NaN(), "1-": math.NaN(), "+1": math.NaN(), "0x1": math.NaN(), "1.2.3": math.NaN(), ".5": .5} {
		if got := parseNumber(text); got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("%q is %v, want %v", text, got, want)
		}
	}
}

// FuzzXPath: compiling and evaluating end, whatever the text.
func FuzzXPath(f *testing.F) {
	s, root := fixture(f)
	for _, seed := range []string{"/group[name = current()/group]/member", "count(//*) > 20", "deref(a)/../b", "substring('a', 1 div 0)", "a | b[1]", "-(-1)", "preceding::node()"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 200 {
			return
		}
		if e, err := compile(s, text); err == nil {
			e.Evaluate(Eval{From: root})
		}
	})
}
