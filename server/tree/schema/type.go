package schema

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"strconv"
)

// Base is a built-in type of RFC 7950 section 9.
type Base uint8

// The built-in types.
const (
	Int8 Base = iota
	Int16
	Int32
	Int64
	Uint8
	Uint16
	Uint32
	Uint64
	Decimal64
	String
	Boolean
	Enumeration
	Bits
	Binary
	Leafref
	IdentityRef
	Empty
	Union
	InstanceID
)

var baseNames = []string{"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "decimal64", "string", "boolean",
	"enumeration", "bits", "binary", "leafref", "identityref", "empty", "union", "instance-identifier"}

func (b Base) String() string { return baseNames[b] }

// IsInteger reports whether b is one of the eight integer types.
func (b Base) IsInteger() bool { return b <= Uint64 }

// Type is a type with all restrictions of its chain of typedefs resolved.
type Type struct {
	Base    Base
	Module  *Module // where Typedef is defined
	Typedef string  // name of the outermost typedef, "" when a built-in type is used directly
	Units   string

	Ranges         []Range // of integers and decimal64; empty: the whole value space
	RangeError     Message
	Lengths        []Range // of strings in characters, of binary in octets
	LengthError    Message
	Patterns       []*Pattern
	FractionDigits int
	Enums          []Enum
	Bits           []Bit // by position
	Members        []*Type
	Identities     []*Identity // bases of an identityref: a value is derived from all of them
	Leafref        *LeafrefPath
	// Target is the leaf or leaf-list that a leafref leads to; its type is the type of the values.
	Target          *Node
	RequireInstance bool // of leafref and instance-identifier
	// HoldsNames: values are XPath text, in which names carry the names of modules for prefixes.
	HoldsNames bool
	// InheritsNames: besides, a name without a prefix may be of the module of the name before it, as RFC 7951 section 6.11 has it.
	InheritsNames bool

	path           *leafrefText
	normalise      func(string) string // canonical form that a standard typedef adds (RFC 6991)
	schema         *Schema
	encoding       *Type // see Encoding
	hasDefault     bool
	typedefDefault string
	defaultUnit    *unit
}

// Message is what a restriction says when it is violated; both may be "".
type Message struct{ Text, AppTag string }

// Enum is one name of an enumeration with its number.
type Enum struct {
	Name  string
	Value int64
}

// Bit is one name of a bits type.
type Bit struct {
	Name     string
	Position uint32
}

// Resolved follows leafrefs to the type whose values are meant.
func (t *Type) Resolved() *Type {
	for t.Base == Leafref && t.Target != nil {
		t = t.Target.Type
	}
	return t
}

// Identity returns the identity of a canonical value of t, or nil.
func (t *Type) Identity(canonical string) *Identity {
	module, local := cutName(canonical)
	return t.schema.identities[name{module, local}]
}

// EnumValue returns the number of an enum name (RFC 7950 section 10.5).
func (t *Type) EnumValue(enum string) (int64, bool) {
	i := slices.IndexFunc(t.Enums, func(e Enum) bool { return e.Name == enum })
	if i < 0 {
		return 0, false
	}
	return t.Enums[i].Value, true
}

// resolveType resolves a type statement: a built-in type or a typedef, with the restrictions that the statement adds.
func (c *compiler) resolveType(s *statement) (*Type, error) {
	if b := slices.Index(baseNames, s.arg); b >= 0 {
		t := &Type{Base: Base(b), RequireInstance: true, schema: c.schema, Ranges: wholeRange(Base(b))}
		return t, c.restrict(t, s)
	}
	def, err := s.lookup("typedef", s.arg)
	if err != nil {
		return nil, err
	}
	base, err := c.typedef(def)
	if err != nil {
		return nil, err
	}
	t := new(Type)
	*t = *base
	return t, c.restrict(t, s)
}

func (c *compiler) typedef(def *statement) (*Type, error) {
	if t := c.typedefs[def]; t != nil {
		return t, nil
	}
	if c.open[def] {
		return nil, def.errorf("typedef %q is defined by itself", def.arg)
	}
	c.open[def] = true
	defer delete(c.open, def)
	s := def.sub("type")
	if s == nil {
		return nil, def.errorf("typedef %q has no type", def.arg)
	}
	t, err := c.resolveType(s)
	if err != nil {
		return nil, err
	}
	t.Module, t.Typedef = def.unit.module, def.arg
	if u := def.value("units"); u != "" {
		t.Units = u
	}
	if d := def.sub("default"); d != nil {
		t.hasDefault, t.typedefDefault, t.defaultUnit = true, d.arg, def.unit
	}
	if f := normalisers[name{t.Module.Name, t.Typedef}]; f != nil {
		t.normalise = f
	}
	t.HoldsNames = t.HoldsNames || holdsNames[name{t.Module.Name, t.Typedef}]
	t.InheritsNames = t.InheritsNames || (name{t.Module.Name, t.Typedef}) == nodeInstance
	c.typedefs[def] = t
	return t, nil
}

