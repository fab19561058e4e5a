package state

import (
	"iter"
	"slices"
	"time"

	"mooring/dataplane"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// Row is one entry of a list of state, or a container of state. It never changes and may be kept.
type Row struct {
	of    source
	value any
	gone  bool
	puts  uint32 // of bindings that were followed; 0: it is not known
}

// source is what rows come from.
type source interface {
	of() table
	node() *schema.Node
	appendKeys(keys []string, value any) []string
	key(value any) Key
	// render writes what the row holds, without the node itself and the keys of its entry.
	render(s *Sink, value any)
}

// Node is the list or container that the row is an instance of.
func (r Row) Node() *schema.Node { return r.of.node() }

// AppendKeys appends the keys of all lists on the way to the row, the outermost first, and those of its own entry last.
func (r Row) AppendKeys(keys []string) []string { return r.of.appendKeys(keys, r.value) }

// Key tells a row from the others of its table, and has all its versions in common. It can be compared and be the key of a map.
type Key struct {
	keys string // of a binding: those above it
	id   dataplane.SessionID
}

// Key is what all versions of the row have in common. Unlike AppendKeys it allocates nothing for bindings.
func (r Row) Key() Key { return r.of.key(r.value) }

// Gone reports that the row is no more; it has nothing but keys.
func (r Row) Gone() bool { return r.gone }

// Same reports whether the two rows are one and the same, so that nothing can have changed between them.
func (r Row) Same(other Row) bool { return r.value == other.value && r.gone == other.gone }

// Missed tells how many versions of a row there were between an earlier one and this, as far as that is known.
func (r Row) Missed(since Row) uint64 {
	if r.puts == 0 || since.puts == 0 {
		return 0
	}
	return uint64(max(1, r.puts-since.puts)) - 1
}

// Path leads to the row.
func (r Row) Path() schema.Path {
	path, _ := r.AppendPath(nil, nil)
	return path
}

// AppendPath appends the path to the row, and its keys to keys, in which the steps then have theirs.
func (r Row) AppendPath(path schema.Path, keys []string) (schema.Path, []string) {
	before := len(keys)
	keys = r.AppendKeys(keys)
	rest := keys[before:]
	for _, def := range r.of.of().line() {
		step := schema.Step{Node: def}
		if def.Kind == schema.List {
			step.Keys, rest = rest[:len(def.Keys):len(def.Keys)], rest[len(def.Keys):]
		}
		path = append(path, step)
	}
	return path, keys
}

// Renderer turns rows into trees in memory that it uses again.
type Renderer struct {
	sink  Sink
	build *tree.Builder
	keys  []string
}

// NewRenderer returns a Renderer for one goroutine.
func NewRenderer() *Renderer { return &Renderer{build: tree.NewScratch()} }

// Render returns the row as a tree: a list entry with its keys, or a container. What counts down (remaining-lifetime, refresh-remaining) is as of now.
// The nodes are valid until the next Render; the texts in them may be kept. It returns nil for a row that is gone.
func (r *Renderer) Render(row Row, now time.Time) *tree.Node {
	if row.gone {
		return nil
	}
	if kept, ok := row.value.(*kept); ok {
		return kept.node
	}
	r.build.Reset()
	r.sink.reset(now)
	r.keys = row.AppendKeys(r.keys[:0])
	r.sink.row(row.Node(), r.keys)
	row.of.render(&r.sink, row.value)
	return r.sink.build(r.build)
}

// Any in the place of a key stands for every value; no YANG string can hold it.
const Any = "\x00"

// Keys say which rows are wanted: by the keys of the lists on the way to them, the outermost first. Those that are missing at the end
// may have any value.
type Keys []string

// Wants reports whether rows whose i-th key has this value are among those wanted.
func (k Keys) Wants(i int, value string) bool { return i >= len(k) || k[i] == Any || k[i] == value }

// Exact returns the i-th key when only one value of it is wanted.
func (k Keys) Exact(i int) (value string, ok bool) {
	if i >= len(k) || k[i] == Any {
		return "", false
	}
	return k[i], true
}

func (k Keys) match(keys []string) bool {
	for i, value := range keys {
		if !k.Wants(i, value) {
			return false
		}
	}
	return true
}

// Rows is a sequence of rows that ends with the first error.
type Rows = iter.Seq2[Row, error]

// chain returns the definitions from the top down to def, and how many keys they have together.
func chain(def *schema.Node) (nodes []*schema.Node, keys int) {
	nodes = def.Ancestors()
	for _, n := range nodes {
		keys += len(n.Keys)
	}
	return nodes, keys
}

// ownKeys are the last of the keys of a row: those of its entry.
func ownKeys(def *schema.Node, keys []string) []string {
	return slices.Clip(keys[len(keys)-len(def.Keys):])
}
