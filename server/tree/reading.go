package tree

import (
	"fmt"
	"slices"
	"strings"

	"mooring/server/tree/schema"
)

// Incomplete is the error of a decoder that came to the end of a document in which something is wrong. It holds what could be
// read, so that the rest can be judged too, and all that is wrong be said at once.
type Incomplete struct {
	// Root is what could be read. List entries whose keys are wrong have them as they were written.
	Root *Node
	Gaps Gaps
	errs []error
}

func (e *Incomplete) Error() string { return (&problems{e.errs}).err().Error() }

// Unwrap gives the *Error values.
func (e *Incomplete) Unwrap() []error { return e.errs }

// Gaps are places of a document at which nothing is known of what should stand there.
type Gaps []schema.Path

// Touch reports whether a path leads into a gap or to one.
func (g Gaps) Touch(p schema.Path) bool {
	return slices.ContainsFunc(g, func(gap schema.Path) bool { return gap.Contains(p) || p.Contains(gap) })
}

// Missing gives the places where errors say that a mandatory node, or what a reference leads to, is missing. What else is wrong
// there may be a consequence of that.
func Missing(list []*Error) (gaps Gaps) {
	for _, e := range list {
		if e.Tag == DataMissing && e.AppTag != "missing-choice" {
			gaps = append(gaps, e.Path)
		}
	}
	return gaps
}

// reading is what the decoders have in common: where they are in the document, and what is wrong with it.
type reading struct {
	path schema.Path
	errs problems
	gaps Gaps
}

// where is the path to what is being read.
func (r *reading) where() schema.Path { return append(schema.Path{}, r.path...) } // not nil for the root

// gap notes that what stands here is not known.
func (r *reading) gap() {
	if len(r.gaps) == MaxProblems {
		r.gaps = append(r.gaps, schema.Path{}) // more than anybody keeps count of: nothing is known
	}
	if len(r.gaps) < MaxProblems {
		r.gaps = append(r.gaps, r.where())
	}
}

// unread notes that the value of a leaf of the open node of b could not be read. text is what stands there: an entry goes by it.
func (r *reading) unread(b *Builder, text string) {
	def := r.path.Last().Node
	if !def.IsKey() {
		r.gap()
		return
	}
	if f := &b.frames[len(b.frames)-1]; !slices.Contains(f.unread, def) {
		f.unread = append(f.unread, def)
	}
	if text != "" && !strings.Contains(text, keySeparator) {
		b.Leaf(def, text)
		nameEntry(r.path, b)
	}
}

// outcome is the error of a document that has been read to its end.
func (r *reading) outcome(n *Node) error {
	if len(r.errs.list) == 0 {
		return nil
	}
	return &Incomplete{Root: n, Gaps: r.gaps, errs: r.errs.list}
}

// mark is what was known when a list entry began.
type mark struct{ errs, gaps int }

func (r *reading) mark() mark { return mark{len(r.errs.list), len(r.gaps)} }

// closeEntry ends a list entry that began at since, and notes missing keys and repeated entries.
func (r *reading) closeEntry(b *Builder, since mark) {
	last := &r.path[len(r.path)-1]
	missing, unread := b.Missing(), b.frames[len(b.frames)-1].unread
	_, ok := b.Close()
	for _, k := range missing {
		r.errs.add(&Error{Tag: MissingElement, Path: r.where(), Info: badElement(k.Name), Message: fmt.Sprintf("key %q is missing", k.Name)})
	}
	r.name(since)
	switch {
	case ok:
		for _, k := range unread {
			r.path = append(r.path, schema.Step{Node: k})
			r.gap()
			r.path = r.path[:len(r.path)-1]
		}
	case len(missing)+len(unread) > 0:
		last.Keys = nil // nobody knows which entry it is
		r.gap()
	default:
		r.errs.add(&Error{Tag: BadElement, Path: r.where(), Info: badElement(last.Node.Name), Message: "the entry is given twice"})
	}
	r.path[len(r.path)-1].Keys = nil
}

// name completes the paths of what was noted in the entry before its keys were known.
func (r *reading) name(since mark) {
	at := len(r.path) - 1
	last := r.path[at]
	complete := func(p schema.Path) {
		if len(p) > at && p[at].Node == last.Node && p[at].Keys == nil {
			p[at].Keys = last.Keys
		}
	}
	for _, err := range r.errs.list[since.errs:] {
		complete(err.(*Error).Path)
	}
	for _, gap := range r.gaps[since.gaps:] {
		complete(gap)
	}
}

// nameEntry completes the path of the open list entry once all its keys are known, so that what is found wrong in it from
// then on is found at the entry.
func nameEntry(path schema.Path, b *Builder) {
	if len(path) < 2 || !path.Last().Node.IsKey() {
		return
	}
	if keys := b.keysSoFar(); len(keys) == len(path.Last().Node.Parent.Keys) {
		path[len(path)-2].Keys = keys
	}
}
