package ios

import (
	"fmt"
	"strings"
)

// A pattern is one way to write a command, word by word.
type pattern []element

// element is what stands for one word: a keyword or an argument.
type element struct {
	keyword string
	inFull  bool // the keyword is not abbreviated
	arg     *argument
}

// argument is a word that becomes the value of a leaf, or a part of it.
type argument struct {
	leaf string // below the node of the row, or a key on the way there
	kind *kind
	each bool // of a leaf-list: one value, added to the others
	all  bool // of a leaf-list: one of all values, which replace what there was
}

// parsePatterns takes a syntax apart into every way to write it:
//
//	word        a keyword, which may be abbreviated
//	=word       one that may not
//	{leaf}      the value of a leaf; {leaf:kind} written in a way of its own; {leaf+} and {leaf*} of a leaf-list: see argument
//	[a b]       an option
//	(a|b c)     alternatives
//	<name>      the syntax that macros has under that name
func parsePatterns(syntax string) ([]pattern, error) {
	p := &patternParser{rest: syntax}
	list, err := p.alternatives()
	if err == nil && p.rest != "" {
		err = fmt.Errorf("unexpected %q", p.rest)
	}
	if err != nil {
		return nil, fmt.Errorf("syntax %q: %w", syntax, err)
	}
	return list, nil
}

type patternParser struct{ rest string }

func (p *patternParser) alternatives() (all []pattern, err error) {
	for {
		list, err := p.sequence()
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
		if !p.skip("|") {
			return all, nil
		}
	}
}

// sequence reads up to the end of a group.
func (p *patternParser) sequence() ([]pattern, error) {
	list := []pattern{nil}
	for {
		p.rest = strings.TrimLeft(p.rest, " ")
		if p.rest == "" || strings.ContainsRune("|)]", rune(p.rest[0])) {
			return list, nil
		}
		next, err := p.item()
		if err != nil {
			return nil, err
		}
		var longer []pattern
		for _, before := range list {
			for _, after := range next {
				longer = append(longer, append(before[:len(before):len(before)], after...))
			}
		}
		list = longer
	}
}

func (p *patternParser) item() ([]pattern, error) {
	switch {
	case p.skip("["):
		list, err := p.group("]")
		return append(list, nil), err
	case p.skip("("):
		return p.group(")")
	}
	end := strings.IndexAny(p.rest, " |)]")
	if end < 0 {
		end = len(p.rest)
	}
	word := p.rest[:end]
	p.rest = p.rest[end:]
	if name, ok := strings.CutPrefix(word, "<"); ok {
		return parsePatterns(macros[strings.TrimSuffix(name, ">")])
	}
	if text, ok := strings.CutPrefix(word, "{"); ok {
		return parseArgument(strings.TrimSuffix(text, "}"))
	}
	keyword, inFull := strings.CutPrefix(word, "=")
	return []pattern{{{keyword: keyword, inFull: inFull}}}, nil
}

func (p *patternParser) group(end string) ([]pattern, error) {
	list, err := p.alternatives()
	if err == nil && !p.skip(end) {
		err = fmt.Errorf("%q is missing", end)
	}
	return list, err
}

func (p *patternParser) skip(s string) bool {
	rest, ok := strings.CutPrefix(strings.TrimLeft(p.rest, " "), s)
	if ok {
		p.rest = rest
	}
	return ok
}

func parseArgument(text string) ([]pattern, error) {
	leaf, name, _ := strings.Cut(text, ":")
	a := &argument{}
	a.leaf, a.each = strings.CutSuffix(leaf, "+")
	a.leaf, a.all = strings.CutSuffix(a.leaf, "*")
	a.kind = kinds[name]
	if a.kind == nil {
		return nil, fmt.Errorf("there is no kind %q", name)
	}
	var list []pattern
	for n := max(a.kind.words, 1); n > 0; n-- { // most words first
		list = append(list, repeat(element{arg: a}, n))
	}
	return list, nil
}

func repeat(e element, n int) (p pattern) {
	for range n {
		p = append(p, e)
	}
	return p
}

// what describes an element to who should have written it.
func (e *element) what() string {
	if e.arg == nil {
		return e.keyword
	}
	if e.arg.kind.what != "" {
		return "<" + e.arg.kind.what + ">"
	}
	return "<" + e.arg.leaf[strings.LastIndexByte(e.arg.leaf, '/')+1:] + ">"
}
