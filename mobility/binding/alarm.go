package binding

import (
	"container/heap"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
)

// An alarm that is moved to a later instant, as every refresh does, stays where it is in the heap until it would ring: moving it
// then costs once a lifetime what it would otherwise cost with every refresh.
type alarm struct {
	due   int64 // nanoseconds since 1970; 0: none
	rings int64 // when the heap looks at it; not after due
}

// alarms is a heap: what rings next is first.
type alarms struct {
	table   *Table
	entries []number
}

// SetAlarm lets PopAlarm return the row at the given instant, in place of an earlier setting. The zero time removes it. A row that is absent has no
// alarm.
func (t *Table) SetAlarm(id dataplane.SessionID, at time.Time) {
	e := t.recent(id)
	if e == nil {
		e = t.shardOf(id).entry(id)
	}
	if e == nil {
		return
	}
	if at.IsZero() {
		t.alarms.remove(e)
		return
	}
	t.alarms.set(e, at.UnixNano())
}

// NextAlarm returns an instant before which no alarm is due.
func (t *Table) NextAlarm() (at time.Time, ok bool) {
	if t.alarms.Len() == 0 {
		return time.Time{}, false
	}
	return time.Unix(0, t.alarms.first().alarm.rings), true
}

// PopAlarm returns a row whose alarm is due and removes the alarm, or nil when none is due.
func (t *Table) PopAlarm(now time.Time) *mobility.Binding {
	for t.alarms.Len() > 0 && t.alarms.first().alarm.rings <= now.UnixNano() {
		e := t.alarms.first()
		if e.alarm.due <= now.UnixNano() {
			t.alarms.remove(e)
			return e.row
		}
		e.alarm.rings = e.alarm.due
		heap.Fix(&t.alarms, 0)
	}
	return nil
}

func (s *shard) entry(id dataplane.SessionID) *entry {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if e := s.find(id); e != nil && e.row != nil {
		return e
	}
	return nil
}

func (a *alarms) set(e *entry, due int64) {
	e.alarm.due = due
	switch {
	case e.place == 0:
		e.alarm.rings = due
		heap.Push(a, e)
	case due < e.alarm.rings:
		e.alarm.rings = due
		heap.Fix(a, int(e.place-1))
	}
}

func (a *alarms) remove(e *entry) {
	if e.place != 0 {
		heap.Remove(a, int(e.place-1))
	}
}

func (a *alarms) at(i int) *entry { return a.table.at(a.entries[i]) }
func (a *alarms) first() *entry   { return a.at(0) }

func (a *alarms) Len() int           { return len(a.entries) }
func (a *alarms) Less(i, j int) bool { return a.at(i).alarm.rings < a.at(j).alarm.rings }
func (a *alarms) Swap(i, j int) {
	a.entries[i], a.entries[j] = a.entries[j], a.entries[i]
	a.at(i).place, a.at(j).place = int32(i+1), int32(j+1)
}

func (a *alarms) Push(x any) {
	e := x.(*entry)
	a.entries = append(a.entries, e.number)
	e.place = int32(len(a.entries))
}

func (a *alarms) Pop() any {
	last := len(a.entries) - 1
	e := a.at(last)
	a.entries = a.entries[:last]
	e.alarm, e.place = alarm{}, 0
	return e
}
