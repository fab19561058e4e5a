package state

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// Table is a table that is small enough to be read as a whole: peers, pools, counters, sessions.
type Table struct {
	// Node is the list whose entries the rows are, or the container.
	Node *schema.Node
	// Parts are the children of Node that rows hold, besides keys. Another table may hold others of the same node.
	Parts []*schema.Node
	// Read begins a row for each that there is, or just for those that want asks for. It is called by several goroutines.
	Read func(ctx context.Context, want Keys, out *Out) error
}

// Out collects the rows of a Table.
type Out struct {
	table *small
	want  Keys
	yield func(Row) bool
	sink  Sink
	keys  []string
	open  bool
	done  bool                         // nobody wants more
	tally func(keys []string, s *Sink) // takes rows in place of yield, as they were before anything was taken off
}

// Row begins a row and ends the one before. keys are those of all lists on the way to it, the outermost first.
func (o *Out) Row(keys ...string) *Sink {
	o.end()
	o.open, o.keys = true, keys
	o.sink.reset(o.sink.now)
	o.sink.row(o.table.def, keys)
	return &o.sink
}

// Done reports that no further row is wanted.
func (o *Out) Done() bool { return o.done }

func (o *Out) end() {
	if !o.open {
		return
	}
	o.open = false
	if o.done || !o.want.match(o.keys) {
		return
	}
	if o.tally != nil {
		o.tally(o.keys, &o.sink)
		return
	}
	if cleared := o.table.cleared.of(o.keys); cleared != nil {
		o.sink.subtract(cleared)
	}
	var b tree.Builder
	if n := o.sink.build(&b); n != nil {
		o.done = !o.yield(Row{of: o.table, value: &kept{o.keys, n}})
	}
}

// kept is a row of a small table.
type kept struct {
	keys []string
	node *tree.Node
}

// small makes a Table what the rest of the package works with.
type small struct {
	Table
	def   *schema.Node
	above []*schema.Node // from the top down to def
	tick  time.Duration
	log   func() *slog.Logger

	counts  bool // it has counters that can begin anew
	cleared baselines

	broken atomic.Bool // its source has panicked the last time

	mu      sync.Mutex // guards what follows
	latest  map[string]*latest
	changes uint64
	cursors map[*smallCursor]bool
	look    chan struct{} // asks the watcher to look; nil: nobody follows
	filled  chan struct{} // closed when the watcher has looked once
	stop    context.CancelFunc
}

// latest is a row as it was seen last.
type latest struct {
	row    Row
	change uint64
}

func newSmall(t Table, tick time.Duration, log func() *slog.Logger) *small {
	counting := slices.ContainsFunc(t.Parts, func(def *schema.Node) bool { return def.Name == discontinuityTime || counts(def) })
	return &small{Table: t, def: t.Node, above: t.Node.Ancestors(), tick: tick, log: log, counts: counting, cursors: map[*smallCursor]bool{}}
}

func (t *small) of() table             { return t }
func (t *small) node() *schema.Node    { return t.def }
func (t *small) line() []*schema.Node  { return t.above }
func (t *small) parts() []*schema.Node { return t.Parts }

func (t *small) appendKeys(keys []string, value any) []string {
	return append(keys, value.(*kept).keys...)
}

func (t *small) key(value any) Key { return Key{keys: strings.Join(value.(*kept).keys, Any)} }

func (t *small) render(s *Sink, value any) {} // the row is a tree already

func (t *small) rows(ctx context.Context, want Keys) Rows {
	return func(yield func(Row, error) bool) {
		told := false // the panic is that of who is told
		o := Out{table: t, want: want, yield: func(r Row) (more bool) {
			told = true
			more = yield(r, nil)
			told = false
			return more
		}}
		o.sink.now = time.Now()
		if err := t.read(ctx, want, &o, &told); err != nil && !o.done {
			yield(Row{}, err)
		}
	}
}

// ErrInternal is what a mistake of ours ends in while a table is read.
var ErrInternal = errors.New("internal error; the log of the element has the details")

