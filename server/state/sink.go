package state

import (
	"encoding/hex"
	"net/netip"
	"slices"
	"strconv"
	"time"
	"unique"

	"mooring/mobility"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// Sink takes the leaves of a row. A definition that is nil belongs to a feature that the element lacks: its leaf is left out. So is a
// value that is none: the zero time, an invalid address, an empty text.
//
// All texts of a row become one string, so that a row costs one piece of memory and not one for each leaf.
type Sink struct {
	now      time.Time
	unwanted leafSet // of rows of large tables: leaves that are not to be written
	ops      []op
	flat     bool // the row is a list of leaves, not a tree
	list     []Leaf
	text     []byte
	ends     [2]map[unique.Handle[mobility.Ends]]endsText // of an LMA's bindings, and of a MAG's
	clock    clock
	sinces   []since
}

// since is when the counters of a container began, and the discontinuity-time that says so.
type since struct {
	op           int // that writes it
	began, shown time.Time
}

// op is a step in making a tree: a leaf with a text of its own or a part of Sink.text, or (leaf false) the beginning or, with def nil, the
// end of a container or list entry.
type op struct {
	def        *schema.Node
	leaf       bool
	start, end int
	fixed      string
}

// Now is the time that the row is rendered at.
func (s *Sink) Now() time.Time { return s.now }

func (s *Sink) reset(now time.Time) {
	s.now, s.flat, s.ops, s.list, s.text, s.sinces = now, false, s.ops[:0], s.list[:0], s.text[:0], s.sinces[:0]
}

// leaves begins a row that becomes s.list, with those of its keys that are wanted.
func (s *Sink) leaves(row Row, keys []string) []string {
	s.flat = true
	if def := row.Node(); slices.ContainsFunc(def.Keys, s.wants) {
		keys = row.AppendKeys(keys)
		for i, key := range ownKeys(def, keys) {
			s.Text(def.Keys[i], key)
		}
	}
	return keys
}

// row begins a row and writes the keys of its entry.
func (s *Sink) row(def *schema.Node, keys []string) {
	s.Open(def)
	for i, key := range ownKeys(def, keys) {
		s.ops = append(s.ops, op{def: def.Keys[i], leaf: true, fixed: key})
	}
}

func (s *Sink) wants(def *schema.Node) bool {
	return def != nil && !s.unwanted.has(def)
}

// build ends the row and makes it.
func (s *Sink) build(b *tree.Builder) *tree.Node {
	text := string(s.text)
	for i := range s.ops {
		switch o := &s.ops[i]; {
		case o.leaf && o.fixed == "":
			b.Leaf(o.def, text[o.start:o.end])
		case o.leaf:
			b.Leaf(o.def, o.fixed)
		case o.def != nil:
			b.Open(o.def)
		default:
			b.Close()
		}
	}
	n, _ := b.Close()
	return n
}

func (s *Sink) textOf(o *op) string {
	if o.fixed != "" {
		return o.fixed
	}
	return string(s.text[o.start:o.end])
}

// Open begins a container or list entry, which Close ends.
func (s *Sink) Open(def *schema.Node) { s.ops = append(s.ops, op{def: def}) }

// Close ends what was opened last.
func (s *Sink) Close() { s.ops = append(s.ops, op{}) }

// Text writes a leaf or an entry of a leaf-list. An empty text is no value, except of a key: without one an entry would have no name.
func (s *Sink) Text(def *schema.Node, text string) {
	switch {
	case !s.wants(def) || text == "" && !def.IsKey():
	case s.flat:
		s.append(def, append(s.text, text...))
	default:
		s.ops = append(s.ops, op{def: def, leaf: true, fixed: text})
	}
}

// Uint writes a leaf of an unsigned type.
func (s *Sink) Uint(def *schema.Node, v uint64) {
	if s.wants(def) {
		s.append(def, strconv.AppendUint(s.text, v, 10))
	}
}

// Bool writes a leaf of type boolean.
func (s *Sink) Bool(def *schema.Node, v bool) { s.Text(def, strconv.FormatBool(v)) }

// Empty writes a leaf of type empty, which is there or not.
func (s *Sink) Empty(def *schema.Node) {
	if s.wants(def) {
		s.append(def, s.text)
	}
}

// Addr writes a leaf that holds an address.
func (s *Sink) Addr(def *schema.Node, a netip.Addr) {
	if a.IsValid() && s.wants(def) {
		s.append(def, a.AppendTo(s.text))
	}
}

// Prefix writes a leaf that holds a prefix.
func (s *Sink) Prefix(def *schema.Node, p netip.Prefix) {
	if p.IsValid() && s.wants(def) {
		s.append(def, p.AppendTo(s.text))
	}
}

// Octets writes a leaf that holds octets as colon-separated hexadecimal digits, such as a link-layer address.
func (s *Sink) Octets(def *schema.Node, octets string) {
	if octets == "" || !s.wants(def) {
		return
	}
	text := s.text
	for i := range len(octets) {
		if i > 0 {
			text = append(text, ':')
		}
		text = hex.AppendEncode(text, []byte{octets[i]})
	}
	s.append(def, text)
}

// Time writes a leaf of type yang:date-and-time, in UTC and to the millisecond.
func (s *Sink) Time(def *schema.Node, t time.Time) {
	if !t.IsZero() && s.wants(def) {
		s.append(def, s.clock.appendTime(s.text, t))
	}
}

// Since writes the leaf discontinuity-time of a container, before its counters: when they began at 0, and when they last changed in another way
// than by counting, which is shown.
func (s *Sink) Since(def *schema.Node, began, shown time.Time) {
	before := len(s.ops)
	s.Time(def, shown)
	if len(s.ops) > before {
		s.sinces = append(s.sinces, since{before, began, shown})
	}
}

// Instant is Time for an instant.
func (s *Sink) Instant(def *schema.Node, at mobility.Instant) { s.Time(def, at.Time()) }

// Seconds writes a leaf that counts whole seconds.
func (s *Sink) Seconds(def *schema.Node, d time.Duration) { s.Uint(def, uint64(max(0, d/time.Second))) }

// append takes text, which continues s.text, for the value of a leaf that is wanted.
func (s *Sink) append(def *schema.Node, text []byte) {
	start, end := len(s.text), len(text)
	s.text = text
	if s.flat {
		s.list = append(s.list, Leaf{def, text[start:end:end]})
		return
	}
	s.ops = append(s.ops, op{def: def, leaf: true, start: start, end: end})
}
