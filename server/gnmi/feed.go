package gnmi

import (
	"context"
	"slices"
	"strings"
	"time"

	"mooring/server/access"
	"mooring/server/datastore"
	"mooring/server/state"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// feed follows a part of the data for one subscriber. It knows what it has told: a configuration, and the rows of state.
//
// On change, it has a cursor in the tables: what a slow subscriber has not been told yet is not kept anywhere. Samples walk the tables.
type feed struct {
	*reader
	user access.User
	manner
	sel    selection
	tables []*table

	config   *datastore.Snapshot // told last; nil: none
	told     map[rowKey]toldRow
	walk     uint64          // counts the walks
	follower *state.Follower // on change
	rows     []state.Row
	keys     []string

	sampleAt, heartbeatAt time.Time // zero: never
}

// rowKey names a row.
type rowKey struct {
	table *table
	keys  string
}

type toldRow struct {
	state.Row
	walk uint64 // the last in which it was there
}

// silent is a sink that tells nobody.
type silent struct{}

func (silent) begin(schema.Path, time.Time)                {}
func (silent) leaf([]*schema.Node, *schema.Node, [][]byte) {}
func (silent) presence([]*schema.Node, *schema.Node)       {}
func (silent) gone([]*schema.Node, *schema.Node)           {}
func (silent) end() error                                  { return nil }
func (silent) removed(schema.Path, time.Time) error        { return nil }

// begin tells everything, or with quiet only takes note of it.
func (f *feed) begin(ctx context.Context, quiet bool) error {
	f.told = map[rowKey]toldRow{}
	if quiet {
		defer func(to sink) { f.sink = to }(f.sink)
		f.sink = silent{}
	}
	if err := f.tellConfig(time.Now(), false); err != nil {
		return err
	}
	if f.interval > 0 {
		return f.tellWalk(ctx, time.Now(), false)
	}
	views := make([]state.View, len(f.tables))
	for i, t := range f.tables {
		views[i] = t.view
	}
	f.follower = f.options.State.Follow(views...)
	for !f.follower.Complete() {
		if more, err := f.tellChanges(time.Now()); err != nil || !more {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

func (f *feed) close() {
	if f.follower != nil {
		f.follower.Close()
	}
}

// schedule sets the clocks, which start at the end of the initial values.
func (f *feed) schedule(now time.Time) {
	f.sampleAt, f.heartbeatAt = after(now, f.interval), after(now, f.heartbeat)
}

func after(now time.Time, d time.Duration) time.Time {
	if d == 0 {
		return time.Time{}
	}
	return now.Add(d)
}

// due is when the feed wants its turn whatever happens; the zero time is never.
func (f *feed) due() time.Time {
	if f.heartbeatAt.IsZero() || !f.sampleAt.IsZero() && f.sampleAt.Before(f.heartbeatAt) {
		return f.sampleAt
	}
	return f.heartbeatAt
}

// turn tells what is to be told now, or some of it: then there is more.
func (f *feed) turn(ctx context.Context) (more bool, err error) {
	now := time.Now()
	heartbeat := f.passed(&f.heartbeatAt, f.heartbeat, now)
	sample := f.passed(&f.sampleAt, f.interval, now)
	if sample || heartbeat {
		again := heartbeat || !f.suppress
		if err := f.tellConfig(now, again); err != nil {
			return false, err
		}
		if err := f.tellWalk(ctx, now, again); err != nil {
			return false, err
		}
	}
	if f.interval > 0 {
		return false, nil
	}
	if f.config != f.options.Store.Running() {
		if err := f.tellConfig(now, false); err != nil {
			return false, err
		}
	}
	return f.tellChanges(now)
}

// passed reports whether a time has come, and sets it to the next one. Those that were missed are left out.
func (f *feed) passed(at *time.Time, every time.Duration, now time.Time) bool {
	if at.IsZero() || now.Before(*at) {
		return false
	}
	missed := now.Sub(*at) / every
	*at = at.Add((missed + 1) * every)
	return true
}

// tellConfig tells what has changed in the configuration; with again, also what has not.
func (f *feed) tellConfig(now time.Time, again bool) error {
	next := f.options.Store.Running()
	var old *tree.Node
	if f.config != nil {
		old = f.config.Root
	}
	if f.config != next {
		f.access = f.options.Access.For(f.user) // what the user may see is configured too
	}
	f.config = next
	return f.reader.config(old, next.Root, f.sel, now, again)
}

// tellChanges tells some of the rows that have changed. When it returns false there are none left.
func (f *feed) tellChanges(now time.Time) (more bool, err error) {
	f.rows = f.follower.Next(f.rows[:0])
	for i := range f.rows {
		if err := f.tellRow(f.owner(f.rows[i]), &f.rows[i], now, false); err != nil {
			return false, err
		}
	}
	more = len(f.rows) > 0
	clear(f.rows) // what is told slowly shall not keep rows alive
	return more, nil
}

func (f *feed) owner(row state.Row) *table {
	return f.tables[slices.IndexFunc(f.tables, func(t *table) bool { return t.view.Owns(row) })]
}

// tellWalk tells every row that there is: what differs from what was told last, with again all of it. Then it tells which are no more; on
// change the follower does that.
func (f *feed) tellWalk(ctx context.Context, now time.Time, again bool) error {
	f.walk++
	for _, t := range f.tables {
		for row, err := range t.view.Rows(ctx) {
			if err != nil {
				return err
			}
			if err := f.tellRow(t, &row, now, again); err != nil {
				return err
			}
		}
	}
	if f.follower != nil || ctx.Err() != nil {
		return ctx.Err()
	}
	for key, was := range f.told {
		if was.walk == f.walk {
			continue
		}
		delete(f.told, key)
		if err := f.reader.row(key.table, &was.Row, nil, now, false); err != nil {
			return err
		}
	}
	return nil
}

// tellRow tells what differs between a row and what was told of it last, and keeps it for the next time.
func (f *feed) tellRow(t *table, row *state.Row, now time.Time, again bool) error {
	f.keys = row.AppendKeys(f.keys[:0])
	key := rowKey{t, strings.Join(f.keys, state.Any)}
	was, known := f.told[key]
	var old *state.Row
	if known {
		old = &was.Row
	}
	switch {
	case row.Gone() && !known:
		return nil
	case row.Gone():
		delete(f.told, key)
		return f.reader.row(t, old, nil, now, false)
	}
	f.told[key] = toldRow{*row, f.walk}
	if known && !again && row.Same(was.Row) {
		return nil
	}
	return f.reader.row(t, old, row, now, again)
}