// restrict applies the substatements of a type statement to t, which is the caller's own.
func (c *compiler) restrict(t *Type, s *statement) error {
	var errs []error
	t.Patterns = slices.Clone(t.Patterns)
	if digits := s.value("fraction-digits"); digits != "" { // first, since a range is read with it
		var err error
		t.FractionDigits, err = strconv.Atoi(digits)
		errs = append(errs, err)
	}
	for _, p := range s.subs {
		var err error
		switch p.keyword {
		case "range":
			t.Ranges, err = parseRanges(p.arg, t.Ranges, t.FractionDigits)
			t.RangeError = message(p)
		case "length":
			t.Lengths, err = parseRanges(p.arg, t.Lengths, 0)
			t.LengthError = message(p)
		case "pattern":
			var re *Pattern
			re, err = newPattern(p.arg, p.value("modifier") == "invert-match", message(p))
			t.Patterns = append(t.Patterns, re)
		case "require-instance":
			t.RequireInstance = p.arg == "true"
		case "path":
			t.path, err = parseLeafref(p)
		case "base":
			var id *Identity
			id, err = c.identity(p)
			t.Identities = append(t.Identities, id)
		case "type":
			var m *Type
			m, err = c.resolveType(p)
			t.Members = append(t.Members, m)
		}
		if err != nil {
			errs = append(errs, p.errorf("%s: %w", p.keyword, err))
		}
	}
	errs = append(errs, t.enums(s.all("enum")), t.bits(s.all("bit")))
	return errors.Join(errs...)
}

func message(p *statement) Message {
	return Message{flow(p.value("error-message")), p.value("error-app-tag")}
}

// enums reads the enum statements: a full list, or a choice among those of the typedef (RFC 7950 section 9.6.4). Those that a feature
// switches off count for the numbers of the others.
func (t *Type) enums(list []*statement) error {
	base := t.Enums
	if len(list) > 0 {
		t.Enums = nil
	}
	next := int64(math.MinInt64) // none yet
	for _, s := range list {
		e := Enum{Name: s.arg, Value: next}
		if next == math.MinInt64 {
			e.Value = 0
		}
		if i := slices.IndexFunc(base, func(b Enum) bool { return b.Name == s.arg }); i >= 0 {
			e.Value = base[i].Value
		} else if len(base) > 0 {
			return s.errorf("enum %q is none of the type that is restricted", s.arg)
		}
		if v := s.value("value"); v != "" {
			var err error
			if e.Value, err = strconv.ParseInt(v, 10, 32); err != nil {
				return s.errorf("enum %q: value %q is no 32-bit number", s.arg, v)
			}
		}
		next = max(next, e.Value+1)
		missing, err := supported(s.subs)
		if err != nil {
			return err
		}
		if missing == "" {
			t.Enums = append(t.Enums, e)
		}
	}
	return nil
}

func (t *Type) bits(list []*statement) error {
	base := t.Bits
	if len(list) > 0 {
		t.Bits = nil
	}
	next := uint64(0)
	for _, s := range list {
		pos := next
		if i := slices.IndexFunc(base, func(b Bit) bool { return b.Name == s.arg }); i >= 0 {
			pos = uint64(base[i].Position)
		} else if len(base) > 0 {
			return s.errorf("bit %q is none of the type that is restricted", s.arg)
		}
		if v := s.value("position"); v != "" {
			var err error
			if pos, err = strconv.ParseUint(v, 10, 32); err != nil {
				return s.errorf("bit %q: position %q is no 32-bit number", s.arg, v)
			}
		}
		next = max(next, pos+1)
		missing, err := supported(s.subs)
		if err != nil {
			return err
		}
		if missing == "" {
			t.Bits = append(t.Bits, Bit{s.arg, uint32(pos)})
		}
	}
	slices.SortFunc(t.Bits, func(a, b Bit) int { return cmp.Compare(a.Position, b.Position) })
	return nil
}
