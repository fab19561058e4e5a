package xpath

import (
	"math"
	"strings"
	"unicode/utf8"

	"mooring/server/tree/schema"
)

// function is one of the function library.
type function struct {
	name     string
	min, max int    // number of arguments; max -1: any
	nodeSets string // 'n' where an argument must be a node-set
	result   kind
	// contextual: the value depends on the context node, position or size even when the arguments do not.
	contextual bool
	do         func(c *context, f call) Value
}

// functions is the core library of XPath 1.0 section 4 and the functions of RFC 7950 section 10.
var functions = table(
	function{name: "last", result: aNumber, contextual: true, do: func(c *context, f call) Value { return float64(c.size) }},
	function{name: "position", result: aNumber, contextual: true, do: func(c *context, f call) Value { return float64(c.position) }},
	function{name: "count", min: 1, max: 1, nodeSets: "n", result: aNumber, do: func(c *context, f call) Value { return float64(len(f.nodes(c, 0))) }},
	function{name: "id", min: 1, max: 1, result: aNodeSet, do: func(*context, call) Value { return NodeSet(nil) }}, // no attribute declares one
	function{name: "local-name", max: 1, nodeSets: "n", result: aString, contextual: true, do: func(c *context, f call) Value { return nameOf(f.orContext(c), false) }},
	function{name: "name", max: 1, nodeSets: "n", result: aString, contextual: true, do: func(c *context, f call) Value { return nameOf(f.orContext(c), true) }},
	function{name: "namespace-uri", max: 1, nodeSets: "n", result: aString, contextual: true, do: namespaceURI},
	function{name: "string", max: 1, result: aString, contextual: true, do: func(c *context, f call) Value { return f.strOrContext(c) }},
	function{name: "concat", min: 2, max: -1, result: aString, do: concat},
	function{name: "starts-with", min: 2, max: 2, result: aBoolean, do: func(c *context, f call) Value { return strings.HasPrefix(f.str(c, 0), f.str(c, 1)) }},
	function{name: "contains", min: 2, max: 2, result: aBoolean, do: func(c *context, f call) Value { return strings.Contains(f.str(c, 0), f.str(c, 1)) }},
	function{name: "substring-before", min: 2, max: 2, result: aString, do: substringBefore},
	function{name: "substring-after", min: 2, max: 2, result: aString, do: substringAfter},
	function{name: "substring", min: 2, max: 3, result: aString, do: substring},
	function{name: "string-length", max: 1, result: aNumber, contextual: true, do: func(c *context, f call) Value { return float64(utf8.RuneCountInString(f.strOrContext(c))) }},
	function{name: "normalize-space", max: 1, result: aString, contextual: true, do: func(c *context, f call) Value { return strings.Join(strings.Fields(f.strOrContext(c)), " ") }},
	function{name: "translate", min: 3, max: 3, result: aString, do: translate},
	function{name: "boolean", min: 1, max: 1, result: aBoolean, do: func(c *context, f call) Value { return toBool(f.arg(c, 0)) }},
	function{name: "not", min: 1, max: 1, result: aBoolean, do: func(c *context, f call) Value { return !toBool(f.arg(c, 0)) }},
	function{name: "true", result: aBoolean, do: func(*context, call) Value { return true }},
	function{name: "false", result: aBoolean, do: func(*context, call) Value { return false }},
	function{name: "lang", min: 1, max: 1, result: aBoolean, do: func(*context, call) Value { return false }}, // no node has a language
	function{name: "number", max: 1, result: aNumber, contextual: true, do: toNumberOf},
	function{name: "sum", min: 1, max: 1, nodeSets: "n", result: aNumber, do: sum},
	function{name: "floor", min: 1, max: 1, result: aNumber, do: func(c *context, f call) Value { return math.Floor(f.num(c, 0)) }},
	function{name: "ceiling", min: 1, max: 1, result: aNumber, do: func(c *context, f call) Value { return math.Ceil(f.num(c, 0)) }},
	function{name: "round", min: 1, max: 1, result: aNumber, do: func(c *context, f call) Value { return math.Floor(f.num(c, 0) + 0.5) }},

	function{name: "current", result: aNodeSet, do: func(c *context, f call) Value { return NodeSet{c.From} }},
	function{name: "deref", min: 1, max: 1, nodeSets: "n", result: aNodeSet, do: deref},
	function{name: "re-match", min: 2, max: 2, result: aBoolean, do: reMatch},
	function{name: "derived-from", min: 2, max: 2, nodeSets: "n", result: aBoolean, do: func(c *context, f call) Value { return derivedFrom(c, f, false) }},
	function{name: "derived-from-or-self", min: 2, max: 2, nodeSets: "n", result: aBoolean, do: func(c *context, f call) Value { return derivedFrom(c, f, true) }},
	function{name: "enum-value", min: 1, max: 1, nodeSets: "n", result: aNumber, do: enumValue},
	function{name: "bit-is-set", min: 2, max: 2, nodeSets: "n", result: aBoolean, do: bitIsSet},
)

