package gnmi

import (
	"bytes"
	"errors"
	"slices"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// found is a node of the tree in which a Get gathers configuration and state, to be written as one. A list is a node with its entries for
// kids.
type found struct {
	def   *schema.Node
	entry bool
	keys  []string // of an entry
	texts []string // of a leaf or leaf-list
	kids  []*found // by position in the schema; entries as they came
	index map[string]*found
}

// finder is the sink of Get. What it keeps is bounded: errTooMuch ends the walk when there is more.
type finder struct {
	root *found
	room int         // octets that may still be gathered: about as many as their JSON takes
	path schema.Path // of the instance
	at   *found      // the instance; nil until it is needed
}

var errTooMuch = errors.New("more than one message may hold")

func newFinder(root *schema.Node, room int) *finder {
	return &finder{root: &found{def: root}, room: room}
}

// begin notes the instance. An entry is there even when nothing else of it may be seen, most containers only with what is in them.
func (f *finder) begin(at schema.Path, _ time.Time, _ uint64) {
	f.path, f.at = at, nil
	if len(at) > 0 && (at.Last().Node.Kind == schema.List || at.Last().Node.Presence) {
		f.instance()
	}
}

func (f *finder) instance() *found {
	if f.at == nil {
		f.at = f.root
		for _, step := range f.path {
			f.at = f.child(f.at, step.Node)
			if step.Node.Kind == schema.List {
				f.at = f.entryOf(f.at, step)
			}
		}
	}
	return f.at
}

// charge takes what a node costs off the room: a name, a value, and the signs around them.
func (f *finder) charge(octets int) { f.room -= octets + len(`"":"",`) }

func (f *finder) child(of *found, def *schema.Node) *found {
	i, ok := slices.BinarySearchFunc(of.kids, def.Position, func(k *found, p int) int { return k.def.Position - p })
	if !ok {
		f.charge(len(def.Name))
		of.kids = slices.Insert(of.kids, i, &found{def: def})
	}
	return of.kids[i]
}

func (f *finder) entryOf(list *found, step schema.Step) *found {
	key := step.JoinedKeys()
	if e := list.index[key]; e != nil {
		return e
	}
	e := &found{def: step.Node, entry: true, keys: slices.Clone(step.Keys)}
	if list.index == nil {
		list.index = map[string]*found{}
	}
	list.index[key] = e
	list.kids = append(list.kids, e)
	for i, k := range step.Keys { // also where only state was asked for: an entry is nothing without its keys
		f.charge(len(k))
		f.child(e, step.Node.Keys[i]).texts = []string{k}
	}
	return e
}

func (f *finder) inside(in []*schema.Node, def *schema.Node) *found {
	at := f.instance()
	for _, container := range in {
		at = f.child(at, container)
	}
	return f.child(at, def)
}

func (f *finder) leaf(in []*schema.Node, def *schema.Node, texts [][]byte) {
	if f.room < 0 {
		return
	}
	leaf := f.inside(in, def)
	leaf.texts = stringsOf(texts)
	for _, text := range leaf.texts {
		f.charge(len(text))
	}
}

func (f *finder) presence(in []*schema.Node, def *schema.Node) { f.inside(in, def) }

func (f *finder) gone([]*schema.Node, *schema.Node) {}

func (f *finder) end() error {
	if f.room < 0 {
		return errTooMuch
	}
	return nil
}

func (f *finder) removed(schema.Path, time.Time) error { return nil }

// match calls each with every node that a pattern leads to, and its path.
func (n *found) match(pattern, at schema.Path, each func(*found, schema.Path)) {
	if len(pattern) == 0 {
		each(n, at)
		return
	}
	for _, kid := range n.kids {
		if kid.def != pattern[0].Node {
			continue
		}
		if kid.def.Kind != schema.List {
			kid.match(pattern[1:], at.Append(kid.def), each)
			continue
		}
		kid.matchEntries(pattern, at, each)
	}
}

func (n *found) matchEntries(pattern, at schema.Path, each func(*found, schema.Path)) {
	if step := pattern[0]; closed(step) {
		if e := n.index[step.JoinedKeys()]; e != nil {
			e.match(pattern[1:], append(slices.Clip(at), step), each)
		}
		return
	}
	for _, e := range n.kids {
		if step := (schema.Step{Node: e.def, Keys: e.keys}); matches(pattern[0], step) {
			e.match(pattern[1:], append(slices.Clip(at), step), each)
		}
	}
}

// value encodes a node with all that is below it. PROTO and ASCII have no encoding for nodes that hold others: see leaves.
func (n *found) value(encoding gpb.Encoding) *gpb.TypedValue {
	if n.texts != nil {
		return typedValue(encoding, n.def, n.texts)
	}
	if encoding == gpb.Encoding_JSON_IETF {
		var b bytes.Buffer
		w := tree.NewJSONWriter(&b, "")
		w.Begin()
		n.writeKids(w)
		w.End() // cannot fail: it writes to memory
		return &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: bytes.TrimSuffix(b.Bytes(), []byte("\n"))}}
	}
	w := &plainWriter{}
	w.begin()
	n.writeKids(w)
	return &gpb.TypedValue{Value: &gpb.TypedValue_JsonVal{JsonVal: w.end()}}
}

func (n *found) writeKids(w tree.Writer) {
	for _, kid := range n.kids {
		switch {
		case kid.texts != nil:
			for _, text := range kid.texts {
				w.Leaf(kid.def, text, false)
			}
		case kid.def.Kind == schema.List && !kid.entry:
			kid.writeKids(w)
		default:
			w.Open(kid.def)
			kid.writeKids(w)
			w.Close()
		}
	}
}

// leaves calls each with every leaf and leaf-list at or below a node, and its path.
func (n *found) leaves(at schema.Path, each func(*found, schema.Path)) {
	if n.texts != nil {
		each(n, at)
		return
	}
	for _, kid := range n.kids {
		if kid.entry {
			kid.leaves(append(slices.Clip(at[:len(at)-1]), schema.Step{Node: kid.def, Keys: kid.keys}), each)
		} else {
			kid.leaves(at.Append(kid.def), each)
		}
	}
}
