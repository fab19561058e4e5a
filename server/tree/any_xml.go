package tree

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"mooring/server/tree/schema"
	"mooring/server/tree/xmlio"
)

// anyElement is an element of content without a schema.
type anyElement struct {
	name  xmlio.Name
	attrs []xmlio.Attr
	parts []anyPart
	// prefixes are those that values in it use, with the namespaces that they stand for.
	prefixes map[string]string
	bare     string // what names without a prefix in a value mean
}

// anyPart is a text or an element.
type anyPart struct {
	text string
	el   *anyElement
}

// anyReader reads content. What is too large is read to its end all the same, and dropped.
type anyReader struct {
	r    *xmlio.Reader
	size int
}

// content reads the rest of the open element into e, and closes it.
func (a *anyReader) content(e *anyElement) error {
	for depth := a.r.Depth(); ; {
		el, text, err := a.r.Mixed()
		switch {
		case err != nil:
			return err
		case el != nil:
			kid := &anyElement{name: el.Name, attrs: slices.Clone(el.Attrs)}
			a.size += len(el.Name.Local) + len(el.Name.Space)
			for _, at := range kid.attrs {
				a.size += len(at.Name.Local) + len(at.Name.Space) + len(at.Value)
				kid.resolve(a.r, at.Value)
			}
			if err := a.content(kid); err != nil {
				return err
			}
			if a.size <= maxAny {
				e.parts = append(e.parts, anyPart{el: kid})
			}
		case a.r.Depth() < depth:
			return nil
		default:
			if a.size += len(text); a.size <= maxAny {
				e.text(text)
				e.resolve(a.r, text)
			}
		}
	}
}

// text adds text behind what e holds.
func (e *anyElement) text(text string) {
	if last := len(e.parts) - 1; last >= 0 && e.parts[last].el == nil {
		e.parts[last].text += text
		return
	}
	e.parts = append(e.parts, anyPart{text: text})
}

// resolve keeps what the prefixes in a value mean: it may be a qualified name, or a path.
func (e *anyElement) resolve(r *xmlio.Reader, value string) {
	e.bare, _ = r.Namespace("")
	for rest := value; ; {
		at := strings.IndexByte(rest, ':')
		if at < 0 {
			return
		}
		begin := at
		for begin > 0 && schema.IsNameByte(rest[begin-1]) {
			begin--
		}
		if prefix := rest[begin:at]; prefix != "" && prefix != "xml" {
			if space, ok := r.Namespace(prefix); ok {
				e.use(prefix, space)
			}
		}
		rest = rest[at+1:]
	}
}

func (e *anyElement) use(prefix, space string) {
	if e.prefixes == nil {
		e.prefixes = map[string]string{}
	}
	e.prefixes[prefix] = space
}

// value gives the content of e, an instance of def, in the form that is kept.
func (e *anyElement) value(def *schema.Node) (string, error) {
	if !def.AnyXML {
		if err := e.tidy(def.Schema(), nil); err != nil {
			return "", err
		}
		if len(e.parts) > 0 && e.parts[0].el == nil {
			return "", errors.New("an anydata holds elements, and no text")
		}
	}
	return string(e.appendParts(nil, e.name.Space, nil)), nil
}

// tidy brings e, in an anydata, to the form of data modelled by YANG: no text beside elements, known values canonical. def is the
// definition of e where that is known.
func (e *anyElement) tidy(s *schema.Schema, def *schema.Node) error {
	e.parts = slices.DeleteFunc(e.parts, func(p anyPart) bool { return p.el == nil && blank(p.text) && len(e.parts) > 1 })
	if len(e.parts) == 1 && e.parts[0].el == nil {
		if blank(e.parts[0].text) && (def == nil || def.HasChildren()) {
			e.parts = nil
			return nil
		}
		e.canonical(def)
		return nil
	}
	for _, p := range e.parts {
		if p.el == nil {
			return fmt.Errorf("element %s has text beside elements, which no node of a YANG module has", e.name.Local)
		}
		if err := p.el.tidy(s, knownChild(s, def, s.ByNamespace(p.el.name.Space), p.el.name.Local, e.name.Local == "")); err != nil {
			return err
		}
	}
	return nil
}

func blank(text string) bool { return strings.Trim(text, " \t\r\n") == "" }