func table(list ...function) map[string]*function {
	m := map[string]*function{}
	for i := range list {
		m[list[i].name] = &list[i]
	}
	return m
}

func (f call) eval(c *context) Value { return f.do(c, f) }

func (f call) arg(c *context, i int) Value     { return f.args[i].eval(c) }
func (f call) str(c *context, i int) string    { return toString(f.args[i].eval(c)) }
func (f call) num(c *context, i int) float64   { return toNumber(f.args[i].eval(c)) }
func (f call) nodes(c *context, i int) NodeSet { return f.args[i].eval(c).(NodeSet) }

// orContext is the first argument as a node-set, or the context node when there is none.
func (f call) orContext(c *context) NodeSet {
	if len(f.args) == 0 {
		return NodeSet{c.node}
	}
	return f.nodes(c, 0)
}

// strOrContext is the first argument as a string, or the string-value of the context node.
func (f call) strOrContext(c *context) string {
	if len(f.args) == 0 {
		return c.node.stringValue()
	}
	return f.str(c, 0)
}

func nameOf(set NodeSet, qualified bool) string {
	if len(set) == 0 || set[0].text || set[0].Parent == nil {
		return ""
	}
	def := set[0].Node.Schema()
	if qualified {
		return def.Module.Prefix + ":" + def.Name
	}
	return def.Name
}

func namespaceURI(c *context, f call) Value {
	set := f.orContext(c)
	if len(set) == 0 || set[0].text || set[0].Parent == nil {
		return ""
	}
	return set[0].Node.Schema().Module.Namespace
}

func concat(c *context, f call) Value {
	var b strings.Builder
	for i := range f.args {
		b.WriteString(f.str(c, i))
	}
	return b.String()
}

func substringBefore(c *context, f call) Value {
	before, _, ok := strings.Cut(f.str(c, 0), f.str(c, 1))
	if !ok {
		return ""
	}
	return before
}

func substringAfter(c *context, f call) Value {
	_, after, _ := strings.Cut(f.str(c, 0), f.str(c, 1))
	return after
}

