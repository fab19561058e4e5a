package push

import (
	"strconv"
	"strings"

	"mooring/server/netconf/filter"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// Patch writes edits as those of a YANG patch (RFC 8072 section 2.2).
type Patch struct {
	w     tree.Writer
	edit  *schema.Node // the list
	edits int
}

// NewPatch begins a patch in w. def is the container yang-patch.
func NewPatch(w tree.Writer, def *schema.Node, id uint32) *Patch {
	w.Open(def)
	w.Leaf(def.ChildNamed("patch-id"), strconv.FormatUint(uint64(id), 10), false)
	return &Patch{w: w, edit: def.ChildNamed("edit")}
}

// Edit adds an edit.
func (p *Patch) Edit(e *filter.Edit) {
	p.edits++
	leaf := func(name, value string) { p.w.Leaf(p.edit.ChildNamed(name), value, false) }
	p.w.Open(p.edit)
	leaf("edit-id", strconv.Itoa(p.edits))
	leaf("operation", string(e.Op))
	leaf("target", Target(e.Target))
	if e.Op == filter.Insert || e.Op == filter.Move {
		if e.After == nil {
			leaf("where", "first")
		} else {
			leaf("point", Target(e.After))
			leaf("where", "after")
		}
	}
	if e.Op != filter.Delete && e.Op != filter.Move {
		p.w.Open(p.edit.ChildNamed("value"))
		e.WriteValue(unmarked{p.w})
		p.w.Close()
	}
	p.w.Close()
}

// End ends the patch.
func (p *Patch) End() { p.w.Close() }

// unmarked passes on values that are there by default like others.
type unmarked struct{ tree.Writer }

func (w unmarked) Leaf(def *schema.Node, value string, _ bool) { w.Writer.Leaf(def, value, false) }

// Target names a node as RESTCONF does (RFC 8040 section 3.5.3): the module stands before a name that is of another one than the name before.
func Target(path schema.Path) string {
	var b strings.Builder
	var module *schema.Module
	for _, step := range path {
		b.WriteByte('/')
		if step.Node.Module != module {
			module = step.Node.Module
			b.WriteString(module.Name)
			b.WriteByte(':')
		}
		b.WriteString(step.Node.Name)
		for i, key := range step.Keys {
			b.WriteByte("=,"[min(i, 1)])
			escape(&b, key)
		}
	}
	return b.String()
}

// escape writes a key value; what is reserved in URIs is percent-encoded (RFC 3986 sections 2.2 and 2.3).
func escape(b *strings.Builder, text string) {
	const digits = "0123456789ABCDEF"
	for i := range len(text) {
		c := text[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(digits[c>>4])
		b.WriteByte(digits[c&15])
	}
}
