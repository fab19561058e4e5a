package tree

import (
	"fmt"
	"slices"

	"mooring/server/tree/schema"
	"mooring/server/tree/xmlio"
)

// The namespaces of the attributes that edit-config uses: operation (RFC 6241 section 7.2), and insert, key and value
// (RFC 7950 sections 7.7.9, 7.8.6).
const (
	NetconfNamespace = "urn:ietf:params:xml:ns:netconf:base:1.0"
	yangNamespace    = YANGNamespace
)

// DecodeEdit reads the children of the open element of r as children of def, with the operations that their attributes
// say and op where they say none, and closes the element. It is how <config> of an edit-config becomes an Edit of the
// root. All problems with the data are returned, joined; an error that is no *Error is one of r, and ends the session.
func DecodeEdit(r *xmlio.Reader, def *schema.Node, op Op, o DecodeOptions) (Edit, error) {
	d := &xmlDecoder{r: r, options: o, edits: true}
	return d.decode(def, op)
}

// DecodeXML reads the children of the open element of r as children of def, and closes the element: the content of an rpc,
// action or notification, or data without operations. It returns nil when there are none and def is a container without
// presence.
func DecodeXML(r *xmlio.Reader, def *schema.Node, o DecodeOptions) (*Node, error) {
	d := &xmlDecoder{r: r, options: o}
	ed, err := d.decode(def, Merge)
	return ed.Node, err
}

// xmlDecoder builds an edit from elements. What has no operation of its own goes to the builder, and so into one node that
// the tree can take over as it is; the rest becomes edits below it. Its methods return an error only when reading cannot
// go on.
type xmlDecoder struct {
	reading
	r       *xmlio.Reader
	options DecodeOptions
	edits   bool // attributes of edit-config are understood
}

func (d *xmlDecoder) decode(def *schema.Node, op Op) (Edit, error) {
	if def.Kind != schema.Root {
		for _, n := range def.Ancestors() {
			d.path = append(d.path, schema.Step{Node: n})
		}
	}
	var b Builder
	b.Open(def)
	below, err := d.content(&b, def, op)
	if err != nil {
		return Edit{}, err
	}
	n, _ := b.Close()
	if n == nil && d.edits {
		n = &Node{def: def, in: &inner{}} // a container that holds nothing still says what to do
	}
	return Edit{Op: op, Node: n, Below: below}, d.outcome(n)
}

func (d *xmlDecoder) fail(tag Tag, info []Info, format string, args ...any) {
	d.errs.add(&Error{Tag: tag, Path: append(schema.Path{}, d.path...), Info: info, Message: fmt.Sprintf(format, args...)})
}

// content reads child elements until the open element ends: into b, and into the edits returned when they have operations
// of their own.
func (d *xmlDecoder) content(b *Builder, def *schema.Node, op Op) ([]Edit, error) {
	var below []Edit
	var cases []*schema.Node // members of choices given so far
	for {
		el, err := d.r.Next()
		if el == nil || err != nil {
			return below, err
		}
		child := d.child(def, el)
		var own Edit
		ok := child != nil
		if ok {
			own, ok = d.attributes(child, el, op)
		}
		if !ok {
			if err := d.r.Skip(); err != nil {
				return nil, err
			}
			continue
		}
		extra := false
		if child.Case != nil && own.Op != Delete && own.Op != Remove {
			if extra = !d.oneCase(cases, child); !extra {
				cases = append(cases, child)
			}
		}
		d.path = append(d.path, schema.Step{Node: child})
		inOrder := child.UserOrdered && slices.ContainsFunc(below, func(e Edit) bool { return e.Node.def == child })
		var edits []Edit
		switch {
		case d.edits && tagged(el):
			edits, err = d.toDefault(child, own)
		case own.Op != op || own.Where != Keep || inOrder:
			edits, err = d.special(child, own)
		default:
			edits, err = d.plain(b, child, op)
		}
		if extra {
			d.gap()
			b.forget(child)
			edits = nil
		}
		d.path = d.path[:len(d.path)-1]
		if err != nil {
			return nil, err
		}
		below = append(below, edits...)
	}
}

// oneCase reports whether child does not stand in another case of a choice than what was given before it; otherwise that is noted.
func (d *xmlDecoder) oneCase(cases []*schema.Node, child *schema.Node) bool {
	for _, other := range cases {
		if other.Excludes(child) {
			d.fail(BadElement, badElement(child.Name), "%s stands in another case than %s; only one case of a choice can be given", child.Name, other.Name)
			return false
		}
	}
	return true
}

