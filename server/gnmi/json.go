package gnmi

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// appendValue appends one canonical value as JSON.
type appendValue func(b []byte, def *schema.Node, text string) []byte

// appendJSON appends the values of a leaf, bare, or those of a leaf-list, as an array.
func appendJSON(b []byte, def *schema.Node, texts []string, value appendValue) []byte {
	if def.Kind != schema.LeafList {
		return value(b, def, texts[0])
	}
	b = append(b, '[')
	for i, text := range texts {
		if i > 0 {
			b = append(b, ',')
		}
		b = value(b, def, text)
	}
	return append(b, ']')
}

// appendPlainJSON is tree.AppendJSONValue for the encoding JSON: all numbers are JSON numbers, and an identity names its module only when
// that is not the leaf's.
func appendPlainJSON(b []byte, def *schema.Node, text string) []byte {
	if def.Kind == schema.AnyData {
		return tree.AppendJSONValue(b, def, text)
	}
	switch t := def.Type.Encoding(text); t.Base {
	case schema.Int64, schema.Uint64, schema.Decimal64:
		return append(b, text...)
	case schema.IdentityRef:
		text = strings.TrimPrefix(text, def.Module.Name+":")
		b, _ = jsontext.AppendQuote(b, text)
		return b
	}
	return tree.AppendJSONValue(b, def, text)
}

// plainWriter writes the encoding JSON: names without modules, except where two children of a node share one. It is a tree.Writer.
type plainWriter struct {
	b     []byte
	array *schema.Node   // the list or leaf-list whose array is open
	above []*schema.Node // those of the objects around
}

func (w *plainWriter) begin() { w.b = append(w.b, '{') }

func (w *plainWriter) end() []byte {
	w.endObject()
	return w.b
}

// Open implements tree.Writer.
func (w *plainWriter) Open(def *schema.Node) {
	w.name(def, def.Kind == schema.List)
	w.b = append(w.b, '{')
	w.above = append(w.above, w.array)
	w.array = nil
}

// Close implements tree.Writer.
func (w *plainWriter) Close() {
	w.endObject()
	last := len(w.above) - 1
	w.array, w.above = w.above[last], w.above[:last]
}

// Leaf implements tree.Writer.
func (w *plainWriter) Leaf(def *schema.Node, value string, _ bool) {
	w.name(def, def.Kind == schema.LeafList)
	w.b = appendPlainJSON(w.b, def, value)
}

func (w *plainWriter) name(def *schema.Node, array bool) {
	if array && w.array == def {
		w.b = append(w.b, ',')
		return
	}
	w.endArray()
	if w.b[len(w.b)-1] != '{' {
		w.b = append(w.b, ',')
	}
	w.b, _ = jsontext.AppendQuote(w.b, elementName(def))
	w.b = append(w.b, ':')
	if array {
		w.array = def
		w.b = append(w.b, '[')
	}
}

func (w *plainWriter) endArray() {
	if w.array != nil {
		w.array = nil
		w.b = append(w.b, ']')
	}
}

func (w *plainWriter) endObject() {
	w.endArray()
	w.b = append(w.b, '}')
}
