package element

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"mooring/mobility"
	"mooring/mobility/engine"
	"mooring/server/notify"
	"mooring/server/state"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

const (
	mostTraced = 16 // nodes at a time
	mostTraces = 64 // that are kept
)

// tracer keeps what is recorded of nodes that are traced, tells subscribers, and ends traces in time.
type tracer struct {
	engine *engine.Engine
	log    *notify.Log
	defs   map[engine.Role]map[string]*schema.Node

	mu   sync.Mutex
	list []*trace // the oldest first
}

// trace is a node that is or was traced. tracer.mu guards it.
type trace struct {
	machine       engine.Name
	node          mobility.NodeID
	nai           string
	started, ends time.Time
	maximum       int
	records       []state.TraceRecord
	watching      *engine.Watching
	timer         *time.Timer // nil: it has ended
}

func (t *trace) lost() uint64 {
	if t.watching == nil {
		return 0
	}
	return t.watching.Lost.Load()
}

func newTracer(log *notify.Log) *tracer { return &tracer{log: log, defs: notificationsOf(log)} }

// find returns the trace of a node at a machine, or nil; mu is held.
func (t *tracer) find(machine engine.Name, node mobility.NodeID) *trace {
	i := slices.IndexFunc(t.list, func(x *trace) bool { return x.machine == machine && x.node == node })
	if i < 0 {
		return nil
	}
	return t.list[i]
}

// start begins a trace, anew where there is one. It reports false where the machine does not run.
func (t *tracer) start(ctx context.Context, machine engine.Name, nai string, duration time.Duration, maximum int) (ok bool, err error) {
	now := time.Now()
	x := &trace{machine: machine, node: mobility.NAI(nai), nai: nai, started: now, ends: now.Add(duration), maximum: maximum}
	if err := t.admit(x, duration); err != nil {
		return false, err
	}
	w, ok, err := t.engine.Watch(ctx, machine, x.node)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil || !ok {
		if x.timer != nil {
			x.timer.Stop()
		}
		t.list = slices.DeleteFunc(t.list, func(other *trace) bool { return other == x })
		return ok, err
	}
	x.watching = w
	if x.timer == nil { // it is over already
		go t.engine.Unwatch(context.Background(), machine, x.node, w)
	}
	return true, nil
}

// admit makes room for a trace, and gives it a timer.
func (t *tracer) admit(x *trace, duration time.Duration) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if was := t.find(x.machine, x.node); was != nil {
		t.end(was, "stopped")
		t.list = slices.DeleteFunc(t.list, func(other *trace) bool { return other == was })
	}
	active := 0
	for _, other := range t.list {
		if other.timer != nil {
			active++
		}
	}
	if active >= mostTraced {
		return &tree.Error{Tag: tree.ResourceDenied, Message: fmt.Sprintf("%d nodes are traced, as many as may be: stop one of them first", active)}
	}
	if len(t.list) >= mostTraces {
		t.list = slices.Delete(t.list, 0, 1+slices.IndexFunc(t.list, func(other *trace) bool { return other.timer == nil }))
	}
	x.timer = time.AfterFunc(duration, func() { t.stop(x, "duration") })
	t.list = append(t.list, x)
	return nil
}

// stop ends a trace, and reports whether it went on until now.
func (t *tracer) stop(x *trace, why string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.end(x, why)
}

// end ends a trace and tells so; mu is held.
func (t *tracer) end(x *trace, why string) bool {
	if x.timer == nil {
		return false
	}
	x.timer.Stop()
	x.timer = nil
	if now := time.Now(); now.Before(x.ends) {
		x.ends = now
	}
	if x.watching != nil {
		go t.engine.Unwatch(context.Background(), x.machine, x.node, x.watching) // the loop may be waiting for who holds mu
	}
	if def := t.defs[x.machine.Role]["trace-ended"]; def != nil {
		t.log.Add(x.ends, def, []string{x.machine.Name}, func(b *tree.Builder) {
			b.Leaf(def.ChildNamed("nai"), x.nai)
			b.Leaf(def.ChildNamed("reason"), why)
			b.Uint(def.ChildNamed("records"), uint64(len(x.records)))
			b.Uint(def.ChildNamed("dropped"), x.lost())
		})
	}
	return true
}

// took keeps records, and tells of them.
func (t *tracer) took(records []engine.Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range records {
		r := &records[i]
		x := t.find(r.Machine, r.Node)
		if x == nil || x.timer == nil || r.At.Before(x.started) {
			continue
		}
		x.records = append(x.records, state.TraceRecord{Time: r.At, Kind: r.Kind.String(), Text: r.Text})
		if def := t.defs[r.Machine.Role]["trace-record"]; def != nil {
			t.log.Add(r.At, def, []string{r.Machine.Name}, func(b *tree.Builder) {
				b.Leaf(def.ChildNamed("nai"), x.nai)
				b.Uint(def.ChildNamed("sequence"), uint64(len(x.records)))
				b.Leaf(def.ChildNamed("time"), state.DateAndTime(r.At))
				b.Leaf(def.ChildNamed("kind"), r.Kind.String())
				b.Leaf(def.ChildNamed("text"), r.Text)
			})
		}
		if len(x.records) >= x.maximum {
			t.end(x, "maximum")
		}
	}
}

// state lists the traces.
func (t *tracer) state() (list []state.Trace) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, x := range t.list {
		list = append(list, state.Trace{
			Gateway: x.machine.Role == engine.RoleMAG, Machine: x.machine.Name, NAI: x.nai,
			Started: x.started, Ends: x.ends, Dropped: x.lost(), Records: slices.Clip(x.records),
		})
	}
	return list
}

// close stops the timers. Nothing is told any more.
func (t *tracer) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, x := range t.list {
		if x.timer != nil {
			x.timer.Stop()
		}
	}
}
