package schema

import (
	"fmt"
	"regexp"
	"strings"
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

// CompileRegexp compiles an XML Schema regular expression, which matches the whole value. What Go's engine has no
// counterpart for (class subtraction, Unicode blocks, more than 1000 repetitions) is refused.
func CompileRegexp(xsd string) (*regexp.Regexp, error) {
	t := translator{in: xsd}
	if err := t.run(); err != nil {
		return nil, fmt.Errorf("regular expression %q: %w", xsd, err)
	}
	re, err := regexp.Compile(`^(?:` + t.out.String() + `)$`)
	if err != nil {
		return nil, fmt.Errorf("regular expression %q: %w", xsd, err)
	}
	return re, nil
}

// The multi-character escapes of XML Schema part 2 appendix F.1.1 as members of a Go character class.
var classEscapes = map[byte]string{
	's': ` \t\n\r`,
	'd': `\p{Nd}`,
	'i': `\p{L}_:`,
	'c': `\p{L}\p{Nd}\p{M}._:\-`,
	'w': `\p{L}\p{M}\p{N}\p{S}`,
}

// translator writes an XML Schema expression in Go's syntax: ^ and $ are ordinary characters there, a dot does not match
// carriage return, and the escapes differ.
type translator struct {
	in  string
	pos int
	out strings.Builder
}

func (t *translator) run() error {
	for t.pos < len(t.in) {
		ch := t.in[t.pos]
		t.pos++
		switch ch {
		case '\\':
			if err := t.escape(false); err != nil {
				return err
			}
		case '[':
			if err := t.class(); err != nil {
				return err
			}
		case '.':
			t.out.WriteString(`[^\n\r]`)
		case '^', '$':
			t.out.WriteByte('\\')
			t.out.WriteByte(ch)
		case '(':
			t.out.WriteString("(?:")
		default:
			t.out.WriteByte(ch)
		}
	}
	return nil
}

func (t *translator) class() error {
	t.out.WriteByte('[')
	if t.pos < len(t.in) && t.in[t.pos] == '^' {
		t.out.WriteByte('^')
		t.pos++
	}
	for t.pos < len(t.in) {
		ch := t.in[t.pos]
		t.pos++
		switch ch {
		case ']':
			t.out.WriteByte(']')
			return nil
		case '[':
			return fmt.Errorf("class subtraction is not supported")
		case '\\':
			if err := t.escape(true); err != nil {
				return err
			}
		case '^', '&':
			t.out.WriteByte('\\')
			t.out.WriteByte(ch)
		default:
			t.out.WriteByte(ch)
		}
	}
	return fmt.Errorf("a bracket is not closed")
}

// escape translates what follows a backslash.
func (t *translator) escape(inClass bool) error {
	if t.pos == len(t.in) {
		return fmt.Errorf("ends with a backslash")
	}
	ch := t.in[t.pos]
	t.pos++
	lower := ch | 0x20
	set, isClass := classEscapes[lower]
	switch {
	case isClass && ch == lower && inClass:
		t.out.WriteString(set)
	case isClass && ch == lower:
		t.out.WriteString("[" + set + "]")
	case isClass && inClass && ch == 'D':
		t.out.WriteString(`\P{Nd}`)
	case isClass && inClass:
		return fmt.Errorf(`\%c inside a class is not supported`, ch)
	case isClass:
		t.out.WriteString("[^" + set + "]")
	case ch == 'p' || ch == 'P':
		end := strings.IndexByte(t.in[t.pos:], '}')
		if end < 0 || strings.HasPrefix(t.in[t.pos:], "{Is") {
			return fmt.Errorf(`\%c with a block name is not supported`, ch)
		}
		t.out.WriteString(`\` + string(ch) + t.in[t.pos:t.pos+end+1])
		t.pos += end + 1
	default:
		t.out.WriteByte('\\')
		t.out.WriteByte(ch)
	}
	return nil
}
