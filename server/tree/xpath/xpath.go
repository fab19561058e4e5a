// Package xpath is XPath 1.0 over data trees, with the functions of YANG (RFC 7950 section 10): must, when, and the
// filters of clients. Expressions are compiled once and may be evaluated by any number of goroutines.
//
// What an expression sees is the accessible tree of RFC 7950 section 6.4.1: with defaults in use and containers without
// presence. Lists look as they do in XML: their entries are children of the node that holds the list. A look-up by all
// keys of a list uses its index.
package xpath

import (
	"fmt"
	"regexp"

	"mooring/server/tree/schema"
)

// Expr is a compiled expression.
type Expr struct {
	in       schema.Expr
	root     expr
	patterns map[string]*regexp.Regexp
}

// Compile compiles an expression. Names without prefix are of e.Module; when that is nil, of any module, which is how
// filters of clients are read leniently.
func Compile(e schema.Expr) (*Expr, error) {
	tokens, err := lex(e.Text)
	if err != nil {
		return nil, fmt.Errorf("xpath %q: %w", e.Text, err)
	}
	out := &Expr{in: e, patterns: map[string]*regexp.Regexp{}}
	p := &parser{tokens: tokens, out: out}
	out.root = p.expr(0)
	if p.err == nil && p.next().kind != tokEnd {
		p.fail("%q is left over", p.next().text)
	}
	if p.err != nil {
		return nil, fmt.Errorf("xpath %q: %w", e.Text, p.err)
	}
	return out, nil
}

// String returns the text of the expression.
func (e *Expr) String() string { return e.in.Text }

// IsNodeSet reports whether the expression selects nodes, as a filter must.
func (e *Expr) IsNodeSet() bool { return e.root.gives() == aNodeSet }
