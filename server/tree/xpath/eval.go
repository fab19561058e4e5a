package xpath

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// Value is what an expression gives: a NodeSet, a string, a float64 or a bool.
type Value any

// NodeSet is a set of nodes in document order.
type NodeSet []*Item

// Eval is an evaluation: where an expression starts, and what it sees. The zero value with From set sees everything.
type Eval struct {
	From *Item // the context node, and what current() gives
	// Visible decides whether a node that exists by default and has a condition (when) does exist in parent; nil says yes.
	Visible func(parent *Item, def *schema.Node) bool
	// Readable decides whether a node may be seen: the filters of clients select among what they may read. nil says yes.
	Readable func(*Item) bool
	// Operation is the input of an rpc or action that is looked at, a child of its Parent that no data tree holds (RFC 7950 section
	// 6.4.1); nil for none.
	Operation *Item
	// Plain leaves out what exists by default.
	Plain bool
	// Budget bounds the nodes that Select may meet, 0 does not: clients send expressions that nest walks of everything.
	Budget int
	spent  int
}

// ErrBudget says that an expression of a client costs more than it may.
var ErrBudget = errors.New("the expression takes too long: name the keys of lists, and do without // inside predicates")

// spend counts nodes met.
func (v *Eval) spend(nodes int) {
	if v.spent += nodes; v.Budget > 0 && v.spent > v.Budget {
		panic(ErrBudget) // only Select and Test are given a budget, and catch this
	}
}

// context is the context of one part of an expression (XPath 1.0 section 1).
type context struct {
	*Eval
	node           *Item
	position, size int
}

// Evaluate gives the value of e.
func (e *Expr) Evaluate(v Eval) Value {
	return e.root.eval(&context{Eval: &v, node: v.From, position: 1, size: 1})
}

// Bool gives the value of e as a boolean, as must and when want it.
func (e *Expr) Bool(v Eval) bool { return toBool(e.Evaluate(v)) }

// Select gives the nodes that an expression of a client selects, within v.Budget. The error is ErrBudget, or says that the
// expression does not select nodes.
func (e *Expr) Select(v Eval) (set NodeSet, err error) {
	if !e.IsNodeSet() {
		return nil, fmt.Errorf("%q does not select nodes", e)
	}
	defer overspent(&err)
	return e.Nodes(v), nil
}

// Test gives the value of an expression of a client as a boolean, within v.Budget. The error is ErrBudget.
func (e *Expr) Test(v Eval) (yes bool, err error) {
	defer overspent(&err)
	return e.Bool(v), nil
}

// overspent is deferred: it makes an error of a budget that did not do.
func overspent(err *error) {
	switch caught := recover(); caught {
	case nil:
	case ErrBudget:
		*err = ErrBudget
	default:
		panic(caught)
	}
}

// Nodes gives the nodes that e selects; nil when its value is no node-set.
func (e *Expr) Nodes(v Eval) NodeSet {
	set, _ := e.Evaluate(v).(NodeSet)
	return set
}

func (l literal) eval(*context) Value    { return string(l) }
func (n number) eval(*context) Value     { return float64(n) }
func (n negative) eval(c *context) Value { return -toNumber(n.of.eval(c)) }

func (b binary) eval(c *context) Value {
	switch b.op {
	case "or":
		return toBool(b.left.eval(c)) || toBool(b.right.eval(c))
	case "and":
		return toBool(b.left.eval(c)) && toBool(b.right.eval(c))
	}
	left, right := b.left.eval(c), b.right.eval(c)
	switch b.op {
	case "|":
		return union(left.(NodeSet), right.(NodeSet))
	case "=", "!=", "<", "<=", ">", ">=":
		return b.compare(c, left, right)
	}
	x, y := toNumber(left), toNumber(right)
	switch b.op {
	case "+":
		return x + y
	case "-":
		return x - y
	case "*":
		return x * y
	case "div":
		return x / y
	}
	return math.Mod(x, y)
}

func union(a, b NodeSet) NodeSet {
	return ordered(append(slices.Clip(a), b...))
}

// ordered sorts a set in document order and drops what is in it twice.
func ordered(set NodeSet) NodeSet {
	slices.SortFunc(set, compare)
	return slices.CompactFunc(set, same)
}

// compare applies XPath 1.0 section 3.4: a node-set compares as soon as one of its nodes does.
func (b binary) compare(c *context, left, right Value) bool {
	ls, lok := left.(NodeSet)
	rs, rok := right.(NodeSet)
	switch {
	case lok && rok:
		return b.compareSets(ls, rs)
	case lok:
		if v, ok := right.(bool); ok {
			return compareValues(b.op, len(ls) > 0, v)
		}
		return slices.ContainsFunc(ls, func(i *Item) bool { return compareValues(b.op, i.as(b.in, right), right) })
	case rok:
		if v, ok := left.(bool); ok {
			return compareValues(b.op, v, len(rs) > 0)
		}
		return slices.ContainsFunc(rs, func(i *Item) bool { return compareValues(b.op, left, i.as(b.in, left)) })
	}
	return compareValues(b.op, left, right)
}

