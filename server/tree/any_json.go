package tree

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"mooring/server/tree/schema"
	"mooring/server/tree/xmlio"
)

// anyObject gives the content of an anydata as a JSON object (RFC 7951 section 5.5); false when JSON cannot say all of it.
func anyObject(def *schema.Node, value string) (jsontext.Value, bool) {
	r := xmlio.NewReader(strings.NewReader("<any xmlns=\""+string(xmlio.AppendAttr(nil, def.Module.Namespace))+"\">"+value+"</any>"),
		xmlio.Limits{Depth: maxAnyDepth + 1})
	if _, err := r.Next(); err != nil {
		return nil, false
	}
	var top anyElement
	if err := (&anyReader{r: r}).content(&top); err != nil {
		return nil, false
	}
	w := anyObjectWriter{schema: def.Schema()}
	w.object(&top, nil, nil)
	if w.lost {
		return nil, false
	}
	back, err := anyOfObject(def, w.b)
	return w.b, err == nil && back == value
}

// anyObjectWriter writes elements as JSON.
type anyObjectWriter struct {
	schema *schema.Schema
	b      []byte
	lost   bool // there is something that JSON cannot say
}

// object writes the elements in e, whose definition is def if that is known, as an object.
func (w *anyObjectWriter) object(e *anyElement, def *schema.Node, module *schema.Module) {
	w.b = append(w.b, '{')
	for i := 0; i < len(e.parts); {
		first := e.parts[i].el
		if first == nil {
			w.lost = true
			return
		}
		m := w.schema.ByNamespace(first.name.Space)
		if m == nil {
			w.lost = true
			return
		}
		if i > 0 {
			w.b = append(w.b, ',')
		}
		name := first.name.Local
		if m != module {
			name = m.Name + ":" + name
		}
		w.b, _ = jsontext.AppendQuote(w.b, name)
		w.b = append(w.b, ':')
		begin := i
		for i++; i < len(e.parts) && e.parts[i].el != nil && e.parts[i].el.name.Local == first.name.Local && e.parts[i].el.name.Space == first.name.Space; i++ {
		}
		w.values(e.parts[begin:i], knownChild(w.schema, def, m, first.name.Local, module == nil), m)
	}
	w.b = append(w.b, '}')
}

// values writes elements of one name: as an array when they are several, or known to be of a list.
func (w *anyObjectWriter) values(parts []anyPart, def *schema.Node, m *schema.Module) {
	array := len(parts) > 1 || def != nil && (def.Kind == schema.List || def.Kind == schema.LeafList)
	if array {
		w.b = append(w.b, '[')
	}
	for i, p := range parts {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.value(p.el, def, m)
	}
	if array {
		w.b = append(w.b, ']')
	}
}

func (w *anyObjectWriter) value(e *anyElement, def *schema.Node, m *schema.Module) {
	if len(e.attrs) > 0 {
		w.lost = true
	}
	switch {
	case len(e.parts) > 0 && e.parts[0].el != nil || len(e.parts) == 0 && def != nil && def.HasChildren():
		w.object(e, def, m)
	case def != nil && def.Kind == schema.AnyData:
		w.lost = true // one that is inside the other: both may hold anything
	default:
		w.leaf(e, def)
	}
}

func (w *anyObjectWriter) leaf(e *anyElement, def *schema.Node) {
	text := ""
	if len(e.parts) > 0 {
		text = e.parts[0].text
	}
	if def != nil && def.Type != nil {
		value, err := def.Type.Parse(text, schema.Lexical{XML: true, Module: func(prefix string) *schema.Module {
			return def.Type.SchemaNamespace(e.prefixes[prefix])
		}})
		if err == nil {
			w.b = AppendJSONValue(w.b, def, value)
			return
		}
	}
	w.lost = w.lost || len(e.prefixes) > 0 // names that nobody here can read
	w.b, _ = jsontext.AppendQuote(w.b, text)
}

