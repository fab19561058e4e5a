package schema

import (
	"fmt"
	"strings"
)

// supported evaluates the if-feature statements of s (RFC 7950 section 7.20.2). When one is false, its text is returned.
func supported(props []*statement) (missing string, err error) {
	for _, s := range withKeyword(props, "if-feature") {
		e := featureExpr{at: s, words: featureWords(s.arg)}
		ok, err := e.or()
		if err == nil && len(e.words) > 0 {
			err = fmt.Errorf("%q is left over", strings.Join(e.words, " "))
		}
		if err != nil {
			return "", s.errorf("if-feature %q: %w", s.arg, err)
		}
		if !ok {
			return s.arg, nil
		}
	}
	return "", nil
}

func featureWords(text string) []string {
	return strings.Fields(strings.NewReplacer("(", " ( ", ")", " ) ").Replace(text))
}

// featureExpr is a recursive-descent evaluation of if-feature-expr (RFC 7950 section 14).
type featureExpr struct {
	at    *statement
	words []string
}

func (e *featureExpr) take(word string) bool {
	if len(e.words) > 0 && e.words[0] == word {
		e.words = e.words[1:]
		return true
	}
	return false
}

func (e *featureExpr) or() (bool, error) {
	v, err := e.and()
	for err == nil && e.take("or") {
		var w bool
		w, err = e.and()
		v = v || w
	}
	return v, err
}

func (e *featureExpr) and() (bool, error) {
	v, err := e.factor()
	for err == nil && e.take("and") {
		var w bool
		w, err = e.factor()
		v = v && w
	}
	return v, err
}

func (e *featureExpr) factor() (bool, error) {
	switch {
	case e.take("not"):
		v, err := e.factor()
		return !v, err
	case e.take("("):
		v, err := e.or()
		if err == nil && !e.take(")") {
			err = fmt.Errorf("a closing parenthesis is missing")
		}
		return v, err
	case len(e.words) == 0:
		return false, fmt.Errorf("ends where a feature is expected")
	}
	m, local, err := e.at.split(e.words[0])
	if err != nil {
		return false, err
	}
	e.words = e.words[1:]
	if m.features[local] == nil {
		return false, fmt.Errorf("module %q has no feature %q", m.Name, local)
	}
	return m.supports(local)
}

// supports reports whether a feature is switched on, and its own if-feature is true (RFC 7950 section 7.20.1).
func (m *Module) supports(feature string) (bool, error) {
	if !m.featureSet[feature] {
		return false, nil
	}
	m.featureSet[feature] = false // while it is looked at: one that depends on itself is not supported
	missing, err := supported(m.features[feature].subs)
	m.featureSet[feature] = true
	return missing == "" && err == nil, err
}
