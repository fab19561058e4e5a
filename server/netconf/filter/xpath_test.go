package filter

import (
	"strings"
	"testing"

	"mooring/server/access"
	"mooring/server/tree"
)

// TestXPath over a configuration. Expressions that are location paths are not evaluated; the others are, with the same outcome.
func TestXPath(t *testing.T) {
	s := plant(t)
	root := decode(t, s, config)
	for _, c := range []struct{ expr, want string }{
		{`/`, whole},
		{`/pl:plant`, whole},
		{`/*`, whole},
		{`//pl:room`, `<plant><office><room>12</room></office></plant>`},
		{`/plant/name`, `<plant><name>north</name><name m>south</name></plant>`}, // no prefix: any module
		{`/pl:plant/m:name`, `<plant><name m>south</name></plant>`},
		{`/pl:plant/pl:line[pl:hall='A'][pl:number='2']`, `<plant>` + line2 + `</plant>`},
		{`/pl:plant/pl:line[pl:number='2'][pl:hall='A']/pl:owner`, `<plant><line><hall>A</hall><number>2</number><owner>bob</owner></line></plant>`},
		{`/pl:plant/pl:line[pl:owner='ann']/pl:limits`, `<plant><line><hall>A</hall><number>1</number><limits><speed>100</speed></limits></line></plant>`},
		{`/pl:plant/pl:line[pl:tag='x']`, `<plant>` + line1 + `</plant>`},
		{`/pl:plant/pl:line[pl:number=2]`, `<plant>` + line2 + `</plant>`},
		{`/pl:plant/pl:line[last()]`, `<plant>` + line3 + `</plant>`},
		{`/pl:plant/pl:line[2]/pl:tag`, `<plant><line><hall>A</hall><number>2</number><tag>y</tag></line></plant>`},
		{`/pl:plant/pl:line/pl:tag[.='x']`, `<plant><line><hall>A</hall><number>1</number><tag>x</tag></line></plant>`},
		{`/pl:plant/pl:line[pl:owner='bob' or pl:hall='B']/pl:owner`,
			`<plant><line><hall>A</hall><number>2</number><owner>bob</owner></line><line><hall>B</hall><number>1</number><owner>ann</owner></line></plant>`},
		{`/pl:plant/pl:line[derived-from-or-self(pl:drive,'pl:chain')]`, `<plant>` + line2 + `</plant>`},
		{`/pl:plant/pl:line[pl:drive='pl:chain']/pl:hall`, `<plant><line><hall>A</hall><number>2</number></line></plant>`},
		{`/pl:plant/pl:line[not(pl:tag)]/pl:number | /pl:plant/pl:alarm`, `<plant><alarm/><line><hall>B</hall><number>1</number></line></plant>`},
		{`//pl:speed/..`, `<plant><line><hall>A</hall><number>1</number><limits><speed>100</speed></limits></line></plant>`},
		{`/pl:plant/pl:sirens`, ``},
		{`/pl:plant/pl:line[pl:hall='Z'][pl:number='1']`, ``},
		{`/pl:plant/pl:shift`, ``}, // a default that was not written
		{`/pl:plant/pl:line[pl:owner='ann'][1]/text()`, ``},
	} {
		if got := show(t, Read{Config: root, Filter: xpathFilter(t, s, c.expr), Access: everything(root)}); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.expr, got, c.want)
		}
	}
}

