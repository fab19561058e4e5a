package filter

import (
	"slices"
	"strings"

	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/server/tree/xmlio"
)

// element is an element of a subtree filter.
type element struct {
	name   xmlio.Name
	attrs  bool   // no data has attributes, so none is selected by an element that has (RFC 6241 section 6.2.2)
	text   string // of a content match node
	kids   []*element
	spaces map[string]string // what prefixes in text mean
}

// Subtree reads the subtree filter inside the open element of r and closes the element. The error is a *tree.Error where the
// filter is no filter, else one of r.
func Subtree(r *xmlio.Reader, s *schema.Schema) (*Filter, error) {
	var top element
	depth := r.Depth()
	if err := top.read(r); err != nil {
		for _, ok := err.(*tree.Error); ok && r.Depth() >= depth; {
			if err := r.Skip(); err != nil {
				return nil, err
			}
		}
		return nil, err
	}
	f := &Filter{schema: s}
	root := &selection{def: s.Root}
	if len(top.kids) > 0 && root.siblings(top.kids) {
		f.roots = append(f.roots, root)
	}
	return f, nil
}

// SubtreeText reads a subtree filter that is the content of an anydata, as tree.Node.Value gives it. def is its definition.
func SubtreeText(def *schema.Node, text string) (*Filter, error) {
	document := `<filter xmlns="` + string(xmlio.AppendAttr(nil, def.Module.Namespace)) + `">` + text + `</filter>`
	r := xmlio.NewReader(strings.NewReader(document), xmlio.Limits{})
	if _, err := r.Next(); err != nil {
		return nil, err
	}
	return Subtree(r, def.Schema())
}

// read reads the children of the open element.
func (e *element) read(r *xmlio.Reader) error {
	for {
		el, err := r.Next()
		if el == nil || err != nil {
			return err
		}
		kid := &element{name: el.Name, attrs: len(el.Attrs) > 0}
		e.kids = append(e.kids, kid)
		below, err := r.HasElements()
		if err != nil {
			return err
		}
		if below {
			err = kid.read(r)
		} else {
			err = kid.readText(r)
		}
		if err != nil {
			return err
		}
	}
}

func (e *element) readText(r *xmlio.Reader) error {
	text, ok, err := r.Value()
	if err != nil {
		return err
	}
	if !ok {
		return &tree.Error{Tag: tree.BadElement, Info: []tree.Info{{Name: "bad-element", Value: e.name.Local}},
			Message: "element " + e.name.Local + " of the filter has text and elements; it can have one of the two"}
	}
	if e.text = strings.Trim(text, " \t\r\n"); strings.Contains(e.text, ":") {
		e.spaces = r.Namespaces()
	}
	return nil
}

// siblings takes over the sibling set of a filter (RFC 6241 section 6.3) and reports whether anything can be selected by it.
func (s *selection) siblings(set []*element) bool {
	listed := false // there are selection or containment nodes, so that not everything is meant
	for _, e := range set {
		if e.text == "" {
			listed = true
			continue
		}
		m := e.match(s.def)
		if len(m) == 0 {
			return false
		}
		s.match = append(s.match, m)
	}
	if !listed {
		s.whole = true
		return true
	}
	for _, m := range s.match {
		for _, eq := range m {
			leaf := &selection{def: eq.leaf, whole: true}
			if eq.leaf.Kind == schema.LeafList {
				leaf.value = &eq.value
			}
			s.add(leaf)
		}
	}
	for _, e := range set {
		if e.text == "" && !e.attrs {
			s.choose(e)
		}
	}
	return true
}

// choose adds what a selection or containment node stands for.
func (s *selection) choose(e *element) {
	for _, def := range slices.Concat(s.def.Children, notifications(s.def)) {
		if !e.names(def) {
			continue
		}
		kid := &selection{def: def, whole: len(e.kids) == 0}
		if kid.whole || def.HasChildren() && kid.siblings(e.kids) {
			s.add(kid)
		}
	}
}

// match gives the leaves and values that a content match node accepts.
func (e *element) match(parent *schema.Node) (m match) {
	if e.attrs {
		return nil
	}
	for _, def := range parent.Children {
		if !e.names(def) || def.Kind != schema.Leaf && def.Kind != schema.LeafList {
			continue
		}
		if value, err := def.Type.Parse(e.text, schema.Lexical{XML: true, Module: e.module(def)}); err == nil {
			m = append(m, equal{def, value})
		}
	}
	return m
}

// names reports whether the element names a definition: an element without namespace does so in every one.
func (e *element) names(def *schema.Node) bool {
	return e.name.Local == def.Name && (e.name.Space == "" || e.name.Space == def.Module.Namespace)
}

// module resolves the prefixes in the text.
func (e *element) module(def *schema.Node) func(string) *schema.Module {
	return func(prefix string) *schema.Module {
		space, ok := e.spaces[prefix]
		if !ok && prefix == "" {
			return def.Module
		}
		return def.Type.SchemaNamespace(space)
	}
}