// plain reads an element without an operation of its own into b.
func (d *xmlDecoder) plain(b *Builder, def *schema.Node, op Op) ([]Edit, error) {
	if def.Kind == schema.AnyData && d.options.Any != nil {
		if !b.Leaf(def, "") {
			d.fail(BadElement, badElement(def.Name), "is given twice")
			return nil, d.r.Skip()
		}
		return nil, d.errs.take(d.options.Any(def, b))
	}
	if !def.HasChildren() {
		value, ok, err := d.value(def)
		if err != nil {
			return nil, err
		}
		if !ok {
			d.unread(b, value)
			return nil, nil
		}
		if !b.Leaf(def, value) {
			d.fail(BadElement, badElement(def.Name), "is given twice")
		}
		nameEntry(d.path, b)
		return nil, nil
	}
	since := d.mark()
	b.Open(def)
	below, err := d.content(b, def, op)
	if err != nil {
		return nil, err
	}
	stub := Edit{Op: Ensure, Below: below}
	if op == None || op == Delete || op == Remove {
		stub.Op = op
	}
	if len(below) > 0 {
		stub.Node = stubOf(def, b)
	}
	if def.Kind == schema.List {
		d.closeEntry(b, since)
	} else if _, ok := b.Close(); !ok {
		d.fail(BadElement, badElement(def.Name), "is given twice")
	}
	if stub.Node == nil {
		return nil, nil
	}
	return []Edit{stub}, nil
}

// stubOf makes the way to edits below the open node of b; nil when its keys are not complete, which is an error anyway.
func stubOf(def *schema.Node, b *Builder) *Node {
	keys := b.keysSoFar()
	if len(keys) < len(def.Keys) {
		return nil
	}
	return Stub(schema.Step{Node: def, Keys: keys})
}

// special reads an element with an operation or a place of its own.
func (d *xmlDecoder) special(def *schema.Node, own Edit) ([]Edit, error) {
	if !def.HasChildren() {
		return d.specialLeaf(def, own)
	}
	b, since := new(Builder), d.mark()
	b.Open(def)
	below, err := d.content(b, def, own.Op)
	if err != nil {
		return nil, err
	}
	own.Below = below
	for _, k := range b.Missing() {
		d.fail(MissingElement, badElement(k.Name), "key %q is missing", k.Name)
	}
	d.name(since)
	n, ok := b.Close()
	if !ok {
		d.gap()
		return nil, nil
	}
	if own.Node = n; n == nil {
		own.Node = &Node{def: def, in: &inner{}} // a container that holds nothing still says what to do
	}
	return []Edit{own}, nil
}

func (d *xmlDecoder) specialLeaf(def *schema.Node, own Edit) ([]Edit, error) {
	if (own.Op == Delete || own.Op == Remove) && def.Kind != schema.LeafList {
		own.Node = NewLeaf(def, "")
		return []Edit{own}, d.r.Skip() // a value, if there is one, means nothing
	}
	value, ok, err := d.value(def)
	if err != nil || !ok {
		return nil, err
	}
	own.Node = NewLeaf(def, value)
	return []Edit{own}, nil
}

// value reads the text of the open element as a value of def. When it is none, which is then noted, ok is false and value the text.
func (d *xmlDecoder) value(def *schema.Node) (value string, ok bool, err error) {
	if def.Kind == schema.AnyData {
		value, wrong, err := readAny(d.r, def)
		if wrong != nil {
			d.errs.add(anyError(slices.Clone(d.path), wrong))
		}
		return value, wrong == nil && err == nil, err
	}
	text, ok, err := d.r.Value()
	if err != nil {
		return "", false, err
	}
	if !ok {
		d.fail(BadElement, badElement(def.Name), "a value is expected here, not elements")
		return "", false, nil
	}
	value, err = def.Type.Parse(text, schema.Lexical{XML: true, Module: d.module(def)})
	if err != nil {
		d.errs.add(valueError(slices.Clone(d.path), err))
		return text, false, nil
	}
	return value, true, nil
}

// module resolves prefixes as the document declares them.
func (d *xmlDecoder) module(def *schema.Node) func(string) *schema.Module {
	return func(prefix string) *schema.Module {
		space, ok := d.r.Namespace(prefix)
		if !ok {
			return nil
		}
		return def.Type.SchemaNamespace(space)
	}
}

// child finds the definition of an element; nil, with the problem noted, when there is none.
func (d *xmlDecoder) child(def *schema.Node, el *xmlio.Element) *schema.Node {
	var child *schema.Node
	space := el.Name.Space
	for _, c := range def.Children { // most children are of one namespace: a map would not be faster
		if c.Name == el.Name.Local && c.Module.Namespace == space {
			child = c
			break
		}
	}
	if child == nil && d.options.Alias != nil {
		child = d.options.Alias(def, el)
	}
	switch {
	case child == nil:
		d.unknown(def, el)
	case !child.Config && !d.options.State:
		d.fail(UnknownElement, badElement(el.Name.Local), "%s is state and cannot be configured", el.Name.Local)
		return nil
	}
	return child
}

func (d *xmlDecoder) unknown(def *schema.Node, el *xmlio.Element) {
	m := def.ModuleByNamespace(el.Name.Space)
	if m == nil {
		info := append(badElement(el.Name.Local), Info{Name: "bad-namespace", Value: el.Name.Space})
		d.fail(UnknownNamespace, info, "no module has the namespace %q of element %s", el.Name.Space, el.Name.Local)
		return
	}
	e := unknownChild(append(schema.Path{}, d.path...), def, m, el.Name.Local)
	d.errs.add(e)
}
