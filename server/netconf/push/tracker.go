package push

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"mooring/server/access"
	"mooring/server/netconf/filter"
	"mooring/server/state"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// Options say what a Tracker follows.
type Options struct {
	Running func() *tree.Node     // the root of the configuration
	Access  func() *access.Access // what the subscriber may see now
	State   *state.State          // nil: only the configuration is followed
	Read    filter.Read           // the filter and how it is read
}

// Tracker knows what one subscriber was told. It is for one goroutine. Call Begin first, and Close when done.
type Tracker struct {
	Options
	views    []state.View
	parts    []bool // of views: whether an instance is there is not for its rows to say
	follower *state.Follower
	told     version
	seen     version
	rows     map[rowKey]state.Row // as they were seen last
	changed  []rowKey             // that may be others than those told, in the order in which they changed
	before   map[rowKey]state.Row // of changed: what was told; the zero Row is none
	churn    churn
	buf      []state.Row
	keys     []string
	old, new *state.Renderer
}

// version is a configuration, and what may be seen of it.
type version struct {
	root   *tree.Node
	access *access.Access
}

// rowKey names a row: by its place among the views and its keys.
type rowKey struct {
	view int
	keys string
}

// New returns a Tracker of what there is from now on.
func New(o Options) *Tracker {
	t := &Tracker{Options: o, rows: map[rowKey]state.Row{}, before: map[rowKey]state.Row{}, old: state.NewRenderer(), new: state.NewRenderer()}
	t.seen = version{o.Running(), o.Access()}
	t.told = t.seen
	if o.State == nil {
		return t
	}
	t.views = o.Read.Filter.Tables(o.State)
	for i, v := range t.views {
		first := slices.IndexFunc(t.views, func(other state.View) bool { return other.Node() == v.Node() })
		t.parts = append(t.parts, v.Node().Config || first != i)
	}
	t.follower = o.State.Follow(t.views...)
	return t
}

// Begin takes note of everything that there is, as of what was told.
func (t *Tracker) Begin(ctx context.Context) {
	for t.follower != nil && !t.follower.Complete() && ctx.Err() == nil {
		t.look(time.Time{})
	}
	t.configure()
	t.Settle()
}

// Close gives back what the tables keep for the tracker.
func (t *Tracker) Close() {
	if t.follower != nil {
		t.follower.Close()
	}
}

// Ready receives a value when rows may have changed; it is nil when none are followed.
func (t *Tracker) Ready() <-chan struct{} {
	if t.follower == nil {
		return nil
	}
	return t.follower.Ready()
}

// Config is the configuration as it was seen last.
func (t *Tracker) Config() *tree.Node { return t.seen.root }

// enough is how many rows are looked at before those that have changed are told.
const enough = 10_000

// Look looks at what has changed. more says that there may be more to look at.
func (t *Tracker) Look(now time.Time) (more bool) {
	for rows := 0; t.follower != nil && !more; more = rows >= enough {
		n := t.look(now)
		if n == 0 {
			break
		}
		rows += n
	}
	t.configure()
	return more
}

// configure looks at the configuration: later than at the rows, so that there is none whose configuration is not known yet.
func (t *Tracker) configure() {
	root := t.Running()
	if root == t.seen.root {
		return
	}
	next := version{root, t.Access()}
	if t.seen.root != t.told.root && !t.churn.full() {
		if c, err := filter.Compare(context.Background(), t.read(t.seen), t.read(next), t.churn.note(nil)); err == nil {
			c.Config()
		}
	}
	t.seen = next
}

// look takes note of some of the rows that have changed.
func (t *Tracker) look(now time.Time) int {
	t.buf = t.follower.Next(t.buf[:0])
	for _, row := range t.buf {
		key := t.keyOf(row)
		was, known := t.rows[key]
		if _, changed := t.before[key]; !changed {
			t.before[key] = was
			t.changed = append(t.changed, key)
		} else if !now.IsZero() && !t.churn.full() {
			t.compare(t.again(key), key, was, row, now)
		}
		if !row.Gone() {
			t.rows[key] = row
		} else if known {
			delete(t.rows, key)
		}
	}
	n := len(t.buf)
	clear(t.buf) // what is told late shall not keep rows alive
	return n
}

func (t *Tracker) keyOf(row state.Row) rowKey {
	t.keys = row.AppendKeys(t.keys[:0])
	return rowKey{slices.IndexFunc(t.views, func(v state.View) bool { return v.Owns(row) }), strings.Join(t.keys, state.Any)}
}

// Changed reports whether something may differ from what was told.
func (t *Tracker) Changed() bool { return t.seen != t.told || len(t.changed) > 0 }

// Settle takes everything that was seen for told.
func (t *Tracker) Settle() {
	t.told = t.seen
	t.churn.clear()
	if len(t.changed) > enough { // as at the beginning: that much memory is not needed again soon
		t.changed, t.before = nil, map[rowKey]state.Row{}
		return
	}
	t.changed = t.changed[:0]
	clear(t.before)
}

// again compares rows that have changed more than once before they are told; nil when nobody can say what is selected.
func (t *Tracker) again(key rowKey) *filter.Comparison {
	c, _ := filter.Compare(context.Background(), t.read(t.seen), t.read(t.seen), t.churn.note(&key))
	return c
}

// Tell tells what differs from what was told before, and takes it for told. The error, a *tree.Error, says that what the filter selects
// cannot be found out; then nothing is told, and nothing is taken for told.
func (t *Tracker) Tell(ctx context.Context, now time.Time, tell func(*filter.Edit)) error {
	c, err := filter.Compare(ctx, t.read(t.told), t.read(t.seen), t.churn.watch(tell))
	if err != nil {
		return err
	}
	c.Config()
	if !c.Steady() {
		t.everyRow()
	}
	slices.SortStableFunc(t.changed, func(a, b rowKey) int { return cmp.Compare(a.view, b.view) })
	for _, key := range t.changed {
		t.compare(c, key, t.before[key], t.rows[key], now)
	}
	for _, touch := range t.churn.rest() {
		at, row := 0, (*tree.Node)(nil)
		if touch.row != nil {
			at = len(t.views[touch.row.view].Node().Ancestors())
			if is, there := t.rows[*touch.row]; there {
				row = t.new.Render(is, now)
			}
		}
		c.Again(touch.op, touch.path, at, row)
	}
	t.Settle()
	return nil
}

func (t *Tracker) read(v version) filter.Read {
	r := t.Read
	r.Config, r.Access = v.root, v.access
	return r
}

// everyRow counts all rows as changed: they are seen by other rules.
func (t *Tracker) everyRow() {
	had := len(t.changed)
	for key, row := range t.rows {
		if _, changed := t.before[key]; !changed {
			t.before[key] = row
			t.changed = append(t.changed, key)
		}
	}
	slices.SortFunc(t.changed[had:], func(a, b rowKey) int { return strings.Compare(a.keys, b.keys) })
}

// compare compares two versions of a row; the zero Row, and one that is gone, are none.
func (t *Tracker) compare(c *filter.Comparison, key rowKey, was, is state.Row, now time.Time) {
	none := func(r state.Row) bool { return r == state.Row{} || r.Gone() }
	if c == nil || !none(was) && !none(is) && c.Steady() && was.Same(is) {
		return
	}
	var old, new *tree.Node
	var path schema.Path
	if !none(was) {
		old, path = t.old.Render(was, now), was.Path()
	}
	if !none(is) {
		new, path = t.new.Render(is, now), is.Path()
	}
	if path != nil {
		c.Row(path, old, new, t.parts[key.view])
	}
}
