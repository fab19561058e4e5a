package state

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"mooring/server/tree/schema"
)

// State is the operational state of an element. Its methods may be called concurrently.
type State struct {
	Schema *schema.Schema
	// Log is told which source has panicked. Set it before anything is asked for; nil: nothing is logged.
	Log    *slog.Logger
	tick   time.Duration
	tables []table
	woken  func() // called by Wake before anything else

	mu        sync.Mutex
	followers map[*Follower]bool
}

// table is where rows come from: a small one (table.go) or the bindings (bindings.go).
type table interface {
	node() *schema.Node
	line() []*schema.Node  // from the top down to node
	parts() []*schema.Node // the children of node that its rows hold
	rows(ctx context.Context, want Keys) Rows
	follow(want Keys, ready chan struct{}) cursor
	wake()
}

// defaultTick is how often small tables are looked at while somebody follows them.
const defaultTick = time.Second

// New returns a State without tables. tick is how often small tables are compared with what they were while somebody follows them;
// 0 takes one second.
func New(s *schema.Schema, tick time.Duration) *State {
	if tick == 0 {
		tick = defaultTick
	}
	return &State{Schema: s, tick: tick, woken: func() {}, followers: map[*Follower]bool{}}
}

// Mount adds a table. All are mounted before anything is asked for.
func (s *State) Mount(t Table) { s.tables = append(s.tables, newSmall(t, s.tick, s.logger)) }

func (s *State) logger() *slog.Logger {
	if s.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Log
}

// View is what a path wants of a table.
type View struct {
	table table
	keys  Keys
}

// At finds the tables that path is about: those mounted above it that hold what it leads to, and those mounted at it or below. A step
// without keys stands for all entries of a list, and so does a key that is Any.
func (s *State) At(path schema.Path) (views []View) {
	for _, t := range s.tables {
		if keys, ok := wanted(t, path); ok {
			views = append(views, View{t, keys})
		}
	}
	return views
}

func wanted(t table, path schema.Path) (keys Keys, ok bool) {
	nodes, _ := chain(t.node())
	for i, step := range path {
		if i == len(nodes) { // the path goes on below the rows
			return keys, slices.Contains(t.parts(), step.Node)
		}
		if step.Node != nodes[i] {
			return nil, false
		}
		switch {
		case step.Node.Kind != schema.List:
		case step.Keys == nil:
			keys = append(keys, slices.Repeat([]string{Any}, len(step.Node.Keys))...)
		default:
			keys = append(keys, step.Keys...)
		}
	}
	return keys, true
}

// Node is the list or container that the rows are instances of.
func (v View) Node() *schema.Node { return v.table.node() }

// Parts are the children of Node that the rows hold, besides keys.
func (v View) Parts() []*schema.Node { return v.table.parts() }

// Passing are nodes of the rows that are of no use to who wants to be told of changes: what changes while the row does not, which
// followers are not told of; and in tables that are looked at again and again counters, and lists whose entries cannot be told apart.
func (v View) Passing() (nodes []*schema.Node) {
	if b, ok := v.table.(*bindings); ok {
		return present(b.nodes.RemainingLifetime, b.nodes.RefreshRemaining, b.nodes.PathStatus)
	}
	var walk func(def *schema.Node)
	walk = func(def *schema.Node) {
		keyless := def.Kind == schema.List && len(def.Keys) == 0
		if !def.Config && (keyless || isCounter(def)) {
			nodes = append(nodes, def)
		}
		for _, kid := range def.Children {
			walk(kid)
		}
	}
	for _, def := range v.table.parts() {
		walk(def)
	}
	return nodes
}

// counters are the types of RFC 6991 section 3 that count.
var counters = []string{"counter32", "counter64", "zero-based-counter32", "zero-based-counter64"}

func isCounter(def *schema.Node) bool {
	return def.Type != nil && slices.Contains(counters, def.Type.Typedef)
}

// Same reports whether two views are of one table.
func (v View) Same(other View) bool { return v.table == other.table }

// Equal reports whether two views want the same rows of one table.
func (v View) Equal(other View) bool {
	return v.table == other.table && slices.Equal(v.keys, other.keys)
}

// Whole is the view of all rows.
func (v View) Whole() View { return View{table: v.table} }

// Owns reports whether a row is one of the table's.
func (v View) Owns(r Row) bool { return r.of.of() == v.table }

// Rows yields the rows that there are. A row that changes meanwhile is seen as it was or as it became; there is no snapshot of all.
func (v View) Rows(ctx context.Context) Rows { return v.table.rows(ctx, v.keys) }

// Wake makes followers look at once instead of at the next tick. Call it when LMAs or MAGs have come or gone, and after a commit.
func (s *State) Wake() {
	s.woken()
	for _, t := range s.tables {
		t.wake()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for f := range s.followers {
		f.wake()
	}
}