// anyOfObject reads the content of an anydata from a JSON object.
func anyOfObject(def *schema.Node, v jsontext.Value) (string, error) {
	if v.Kind() != '{' {
		return "", errors.New("an anydata is written as an object")
	}
	top := anyElement{}
	top.name.Space = def.Module.Namespace
	r := anyObjectReader{schema: def.Schema(), dec: jsontext.NewDecoder(strings.NewReader(string(v)))}
	if err := r.object(&top, nil, nil); err != nil {
		return "", err
	}
	return top.value(def)
}

type anyObjectReader struct {
	schema *schema.Schema
	dec    *jsontext.Decoder
}

// object reads an object into e, whose definition is def if that is known. module is that of names without one.
func (r *anyObjectReader) object(e *anyElement, def *schema.Node, module *schema.Module) error {
	if _, err := r.dec.ReadToken(); err != nil {
		return err
	}
	for r.dec.PeekKind() == '"' {
		t, err := r.dec.ReadToken()
		if err != nil {
			return err
		}
		name := t.String()
		if strings.HasPrefix(name, "@") { // an annotation
			if err := r.dec.SkipValue(); err != nil {
				return err
			}
			continue
		}
		m, local := module, name
		if prefix, after, ok := strings.Cut(name, ":"); ok {
			m, local = r.schema.Module(prefix), after
		}
		if m == nil {
			return fmt.Errorf("%q: no module is known that would give it a namespace", name)
		}
		if !isIdentifier(local) {
			return fmt.Errorf("%q is no name of a YANG node", name)
		}
		kid := anyElement{name: xmlio.Name{Space: m.Namespace, Local: local}}
		if err := r.values(e, kid, knownChild(r.schema, def, m, local, module == nil), m, true); err != nil {
			return err
		}
	}
	_, err := r.dec.ReadToken()
	return err
}

// values reads what stands for one element, or in an array for several, like kid and adds them to e.
func (r *anyObjectReader) values(e *anyElement, kid anyElement, def *schema.Node, m *schema.Module, array bool) error {
	switch kind := r.dec.PeekKind(); kind {
	case '[':
		v, err := r.dec.ReadValue()
		switch {
		case err != nil:
			return err
		case strings.Join(strings.Fields(string(v)), "") == "[null]":
			e.parts = append(e.parts, anyPart{el: &kid})
			return nil
		case !array:
			return fmt.Errorf("%s: an array stands inside an array", kid.name.Local)
		}
		inner := anyObjectReader{r.schema, jsontext.NewDecoder(strings.NewReader(string(v)))}
		inner.dec.ReadToken()
		for inner.dec.PeekKind() != ']' {
			if err := inner.values(e, kid, def, m, false); err != nil {
				return err
			}
		}
		return nil
	case '{':
		e.parts = append(e.parts, anyPart{el: &kid})
		return r.object(&kid, def, m)
	case 'n':
		return fmt.Errorf("%s: null is no value", kid.name.Local)
	default:
		t, err := r.dec.ReadToken()
		if err != nil {
			return err
		}
		e.parts = append(e.parts, anyPart{el: &kid})
		return kid.scalar(t, def)
	}
}

// scalar makes a JSON value the content of e.
func (e *anyElement) scalar(t jsontext.Token, def *schema.Node) error {
	text := t.String()
	if def != nil && def.Type != nil {
		lex := schema.Lexical{Token: map[jsontext.Kind]schema.Token{'"': schema.JSONString, '0': schema.JSONNumber}[t.Kind()], Module: func(name string) *schema.Module {
			if name == "" {
				return def.Module
			}
			return def.Type.SchemaModule(name)
		}}
		if lex.Token == schema.Text {
			lex.Token = schema.JSONBoolean
		}
		if value, err := def.Type.Parse(text, lex); err == nil {
			e.set(def, value)
			return nil
		}
	}
	if err := checkText(text); err != nil {
		return err
	}
	if text != "" {
		e.text(text)
	}
	return nil
}

// isIdentifier reports whether text is an identifier (RFC 7950 section 14), as all names of nodes are.
func isIdentifier(text string) bool {
	return text != "" && strings.IndexByte("0123456789-.", text[0]) < 0 && !slices.ContainsFunc([]byte(text), func(ch byte) bool { return !schema.IsNameByte(ch) || ch >= 0x80 })
}
