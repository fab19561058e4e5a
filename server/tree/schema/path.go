package schema

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Path leads from the root to one instance, or to a whole list or leaf-list. The empty path is the root.
type Path []Step

// Step is one level of a Path.
type Step struct {
	Node *Node
	// Keys are canonical: of a list entry its key values in the order of Node.Keys, of a leaf-list entry its one value. nil
	// stands for a node that needs none, or for the list as a whole. In an instance-identifier, the entry of a list of state
	// without keys has its position.
	Keys []string
}

// Last returns the last step; the path must not be empty.
func (p Path) Last() Step { return p[len(p)-1] }

// Parent is the path one step shorter; that of the root is the root.
func (p Path) Parent() Path { return p[:max(0, len(p)-1)] }

// Append returns a new path with one step more; p is not changed and shares nothing that the caller could overwrite.
func (p Path) Append(n *Node, keys ...string) Path {
	return append(slices.Clip(p), Step{n, keys})
}

// Equal reports whether p and q lead to the same instance.
func (p Path) Equal(q Path) bool {
	return slices.EqualFunc(p, q, Step.Equal)
}

// Equal reports whether a and b are the same step.
func (a Step) Equal(b Step) bool { return a.Node == b.Node && slices.Equal(a.Keys, b.Keys) }

// Contains reports whether q is p or lies below it. A path to a whole list contains its entries.
func (p Path) Contains(q Path) bool {
	if len(q) < len(p) {
		return false
	}
	for i, s := range p {
		whole := s.Keys == nil && i == len(p)-1 // of a list; for other nodes both have no keys
		if s.Node != q[i].Node || !whole && !slices.Equal(s.Keys, q[i].Keys) {
			return false
		}
	}
	return true
}

// String writes p with module names as RFC 7951 section 6.11 does: a name without module is in that of the name before it.
func (p Path) String() string {
	return p.format(func(m *Module) string { return m.Name }, false)
}

// Format writes p with every name prefixed by what prefix gives for its module, as instance-identifiers in XML are
// (RFC 7950 section 9.13.2) and as NETCONF error-path wants it.
func (p Path) Format(prefix func(*Module) string) string { return p.format(prefix, true) }

func (p Path) format(prefix func(*Module) string, always bool) string {
	if len(p) == 0 {
		return "/"
	}
	var b strings.Builder
	var module *Module
	name := func(n *Node) {
		if always || n.Module != module {
			b.WriteString(prefix(n.Module))
			b.WriteByte(':')
		}
		b.WriteString(n.Name)
	}
	for _, s := range p {
		b.WriteByte('/')
		name(s.Node)
		module = s.Node.Module
		for i, k := range s.Keys {
			b.WriteByte('[')
			t := s.Node.Type
			switch {
			case s.Node.Kind == LeafList:
				b.WriteString(".=")
			case len(s.Node.Keys) == 0:
				b.WriteString(k + "]") // a position
				continue
			default:
				name(s.Node.Keys[i])
				b.WriteByte('=')
				t = s.Node.Keys[i].Type
			}
			if always {
				k = t.prefixed(k, prefix)
			}
			b.WriteString(Quote(k))
			b.WriteByte(']')
		}
	}
	return b.String()
}

// prefixed writes a canonical value that holds names with prefixes in place of modules.
func (t *Type) prefixed(canonical string, prefix func(*Module) string) string {
	switch t = t.Encoding(canonical); t.Base {
	case IdentityRef:
		if id := t.Identity(canonical); id != nil {
			return prefix(id.Module) + ":" + id.Name
		}
	case InstanceID:
		if p, err := t.ParsePath(canonical); err == nil {
			return p.Format(prefix)
		}
	}
	return canonical
}

// Quote writes a value as an XPath string literal. XPath 1.0 has no escapes, so a value with both kinds of quotes cannot be
// written; its double quotes are doubled, which ParsePath understands.
func Quote(value string) string {
	if !strings.Contains(value, "'") {
		return "'" + value + "'"
	}
	return `"` + strings.ReplaceAll(value, `"`, `""`) + `"`
}

// ParsePath reads an instance path such as /m:a/list[key='value']/leaf. resolve gives the module of a prefix; with no
// prefix it is asked for "", and where that gives nil the module of the name before it is meant. Every key of a list must
// be given once, or none, which names the whole list; values are made canonical. White space around names and inside
// brackets is allowed.
func ParsePath(s *Schema, text string, resolve func(prefix string) *Module) (Path, error) {
	if strings.TrimSpace(text) == "/" {
		return Path{}, nil
	}
	r := pathReader{schema: s, text: text, resolve: resolve, at: s.Root}
	return r.read()
}

