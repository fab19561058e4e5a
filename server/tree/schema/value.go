package schema

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Token says what kind of token a value was written as; JSON tells more about a value than XML (RFC 7951 section 6).
type Token uint8

// The kinds of tokens.
const (
	Text        Token = iota // XML, or any other place where everything is text
	JSONString               // "text"
	JSONNumber               // 17
	JSONBoolean              // true, false
	JSONNull                 // [null]
)

// Lexical says how a value is written.
type Lexical struct {
	Token  Token
	Schema bool // a default in a YANG module, where integers may be hexadecimal or octal
	// XML: prefixes are those of an XML document, in which every name of an instance-identifier has one (RFC 7950 section 9.13.2).
	XML bool
	// Module resolves the prefix of an identity or of a name in an instance-identifier; "" stands for no prefix. In JSON
	// prefixes are module names.
	Module func(prefix string) *Module
}

// ValueError says why a text is no value of a type (RFC 7950 section 8.3.1: error-tag invalid-value).
type ValueError struct{ Message, AppTag string }

func (e *ValueError) Error() string { return e.Message }

func invalid(format string, args ...any) error {
	return &ValueError{Message: fmt.Sprintf(format, args...)}
}

// or prefers the message and tag of the model to our own: clients get its words and no others (RFC 7950 section 7.5.4.1).
func (m Message) or(format string, args ...any) error {
	if m.Text != "" {
		return &ValueError{m.Text, m.AppTag}
	}
	return &ValueError{fmt.Sprintf(format, args...), m.AppTag}
}

// Parse checks text against t and returns its canonical form: that of RFC 7950 section 9 and of RFC 6991 for its types,
// identities as "module:name", instance-identifiers with module names in place of prefixes. The error is a *ValueError.
func (t *Type) Parse(text string, lex Lexical) (string, error) {
	canonical, err := t.parse(text, lex)
	if err == nil && t.normalise != nil {
		canonical = t.normalise(canonical)
	}
	return canonical, err
}

// ParseCanonical is Parse for text that is canonical already, except that it may be of a wrong type.
func (t *Type) ParseCanonical(text string) (string, error) {
	return t.Parse(text, Lexical{Module: t.schema.Module})
}

func (t *Type) parse(text string, lex Lexical) (string, error) {
	if t.Base != Union && t.Base != Leafref {
		if err := t.checkToken(lex.Token); err != nil {
			return "", err
		}
	}
	if lex.Token == Text && t.Base != String && t.Base != Union && t.Base != Leafref {
		text = strings.Trim(text, " \t\r\n")
	}
	switch t.Base {
	case String:
		if t.HoldsNames {
			text = moduleNames(text, lex)
		}
		return text, t.checkString(text)
	case Boolean:
		if text != "true" && text != "false" {
			return "", invalid("%q is neither true nor false", text)
		}
		return text, nil
	case Enumeration:
		return t.parseEnum(text)
	case Decimal64:
		return t.parseDecimal(text)
	case Bits:
		return t.parseBits(text)
	case Binary:
		return t.parseBinary(text)
	case IdentityRef:
		return t.parseIdentity(text, lex)
	case InstanceID:
		p, err := t.parseInstance(text, lex)
		if err != nil {
			return "", invalid("%q is no instance-identifier: %v", text, err)
		}
		return p.String(), nil
	case Empty:
		if text != "" {
			return "", invalid("%q: the type is empty and takes no value", text)
		}
		return "", nil
	case Leafref:
		return t.Target.Type.Parse(text, lex)
	case Union:
		return t.parseUnion(text, lex)
	}
	return t.parseInteger(text, lex)
}

// moduleNames puts module names in the place of prefixes. Text whose prefixes mean nothing is kept: it may be no path.
func moduleNames(text string, lex Lexical) string {
	renamed, _ := Rename(text, func(prefix string) (string, bool) {
		if m := lex.Module(prefix); m != nil {
			return m.Name, true
		}
		return "", false
	})
	return renamed
}