// substring counts characters from 1 and rounds as XPath 1.0 section 4.2 says, so that NaN and infinities work out.
func substring(c *context, f call) Value {
	start := math.Floor(f.num(c, 1) + 0.5)
	end := math.Inf(1)
	if len(f.args) == 3 {
		end = start + math.Floor(f.num(c, 2)+0.5)
	}
	var b strings.Builder
	position := 0.0
	for _, r := range f.str(c, 0) {
		if position++; position >= start && position < end {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func translate(c *context, f call) Value {
	from, to := []rune(f.str(c, 1)), []rune(f.str(c, 2))
	return strings.Map(func(r rune) rune {
		for i, x := range from {
			if x != r {
				continue
			}
			if i < len(to) {
				return to[i]
			}
			return -1
		}
		return r
	}, f.str(c, 0))
}

func toNumberOf(c *context, f call) Value {
	if len(f.args) == 0 {
		return parseNumber(c.node.stringValue())
	}
	return f.num(c, 0)
}

func sum(c *context, f call) Value {
	total := 0.0
	for _, i := range f.nodes(c, 0) {
		total += parseNumber(i.stringValue())
	}
	return total
}

// deref follows the first node, a leafref or instance-identifier, to the nodes that it refers to (RFC 7950 section 10.3.1).
func deref(c *context, f call) Value {
	set := f.nodes(c, 0)
	if len(set) == 0 || set[0].text || set[0].Node.Schema().Type == nil {
		return NodeSet(nil)
	}
	i := set[0]
	t := i.Node.Schema().Type
	switch {
	case t.Base == schema.InstanceID:
		p, err := t.ParsePath(i.Node.Value())
		if err != nil {
			return NodeSet(nil)
		}
		if target := c.locate(i.top(), p); target != nil {
			return c.readable(NodeSet{target})
		}
	case t.Base == schema.Leafref:
		return c.readable(Targets(i, t.Leafref, i.Node.Value(), c.Visible))
	}
	return NodeSet(nil)
}

// locate follows a path from at down, through what exists by default as well; nil when it leads nowhere.
func (c *context) locate(at *Item, path schema.Path) *Item {
	for _, s := range path {
		n := at.Node.Child(s.Node)
		if n == nil {
			n = c.byDefault(at, s.Node)
		}
		if n != nil && s.Keys != nil {
			n = n.Entry(s.Keys...)
		}
		if n == nil {
			return nil
		}
		at = at.Child(n)
	}
	return at
}

func reMatch(c *context, f call) Value {
	pattern := f.str(c, 1)
	re := f.in.patterns[pattern]
	if re == nil {
		var err error
		if re, err = schema.CompileRegexp(pattern); err != nil {
			return false
		}
	}
	return re.MatchString(f.str(c, 0))
}

// derivedFrom looks for one identityref in the set whose value is derived from the identity that the string names.
func derivedFrom(c *context, f call, orSelf bool) Value {
	base := f.str(c, 1)
	for _, i := range f.nodes(c, 0) {
		def := i.Node.Schema()
		if i.text || def.Type == nil {
			continue
		}
		t := def.Type.Member(i.Node.Value())
		if t.Base != schema.IdentityRef {
			continue
		}
		id, want := t.Identity(i.Node.Value()), f.in.identity(t, base)
		if id != nil && want != nil && (id.DerivedFrom(want) || orSelf && id == want) {
			return true
		}
	}
	return false
}

// identity resolves the name of an identity as the expression's prefixes say.
func (e *Expr) identity(t *schema.Type, name string) *schema.Identity {
	prefix, local, ok := strings.Cut(name, ":")
	m := e.in.Module
	if !ok {
		local = name
	} else if m = e.in.Prefixes[prefix]; m == nil {
		m = t.SchemaModule(prefix)
	}
	if m == nil {
		return nil
	}
	return t.Identity(m.Name + ":" + local)
}

func enumValue(c *context, f call) Value {
	set := f.nodes(c, 0)
	if len(set) == 0 || set[0].text || set[0].Node.Schema().Type == nil {
		return math.NaN()
	}
	value := set[0].Node.Value()
	if v, ok := set[0].Node.Schema().Type.Member(value).EnumValue(value); ok {
		return float64(v)
	}
	return math.NaN()
}

func bitIsSet(c *context, f call) Value {
	set := f.nodes(c, 0)
	if len(set) == 0 || set[0].text || set[0].Node.Schema().Type == nil || set[0].Node.Schema().Type.Member(set[0].Node.Value()).Base != schema.Bits {
		return false
	}
	want := f.str(c, 1)
	for b := range strings.FieldsSeq(set[0].Node.Value()) {
		if b == want {
			return true
		}
	}
	return false
}
