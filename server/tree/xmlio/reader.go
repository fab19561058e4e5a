// Package xmlio reads and writes XML as NETCONF needs it: prefixes kept and resolved, since identities and paths inside
// values use them; attributes handed on as they were; document types refused (RFC 6241 section 3); depth and size bounded.
//
// encoding/xml's RawToken does the lexical work. Its own handling of namespaces loses the prefixes, so the stack is ours.
package xmlio

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits bound what a Reader accepts; 0 takes the default.
type Limits struct {
	Depth int   // elements inside each other; default 100
	Text  int   // octets of one value; default 16 MiB
	Total int64 // octets of the document; default 1 GiB
}

// Name is a resolved name and the prefix that it was written with.
type Name struct{ Space, Local, Prefix string }

// Attr is an attribute; those that declare namespaces are not among an Element's.
type Attr struct {
	Name  Name
	Value string
}

// Element is a start tag. It is valid until the next call to the Reader.
type Element struct {
	Name  Name
	Attrs []Attr
}

// Attr returns the value of an attribute.
func (e *Element) Attr(space, local string) (value string, ok bool) {
	for _, a := range e.Attrs {
		if a.Name.Space == space && a.Name.Local == local {
			return a.Value, true
		}
	}
	return "", false
}

// Reader reads one document. It is not safe for concurrent use.
type Reader struct {
	in     *limited
	dec    *xml.Decoder
	limits Limits
	bounds []int     // length of scope at each open element
	open   []Name    // the open elements
	scope  []binding // declarations in force, the innermost last
	elem   Element
	ended  int       // length of scope once the element that ended last is out of force; -1 when it is
	held   xml.Token // a token read ahead
	lead   string    // white space read before it
}

type binding struct{ prefix, space string }

// XMLNamespace is that of the prefix xml, which need not be declared.
const XMLNamespace = "http://www.w3.org/XML/1998/namespace"

// SyntaxError says that the document is not well-formed, or not allowed, and where.
type SyntaxError struct {
	Line    int
	Message string
	TooBig  bool // a limit was exceeded; otherwise nothing may be wrong with the document
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Message) }

// NewReader reads from r.
func NewReader(r io.Reader, limits Limits) *Reader {
	if limits.Depth == 0 {
		limits.Depth = 100
	}
	if limits.Text == 0 {
		limits.Text = 16 << 20
	}
	if limits.Total == 0 {
		limits.Total = 1 << 30
	}
	in := &limited{r: r, total: limits.Total, piece: int64(limits.Text) + pieceSpace}
	dec := xml.NewDecoder(in)
	dec.CharsetReader = onlyUTF8
	return &Reader{in: in, dec: dec, limits: limits, ended: -1}
}

// encodingError says that a document declares an encoding that is none of ours.
type encodingError string

func (e encodingError) Error() string {
	return fmt.Sprintf("the document declares the encoding %s; send it in UTF-8 (RFC 6241 section 3)", string(e))
}

// onlyUTF8 reads documents that declare another encoding: ASCII is a part of UTF-8.
func onlyUTF8(label string, in io.Reader) (io.Reader, error) {
	if strings.EqualFold(label, "us-ascii") {
		return in, nil
	}
	return nil, encodingError(label)
}

// byteOrderMark may stand before a document in UTF-8 (XML 1.0 section 4.3.3).
const byteOrderMark = "\ufeff"

// limited fails, other than io.LimitReader, when there is more than total octets, or more in one piece than piece: the parser
// holds each piece of text, comment or tag as a whole.
type limited struct {
	r           io.Reader
	total       int64
	piece       int64
	read, begun int64 // octets so far, and at the beginning of the piece
	err         error // of r
	references  references
}

var errTooLarge = errors.New("the document is too large")

// pieceSpace is what a piece may have beside a value of greatest length: names and attributes, and what was read ahead.
const pieceSpace = 64 << 10