// checkToken refuses a JSON token of the wrong kind (RFC 7951 section 6).
func (t *Type) checkToken(token Token) error {
	want := t.JSONToken()
	if token == Text || token == want {
		return nil
	}
	return invalid("a value of type %s is written as %s in JSON", t.Base, [...]string{"", "a string", "a number", "true or false", "[null]"}[want])
}

// JSONToken is the kind of JSON token that values of t are written as; of a union it depends on the value, see Member.
func (t *Type) JSONToken() Token {
	switch t.Base {
	case Int8, Int16, Int32, Uint8, Uint16, Uint32:
		return JSONNumber
	case Boolean:
		return JSONBoolean
	case Empty:
		return JSONNull
	}
	return JSONString
}

// Member returns the type that a canonical value belongs to: t itself, or for a union the first member that accepts it
// (RFC 7950 section 9.12), leafrefs followed.
func (t *Type) Member(canonical string) *Type {
	t = t.Resolved()
	if t.Base != Union {
		return t
	}
	for _, m := range t.Members {
		if e := m.Resolved(); e.Base == Enumeration && !slices.ContainsFunc(e.Enums, func(known Enum) bool { return known.Name == canonical }) {
			continue // most unions are of names and numbers; to say why a number is no name costs more than anything else here
		}
		if got, err := m.ParseCanonical(canonical); err == nil && got == canonical {
			return m.Member(canonical)
		}
	}
	return t
}

// Encoding returns a type that a canonical value of t can be encoded as. It is Member without the search where all members
// of a union are encoded alike.
func (t *Type) Encoding(canonical string) *Type {
	if t = t.Resolved(); t.encoding != nil {
		return t.encoding
	}
	return t.Member(canonical)
}

// UniformEncoding returns the type that all values of t are encoded as; nil where that depends on the value, as Encoding tells it.
func (t *Type) UniformEncoding() *Type { return t.Resolved().encoding }

// setEncoding finds out whether all values of a union are written as plain strings.
func (t *Type) setEncoding() (plain bool) {
	t = t.Resolved()
	if t.Base != Union {
		t.encoding = t
		return t.JSONToken() == JSONString && t.Base != IdentityRef && t.Base != InstanceID && !t.HoldsNames
	}
	plain = true
	for _, m := range t.Members {
		plain = m.setEncoding() && plain
	}
	if plain {
		t.encoding = &Type{Base: String}
	}
	return plain
}

func (t *Type) parseUnion(text string, lex Lexical) (string, error) {
	var reasons []string
	for _, m := range t.Members {
		canonical, err := m.Parse(text, lex)
		if err == nil {
			return canonical, nil
		}
		if reason := err.Error(); !slices.Contains(reasons, reason) {
			reasons = append(reasons, reason)
		}
	}
	return "", invalid("%s", strings.Join(reasons, "; "))
}

func (t *Type) parseInteger(text string, lex Lexical) (string, error) {
	base := 10
	if lex.Schema {
		base = 0
	}
	n, err := parseNumber(text, base)
	if err != nil {
		return "", t.RangeError.or("%v", err)
	}
	if !within(n, t.Ranges) {
		return "", t.RangeError.or("%s is outside %s", text, describe(t.Ranges, 0))
	}
	if text[0] != '+' && text[0] != '-' && text[0] != '0' && base == 10 {
		return text, nil // canonical already: no new string
	}
	return n.String(), nil
}

func (t *Type) parseDecimal(text string) (string, error) {
	n, err := parseDecimal(text, t.FractionDigits)
	if err != nil {
		return "", t.RangeError.or("%v", err)
	}
	if !within(n, t.Ranges) {
		return "", t.RangeError.or("%s is outside %s", text, describe(t.Ranges, t.FractionDigits))
	}
	return n.decimal(t.FractionDigits), nil
}

func (t *Type) checkString(text string) error {
	if err := checkCharacters(text); err != nil {
		return err
	}
	if len(t.Lengths) > 0 && !within(Number{false, uint64(utf8.RuneCountInString(text))}, t.Lengths) {
		return t.LengthError.or("%q has %d characters, want %s", text, utf8.RuneCountInString(text), describe(t.Lengths, 0))
	}
	for _, p := range t.Patterns {
		if !p.Matches(text) {
			if p.Invert {
				return p.or("%q matches the pattern %s, which is excluded", text, p.Text)
			}
			return p.or("%q does not match the pattern %s", text, p.Text)
		}
	}
	return nil
}

