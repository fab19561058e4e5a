package tree

import (
	"io"
	"slices"

	"mooring/server/tree/schema"
	"mooring/server/tree/xmlio"
)

// XMLWriter writes the XML encoding of RFC 7950 as it is told nodes, without ever holding more than a buffer of it. Every
// element is in the default namespace, which is declared where it changes; prefixes stand only inside values.
type XMLWriter struct {
	out    output
	indent string
	open   []*schema.Node
	// unclosed: the start tag written last still lacks its end.
	unclosed bool
	attrs    string   // of the next element
	spaces   []string // default namespace in force at each level, the outermost that of the surroundings
}

// WithDefaultsNamespace is that of the attribute that tags default values (RFC 6243 section 6).
const WithDefaultsNamespace = "urn:ietf:params:xml:ns:netconf:default:1.0"

// NewXMLWriter writes to w, where namespace is the default one in force; on lines indented by indent at each level, or all
// on one line when indent is "".
func NewXMLWriter(w io.Writer, namespace, indent string) *XMLWriter {
	return &XMLWriter{out: output{w: w}, indent: indent, spaces: []string{namespace}}
}

// Flush hands on everything written so far and returns the first error of the output.
func (w *XMLWriter) Flush() error {
	w.out.flush(true)
	return w.out.err
}

// Annotate gives the next element attributes, as they are to stand in its start tag: with a space before each, and what
// declares their prefixes.
func (w *XMLWriter) Annotate(attrs string) { w.attrs = attrs }

// Open implements Writer.
func (w *XMLWriter) Open(def *schema.Node) {
	w.start(def)
	w.unclosed = true // an element that stays empty ends as <name/>
	w.open = append(w.open, def)
	w.spaces = append(w.spaces, def.Module.Namespace)
}

// Close implements Writer.
func (w *XMLWriter) Close() {
	def := w.open[len(w.open)-1]
	w.open, w.spaces = w.open[:len(w.open)-1], w.spaces[:len(w.spaces)-1]
	if w.unclosed {
		w.out.b = append(w.out.b, "/>"...)
		w.unclosed = false
	} else {
		w.line()
		w.end(def)
	}
	w.out.flush(false)
}

// Leaf implements Writer.
func (w *XMLWriter) Leaf(def *schema.Node, value string, isDefault bool) {
	w.start(def)
	if isDefault {
		w.out.b = append(w.out.b, ` xmlns:wd="`+WithDefaultsNamespace+`" wd:default="true"`...)
	}
	if def.Kind == schema.AnyData {
		if value == "" {
			w.out.b = append(w.out.b, "/>"...)
			return
		}
		w.out.b = appendAnyXML(append(w.out.b, '>'), value)
		w.end(def)
		w.out.flush(false)
		return
	}
	text := value
	if t := def.Type.Encoding(value); t.Base == schema.IdentityRef || t.Base == schema.InstanceID || t.HoldsNames {
		var modules []*schema.Module
		text, modules = XMLValue(t, value)
		for _, m := range modules {
			w.out.b = append(append(append(w.out.b, " xmlns:"...), m.Prefix...), `="`...)
			w.out.b = append(xmlio.AppendAttr(w.out.b, m.Namespace), '"')
		}
	}
	if text == "" {
		w.out.b = append(w.out.b, "/>"...)
		return
	}
	w.out.b = append(w.out.b, '>')
	w.out.b = xmlio.AppendText(w.out.b, text)
	w.end(def)
	w.out.flush(false)
}

// start writes a start tag but for its end.
func (w *XMLWriter) start(def *schema.Node) {
	if w.unclosed {
		w.out.b = append(w.out.b, '>')
		w.unclosed = false
	}
	w.line()
	w.out.b = append(w.out.b, '<')
	w.out.b = append(w.out.b, def.Name...)
	if space := def.Module.Namespace; w.spaces[len(w.spaces)-1] != space {
		w.out.b = append(w.out.b, ` xmlns="`...)
		w.out.b = append(xmlio.AppendAttr(w.out.b, space), '"')
	}
	w.out.b = append(w.out.b, w.attrs...)
	w.attrs = ""
}

func (w *XMLWriter) end(def *schema.Node) {
	w.out.b = append(append(append(w.out.b, "</"...), def.Name...), '>')
}

func (w *XMLWriter) line() {
	if w.indent == "" {
		return
	}
	w.out.b = append(w.out.b, '\n')
	for range w.open {
		w.out.b = append(w.out.b, w.indent...)
	}
}

// XMLValue gives the text of an identity, an instance-identifier or a path with prefixes, and the modules whose prefixes it uses and
// that must be declared: "p:name" for "module:name".
func XMLValue(t *schema.Type, canonical string) (text string, modules []*schema.Module) {
	if t.Base == schema.IdentityRef {
		id := t.Identity(canonical)
		return id.Module.Prefix + ":" + id.Name, []*schema.Module{id.Module}
	}
	prefix := func(m *schema.Module) string {
		if !slices.Contains(modules, m) {
			modules = append(modules, m)
		}
		return m.Prefix
	}
	if t.InheritsNames {
		canonical = schema.Qualify(canonical)
	}
	if t.HoldsNames {
		text, _ = schema.Rename(canonical, func(name string) (string, bool) {
			if m := t.SchemaModule(name); m != nil {
				return prefix(m), true
			}
			return name, true
		})
		return text, modules
	}
	path, err := t.ParsePath(canonical)
	if err != nil {
		return canonical, nil
	}
	return path.Format(prefix), modules
}

// WriteXML writes everything below n as a sequence of elements, in surroundings whose default namespace is namespace.
func WriteXML(w io.Writer, n *Node, namespace, indent string) error {
	x := NewXMLWriter(w, namespace, indent)
	walk := Walk{Writer: x}
	walk.Children(n)
	return x.Flush()
}