// knownChild is the definition of a node in an anydata: at the top, any data node or notification that is at the top of a module.
func knownChild(s *schema.Schema, parent *schema.Node, m *schema.Module, local string, top bool) *schema.Node {
	switch {
	case m == nil:
		return nil
	case !top && parent == nil:
		return nil
	case !top:
		return parent.Child(m.Name, local)
	}
	if n := s.Root.Child(m.Name, local); n != nil {
		return n
	}
	return s.Notification(m.Name, local)
}

// canonical writes the value of a leaf whose type is known as everybody writes it, prefixes of modules included.
func (e *anyElement) canonical(def *schema.Node) {
	if def == nil || def.Type == nil {
		return
	}
	lex := schema.Lexical{XML: true, Module: func(prefix string) *schema.Module {
		if prefix == "" {
			return def.Type.SchemaNamespace(e.bare)
		}
		return def.Type.SchemaNamespace(e.prefixes[prefix])
	}}
	if value, err := def.Type.Parse(e.parts[0].text, lex); err == nil {
		e.set(def, value)
	}
}

// set makes a canonical value of def the content of e.
func (e *anyElement) set(def *schema.Node, value string) {
	e.parts, e.prefixes = nil, nil
	text, modules := value, []*schema.Module(nil)
	if t := def.Type.Encoding(value); t.Base == schema.IdentityRef || t.Base == schema.InstanceID || t.HoldsNames {
		text, modules = XMLValue(t, value)
	}
	for _, m := range modules {
		e.use(m.Prefix, m.Namespace)
	}
	if text != "" {
		e.text(text)
	}
}

// append writes e: names in the default namespace, which is declared where it changes; prefixes only for attributes, in the order
// of their names, and where values need them. space is the default namespace around e, scope the prefixes declared there.
func (e *anyElement) append(b []byte, space string, scope map[string]string) []byte {
	b = append(append(b, '<'), e.name.Local...)
	if e.name.Space != space {
		b = append(xmlio.AppendAttr(append(b, ` xmlns="`...), e.name.Space), '"')
	}
	inner := maps.Clone(scope)
	if inner == nil {
		inner = map[string]string{}
	}
	maps.Copy(inner, e.prefixes)
	slices.SortFunc(e.attrs, func(x, y xmlio.Attr) int {
		return cmp.Or(strings.Compare(x.Name.Space, y.Name.Space), strings.Compare(x.Name.Local, y.Name.Local))
	})
	for i := range e.attrs {
		e.attrs[i].Name.Prefix = prefixFor(e.attrs[i].Name.Space, inner)
	}
	for _, prefix := range slices.Sorted(maps.Keys(inner)) {
		if scope[prefix] != inner[prefix] {
			b = append(append(append(b, " xmlns:"...), prefix...), `="`...)
			b = append(xmlio.AppendAttr(b, inner[prefix]), '"')
		}
	}
	for _, at := range e.attrs {
		if b = append(b, ' '); at.Name.Prefix != "" {
			b = append(append(b, at.Name.Prefix...), ':')
		}
		b = append(append(b, at.Name.Local...), `="`...)
		b = append(xmlio.AppendAttr(b, at.Value), '"')
	}
	if len(e.parts) == 0 {
		return append(b, "/>"...)
	}
	b = e.appendParts(append(b, '>'), e.name.Space, inner)
	return append(append(append(b, "</"...), e.name.Local...), '>')
}

// prefixFor gives a prefix of a namespace, which is added to scope when there is none yet.
func prefixFor(space string, scope map[string]string) string {
	switch space {
	case "":
		return ""
	case xmlio.XMLNamespace:
		return "xml"
	}
	for _, prefix := range slices.Sorted(maps.Keys(scope)) {
		if scope[prefix] == space {
			return prefix
		}
	}
	for i := 1; ; i++ {
		if prefix := "ns" + strconv.Itoa(i); scope[prefix] == "" {
			scope[prefix] = space
			return prefix
		}
	}
}

func (e *anyElement) appendParts(b []byte, space string, scope map[string]string) []byte {
	for _, p := range e.parts {
		if p.el != nil {
			b = p.el.append(b, space, scope)
		} else {
			b = xmlio.AppendText(b, p.text)
		}
	}
	return b
}