// checkCharacters refuses what no YANG string may hold (RFC 7950 section 14, yang-char).
func checkCharacters(text string) error {
	if !utf8.ValidString(text) {
		return invalid("%q is not valid UTF-8", text)
	}
	for _, r := range text {
		if r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r >= 0xFDD0 && r <= 0xFDEF || r&0xFFFE == 0xFFFE {
			return invalid("%q holds the character %U, which YANG does not allow", text, r)
		}
	}
	return nil
}

func (t *Type) parseEnum(text string) (string, error) {
	for i := range t.Enums {
		if t.Enums[i].Name == text {
			return t.Enums[i].Name, nil // the schema's own string: nothing to keep alive
		}
	}
	names := make([]string, len(t.Enums))
	for i, e := range t.Enums {
		names[i] = e.Name
	}
	return "", invalid("%q is none of %s", text, strings.Join(names, ", "))
}

func (t *Type) parseBits(text string) (string, error) {
	set := strings.Fields(text)
	for i, b := range set {
		if !slices.ContainsFunc(t.Bits, func(known Bit) bool { return known.Name == b }) {
			return "", invalid("%q is no bit of this type", b)
		}
		if slices.Contains(set[:i], b) {
			return "", invalid("bit %q is given twice", b)
		}
	}
	var canonical []string
	for _, b := range t.Bits {
		if slices.Contains(set, b.Name) {
			canonical = append(canonical, b.Name)
		}
	}
	return strings.Join(canonical, " "), nil
}

func (t *Type) parseBinary(text string) (string, error) {
	data, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		return "", invalid("%q is not base64 (RFC 4648 section 4)", text)
	}
	if len(t.Lengths) > 0 && !within(Number{false, uint64(len(data))}, t.Lengths) {
		return "", t.LengthError.or("holds %d octets, want %s", len(data), describe(t.Lengths, 0))
	}
	return base64.StdEncoding.EncodeToString(data), nil
}

func (t *Type) parseIdentity(text string, lex Lexical) (string, error) {
	prefix, local := cutName(text)
	m := lex.Module(prefix)
	if m == nil {
		return "", invalid("%q: prefix %q names no module", text, prefix)
	}
	id := t.schema.identities[name{m.Name, local}]
	if id == nil || !m.Implemented {
		return "", invalid("%q is no identity of module %s", local, m.Name)
	}
	for _, base := range t.Identities {
		if !id.DerivedFrom(base) {
			return "", invalid("identity %s is not derived from %s", id.QualifiedName(), base.QualifiedName())
		}
	}
	return id.QualifiedName(), nil
}

// cutName splits "prefix:local"; the prefix is "" when there is none.
func cutName(qualified string) (prefix, local string) {
	prefix, local, ok := strings.Cut(qualified, ":")
	if !ok {
		return "", qualified
	}
	return prefix, local
}

// Compare orders two canonical values of t: numbers by value, everything else as text.
func (t *Type) Compare(a, b string) int {
	if a == b {
		return 0
	}
	switch t = t.Resolved(); {
	case t.Base.IsInteger():
		x, _ := parseNumber(a, 10)
		y, _ := parseNumber(b, 10)
		return x.Compare(y)
	case t.Base == Decimal64:
		x, _ := parseDecimal(a, t.FractionDigits)
		y, _ := parseDecimal(b, t.FractionDigits)
		return x.Compare(y)
	}
	return strings.Compare(a, b)
}

// SchemaModule returns a module of the schema that t belongs to, by name, or nil.
func (t *Type) SchemaModule(name string) *Module { return t.schema.modules[name] }

// SchemaNamespace returns a module of the schema that t belongs to, by XML namespace, or nil.
func (t *Type) SchemaNamespace(namespace string) *Module { return t.schema.namespaces[namespace] }
