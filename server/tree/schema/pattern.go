package schema

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Pattern is one pattern statement (RFC 7950 section 9.4.5), compiled.
type Pattern struct {
	Text   string
	Invert bool
	Message
	re *regexp.Regexp
}

func newPattern(text string, invert bool, m Message) (*Pattern, error) {
	re, err := CompileRegexp(text)
	if err != nil {
		return nil, err
	}
	return &Pattern{Text: text, Invert: invert, Message: m, re: re}, nil
}

// Matches reports whether value satisfies the pattern.
func (p *Pattern) Matches(value string) bool { return p.re.MatchString(value) != p.Invert }

// CompileRegexp compiles an XML Schema regular expression (XML Schema part 2 appendix F), which matches the whole value.
func CompileRegexp(xsd string) (*regexp.Regexp, error) {
	t := translator{in: xsd}
	p, err := t.alternatives(0)
	if err == nil && t.pos < len(t.in) {
		err = fmt.Errorf("%q is left over", t.in[t.pos:])
	}
	if err != nil {
		return nil, fmt.Errorf("regular expression %q: %w", xsd, err)
	}
	re, err := regexp.Compile(`^(?:` + p.text + `)$`)
	if err != nil {
		return nil, fmt.Errorf("regular expression %q: %w", xsd, err)
	}
	return re, nil
}

// maxRepeat is the most repetitions that Go's engine takes at once, those inside each other multiplied.
const maxRepeat = 1000

// maxSize bounds what an expression comes to when all repetitions are written out, which is what Go's engine does: 100,000 characters take
// some 10 MB. maxText bounds its text.
const (
	maxSize = 100_000
	maxText = 1 << 20
)

// maxNesting bounds groups and classes inside each other.
const maxNesting = 100

// translator writes an XML Schema expression in Go's syntax: ^ and $ are ordinary characters there, a dot does not match carriage return,
// and the escapes and classes differ.
type translator struct {
	in  string
	pos int
}

// piece is a part of an expression in Go's syntax.
type piece struct {
	text    string
	repeats int // the most repetitions inside each other, multiplied
	size    int // see maxSize
}

func (t *translator) peek() byte {
	if t.pos == len(t.in) {
		return 0
	}
	return t.in[t.pos]
}

func (t *translator) alternatives(depth int) (piece, error) {
	if depth > maxNesting {
		return piece{}, fmt.Errorf("groups are nested deeper than %d", maxNesting)
	}
	var b strings.Builder
	whole := piece{repeats: 1}
	for t.pos < len(t.in) && t.in[t.pos] != ')' {
		if t.in[t.pos] == '|' {
			b.WriteByte('|')
			t.pos++
			continue
		}
		p, err := t.atom(depth)
		if err == nil {
			p, err = t.quantified(p)
		}
		if err != nil {
			return piece{}, err
		}
		b.WriteString(p.text)
		whole.repeats, whole.size = max(whole.repeats, p.repeats), whole.size+p.size
		if whole.size > maxSize || b.Len() > maxText {
			return piece{}, errTooManyRepetitions
		}
	}
	whole.text = b.String()
	return whole, nil
}

var errTooManyRepetitions = errors.New("it has too many repetitions")

// atom reads what a quantifier may stand behind.
func (t *translator) atom(depth int) (piece, error) {
	ch := t.in[t.pos]
	switch ch {
	case '(':
		t.pos++
		p, err := t.alternatives(depth + 1)
		if err == nil && t.peek() != ')' {
			err = errors.New("a parenthesis is not closed")
		}
		t.pos++
		p.text = "(?:" + p.text + ")"
		return p, err
	case '[':
		t.pos++
		set, err := t.class(0)
		return piece{set.String(), 1, 1}, err
	case '.':
		t.pos++
		return piece{`[^\n\r]`, 1, 1}, nil
	case '\\':
		t.pos++
		set, err := t.escape()
		return piece{set.String(), 1, 1}, err
	case '?', '*', '+', '{':
		return piece{}, fmt.Errorf("%q stands where there is nothing to repeat", ch)
	}
	r, size := utf8.DecodeRuneInString(t.in[t.pos:])
	t.pos += size
	return piece{regexp.QuoteMeta(string(r)), 1, 1}, nil
}

// quantified reads the quantifier behind an atom, if there is one.
func (t *translator) quantified(atom piece) (piece, error) {
	switch ch := t.peek(); ch {
	case '?', '*', '+':
		t.pos++
		atom.text += string(ch)
	case '{':
		length := strings.IndexByte(t.in[t.pos:], '}')
		if length < 0 {
			return piece{}, errors.New("a brace is not closed")
		}
		bounds := t.in[t.pos+1 : t.pos+length]
		t.pos += length + 1
		low, high, ranged := strings.Cut(bounds, ",")
		least, err := strconv.ParseUint(low, 10, 31)
		most := least
		if ranged && high != "" && err == nil {
			most, err = strconv.ParseUint(high, 10, 31)
		}
		if err != nil || most < least {
			return piece{}, fmt.Errorf("{%s} is no number of repetitions", bounds)
		}
		return atom.repeated(int(least), int(most), ranged && high == "")
	}
	return atom, nil
}

// repeated writes an atom between least and most times, in as many pieces as it takes.
func (atom piece) repeated(least, most int, endless bool) (piece, error) {
	out := piece{repeats: atom.repeats, size: atom.size * max(1, most)}
	if out.size > maxSize {
		return out, errTooManyRepetitions
	}
	step := max(1, maxRepeat/atom.repeats)
	var b strings.Builder
	times := func(low, high int) {
		fmt.Fprintf(&b, "%s{%d,%d}", atom.text, low, high)
		out.repeats = max(out.repeats, high*atom.repeats)
	}
	for left := least; left > 0 && b.Len() <= maxText; left -= step {
		times(min(left, step), min(left, step))
	}
	if endless {
		b.WriteString(atom.text + "*")
	}
	for left := most - least; left > 0 && b.Len() <= maxText; left -= step {
		times(0, min(left, step))
	}
	if b.Len() > maxText {
		return out, errTooManyRepetitions
	}
	out.text = "(?:" + b.String() + ")" // of nothing, when it is repeated no times
	return out, nil
}
