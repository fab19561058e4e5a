package state

import (
	"context"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"

	"mooring/server/tree/schema"
)

// Who counts goes on counting: accounting and others read the same numbers. What an operator clears is noted here, for each row, and taken
// off where the row is rendered, so that every protocol shows the same.

// ClearCounters makes the counters begin at 0 that path leads to and that are below it, as far as they stand in containers with a
// discontinuity-time, which becomes at. It returns how many rows there are.
func (s *State) ClearCounters(ctx context.Context, path schema.Path, at time.Time) (n int, err error) {
	for _, view := range s.At(path) {
		t, ok := view.table.(*small)
		if !ok || !t.counts {
			continue
		}
		cleared, err := t.clear(ctx, view.keys, at)
		if err != nil {
			return n, err
		}
		n += cleared
	}
	return n, nil
}

// clear notes what the counters of the rows show now.
func (t *small) clear(ctx context.Context, want Keys, at time.Time) (n int, err error) {
	told := false
	rows := map[string]*baseline{}
	o := Out{table: t, want: want}
	o.tally = func(keys []string, s *Sink) {
		b := &baseline{at: at, shown: map[string]uint64{}}
		for c := range s.counters {
			if c.count != nil {
				b.shown[c.way] = c.value
			}
		}
		rows[strings.Join(keys, Any)] = b
	}
	if err := t.read(ctx, want, &o, &told); err != nil {
		return 0, err
	}
	t.cleared.mu.Lock()
	defer t.cleared.mu.Unlock()
	if t.cleared.rows == nil {
		t.cleared.rows = map[string]*baseline{}
	}
	maps.Copy(t.cleared.rows, rows)
	return len(rows), nil
}

// baselines are what the rows of a table showed when they were cleared.
type baselines struct {
	mu   sync.Mutex
	rows map[string]*baseline // by their keys
}

// baseline is what the counters of a row showed at a time. It never changes.
type baseline struct {
	at    time.Time
	shown map[string]uint64 // by the way from the row to the counter
}

func (b *baselines) of(keys []string) *baseline {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.rows) == 0 {
		return nil
	}
	return b.rows[strings.Join(keys, Any)]
}

// counts reports whether there are counters at def or below that can begin anew.
func counts(def *schema.Node) bool {
	for _, kid := range def.Children {
		if kid.Name == discontinuityTime || counts(kid) {
			return true
		}
	}
	return false
}

const discontinuityTime = "discontinuity-time"

// subtract takes off what was cleared. What began after that (a tunnel that was made again, a peer that came back) has nothing to be taken off.
func (s *Sink) subtract(b *baseline) {
	for c := range s.counters {
		switch was := b.shown[c.way]; {
		case c.began.After(b.at):
		case c.count != nil && c.value >= was:
			c.count.fixed = strconv.FormatUint(c.value-was, 10)
		case c.since != nil && b.at.After(c.shown):
			c.since.fixed = string(s.clock.appendTime(nil, b.at))
		}
	}
}

// counterOp is a counter of a row, or (count is nil) the time since which the counters of a container count.
type counterOp struct {
	way          string // from the row
	count, since *op
	value        uint64
	began, shown time.Time
}

// counters yields the counters that stand in containers with a discontinuity-time, each container with that time first.
func (s *Sink) counters(yield func(counterOp) bool) {
	type open struct {
		name string
		in   *since // nil: nothing here can begin anew
	}
	var nodes []open
	way := func(def *schema.Node) string {
		var text strings.Builder
		for _, n := range nodes {
			text.WriteString(n.name + Any)
		}
		return text.String() + def.Name
	}
	next := 0
	for i := range s.ops {
		o := &s.ops[i]
		switch {
		case !o.leaf && o.def == nil:
			nodes = nodes[:len(nodes)-1]
			continue
		case !o.leaf:
			var in *since
			if len(nodes) > 0 {
				in = nodes[len(nodes)-1].in
			}
			nodes = append(nodes, open{o.def.Name, in})
			continue
		}
		top := &nodes[len(nodes)-1]
		c := counterOp{way: way(o.def)}
		switch {
		case o.def.IsKey():
			top.name += Any + s.textOf(o)
			continue
		case next < len(s.sinces) && s.sinces[next].op == i:
			top.in = &s.sinces[next]
			next++
			c.since = o
		case top.in != nil && isCounter(o.def):
			c.count = o
			c.value, _ = strconv.ParseUint(s.textOf(o), 10, 64)
		default:
			continue
		}
		c.began, c.shown = top.in.began, top.in.shown
		if !yield(c) {
			return
		}
	}
}
