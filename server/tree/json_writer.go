package tree

import (
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"mooring/server/tree/schema"
)

// JSONWriter writes RFC 7951 JSON as it is told nodes, without ever holding more than a buffer of it.
type JSONWriter struct {
	out    output
	indent string
	levels []jsonLevel
}

// jsonLevel is an open object.
type jsonLevel struct {
	module  *schema.Module // of the names inside that need no prefix
	array   *schema.Node   // the list or leaf-list whose array is open
	members int            // written so far
	tags    []*schema.Node // default leaves to be annotated at the end of the object
}

// NewJSONWriter writes to w, on lines indented by indent at each level, or all on one line when indent is "".
func NewJSONWriter(w io.Writer, indent string) *JSONWriter {
	return &JSONWriter{out: output{w: w}, indent: indent}
}

// Begin opens the outermost object. Names in it carry their module.
func (w *JSONWriter) Begin() {
	w.out.b = append(w.out.b, '{')
	w.levels = append(w.levels, jsonLevel{})
}

// End closes the outermost object and returns the first error of the output.
func (w *JSONWriter) End() error {
	w.endObject()
	w.out.b = append(w.out.b, '\n')
	w.out.flush(true)
	return w.out.err
}

// Member writes a member of the open object that is no node, such as an annotation; value is JSON text.
func (w *JSONWriter) Member(name, value string) {
	w.next(&w.levels[len(w.levels)-1])
	w.quote(name)
	w.colon()
	w.out.b = append(w.out.b, value...)
}

// Open implements Writer.
func (w *JSONWriter) Open(def *schema.Node) {
	w.name(def, def.Kind == schema.List)
	w.out.b = append(w.out.b, '{')
	w.levels = append(w.levels, jsonLevel{module: def.Module})
}

// Close implements Writer.
func (w *JSONWriter) Close() {
	w.endObject()
	w.out.flush(false)
}

// Leaf implements Writer.
func (w *JSONWriter) Leaf(def *schema.Node, value string, isDefault bool) {
	w.name(def, def.Kind == schema.LeafList)
	w.out.b = AppendJSONValue(w.out.b, def, value)
	if isDefault && def.Kind == schema.Leaf {
		top := &w.levels[len(w.levels)-1]
		top.tags = append(top.tags, def)
	}
	w.out.flush(false)
}

// name writes what comes before a value: the comma, the name, and the bracket that opens an array.
func (w *JSONWriter) name(def *schema.Node, isArray bool) {
	top := &w.levels[len(w.levels)-1]
	if top.array == def && isArray {
		w.out.b = append(w.out.b, ',')
		w.line(1)
		return
	}
	w.endArray(top)
	w.next(top)
	if def.Module == top.module {
		w.quote(def.Name)
	} else {
		w.quote(def.Module.Name + ":" + def.Name)
	}
	w.colon()
	if isArray {
		top.array = def
		w.out.b = append(w.out.b, '[')
		w.line(1)
	}
}

func (w *JSONWriter) next(top *jsonLevel) {
	w.endArray(top)
	if top.members++; top.members > 1 {
		w.out.b = append(w.out.b, ',')
	}
	w.line(0)
}

func (w *JSONWriter) colon() {
	w.out.b = append(w.out.b, ':')
	if w.indent != "" {
		w.out.b = append(w.out.b, ' ')
	}
}

// line begins a new line at the indentation of the open object plus extra.
func (w *JSONWriter) line(extra int) {
	if w.indent == "" {
		return
	}
	w.out.b = append(w.out.b, '\n')
	for i := range w.levels {
		w.out.b = append(w.out.b, w.indent...)
		if w.levels[i].array != nil && i < len(w.levels)-1 {
			w.out.b = append(w.out.b, w.indent...) // inside an array
		}
	}
	for range extra {
		w.out.b = append(w.out.b, w.indent...)
	}
}

func (w *JSONWriter) endArray(top *jsonLevel) {
	if top.array != nil {
		top.array = nil
		w.line(0)
		w.out.b = append(w.out.b, ']')
	}
}

func (w *JSONWriter) endObject() {
	top := &w.levels[len(w.levels)-1]
	w.endArray(top)
	for _, def := range top.tags { // RFC 6243 section 6 in the encoding of RFC 7952 section 5.2
		name := "@" + def.Name
		if def.Module != top.module {
			name = "@" + def.QualifiedName()
		}
		w.Member(name, `{"ietf-netconf-with-defaults:default":true}`)
	}
	members := top.members
	w.levels = w.levels[:len(w.levels)-1]
	if members > 0 && w.indent != "" {
		if len(w.levels) > 0 && w.levels[len(w.levels)-1].array != nil {
			w.line(1)
		} else {
			w.line(0)
		}
	}
	w.out.b = append(w.out.b, '}')
}

func (w *JSONWriter) quote(s string) {
	w.out.b, _ = jsontext.AppendQuote(w.out.b, s) // fails only on invalid UTF-8, which no YANG name is
}

// AppendJSONValue appends a canonical value as RFC 7951 section 6 writes it: numbers of up to 32 bits and booleans bare, an
// empty as [null], all else quoted.
func AppendJSONValue(b []byte, def *schema.Node, value string) []byte {
	if def.Kind == schema.AnyData {
		return appendAnyJSON(b, def, value)
	}
	switch def.Type.Encoding(value).JSONToken() {
	case schema.JSONNumber, schema.JSONBoolean:
		return append(b, value...)
	case schema.JSONNull:
		return append(b, "[null]"...)
	}
	b, _ = jsontext.AppendQuote(b, value)
	return b
}

// WriteJSON writes everything below n as one JSON object: configuration files, exported trees.
func WriteJSON(w io.Writer, n *Node, indent string) error {
	j := NewJSONWriter(w, indent)
	j.Begin()
	walk := Walk{Writer: j}
	walk.Children(n)
	return j.End()
}

// AppendJSON appends n as a bare JSON value: an object for a container, list entry or the root, an array for a list, a
// scalar for a leaf. Names directly in the object carry their module unless it is within.
func AppendJSON(b []byte, n *Node, within *schema.Module) []byte {
	j := JSONWriter{out: output{w: io.Discard, b: b, keep: true}}
	j.value(n, within)
	return j.out.b
}

// WriteJSONValue writes what AppendJSON appends, without ever holding all of it.
func WriteJSONValue(w io.Writer, n *Node, within *schema.Module) error {
	j := JSONWriter{out: output{w: w}}
	j.value(n, within)
	j.out.flush(true)
	return j.out.err
}

func (w *JSONWriter) value(n *Node, within *schema.Module) {
	switch {
	case n.IsList():
		w.out.b = append(w.out.b, '[')
		first := true
		for e := range n.Entries() {
			if !first {
				w.out.b = append(w.out.b, ',')
			}
			first = false
			w.value(e, within)
		}
		w.out.b = append(w.out.b, ']')
		return
	case n.in == nil:
		w.out.b = AppendJSONValue(w.out.b, n.def, n.text)
		return
	}
	w.out.b = append(w.out.b, '{')
	w.levels = append(w.levels, jsonLevel{module: within})
	walk := Walk{Writer: w}
	walk.Children(n)
	w.endObject()
}
