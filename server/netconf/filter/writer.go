package filter

import (
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// writer holds back elements, and the keys of entries, until something is in them.
type writer struct {
	to      tree.Writer
	pending []held
}

// held is the beginning of an element, or a key.
type held struct {
	def   *schema.Node
	key   bool
	value string
}

func (w *writer) open(def *schema.Node) { w.pending = append(w.pending, held{def: def}) }

// key is a key of the entry that was opened last.
func (w *writer) key(def *schema.Node, value string) {
	if len(w.pending) == 0 { // another key was wanted for itself
		w.to.Leaf(def, value, false)
		return
	}
	w.pending = append(w.pending, held{def, true, value})
}

// close ends what was opened last; if that is still held back, it was never there.
func (w *writer) close() {
	if len(w.pending) == 0 {
		w.to.Close()
		return
	}
	last := len(w.pending) - 1
	for w.pending[last].key {
		last--
	}
	w.pending = w.pending[:last]
}

// release writes what is held back.
func (w *writer) release() {
	for _, h := range w.pending {
		if h.key {
			w.to.Leaf(h.def, h.value, false)
		} else {
			w.to.Open(h.def)
		}
	}
	w.pending = w.pending[:0]
}

// Open implements tree.Writer for subtrees that are wanted whole.
func (w *writer) Open(def *schema.Node) {
	w.release()
	w.to.Open(def)
}

// Close implements tree.Writer.
func (w *writer) Close() { w.to.Close() }

// Leaf implements tree.Writer.
func (w *writer) Leaf(def *schema.Node, value string, isDefault bool) {
	w.release()
	w.to.Leaf(def, value, isDefault)
}
