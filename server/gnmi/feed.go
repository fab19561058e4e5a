package gnmi

import (
	"context"
	"slices"
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

	config   *datastore.Snapshot      // told last; nil: none
	told     []map[state.Key]*toldRow // by table
	walk     uint64                   // counts the walks
	follower *state.Follower          // on change
	rows     []state.Row              // used again

	sampleAt, heartbeatAt time.Time // zero: never

	// commits, unless it is nil, are told one by one, with committed after each.
	commits   *datastore.Follower
	committed func(*datastore.Snapshot) error
}

type toldRow struct {
	state.Row
	walk uint64 // the last in which it was there
}

// silent is a sink that tells nobody.
type silent struct{}

func (silent) begin(schema.Path, time.Time, uint64)        {}
func (silent) leaf([]*schema.Node, *schema.Node, [][]byte) {}
func (silent) presence([]*schema.Node, *schema.Node)       {}
func (silent) gone([]*schema.Node, *schema.Node)           {}
func (silent) end() error                                  { return nil }
func (silent) removed(schema.Path, time.Time) error        { return nil }

// begin tells everything, or with quiet only takes note of it.
func (f *feed) begin(ctx context.Context, quiet bool) error {
	for range f.tables {
		f.told = append(f.told, map[state.Key]*toldRow{})
	}
	if quiet {
		defer func(to sink) { f.sink = to }(f.sink)
		f.sink = silent{}
	}
	running := f.options.Store.Running()
	if f.commits != nil {
		running, f.config = f.config, nil
	}
	if err := f.tellConfig(running, time.Now(), false); err != nil {
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
		if err := f.tellConfig(f.options.Store.Running(), now, again); err != nil {
			return false, err
		}
		if err := f.tellWalk(ctx, now, again); err != nil {
			return false, err
		}
	}
	if f.interval > 0 {
		return false, nil
	}
	if f.commits != nil {
		return f.tellCommit()
	}
	if running := f.options.Store.Running(); f.config != running {
		if err := f.tellConfig(running, now, false); err != nil {
			return false, err
		}
	}
	return f.tellChanges(now)
}

// tellCommit tells what the next commit has changed, and that this was all of it. When it returns false there is none yet.
func (f *feed) tellCommit() (more bool, err error) {
	commit, ok := f.commits.Peek()
	if !ok {
		return false, nil
	}
	if err := f.tellConfig(commit.Snapshot, time.Now(), false); err != nil {
		return false, err
	}
	return true, f.committed(commit.Snapshot)
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

// tellConfig tells what has changed up to the next configuration; with again, also what has not.
func (f *feed) tellConfig(next *datastore.Snapshot, now time.Time, again bool) error {
	changes := tree.Diff(nil, next.Root)
	if f.config != nil {
		changes = f.options.Store.Between(f.config, next)
	}
	if f.config != next {
		f.access = f.options.Access.For(f.user) // what the user may see is configured too
	}
	f.config = next
	return f.reader.config(changes, f.sel, now, again)
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

// owner is the index of the table that a row is of.
func (f *feed) owner(row state.Row) int {
	return slices.IndexFunc(f.tables, func(t *table) bool { return t.view.Owns(row) })
}

// tellWalk tells every row that there is: what differs from what was told last, with again all of it. Then it tells which are no more; on
// change the follower does that.
func (f *feed) tellWalk(ctx context.Context, now time.Time, again bool) error {
	f.walk++
	for i, t := range f.tables {
		for row, err := range t.view.Rows(ctx) {
			if err != nil {
				return err
			}
			if err := f.tellRow(i, &row, now, again); err != nil {
				return err
			}
		}
	}
	if f.follower != nil || ctx.Err() != nil {
		return ctx.Err()
	}
	for i, told := range f.told {
		for key, was := range told {
			if was.walk == f.walk {
				continue
			}
			delete(told, key)
			if err := f.reader.row(f.tables[i], &was.Row, nil, now, false); err != nil {
				return err
			}
		}
	}
	return nil
}

// tellRow tells what differs between a row of a table and what was told of it last, and keeps it for the next time.
func (f *feed) tellRow(of int, row *state.Row, now time.Time, again bool) error {
	t, told := f.tables[of], f.told[of]
	key := row.Key()
	was := told[key]
	switch {
	case row.Gone() && was == nil:
		return nil
	case row.Gone():
		delete(told, key)
		return f.reader.row(t, &was.Row, nil, now, false)
	case was == nil:
		told[key] = &toldRow{*row, f.walk}
		return f.reader.row(t, nil, row, now, again)
	}
	old := was.Row
	*was = toldRow{*row, f.walk}
	if !again && row.Same(old) {
		return nil
	}
	f.delta.merged = row.Missed(old)
	err := f.reader.row(t, &old, row, now, again)
	f.delta.merged = 0
	return err
}
