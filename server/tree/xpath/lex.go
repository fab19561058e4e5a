package xpath

import (
	"fmt"
	"strings"
)

// tokenKind is a kind of ExprToken of XPath 1.0 section 3.7.
type tokenKind uint8

const (
	tokEnd      tokenKind = iota
	tokSymbol             // ( ) [ ] . .. @ , :: / // | + - = != < <= > >= and the operator *
	tokName               // a name, perhaps with prefix, or a wildcard: *, p:*
	tokOperator           // and, or, mod, div
	tokLiteral
	tokNumber
	tokVariable
)

type token struct {
	kind tokenKind
	text string
	pos  int
}

// lex splits an expression into tokens and tells names from operators by what comes before (XPath 1.0 section 3.7).
func lex(text string) ([]token, error) {
	var tokens []token
	for pos := 0; pos < len(text); {
		ch := text[pos]
		if strings.IndexByte(" \t\r\n", ch) >= 0 {
			pos++
			continue
		}
		t := token{pos: pos}
		switch {
		case ch == '\'' || ch == '"':
			end := strings.IndexByte(text[pos+1:], ch)
			if end < 0 {
				return nil, fmt.Errorf("at %d: the quote is not closed", pos)
			}
			t.kind, t.text = tokLiteral, text[pos+1:pos+1+end]
			pos += end + 2
		case isDigit(ch) || ch == '.' && pos+1 < len(text) && isDigit(text[pos+1]):
			end := pos
			for end < len(text) && (isDigit(text[end]) || text[end] == '.' && !strings.Contains(text[pos:end], ".")) {
				end++
			}
			t.kind, t.text = tokNumber, text[pos:end]
			pos = end
		case ch == '$':
			t.kind, t.text = tokVariable, name(text[pos+1:])
			pos += 1 + len(t.text)
		case isNameStart(ch):
			t.kind, t.text = tokName, qualifiedName(text[pos:])
			pos += len(t.text)
			if operand(tokens) && isOperatorName(t.text) {
				t.kind = tokOperator
			}
		default:
			t.text = symbol(text[pos:])
			if t.text == "" {
				return nil, fmt.Errorf("at %d: %q has no meaning here", pos, ch)
			}
			t.kind = tokSymbol
			pos += len(t.text)
			if t.text == "*" && !operand(tokens) {
				t.kind = tokName
			}
		}
		tokens = append(tokens, t)
	}
	return append(tokens, token{kind: tokEnd, pos: len(text)}), nil
}

// operand reports whether the tokens so far end with one, so that an operator follows.
func operand(tokens []token) bool {
	if len(tokens) == 0 {
		return false
	}
	last := tokens[len(tokens)-1]
	switch last.kind {
	case tokOperator:
		return false
	case tokSymbol:
		return last.text == ")" || last.text == "]" || last.text == "." || last.text == ".."
	}
	return true
}

func isOperatorName(s string) bool { return s == "and" || s == "or" || s == "mod" || s == "div" }

var symbols = []string{"::", "//", "..", "!=", "<=", ">=", "(", ")", "[", "]", ".", "@", ",", "/", "|", "+", "-", "=", "<", ">", "*"}

func symbol(text string) string {
	for _, s := range symbols {
		if strings.HasPrefix(text, s) {
			return s
		}
	}
	return ""
}

func isDigit(ch byte) bool { return ch >= '0' && ch <= '9' }

func isNameStart(ch byte) bool {
	return ch == '_' || ch >= 'a' && ch <= 'z' || ch >= 'A' && ch <= 'Z' || ch >= 0x80
}

// name returns the longest name that text begins with. YANG identifiers are ASCII; what is beyond is let through.
func name(text string) string {
	i := 0
	for i < len(text) && (isNameStart(text[i]) || i > 0 && (isDigit(text[i]) || text[i] == '-' || text[i] == '.')) {
		i++
	}
	return text[:i]
}

// qualifiedName also takes a prefix before the name or wildcard, but leaves the :: of an axis alone.
func qualifiedName(text string) string {
	prefix := name(text)
	rest := text[len(prefix):]
	if !strings.HasPrefix(rest, ":") || strings.HasPrefix(rest, "::") {
		return prefix
	}
	if strings.HasPrefix(rest, ":*") {
		return prefix + ":*"
	}
	local := name(rest[1:])
	if local == "" {
		return prefix
	}
	return prefix + ":" + local
}