func TestXPathOverState(t *testing.T) {
	s := plant(t)
	root := decode(t, s, config)
	const running2 = `<plant><line><hall>A</hall><number>2</number><running>false</running></line></plant>`
	for _, c := range []struct{ expr, want, asked string }{
		{`/pl:plant/pl:line[pl:hall='A'][pl:number='2']/pl:running`, running2, `line["A" "2"]`},
		{`/pl:plant/pl:line[pl:running='false']/pl:running`, running2, `line["A" "1"] line["A" "2"] line["B" "1"]`},
		{`/pl:plant/pl:line[pl:hall='A'][pl:number='2']/pl:order[pl:id='1']/pl:customer`,
			`<plant><line><hall>A</hall><number>2</number><order><id>1</id><customer>cA1</customer></order></line></plant>`, `order["A" "2" "1"]`},
		{`/pl:plant/pl:line/pl:order[pl:id > 0]/pl:parts`,
			`<plant><line><hall>A</hall><number>2</number><order><id>1</id><parts><left>99</left></parts></order></line></plant>`, ``},
		{`/pl:plant/pl:line[pl:output/pl:pieces > 10]/pl:owner`,
			`<plant><line><hall>B</hall><number>1</number><owner>ann</owner></line></plant>`, ``},
		{`//*[. = 'noon']`, `<plant><clock><time>noon</time></clock></plant>`, ``},
	} {
		var asked []string
		got := show(t, Read{Config: root, State: operating(t, s, &asked), Filter: xpathFilter(t, s, c.expr), Access: everything(root)})
		if got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.expr, got, c.want)
		}
		if asked := strings.Join(asked, " "); c.asked != "" && asked != c.asked {
			t.Errorf("%s asked %s, want %s", c.expr, asked, c.asked)
		}
	}
}

func TestXPathRefused(t *testing.T) {
	s := plant(t)
	for _, expr := range []string{"", "/pl:plant[", "1+1", "'text'", "count(/pl:plant)", "/unknown:plant", "$x", "frob()", strings.Repeat("(", 5000) + "1"} {
		_, err := XPath(s, expr, map[string]string{"pl": "urn:example:plant"})
		if e := tree.Errors(err); len(e) != 1 || e[0].Tag != tree.InvalidValue {
			t.Errorf("%.40q: %v, want invalid-value (RFC 6241 section 8.9.1)", expr, err)
		}
	}
}

// TestDefaults is RFC 6243 section 3, with filters applied to what each mode shows (section 4.5.1).
func TestDefaults(t *testing.T) {
	s := plant(t)
	root := decode(t, s, config)
	const speeds = `<plant><line><limits><speed/></limits></line></plant>`
	one := func(hall, number, speed string) string {
		return `<line><hall>` + hall + `</hall><number>` + number + `</number><limits>` + speed + `</limits></line>`
	}
	const set, implied = `<speed>100</speed>`, `<speed xmlns:wd="urn:ietf:params:xml:ns:netconf:default:1.0" wd:default="true">100</speed>`
	for mode, c := range map[tree.DefaultsMode]struct{ speeds, shift, matched, alarm string }{
		tree.Explicit: {`<plant>` + one("A", "1", set) + `</plant>`, ``, ``, `<plant><alarm/></plant>`},
		tree.Trim:     {``, ``, ``, `<plant><alarm/></plant>`},
		tree.ReportAll: {`<plant>` + one("A", "1", set) + one("A", "2", set) + one("B", "1", set) + `</plant>`, `<plant><shift>day</shift></plant>`,
			`<plant><name>north</name><shift>day</shift></plant>`, `<plant><alarm><code>7</code></alarm></plant>`},
		tree.ReportAllTagged: {`<plant>` + one("A", "1", implied) + one("A", "2", implied) + one("B", "1", implied) + `</plant>`,
			`<plant><shift xmlns:wd="urn:ietf:params:xml:ns:netconf:default:1.0" wd:default="true">day</shift></plant>`,
			`<plant><name>north</name><shift xmlns:wd="urn:ietf:params:xml:ns:netconf:default:1.0" wd:default="true">day</shift></plant>`,
			`<plant><alarm><code xmlns:wd="urn:ietf:params:xml:ns:netconf:default:1.0" wd:default="true">7</code></alarm></plant>`},
	} {
		for filter, want := range map[string]string{
			speeds:                    c.speeds,
			`<plant><shift/></plant>`: c.shift,
			`<plant><shift>day</shift><name/></plant>`: c.matched,
			`<plant><alarm/></plant>`:                  c.alarm,
		} {
			if got := show(t, Read{Config: root, Filter: subtree(t, s, filter), Access: everything(root), Defaults: mode}); got != want {
				t.Errorf("mode %d %s\n got %s\nwant %s", mode, filter, got, want)
			}
		}
		if got := show(t, Read{Config: root, Filter: xpathFilter(t, s, "/pl:plant/pl:shift[. = 'day']"), Access: everything(root), Defaults: mode}); got != c.shift {
			t.Errorf("mode %d XPath: got %s, want %s", mode, got, c.shift)
		}
	}
}

