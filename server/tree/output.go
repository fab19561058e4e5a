package tree

import "io"

// flushSize is when output that has gathered is handed on: large enough to spare writes, small enough that the first byte
// of a long reply leaves at once.
const flushSize = 32 << 10

// output gathers bytes for an io.Writer and keeps its first error.
type output struct {
	w    io.Writer
	b    []byte
	err  error
	keep bool // nothing is handed on: the caller takes b
}

// flush hands on what has gathered when it is enough, or always.
func (o *output) flush(always bool) {
	if o.keep || !always && len(o.b) < flushSize {
		return
	}
	if o.err == nil {
		_, o.err = o.w.Write(o.b)
	}
	o.b = o.b[:0]
}
