package xpath

import "mooring/server/tree/schema"

// expr is a part of a compiled expression.
type expr interface {
	eval(*context) Value
	// gives is the type of its value, known beforehand (XPath 1.0 section 1).
	gives() kind
}

type kind uint8

const (
	aNodeSet kind = iota
	aString
	aNumber
	aBoolean
)

func (k kind) String() string {
	return [...]string{"a node-set", "a string", "a number", "a boolean"}[k]
}

type (
	literal string
	number  float64
	// binary is an operator with two operands, as strings: or and = != < <= > >= + - * div mod |
	binary struct {
		op          string
		left, right expr
		in          *Expr
	}
	negative struct{ of expr }
	call     struct {
		*function
		args []expr
		in   *Expr
	}
	// path is a location path: from the root, from the context node, or from the nodes of start, filtered.
	path struct {
		absolute bool
		start    expr // nil unless the path begins with an expression
		filters  []predicate
		steps    []step
		in       *Expr
	}
	step struct {
		axis       axis
		test       test
		predicates []predicate
	}
	// predicate is what stands in brackets. For [name = e], where e does not depend on the node that is tested, key and
	// value are set, so that entries of a list can be looked up.
	predicate struct {
		expr
		key   *test
		value expr
	}
	// test is a node test. A nil module matches names of any.
	test struct {
		kind   testKind
		module *schema.Module
		local  string
	}
)

type testKind uint8

const (
	testName testKind = iota
	testAny           // *, or p:* with a module
	testNode          // node()
	testText          // text()
	testNone          // comment(), processing-instruction(): there are none in a data tree
)

type axis uint8

const (
	axisChild axis = iota
	axisDescendant
	axisParent
	axisAncestor
	axisFollowingSibling
	axisPrecedingSibling
	axisFollowing
	axisPreceding
	axisAttribute
	axisNamespace
	axisSelf
	axisDescendantOrSelf
	axisAncestorOrSelf
)

var axisNames = []string{"child", "descendant", "parent", "ancestor", "following-sibling", "preceding-sibling", "following",
	"preceding", "attribute", "namespace", "self", "descendant-or-self", "ancestor-or-self"}

// reverse axes count positions backwards (XPath 1.0 section 2.4).
func (a axis) reverse() bool {
	return a == axisAncestor || a == axisAncestorOrSelf || a == axisPreceding || a == axisPrecedingSibling
}

func (literal) gives() kind  { return aString }
func (number) gives() kind   { return aNumber }
func (negative) gives() kind { return aNumber }
func (path) gives() kind     { return aNodeSet }
func (c call) gives() kind   { return c.result }
func (b binary) gives() kind {
	switch b.op {
	case "|":
		return aNodeSet
	case "+", "-", "*", "div", "mod":
		return aNumber
	}
	return aBoolean
}

// fixed reports whether the value of e is the same whatever node the predicate that it stands in is tested on.
func fixed(e expr) bool {
	switch e := e.(type) {
	case literal, number:
		return true
	case path:
		return e.absolute || e.start != nil && fixed(e.start)
	case call:
		if e.name == "current" {
			return true
		}
		if e.contextual || len(e.args) == 0 {
			return false
		}
		for _, a := range e.args {
			if !fixed(a) {
				return false
			}
		}
		return true
	}
	return false
}