func (b binary) compareSets(ls, rs NodeSet) bool {
	if b.op == "=" && len(ls)*len(rs) > 64 {
		values := make(map[string]bool, len(ls))
		for _, l := range ls {
			values[l.stringValue()] = true
		}
		return slices.ContainsFunc(rs, func(r *Item) bool { return values[r.stringValue()] })
	}
	for _, l := range ls {
		for _, r := range rs {
			if compareValues(b.op, l.stringValue(), r.stringValue()) {
				return true
			}
		}
	}
	return false
}

// as gives the value of a node to be compared with v in an expression. An identity is compared by what its prefix stands
// for, so a string that names it in any way that the expression or the schema's modules allow is equal to it.
func (i *Item) as(e *Expr, v Value) Value {
	s, ok := v.(string)
	if !ok {
		return i.stringValue()
	}
	text := i.stringValue()
	if def := i.Node.Schema(); text != s && def.Kind >= schema.Leaf && def.Type != nil {
		if t := def.Type.Member(text); t.Base == schema.IdentityRef && e.sameIdentity(t, text, s) {
			return s
		}
	}
	return text
}

// sameIdentity reports whether a string in e means the identity module:name: by a prefix of the expression or of a module,
// by the name of a module, or without any.
func (e *Expr) sameIdentity(t *schema.Type, canonical, s string) bool {
	id := t.Identity(canonical)
	if id == nil {
		return false
	}
	prefix, local, ok := strings.Cut(s, ":")
	if !ok {
		return s == id.Name
	}
	if m := e.in.Prefixes[prefix]; m != nil {
		return m == id.Module && local == id.Name
	}
	return local == id.Name && (prefix == id.Module.Prefix || prefix == id.Module.Name)
}

func compareValues(op string, a, b Value) bool {
	if op == "=" || op == "!=" {
		equal := false
		_, aBool := a.(bool)
		_, bBool := b.(bool)
		_, aNumber := a.(float64)
		_, bNumber := b.(float64)
		switch {
		case aBool || bBool:
			equal = toBool(a) == toBool(b)
		case aNumber || bNumber:
			equal = toNumber(a) == toNumber(b)
		default:
			equal = toString(a) == toString(b)
		}
		return equal == (op == "=")
	}
	x, y := toNumber(a), toNumber(b)
	switch op {
	case "<":
		return x < y
	case "<=":
		return x <= y
	case ">":
		return x > y
	}
	return x >= y
}

func toBool(v Value) bool {
	switch v := v.(type) {
	case bool:
		return v
	case float64:
		return v != 0 && !math.IsNaN(v)
	case string:
		return v != ""
	}
	return len(v.(NodeSet)) > 0
}

func toNumber(v Value) float64 {
	switch v := v.(type) {
	case bool:
		if v {
			return 1
		}
		return 0
	case float64:
		return v
	case string:
		return parseNumber(v)
	}
	return parseNumber(toString(v))
}

// parseNumber follows XPath 1.0 section 4.4: digits and a point, nothing else.
func parseNumber(s string) float64 {
	s = strings.Trim(s, " \t\r\n")
	if strings.Trim(s, "0123456789.-") != "" || strings.LastIndexByte(s, '-') > 0 {
		return math.NaN()
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && f == 0 {
		return math.NaN()
	}
	return f
}

func toString(v Value) string {
	switch v := v.(type) {
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return formatNumber(v)
	case string:
		return v
	}
	if set := v.(NodeSet); len(set) > 0 {
		return set[0].stringValue()
	}
	return ""
}

// formatNumber follows XPath 1.0 section 4.2: no exponent, no point for whole numbers.
func formatNumber(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case f == 0:
		return "0"
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// stringValue is the string-value of a node (XPath 1.0 section 5): of anything but a leaf, the values of all leaves in it.
func (i *Item) stringValue() string {
	if def := i.Node.Schema(); def.Kind == schema.AnyData {
		return tree.AnyText(i.Node.Value())
	} else if !def.HasChildren() {
		return i.Node.Value()
	}
	var b strings.Builder
	gather(&b, i.Node)
	return b.String()
}

func gather(b *strings.Builder, n *tree.Node) {
	for kid := range n.Children() {
		switch {
		case kid.IsList():
			for e := range kid.Entries() {
				b.WriteString(e.Value())
				gather(b, e)
			}
		case kid.Schema().Kind == schema.AnyData:
			b.WriteString(tree.AnyText(kid.Value()))
		default:
			b.WriteString(kid.Value())
			gather(b, kid)
		}
	}
}
