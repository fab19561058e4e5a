package xpath

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"mooring/server/tree/schema"
)

// maxDepth bounds how deep an expression may be nested, since clients send them.
const maxDepth = 100

// parser is a recursive-descent parser of XPath 1.0 section 3.
type parser struct {
	tokens []token
	pos    int
	depth  int
	out    *Expr
	err    error
}

func (p *parser) next() token { return p.tokens[p.pos] }

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf("at %d: "+format, append([]any{p.next().pos}, args...)...)
	}
}

// accept takes the next token when it is one of these symbols or operators.
func (p *parser) accept(texts ...string) (string, bool) {
	t := p.next()
	if (t.kind == tokSymbol || t.kind == tokOperator) && slices.Contains(texts, t.text) {
		p.pos++
		return t.text, true
	}
	return "", false
}

func (p *parser) expect(text string) {
	if _, ok := p.accept(text); !ok {
		p.fail("expected %q", text)
	}
}

// levels are the binary operators, the loosest first.
var levels = [][]string{{"or"}, {"and"}, {"=", "!="}, {"<", "<=", ">", ">="}, {"+", "-"}, {"*", "div", "mod"}}

func (p *parser) expr(level int) expr {
	if p.depth++; p.depth > maxDepth*len(levels) {
		p.fail("the expression is nested too deep")
		return literal("")
	}
	defer func() { p.depth-- }()
	if level == len(levels) {
		return p.unary()
	}
	left := p.expr(level + 1)
	for p.err == nil {
		op, ok := p.accept(levels[level]...)
		if !ok {
			break
		}
		left = binary{op, left, p.expr(level + 1), p.out}
	}
	return left
}

func (p *parser) unary() expr {
	if _, ok := p.accept("-"); ok {
		if p.depth++; p.depth > maxDepth*len(levels) {
			p.fail("the expression is nested too deep")
			return literal("")
		}
		defer func() { p.depth-- }()
		return negative{p.unary()}
	}
	left := p.path()
	for p.err == nil {
		if _, ok := p.accept("|"); !ok {
			break
		}
		right := p.path()
		if left.gives() != aNodeSet || right.gives() != aNodeSet {
			p.fail("| joins node-sets only")
		}
		left = binary{"|", left, right, p.out}
	}
	return left
}

// path parses a PathExpr: a location path, or an expression with filters and perhaps steps behind it.
func (p *parser) path() expr {
	if p.startsLocationPath() {
		return p.locationPath(path{in: p.out})
	}
	start := p.primary()
	filtered := path{start: start, in: p.out}
	for p.err == nil && p.isSymbol("[") {
		filtered.filters = append(filtered.filters, p.predicate())
	}
	if p.err != nil || !p.isSymbol("/") && !p.isSymbol("//") {
		if len(filtered.filters) == 0 {
			return start
		}
	}
	if start.gives() != aNodeSet {
		p.fail("%s has no nodes to go on from", start.gives())
	}
	if p.isSymbol("/") || p.isSymbol("//") {
		return p.steps(filtered)
	}
	return filtered
}

func (p *parser) isSymbol(text string) bool {
	return p.next().kind == tokSymbol && p.next().text == text
}

// startsLocationPath tells a step from a function call or another primary expression.
func (p *parser) startsLocationPath() bool {
	t := p.next()
	switch t.kind {
	case tokName:
		after := p.tokens[p.pos+1]
		return after.kind != tokSymbol || after.text != "(" || isNodeType(t.text)
	case tokSymbol:
		return t.text == "/" || t.text == "//" || t.text == "." || t.text == ".." || t.text == "@"
	}
	return false
}

func isNodeType(s string) bool {
	return s == "node" || s == "text" || s == "comment" || s == "processing-instruction"
}

func (p *parser) locationPath(lp path) expr {
	if p.isSymbol("/") || p.isSymbol("//") {
		lp.absolute = true
		if p.isSymbol("/") && !p.startsStep(p.tokens[p.pos+1]) {
			p.pos++
			return lp // just the root
		}
		return p.steps(lp)
	}
	lp.steps = append(lp.steps, p.step())
	return p.steps(lp)
}

func (p *parser) startsStep(t token) bool {
	return t.kind == tokName || t.kind == tokSymbol && (t.text == "." || t.text == ".." || t.text == "@")
}

// steps parses what follows slashes. The // before a plain child step becomes one step down the descendant axis, which
// finds the same nodes, unless a predicate could count positions.
func (p *parser) steps(lp path) expr {
	for p.err == nil {
		slash, ok := p.accept("/", "//")
		if !ok {
			break
		}
		s := p.step()
		switch {
		case slash == "/":
		case s.axis == axisChild && !slices.ContainsFunc(s.predicates, func(pr predicate) bool { return pr.key == nil }):
			s.axis = axisDescendant
		default:
			lp.steps = append(lp.steps, step{axis: axisDescendantOrSelf, test: test{kind: testNode}})
		}
		lp.steps = append(lp.steps, s)
	}
	return lp
}

