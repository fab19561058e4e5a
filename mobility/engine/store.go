package engine

import (
	"iter"
	"slices"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/binding"
	"mooring/mobility/journal"
)

// turn is what the machines asked for in a step, on its way: it waits until what it changes is durable, and for the turns before it.
type turn struct {
	at     time.Time
	mark   journal.Mark // in the store
	failed bool         // it could not be stored
	ending bool         // it ends bindings for a commit that takes turns
	parts  []part
	over   []chan struct{} // closed when it is carried out
}

// part is what one machine asked for.
type part struct {
	*unit
	out *mobility.Effects
}

// mostHeld is how many turns may wait for the disk before no more messages are read.
const mostHeld = 256

// take makes a turn of what the machines ask for.
func (e *Engine) take(now time.Time) turn {
	t := turn{at: now, parts: e.parts[:0], over: e.awaited, ending: e.vacates}
	e.awaited, e.vacates = nil, false
	for i, u := range e.element.busy {
		t.parts = append(t.parts, part{u, u.out})
		u.out, e.element.busy[i] = nil, nil
	}
	e.element.busy = e.element.busy[:0]
	e.parts = t.parts
	return t
}

// store has what a turn changes survive a restart. It reports whether the turn may go on at once, else it waits with the others.
func (e *Engine) store(t *turn) (goOn bool) {
	if e.Store == nil {
		return true
	}
	for _, p := range t.parts {
		for _, change := range p.out.Store {
			e.Store.Add(p.key, change)
		}
	}
	mark, pressing, err := e.Store.Write()
	t.mark, t.failed = mark, err != nil
	if err != nil {
		e.setStorable(false)
	}
	if e.Store.Due() {
		e.snapshot()
	}
	if len(e.held) == 0 && (t.failed || !pressing) {
		return true
	}
	t.parts = slices.Clone(t.parts)
	e.held = append(e.held, *t)
	if t.ending {
		e.vacated++
	}
	e.Store.Await()
	return false
}

// stored is that there is news of the store.
type stored struct{}

func (stored) handle(e *Engine, now time.Time) { e.settle(now) }

// settle carries out the turns that waited and need not any more.
func (e *Engine) settle(now time.Time) {
	durable, lost := e.Store.Durable()
	for len(e.held) > 0 {
		t := &e.held[0]
		if !t.failed && t.mark > durable {
			if t.mark > lost {
				break
			}
			t.failed = true
		}
		start, ending := time.Now(), t.ending
		e.perform(now, t)
		if ending {
			e.vacated--
			e.owed += time.Since(start)
		}
		e.held[0] = turn{}
		e.held = e.held[1:]
	}
	if len(e.held) == 0 {
		e.held = nil
	}
	e.setStorable(e.Store.Status().State == journal.Healthy)
	if e.Store.Due() {
		e.snapshot()
	}
}

// flush waits until no turn waits any more, or the time is over.
func (e *Engine) flush(atMost time.Duration) {
	if e.Store == nil {
		return
	}
	over := time.NewTimer(atMost)
	defer over.Stop()
	for {
		e.settle(time.Now())
		if len(e.held) == 0 {
			return
		}
		select {
		case <-e.Store.News():
		case <-over.C:
			return
		}
	}
}

// setStorable tells the machines whether anything can be stored.
func (e *Engine) setStorable(can bool) {
	if e.unstorable == !can {
		return
	}
	e.unstorable = !can
	for _, u := range e.element.units {
		u.SetStorable(can)
	}
}

// undo ends what a turn that could not be stored has begun.
func (e *Engine) undo(now time.Time, p *part) {
	for _, change := range p.out.Store {
		if change.Old == nil {
			p.Unstored(now, change.New.ID, e.element.mark(p.unit))
		}
	}
}

// restorer is a machine that goes on where an earlier process ended.
type restorer interface {
	Restore(now time.Time, rows []*mobility.Binding, last dataplane.SessionID, out *mobility.Effects)
}

// restore gives a new machine what is stored of it.
func (e *Engine) restore(now time.Time, u *unit, m restorer) {
	u.SetStorable(!e.unstorable)
	if e.Store != nil {
		rows, last := e.Store.Take(u.key)
		m.Restore(now, rows, last, e.element.mark(u))
	}
}

// metBefore lists the paths that bindings of a machine went over, those of bindings that were lost among them.
func (e *Engine) metBefore(u *unit) []mobility.Ends {
	if e.Store == nil {
		return nil
	}
	return e.Store.Peers(u.key)
}

// forgetOthers drops what is stored of machines that are not configured.
func (e *Engine) forgetOthers() {
	if e.Store == nil {
		return
	}
	for name, n := range e.Store.Forget() {
		e.Log.Warn("the bindings of a machine that is not configured any more are dropped", "machine", name, "bindings", n)
	}
}

// snapshot has all bindings written anew.
func (e *Engine) snapshot() {
	var sources []journal.Source
	for _, u := range e.element.units {
		sources = append(sources, journal.Source{Machine: u.key, Last: u.LastID(), Rows: lasting(u.table)})
	}
	e.Store.Snapshot(sources, func() {
		settled := query{func() {}, make(chan struct{})} // behind the present step: it has been written then
		if e.post(settled) {
			select {
			case <-settled.done:
			case <-e.stopped:
			}
		}
	})
}

// lasting yields the bindings that survive a restart.
func lasting(t *binding.Table) iter.Seq[*mobility.Binding] {
	return func(yield func(*mobility.Binding) bool) {
		for b := range t.All() {
			switch b.State {
			case mobility.StateActive, mobility.StateRefreshing, mobility.StateDeletePending, mobility.StateRevoking:
				if !yield(b) {
					return
				}
			}
		}
	}
}
