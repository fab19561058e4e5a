package netconf

import (
	"slices"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// originWriter writes the operational datastore: it leaves out configuration of origins that are not wanted, and says of
// configuration where it comes from (RFC 8342 section 5.3.4): all that was set is intended, the rest is there by default.
type originWriter struct {
	to                  *tree.XMLWriter
	intended, byDefault bool // which origins are wanted
	annotate            bool // with the origin
	tag                 bool // default values as RFC 6243 does
	open                int  // elements that were written and not closed
	held                []heldNode
}

// heldNode is the beginning of an element, or a key, that is written when something follows it.
type heldNode struct {
	def   *schema.Node
	value string
}

const originNamespace = "urn:ietf:params:xml:ns:yang:ietf-origin"

// Open implements tree.Writer.
func (w *originWriter) Open(def *schema.Node) {
	w.held = append(w.held, heldNode{def: def})
	if w.intended && w.byDefault || !def.Config || w.intended && (def.Presence || def.Kind == schema.List) {
		w.release()
	}
}

// Close implements tree.Writer.
func (w *originWriter) Close() {
	if len(w.held) == 0 {
		w.open--
		w.to.Close()
		return
	}
	last := len(w.held) - 1
	for w.held[last].def.Type != nil {
		last--
	}
	w.held = w.held[:last]
}

// Leaf implements tree.Writer.
func (w *originWriter) Leaf(def *schema.Node, value string, isDefault bool) {
	wanted := !def.Config || isDefault && w.byDefault || !isDefault && w.intended
	switch {
	case wanted:
		w.release()
		w.leaf(def, value, isDefault)
	case def.IsKey() && len(w.held) > 0:
		w.held = append(w.held, heldNode{def, value})
	case def.IsKey():
		w.leaf(def, value, isDefault)
	}
}

func (w *originWriter) leaf(def *schema.Node, value string, isDefault bool) {
	switch {
	case isDefault:
		w.origin(def, "default")
	case w.open == 0:
		w.origin(def, "intended")
	}
	w.to.Leaf(def, value, w.tag && def.Config && slices.Contains(def.Default, value))
}

// release writes what is held back.
func (w *originWriter) release() {
	for _, h := range w.held {
		if h.def.Type != nil {
			w.leaf(h.def, h.value, false)
			continue
		}
		if w.open == 0 {
			w.origin(h.def, "intended")
		}
		w.open++
		w.to.Open(h.def)
	}
	w.held = w.held[:0]
}

// origin annotates the next element. One below another that says the same needs no annotation.
func (w *originWriter) origin(def *schema.Node, name string) {
	if w.annotate && def.Config {
		w.to.Annotate(` xmlns:or="` + originNamespace + `" or:origin="or:` + name + `"`)
	}
}
