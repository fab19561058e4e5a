package schema

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// runeRange is an interval of characters, both ends in it.
type runeRange struct{ low, high rune }

// charset is a set of characters: intervals in order that do not touch.
type charset []runeRange

func newCharset(ranges ...runeRange) (set charset) {
	slices.SortFunc(ranges, func(a, b runeRange) int { return int(a.low - b.low) })
	for _, r := range ranges {
		if last := len(set) - 1; last >= 0 && r.low <= set[last].high+1 {
			set[last].high = max(set[last].high, r.high)
			continue
		}
		set = append(set, r)
	}
	return set
}

func (s charset) union(o charset) charset { return newCharset(slices.Concat(s, o)...) }

func (s charset) complement() (rest charset) {
	next := rune(0)
	for _, r := range s {
		if r.low > next {
			rest = append(rest, runeRange{next, r.low - 1})
		}
		next = r.high + 1
	}
	if next <= unicode.MaxRune {
		rest = append(rest, runeRange{next, unicode.MaxRune})
	}
	return rest
}

func (s charset) without(o charset) charset { return s.complement().union(o).complement() }

// String writes s as a class of a Go expression.
func (s charset) String() string {
	if len(s) == 0 {
		return `[^\x{0}-\x{10FFFF}]` // nothing
	}
	var b strings.Builder
	b.WriteByte('[')
	for _, r := range s {
		fmt.Fprintf(&b, `\x{%X}`, r.low)
		if r.high > r.low {
			fmt.Fprintf(&b, `-\x{%X}`, r.high)
		}
	}
	b.WriteByte(']')
	return b.String()
}

func tableSet(tables ...*unicode.RangeTable) charset {
	var ranges []runeRange
	add := func(low, high, stride rune) {
		if stride == 1 {
			ranges = append(ranges, runeRange{low, high})
			return
		}
		for r := low; r <= high; r += stride {
			ranges = append(ranges, runeRange{r, r})
		}
	}
	for _, t := range tables {
		for _, r := range t.R16 {
			add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
		for _, r := range t.R32 {
			add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
	}
	return newCharset(ranges...)
}

func single(r rune) charset { return charset{{r, r}} }

// classEscape gives the set of a multi-character escape (XML Schema part 2 appendix F.1.1); the capital letter is everything else.
func classEscape(ch byte) (set charset, ok bool) {
	switch ch | 0x20 {
	case 's':
		set = newCharset(runeRange{' ', ' '}, runeRange{'\t', '\t'}, runeRange{'\n', '\n'}, runeRange{'\r', '\r'})
	case 'd':
		set = tableSet(unicode.Nd)
	case 'i':
		set = tableSet(unicode.L).union(newCharset(runeRange{'_', '_'}, runeRange{':', ':'}))
	case 'c':
		set = tableSet(unicode.L, unicode.Nd, unicode.M).union(newCharset(runeRange{'-', '.'}, runeRange{':', ':'}, runeRange{'_', '_'}))
	case 'w':
		set = tableSet(unicode.P, unicode.Z, unicode.C).complement()
	default:
		return nil, false
	}
	if ch&0x20 == 0 {
		set = set.complement()
	}
	return set, true
}

// class reads a character class behind its opening bracket, and what is subtracted from it.
func (t *translator) class(depth int) (set charset, err error) {
	if depth > maxNesting {
		return nil, fmt.Errorf("classes are nested deeper than %d", maxNesting)
	}
	negated := t.peek() == '^'
	if negated {
		t.pos++
	}
	for first := true; ; first = false {
		switch {
		case t.pos == len(t.in):
			return nil, fmt.Errorf("a bracket is not closed")
		case t.in[t.pos] == ']' && !first:
			t.pos++
			if negated {
				set = set.complement()
			}
			return set, nil
		case strings.HasPrefix(t.in[t.pos:], "-[") && !first:
			t.pos += len("-[")
			less, err := t.class(depth + 1)
			if err != nil {
				return nil, err
			}
			if t.peek() != ']' {
				return nil, fmt.Errorf("a class goes on behind what is subtracted from it")
			}
			t.pos++
			if negated {
				set = set.complement()
			}
			return set.without(less), nil
		}
		member, err := t.member()
		if err != nil {
			return nil, err
		}
		set = set.union(member)
	}
}

// member reads a character of a class, an interval, or an escape.
func (t *translator) member() (charset, error) {
	low, set, err := t.character()
	if err != nil || set != nil || t.peek() != '-' || t.pos+1 == len(t.in) || t.in[t.pos+1] == ']' || t.in[t.pos+1] == '[' {
		if set == nil && err == nil {
			set = single(low)
		}
		return set, err
	}
	t.pos++
	high, set, err := t.character()
	switch {
	case err != nil:
		return nil, err
	case set != nil || high < low:
		return nil, fmt.Errorf("an interval from %q ends nowhere", low)
	}
	return charset{{low, high}}, nil
}

// character reads one character of a class, or the set that an escape stands for.
func (t *translator) character() (r rune, set charset, err error) {
	switch ch := t.peek(); ch {
	case '[', ']':
		return 0, nil, fmt.Errorf("%q inside a class needs a backslash", ch)
	case '\\':
		t.pos++
		set, err := t.escape()
		if err == nil && len(set) == 1 && set[0].low == set[0].high {
			return set[0].low, nil, nil
		}
		return 0, set, err
	}
	r, size := utf8.DecodeRuneInString(t.in[t.pos:])
	t.pos += size
	return r, nil, nil
}

// escape reads what stands behind a backslash.
func (t *translator) escape() (charset, error) {
	if t.pos == len(t.in) {
		return nil, fmt.Errorf("ends with a backslash")
	}
	ch := t.in[t.pos]
	if set, ok := classEscape(ch); ok {
		t.pos++
		return set, nil
	}
	switch {
	case ch == 'n':
		t.pos++
		return single('\n'), nil
	case ch == 'r':
		t.pos++
		return single('\r'), nil
	case ch == 't':
		t.pos++
		return single('\t'), nil
	case ch == 'p' || ch == 'P':
		t.pos++
		return t.property(ch == 'P')
	case ch >= 'a' && ch <= 'z' || ch >= 'A' && ch <= 'Z' || ch >= '0' && ch <= '9':
		return nil, fmt.Errorf(`\%c is no escape of XML Schema`, ch)
	}
	r, size := utf8.DecodeRuneInString(t.in[t.pos:]) // those that need no backslash are taken with one as well
	t.pos += size
	return single(r), nil
}

// property reads the category or block in braces.
func (t *translator) property(negated bool) (charset, error) {
	end := strings.IndexByte(t.in[t.pos:], '}')
	if t.peek() != '{' || end < 0 {
		return nil, fmt.Errorf(`\p is followed by a name in braces`)
	}
	name := t.in[t.pos+1 : t.pos+end]
	t.pos += end + 1
	var set charset
	block, isBlock := strings.CutPrefix(name, "Is")
	table := unicode.Categories[name]
	switch {
	case isBlock && blocks[block] != runeRange{}:
		set = charset{blocks[block]}
	case isBlock:
		return nil, fmt.Errorf("no block is called %q", block)
	case table == nil || name == "LC":
		return nil, fmt.Errorf("no category is called %q", name)
	default:
		set = tableSet(table)
	}
	if negated {
		set = set.complement()
	}
	return set, nil
}