// rules lets everybody read lines of hall A without their owners, and orders without customers; nothing else.
const rules = `{"ietf-netconf-acm:nacm": {"read-default": "deny", "rule-list": [{"name": "all", "group": ["*"], "rule": [
	{"name": "owner", "path": "/example-plant:plant/line/owner", "access-operations": "read", "action": "deny"},
	{"name": "customer", "path": "/example-plant:plant/line/order/customer", "access-operations": "read", "action": "deny"},
	{"name": "hall", "path": "/example-plant:plant/line[hall='A']", "access-operations": "read", "action": "permit"},
	{"name": "way", "path": "/example-plant:plant", "access-operations": "read", "action": "permit"}]}],
	"groups": {"group": [{"name": "staff", "user-name": ["eve"]}]}},`

func eve(root *tree.Node) *access.Access {
	return access.NewControl(func() *tree.Node { return root }).For(access.User{Name: "eve", Origin: access.SSH})
}

// TestAccess: a filter sees no more than the client may (RFC 8341 section 3.2.4), so that nothing can be found out by asking.
func TestAccess(t *testing.T) {
	s := plant(t)
	deny := strings.Replace(rules, `{"name": "way", "path": "/example-plant:plant", "access-operations": "read", "action": "permit"}`,
		`{"name": "b", "path": "/example-plant:plant/line[hall='B']", "access-operations": "read", "action": "deny"},
		{"name": "way", "path": "/example-plant:plant", "access-operations": "read", "action": "permit"}`, 1)
	root := decode(t, s, deny+strings.TrimPrefix(config, "{"))
	seen := strings.NewReplacer("<owner>ann</owner>", "", "<owner>bob</owner>", "", line3, "").Replace(whole)
	if got := show(t, Read{Config: root, Access: eve(root)}); got != seen {
		t.Errorf("got %s\nwant %s", got, seen)
	}
	for _, c := range []struct{ filter, want string }{
		{`<plant/>`, seen},
		{`<plant><line><owner>bob</owner><number/></line></plant>`, ``},
		{`<plant><line><owner/></line></plant>`, ``},
		{`<plant><line><hall>B</hall><number>1</number></line></plant>`, ``},
		{`<plant><line><hall>A</hall><number>2</number><order><customer>cA1</customer></order></line></plant>`, `<plant><line><hall>A</hall><number>2</number></line></plant>`},
		{`<plant><line><hall>A</hall><number>1</number><order/></line></plant>`,
			`<plant><line><hall>A</hall><number>1</number>` + strings.Replace(orders("A", 1), "<customer>cA0</customer>", "", 1) + `</line></plant>`},
	} {
		if got := show(t, Read{Config: root, State: operating(t, s, nil), Filter: subtree(t, s, c.filter), Access: eve(root)}); got != c.want && c.filter != `<plant/>` {
			t.Errorf("%s\n got %s\nwant %s", c.filter, got, c.want)
		}
	}
	for _, expr := range []string{`/pl:plant/pl:line[pl:owner='bob']/pl:number`, `/pl:plant/pl:line[pl:owner='bob' or pl:owner='x']/pl:number`,
		`/pl:plant/pl:line[pl:order/pl:customer[starts-with(., 'c')]]`, `//pl:owner`, `/pl:plant/pl:line[3]`, `/pl:plant/pl:line[pl:hall = 'B' or pl:hall = 'C']`} {
		for _, st := range []bool{false, true} {
			r := Read{Config: root, Filter: xpathFilter(t, s, expr), Access: eve(root)}
			if st {
				r.State = operating(t, s, nil)
			}
			if got := show(t, r); got != "" {
				t.Errorf("%s with state %t: got %s, want nothing", expr, st, got)
			}
		}
	}
}