// read asks the source. A mistake in one shall not end the element, whoever asks, the watcher among them: a panic is an error of this table.
func (t *small) read(ctx context.Context, want Keys, o *Out, told *bool) (err error) {
	defer func() {
		if *told {
			return
		}
		r := recover()
		if again := t.broken.Swap(r != nil); r != nil && !again { // once, not at every tick
			t.log().Error("state: internal error", "table", t.def.String(), "panic", r, "stack", string(debug.Stack()))
		}
		if r != nil {
			err = fmt.Errorf("%s: %w", t.def, ErrInternal)
		}
	}()
	err = t.Read(ctx, want, o)
	o.end()
	return err
}

// smallCursor is a place in the changes of a small table.
type smallCursor struct {
	table *small
	want  Keys
	seen  uint64
	told  bool // it has been read from
	ready chan struct{}
}

// follow looks at the table, and goes on doing so until the last cursor is closed. It returns when there is something to begin with.
func (t *small) follow(want Keys, ready chan struct{}) cursor {
	c := &smallCursor{table: t, want: want, ready: ready}
	t.mu.Lock()
	t.cursors[c] = true
	first := t.look == nil
	if first {
		ctx, stop := context.WithCancel(context.Background())
		t.look, t.filled, t.stop, t.latest = make(chan struct{}, 1), make(chan struct{}), stop, map[string]*latest{}
		go t.watch(ctx, t.look, t.filled)
	}
	filled := t.filled
	t.mu.Unlock()
	<-filled
	return c
}

func (c *smallCursor) next(buf []Row) []Row {
	t := c.table
	t.mu.Lock()
	defer t.mu.Unlock()
	c.told = true
	if c.seen == t.changes {
		return buf
	}
	var changed []*latest
	for _, l := range t.latest {
		if l.change > c.seen && c.want.match(l.row.value.(*kept).keys) && (c.seen > 0 || !l.row.gone) {
			changed = append(changed, l)
		}
	}
	slices.SortFunc(changed, func(a, b *latest) int { return cmp.Compare(a.change, b.change) })
	for _, l := range changed {
		buf = append(buf, l.row)
	}
	c.seen = t.changes
	t.forget()
	return buf
}

func (c *smallCursor) complete() bool { return c.told }

func (c *smallCursor) close() {
	t := c.table
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.cursors[c] {
		return
	}
	delete(t.cursors, c)
	if len(t.cursors) == 0 {
		t.stop()
		t.look, t.latest, t.changes = nil, nil, 0
		return
	}
	t.forget()
}

// forget drops the rows that are gone once every cursor knows; mu is held.
func (t *small) forget() {
	seen := t.changes
	for c := range t.cursors {
		seen = min(seen, c.seen)
	}
	for key, l := range t.latest {
		if l.row.gone && l.change <= seen {
			delete(t.latest, key)
		}
	}
}

// watch looks at the table at once, at every tick, and when it is asked to.
func (t *small) watch(ctx context.Context, look, filled chan struct{}) {
	t.inspect(ctx)
	close(filled)
	ticker := time.NewTicker(t.tick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look:
		case <-ticker.C:
		}
		t.inspect(ctx)
	}
}

// patience is how long a source may take to answer. One that takes longer is as it was.
const patience = 5 * time.Second

func (t *small) inspect(ctx context.Context) {
	reading, stop := context.WithTimeout(ctx, patience)
	defer stop()
	var rows []Row
	for r, err := range t.rows(reading, nil) {
		if err != nil {
			return
		}
		rows = append(rows, r)
	}
	t.compare(ctx, rows)
}

// compare notes which rows are others than before, and wakes the followers.
func (t *small) compare(ctx context.Context, rows []Row) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if ctx.Err() != nil {
		return // what t holds belongs to another watcher already
	}
	before := t.changes
	present := make(map[string]bool, len(rows))
	for _, r := range rows {
		key := strings.Join(r.value.(*kept).keys, Any)
		present[key] = true
		if was := t.latest[key]; was == nil || was.row.gone || !was.row.value.(*kept).node.Equal(r.value.(*kept).node) {
			t.changes++
			t.latest[key] = &latest{r, t.changes}
		}
	}
	for key, l := range t.latest {
		if !present[key] && !l.row.gone {
			t.changes++
			t.latest[key] = &latest{Row{of: t, value: &kept{keys: l.row.value.(*kept).keys}, gone: true}, t.changes}
		}
	}
	if t.changes == before {
		return
	}
	for c := range t.cursors {
		signal(c.ready)
	}
}

func (t *small) wake() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.look != nil {
		signal(t.look)
	}
}