func (l *limited) Read(p []byte) (int, error) {
	left := min(l.total-l.read, l.begun+l.piece-l.read)
	if left <= 0 {
		l.err = errTooLarge
		return 0, l.err
	}
	n, err := l.r.Read(p[:min(int64(len(p)), left)])
	l.references.scan(l.read, p[:n])
	l.read += int64(n)
	l.err = err
	return n, err
}

func (r *Reader) fail(format string, args ...any) error {
	line, _ := r.dec.InputPos()
	return &SyntaxError{Line: line, Message: fmt.Sprintf(format, args...)}
}

func (r *Reader) tooBig(format string, args ...any) error {
	line, _ := r.dec.InputPos()
	return &SyntaxError{Line: line, Message: fmt.Sprintf(format, args...), TooBig: true}
}

// Opened is the element whose start tag was read last; valid until the next call that reads.
func (r *Reader) Opened() *Element { return &r.elem }

// Depth is the number of open elements.
func (r *Reader) Depth() int { return len(r.bounds) }

// Offset is the position in the input after the token read last.
func (r *Reader) Offset() int64 { return r.dec.InputOffset() }

// token returns the next token that is a tag or text; comments and processing instructions are passed over.
func (r *Reader) token() (xml.Token, error) {
	if r.ended >= 0 {
		r.scope, r.ended = r.scope[:r.ended], -1
	}
	r.lead = ""
	if t := r.held; t != nil {
		r.held = nil
		return t, nil
	}
	for {
		r.in.begun = r.in.read
		t, err := r.dec.RawToken()
		if err != nil {
			return nil, r.broken(err)
		}
		if r.in.references.passed(r.dec.InputOffset()) && replaced(t) {
			return nil, r.fail("a reference to a surrogate (U+D800 to U+DFFF) stands for no character")
		}
		switch t := t.(type) {
		case xml.Directive:
			return nil, r.fail("a document type or other directive is not allowed")
		case xml.ProcInst:
			if t.Target == "xml" && r.dec.InputOffset() > 256 {
				return nil, r.fail("an XML declaration stands only at the start")
			}
		case xml.StartElement, xml.EndElement:
			return t, nil
		case xml.CharData:
			if len(t) > r.limits.Text {
				return nil, r.tooBig("a value is longer than %d octets", r.limits.Text)
			}
			if r.dec.InputOffset() == int64(len(t)) { // the document begins with it
				t = bytes.TrimPrefix(t, []byte(byteOrderMark))
			}
			return t, nil
		}
	}
}

// broken tells errors of the document from those of the input.
func (r *Reader) broken(err error) error {
	syntax, ok := errors.AsType[*xml.SyntaxError](err)
	encoding, foreign := errors.AsType[encodingError](err)
	switch {
	case foreign:
		return r.fail("%v", encoding)
	case r.in.err == errTooLarge:
		return r.tooBig("%v", errTooLarge)
	case err == io.EOF && len(r.bounds) > 0:
		return r.fail("the document ends inside <%s>", r.open[len(r.open)-1].Local)
	case ok:
		return &SyntaxError{Line: syntax.Line, Message: syntax.Msg}
	case err != r.in.err: // an encoding that is not UTF-8, say
		return r.fail("%s", strings.TrimPrefix(err.Error(), "xml: "))
	}
	return err
}

// Next moves to the next child element of the open one and opens it; nil means that the open element has ended, and
// closes it. Text between elements must be white space. At the end of the document it returns io.EOF.
func (r *Reader) Next() (*Element, error) {
	for {
		t, err := r.token()
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			return r.start(t)
		case xml.EndElement:
			return nil, r.end(t)
		case xml.CharData:
			if text := strings.Trim(string(t), " \t\r\n"); text != "" {
				return nil, r.fail("text %q stands where elements are expected", shorten(text))
			}
		}
	}
}