// parseInstance reads an instance-identifier (RFC 7950 section 9.13), which leads to one instance: every entry is named. In XML all
// names have a prefix; elsewhere one without is in the module of the name before it, which the first must have (RFC 7951 section 6.11).
func (t *Type) parseInstance(text string, lex Lexical) (Path, error) {
	r := pathReader{schema: t.schema, text: text, resolve: lex.Module, at: t.schema.Root, instance: true}
	switch {
	case lex.XML:
		r.bare = func(local string, _ *Node) (*Module, error) {
			return nil, fmt.Errorf("%q has no prefix: in XML every name of an instance-identifier, those in its predicates included, has one", local)
		}
	case !lex.Schema:
		r.bare = func(local string, parent *Node) (*Module, error) {
			if parent.Module == nil {
				return nil, fmt.Errorf("the first name of an instance-identifier needs the name of its module, as in /module:%s", local)
			}
			return parent.Module, nil
		}
	}
	return r.read()
}

// ParsePredicates reads the keys of an entry of list as predicates, [k1='a'][k2='b'], and returns the canonical values in
// the order of the keys. resolve is that of ParsePath.
func ParsePredicates(list *Node, text string, resolve func(prefix string) *Module) ([]string, error) {
	r := pathReader{schema: list.schema, text: text, resolve: resolve, at: list}
	step := Step{Node: list}
	for r.accept('[') {
		if err := r.predicate(&step); err != nil {
			return nil, err
		}
	}
	if r.pos < len(text) || slices.Contains(step.Keys, unset) || step.Keys == nil {
		return nil, fmt.Errorf("%q does not give all keys of %s", text, list.path)
	}
	return step.Keys, nil
}

type pathReader struct {
	schema  *Schema
	text    string
	pos     int
	resolve func(string) *Module
	at      *Node
	path    Path
	// instance: the path leads to one instance, so that no list is meant as a whole.
	instance bool
	// bare gives the module of a name without prefix below parent; nil asks resolve, and takes that of the name before it.
	bare func(local string, parent *Node) (*Module, error)
}

func (r *pathReader) read() (Path, error) {
	for r.space(); r.pos < len(r.text); r.space() {
		if err := r.step(); err != nil {
			return nil, fmt.Errorf("at %d: %w", r.pos, err)
		}
	}
	if len(r.path) == 0 {
		return nil, errors.New("empty path")
	}
	return r.path, nil
}

func (r *pathReader) space() {
	for r.pos < len(r.text) && strings.IndexByte(" \t\r\n", r.text[r.pos]) >= 0 {
		r.pos++
	}
}

func (r *pathReader) accept(ch byte) bool {
	r.space()
	if r.pos < len(r.text) && r.text[r.pos] == ch {
		r.pos++
		return true
	}
	return false
}

func (r *pathReader) step() error {
	if !r.accept('/') {
		return fmt.Errorf("expected /")
	}
	n, err := r.child(r.at)
	if err != nil {
		return err
	}
	step := Step{Node: n}
	for r.accept('[') {
		if err := r.predicate(&step); err != nil {
			return err
		}
	}
	if missing := slices.Index(step.Keys, unset); missing >= 0 {
		return fmt.Errorf("%s: key %q is missing", n.path, n.Keys[missing].Name)
	}
	if r.instance && step.Keys == nil && (n.Kind == List || n.Kind == LeafList) {
		return fmt.Errorf("%s %s stands for all its entries; one of them is named by %s", n.Kind, n.path, n.predicates())
	}
	r.path, r.at = append(r.path, step), n
	return nil
}

// predicates shows how an entry of n is named.
func (n *Node) predicates() string {
	switch {
	case n.Kind == LeafList:
		return "its value, as in [.='...']"
	case len(n.Keys) == 0:
		return "its position, as in [1]"
	}
	var b strings.Builder
	for _, k := range n.Keys {
		b.WriteString("[" + k.Name + "='...']")
	}
	return "its keys, as in " + b.String()
}

// child reads a name and finds its node below parent.
func (r *pathReader) child(parent *Node) (*Node, error) {
	r.space()
	start := r.pos
	for r.pos < len(r.text) && strings.IndexByte("/[]= \t\r\n", r.text[r.pos]) < 0 {
		r.pos++
	}
	qualified := r.text[start:r.pos]
	if qualified == "" {
		return nil, errors.New("a name is expected")
	}
	prefix, local := cutName(qualified)
	m, err := r.module(prefix, local, parent)
	if err != nil {
		return nil, err
	}
	if m == nil {
		return nil, fmt.Errorf("%q: prefix %q names no module", qualified, prefix)
	}
	if n := parent.Child(m.Name, local); n != nil {
		return n, nil
	}
	if feature, ok := parent.Unsupported(m.Name, local); ok {
		return nil, fmt.Errorf("%q needs feature %s, which this element lacks", qualified, feature)
	}
	return nil, fmt.Errorf("no node %q of module %s below %s", local, m.Name, parent.path)
}