func (p *parser) step() step {
	if _, ok := p.accept("."); ok {
		return step{axis: axisSelf, test: test{kind: testNode}}
	}
	if _, ok := p.accept(".."); ok {
		return step{axis: axisParent, test: test{kind: testNode}}
	}
	s := step{axis: axisChild}
	if _, ok := p.accept("@"); ok {
		s.axis = axisAttribute
	} else if after := p.tokens[min(p.pos+1, len(p.tokens)-1)]; p.next().kind == tokName && after.kind == tokSymbol && after.text == "::" {
		i := slices.Index(axisNames, p.next().text)
		if i < 0 {
			p.fail("%q is no axis", p.next().text)
			return s
		}
		s.axis = axis(i)
		p.pos += 2
	}
	s.test = p.test()
	for p.err == nil && p.isSymbol("[") {
		s.predicates = append(s.predicates, p.predicate())
	}
	return s
}

func (p *parser) test() test {
	t := p.next()
	if t.kind != tokName {
		p.fail("expected a name")
		return test{}
	}
	p.pos++
	if isNodeType(t.text) && p.isSymbol("(") {
		p.pos++
		if t.text == "processing-instruction" && p.next().kind == tokLiteral {
			p.pos++
		}
		p.expect(")")
		return test{kind: map[string]testKind{"node": testNode, "text": testText}[t.text] | onlyNone(t.text)}
	}
	prefix, local, prefixed := strings.Cut(t.text, ":")
	out := test{kind: testName, local: t.text, module: p.out.in.Module}
	if prefixed {
		out.local = local
		if out.module = p.out.in.Prefixes[prefix]; out.module == nil {
			p.fail("prefix %q of %q is not declared", prefix, t.text)
		}
	}
	if out.local == "*" {
		out.kind = testAny
		if !prefixed {
			out.module = nil
		}
	}
	return out
}

func onlyNone(nodeType string) testKind {
	if nodeType == "comment" || nodeType == "processing-instruction" {
		return testNone
	}
	return 0
}

func (p *parser) predicate() predicate {
	p.expect("[")
	pr := predicate{expr: p.expr(0)}
	p.expect("]")
	b, ok := pr.expr.(binary)
	if !ok || b.op != "=" {
		return pr
	}
	if pr.key = childName(b.left); pr.key != nil && fixed(b.right) {
		pr.value = b.right
	} else if pr.key = childName(b.right); pr.key != nil && fixed(b.left) {
		pr.value = b.left
	} else {
		pr.key = nil
	}
	return pr
}

// childName returns the test of an expression that is just the name of a child, or nil.
func childName(e expr) *test {
	lp, ok := e.(path)
	if !ok || lp.absolute || lp.start != nil || len(lp.steps) != 1 {
		return nil
	}
	if s := lp.steps[0]; s.axis == axisChild && s.test.kind == testName && len(s.predicates) == 0 {
		return &s.test
	}
	return nil
}

func (p *parser) primary() expr {
	t := p.next()
	p.pos++
	switch {
	case t.kind == tokLiteral:
		return literal(t.text)
	case t.kind == tokNumber:
		v, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			p.fail("%q is no number", t.text)
		}
		return number(v)
	case t.kind == tokSymbol && t.text == "(":
		e := p.expr(0)
		p.expect(")")
		return e
	case t.kind == tokName && p.isSymbol("("):
		return p.call(t.text)
	case t.kind == tokVariable:
		p.fail("there is no variable $%s", t.text)
	default:
		p.pos--
		p.fail("expected an expression")
	}
	return literal("")
}

func (p *parser) call(name string) expr {
	f := functions[name]
	if f == nil {
		p.fail("there is no function %s()", name)
		return literal("")
	}
	p.expect("(")
	c := call{function: f, in: p.out}
	for p.err == nil && !p.isSymbol(")") {
		if len(c.args) > 0 {
			p.expect(",")
		}
		c.args = append(c.args, p.expr(0))
	}
	p.expect(")")
	if p.err != nil {
		return c
	}
	if len(c.args) < f.min || f.max >= 0 && len(c.args) > f.max {
		p.fail("%s() does not take %d arguments", name, len(c.args))
	}
	for i, a := range c.args {
		if i < len(f.nodeSets) && f.nodeSets[i] == 'n' && a.gives() != aNodeSet {
			p.fail("argument %d of %s() is %s, want a node-set", i+1, name, a.gives())
		}
	}
	c.precompile(p)
	return c
}

// precompile does now what would otherwise be done at every evaluation: the pattern of re-match and the base identity of
// derived-from, when they are literals.
func (c *call) precompile(p *parser) {
	if c.name != "re-match" || len(c.args) < 2 {
		return
	}
	if pattern, ok := c.args[1].(literal); ok {
		re, err := schema.CompileRegexp(string(pattern))
		if err != nil {
			p.fail("%v", err)
			return
		}
		p.out.patterns[string(pattern)] = re
	}
}