func shorten(text string) string {
	if len(text) <= 40 {
		return text
	}
	cut := 40
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

// Text reads the rest of the open element, which must hold nothing but text, and closes it. What the element declared
// can still be resolved with Namespace until the next token is read: its value may use it.
func (r *Reader) Text() (string, error) {
	name := r.open[len(r.open)-1].Local
	text, ok, err := r.Value()
	if err == nil && !ok {
		err = r.fail("an element stands inside <%s>, which holds a value", name)
	}
	return text, err
}

// Value is Text for an element that may turn out to hold elements: then it is passed over, closed all the same, and ok is
// false.
func (r *Reader) Value() (text string, ok bool, err error) {
	text = r.lead
	for {
		t, err := r.token()
		if err != nil {
			return "", false, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if _, err := r.start(t); err != nil {
				return "", false, err
			}
			if err := r.Skip(); err != nil {
				return "", false, err
			}
			return "", false, r.Skip()
		case xml.EndElement:
			return text, true, r.end(t)
		case xml.CharData:
			if len(text)+len(t) > r.limits.Text {
				return "", false, r.tooBig("a value is longer than %d octets", r.limits.Text)
			}
			text += string(t)
		}
	}
}

// Mixed moves on inside the open element, where text and elements may stand beside each other: it opens the next child element, or
// returns the text before it, or closes the open element when that has ended and returns neither.
func (r *Reader) Mixed() (el *Element, text string, err error) {
	if text = r.lead; text != "" {
		r.lead = ""
		return nil, text, nil
	}
	for {
		t, err := r.token()
		if err != nil {
			return nil, "", err
		}
		switch t := t.(type) {
		case xml.StartElement:
			el, err = r.start(t)
			return el, "", err
		case xml.EndElement:
			return nil, "", r.end(t)
		case xml.CharData:
			if len(t) > 0 {
				return nil, string(t), nil
			}
		}
	}
}

// Skip reads the rest of the open element and closes it.
func (r *Reader) Skip() error {
	for depth := len(r.bounds); len(r.bounds) >= depth; {
		t, err := r.token()
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.StartElement:
			_, err = r.start(t)
		case xml.EndElement:
			err = r.end(t)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// HasElements reports whether the open element has a child element before any text; the Reader does not move.
func (r *Reader) HasElements() (bool, error) {
	lead := r.lead
	for {
		t, err := r.token()
		if err != nil {
			return false, err
		}
		if text, ok := t.(xml.CharData); ok && strings.Trim(string(text), " \t\r\n") == "" && len(lead) < r.limits.Text {
			lead += string(text)
			continue
		}
		r.lead = lead
		r.held = xml.CopyToken(t)
		_, start := t.(xml.StartElement)
		return start, nil
	}
}

func (r *Reader) start(t xml.StartElement) (*Element, error) {
	if len(r.bounds) == r.limits.Depth {
		return nil, r.tooBig("elements are nested deeper than %d", r.limits.Depth)
	}
	r.bounds = append(r.bounds, len(r.scope))
	r.elem = Element{Attrs: r.elem.Attrs[:0]}
	for _, a := range t.Attr {
		switch {
		case a.Name.Space == "xmlns":
			if a.Value == "" || a.Name.Local == "xml" || a.Name.Local == "xmlns" {
				return nil, r.fail("prefix %q cannot be declared so", a.Name.Local)
			}
			r.scope = append(r.scope, binding{a.Name.Local, a.Value})
		case a.Name.Space == "" && a.Name.Local == "xmlns":
			r.scope = append(r.scope, binding{"", a.Value})
		default:
			continue
		}
		own := r.scope[r.bounds[len(r.bounds)-1]:]
		if last := own[len(own)-1].prefix; slices.ContainsFunc(own[:len(own)-1], func(b binding) bool { return b.prefix == last }) {
			return nil, r.fail("prefix %q is declared twice", last)
		}
	}
	var err error
	if r.elem.Name, err = r.resolve(t.Name); err != nil {
		return nil, err
	}
	for _, a := range t.Attr {
		if a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns" {
			continue
		}
		n := Name{Local: a.Name.Local}
		if a.Name.Space != "" { // the default namespace is not that of attributes
			if n, err = r.resolve(a.Name); err != nil {
				return nil, err
			}
		}
		if _, twice := r.elem.Attr(n.Space, n.Local); twice {
			return nil, r.fail("attribute %q is given twice", n.Local)
		}
		r.elem.Attrs = append(r.elem.Attrs, Attr{n, a.Value})
	}
	r.open = append(r.open, r.elem.Name)
	return &r.elem, nil
}

func (r *Reader) end(t xml.EndElement) error {
	if len(r.open) == 0 {
		return r.fail("</%s> ends nothing", t.Name.Local)
	}
	open := r.open[len(r.open)-1]
	if open.Local != t.Name.Local || open.Prefix != t.Name.Space {
		return r.fail("</%s> ends <%s>", qualified(t.Name.Space, t.Name.Local), qualified(open.Prefix, open.Local))
	}
	r.open = r.open[:len(r.open)-1]
	r.ended = r.bounds[len(r.bounds)-1]
	r.bounds = r.bounds[:len(r.bounds)-1]
	return nil
}

func qualified(prefix, local string) string {
	if prefix == "" {
		return local
	}
	return prefix + ":" + local
}

func (r *Reader) resolve(n xml.Name) (Name, error) {
	space, ok := r.Namespace(n.Space)
	if !ok {
		return Name{}, r.fail("prefix %q is not declared", n.Space)
	}
	return Name{Space: space, Local: n.Local, Prefix: n.Space}, nil
}

// Namespace resolves a prefix as the open elements declare it; "" is the default namespace.
func (r *Reader) Namespace(prefix string) (space string, ok bool) {
	for i := len(r.scope) - 1; i >= 0; i-- {
		if r.scope[i].prefix == prefix {
			return r.scope[i].space, true
		}
	}
	if prefix == "xml" {
		return XMLNamespace, true
	}
	return "", prefix == ""
}

// Namespaces returns all declarations in force, prefix to namespace. It is a copy.
func (r *Reader) Namespaces() map[string]string {
	m := make(map[string]string, len(r.scope))
	for _, b := range r.scope {
		m[b.prefix] = b.space
	}
	return m
}

// AppendText appends s to b as the text of an element: only what must be escaped is. What XML cannot hold at all (XML 1.0
// section 2.2) is replaced by U+FFFD, so that no value can break the document that it stands in.
func AppendText(b []byte, s string) []byte { return escape(b, s, false) }

// AppendAttr appends s to b as the value of an attribute in double quotes, the quotes not included.
func AppendAttr(b []byte, s string) []byte { return escape(b, s, true) }

func escape(b []byte, s string, attr bool) []byte {
	start := 0
	for i := 0; i < len(s); i++ {
		var esc string
		switch s[i] {
		case '<':
			esc = "&lt;"
		case '>':
			esc = "&gt;"
		case '&':
			esc = "&amp;"
		case '\r': // a bare one would be read back as a line feed (XML 1.0 section 2.11)
			esc = "&#13;"
		case '"':
			if !attr {
				continue
			}
			esc = "&quot;"
		case '\n', '\t': // attribute values are normalised (XML 1.0 section 3.3.3)
			if !attr {
				continue
			}
			esc = map[byte]string{'\n': "&#10;", '\t': "&#9;"}[s[i]]
		default:
			size, legal := character(s[i:])
			at := i
			i += size - 1
			if legal {
				continue
			}
			b = append(append(b, s[start:at]...), replacement...)
			start = i + 1
			continue
		}
		b = append(append(b, s[start:i]...), esc...)
		start = i + 1
	}
	return append(b, s[start:]...)
}

const replacement = "\uFFFD"

// character returns the length of the character that s begins with, and whether XML can hold it.
func character(s string) (size int, legal bool) {
	if c := s[0]; c < utf8.RuneSelf {
		return 1, c >= 0x20 || c == '\t' || c == '\n' || c == '\r'
	}
	c, size := utf8.DecodeRuneInString(s)
	return size, (c != utf8.RuneError || size > 1) && c != 0xFFFE && c != 0xFFFF
}