func (r *pathReader) module(prefix, local string, parent *Node) (*Module, error) {
	if prefix == "" && r.bare != nil {
		return r.bare(local, parent)
	}
	m := r.resolve(prefix)
	if m == nil && prefix == "" {
		m = parent.Module
	}
	return m, nil
}

// position reads the position of an entry of a list without keys.
func (r *pathReader) position(step *Step) error {
	begin := r.pos
	for r.pos < len(r.text) && r.text[r.pos] >= '0' && r.text[r.pos] <= '9' {
		r.pos++
	}
	digits := r.text[begin:r.pos]
	switch n := step.Node; {
	case n.Kind != List || len(n.Keys) > 0:
		return fmt.Errorf("[%s]: an entry of %s %s is not named by its position but by %s", digits, n.Kind, n.path, n.predicates())
	case digits[0] == '0' || len(digits) > 18:
		return fmt.Errorf("[%s]: positions begin with 1, and have no leading zeros", digits)
	case step.Keys != nil:
		return fmt.Errorf("two positions are given")
	}
	step.Keys = []string{digits}
	if !r.accept(']') {
		return fmt.Errorf("expected ]")
	}
	return nil
}

// unset marks a key that no predicate has given yet; no YANG string can hold it.
const unset = "\x00"

func (r *pathReader) predicate(step *Step) error {
	n := step.Node
	r.space()
	var i int
	var t *Type
	what := "the value"
	switch {
	case r.instance && r.pos < len(r.text) && r.text[r.pos] >= '0' && r.text[r.pos] <= '9':
		return r.position(step)
	case strings.HasPrefix(r.text[r.pos:], ".") && n.Kind == LeafList:
		r.pos++
		t = n.Type
		if step.Keys == nil {
			step.Keys = []string{unset}
		}
	case n.Kind == List && len(n.Keys) > 0:
		key, err := r.child(n)
		if err != nil {
			return err
		}
		if i = slices.Index(n.Keys, key); i < 0 {
			return fmt.Errorf("%q is no key of list %s", key.Name, n.path)
		}
		t, what = key.Type, fmt.Sprintf("key %q", key.Name)
		if step.Keys == nil {
			step.Keys = slices.Repeat([]string{unset}, len(n.Keys))
		}
	default:
		return fmt.Errorf("%s %s takes no such predicate", n.Kind, n.path)
	}
	if !r.accept('=') {
		return fmt.Errorf("expected =")
	}
	value, err := r.literal()
	if err != nil {
		return err
	}
	if step.Keys[i] != unset {
		return fmt.Errorf("%s is given twice", what)
	}
	if step.Keys[i], err = t.Parse(value, Lexical{Module: r.keyModule(n)}); err != nil {
		return err
	}
	if !r.accept(']') {
		return fmt.Errorf("expected ]")
	}
	return nil
}

// keyModule resolves prefixes inside a key value; an identity without prefix is of the list's own module.
func (r *pathReader) keyModule(n *Node) func(string) *Module {
	return func(prefix string) *Module {
		if m := r.resolve(prefix); m != nil {
			return m
		}
		if prefix == "" {
			return n.Module
		}
		return r.schema.Module(prefix)
	}
}

func (r *pathReader) literal() (string, error) {
	r.space()
	if r.pos == len(r.text) || r.text[r.pos] != '\'' && r.text[r.pos] != '"' {
		return "", fmt.Errorf("expected a quoted value")
	}
	quote := r.text[r.pos : r.pos+1]
	var value strings.Builder
	for {
		r.pos++
		end := strings.Index(r.text[r.pos:], quote)
		if end < 0 {
			return "", fmt.Errorf("a quote is not closed")
		}
		value.WriteString(r.text[r.pos : r.pos+end])
		r.pos += end + 1
		if !strings.HasPrefix(r.text[r.pos:], quote) {
			return value.String(), nil
		}
		value.WriteString(quote) // doubled: the quote itself, see Quote
	}
}

// ParsePath reads a canonical value of an instance-identifier type.
func (t *Type) ParsePath(canonical string) (Path, error) {
	return t.parseInstance(canonical, Lexical{Module: t.schema.Module})
}

// JoinedKeys gives the keys as one text that no other keys give.
func (s Step) JoinedKeys() string { return strings.Join(s.Keys, "\x00") }
