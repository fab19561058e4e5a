// Package reconcile makes a forwarding plane hold what sessions and configuration want, and keeps it so.
//
// The plan (plan.go, outcome.go) is pure: sessions become objects, shared ones are counted, and queues say what is to be
// made and removed next. The Reconciler is its shell: one goroutine that hands batches to a dataplane.Plane, tries again
// what failed, and compares plan and host when the host may have changed.
package reconcile

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"mooring/dataplane"
)

// Options of a Reconciler. The zero value works.
type Options struct {
	Log      *slog.Logger
	Results  func([]dataplane.Result) // called from Run for every session that was handed over, and when its outcome changes
	Links    func(dataplane.Event)    // called from Run's watcher for every LinkUp and LinkDown
	Repaired func([]Repair)           // called from Run when something was made again that somebody else had removed or changed
	Settled  func()                   // called from Run once, when all that was wanted at first is there, or was refused several times
	Removing func()                   // called from Run as long as more is to be removed than a batch. It does not block
	Batch    int                      // routes handed to the plane at once, or fewer of what takes longer; 0 means 256
	Backlog  int                      // changes that may wait before Room says no; 0 means 65536
	Compare  time.Duration            // between full comparisons; 0 means five minutes
}

// Reconciler keeps a plane in agreement with what is wanted. Its methods may be called concurrently.
type Reconciler struct {
	plane dataplane.Plane
	Options
	inbox inbox

	mu      sync.Mutex // guards what follows, which only Run, Move and Configure change
	plan    *plan
	repairs repairs
	told    bool // Configure was called
	held    bool // by Move, until the next Configure

	settled    sync.Once   // Run: calls Settled
	configured bool        // Run: what is not wanted may be removed
	comparing  *comparison // Run: that is under way; nil: none
	comparedAt time.Time   // Run: of the last comparison
	compareAt  time.Time   // Run: of the next one
}

// New returns a Reconciler of the plane. Nothing happens before Run.
func New(plane dataplane.Plane, o Options) *Reconciler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Results == nil {
		o.Results = func([]dataplane.Result) {}
	}
	if o.Repaired == nil {
		o.Repaired = func([]Repair) {}
	}
	if o.Settled == nil {
		o.Settled = func() {}
	}
	if o.Removing == nil {
		o.Removing = func() {}
	}
	if o.Links == nil {
		o.Links = func(dataplane.Event) {}
	}
	o.Batch = orDefault(o.Batch, 256)
	o.Backlog = orDefault(o.Backlog, 65536)
	o.Compare = orDefault(o.Compare, 5*time.Minute)
	return &Reconciler{plane: plane, Options: o, plan: newPlan(), inbox: newInbox(o.Backlog)}
}

func orDefault[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}

// Want hands over changes of sessions, in order. It never blocks; who can wait should wait for Room first. Of several
// changes of a session that are waiting, the newest counts.
func (r *Reconciler) Want(changes []dataplane.Change) { r.inbox.put(changes) }

// Room returns a channel that is closed as soon as fewer than Options.Backlog changes wait.
func (r *Reconciler) Room() <-chan struct{} { return r.inbox.roomChannel() }

// Configure replaces the wanted state that comes from the configuration. Until its first call nothing is removed that an
// earlier process left on the host: whoever restores sessions hands them to Want before it. It ends what Move has begun.
func (r *Reconciler) Configure(c dataplane.Config) {
	r.mu.Lock()
	r.inbox.configure(c)
	r.told, r.held = true, false
	r.mu.Unlock()
	r.inbox.ring()
}

// Run reconciles until ctx ends, and returns nil then. What was installed stays.
func (r *Reconciler) Run(ctx context.Context) error {
	var watcher sync.WaitGroup
	defer watcher.Wait()
	ctx, stop := context.WithCancel(ctx)
	events := make(chan dataplane.Event, 256)
	watcher.Go(func() { r.watch(ctx, events) })
	defer func() { r.comparing.wait() }()
	defer stop()

	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		if r.step(ctx) {
			r.drain(events)
			runtime.Gosched() // with one processor, signalling would wait until the scheduler takes it away, 10 ms later
			continue
		}
		at, settled := r.rest()
		if settled {
			r.settled.Do(r.Settled)
		}
		timer.Reset(time.Until(at))
		select {
		case <-ctx.Done():
		case <-r.inbox.filled:
		case <-timer.C:
		case event := <-events:
			r.handle(event)
		case part := <-r.comparing.parts():
			r.compare(part)
		}
	}
	return nil
}

// wantedPerBatch is how many changes of what is wanted are taken in for each object of a batch. That is bounded: what one customer loses does not keep
// another waiting, and no more of it is taken in than the host is about to remove.
const wantedPerBatch = 8

// step takes in some of what is new and carries out one batch. It reports whether there was anything to do, that need not wait for a Configure.
func (r *Reconciler) step(ctx context.Context) bool {
	took := r.takeIn()
	r.mu.Lock()
	if r.held {
		r.mu.Unlock()
		return false
	}
	r.plan.due(time.Now())
	batch, more := r.plan.turn(r.Batch)
	removing := r.plan.removing()
	results := r.plan.report() // of sessions that needed nothing
	r.mu.Unlock()

	if len(results) > 0 {
		r.Results(results)
	}
	if removing {
		r.Removing()
	}
	if len(batch) > 0 {
		r.apply(ctx, batch)
	}
	return r.compareSome(ctx, more) || took || more
}

// takeIn has the plan know some of what is new, and reports whether there was any.
func (r *Reconciler) takeIn() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held {
		return false
	}
	took, configured := r.plan.takeIn(&r.inbox, r.Batch)
	r.configured = r.configured || configured
	return took
}

// takeIn takes some of what an inbox has, for so many objects in a batch, and reports whether there was any, and the configuration with it.
func (p *plan) takeIn(b *inbox, batch int) (took, configured bool) {
	changes, config := b.take(wantedPerBatch*batch, max(1, batch/removedShare))
	for _, change := range changes {
		p.set(change)
	}
	if config != nil {
		p.configure(*config)
	}
	return len(changes) > 0 || config != nil, config != nil
}

var errNoAnswer = errors.New("the plane gave no answer")

// apply carries out a batch. While the host is at it, changes are taken in: half of the work is ours, and half is the host's.
func (r *Reconciler) apply(ctx context.Context, batch []*item) {
	ops := make([]dataplane.Op, len(batch))
	for i, it := range batch {
		ops[i] = it.op()
	}
	var errs []error
	var host sync.WaitGroup
	host.Go(func() { errs = r.plane.Apply(ctx, ops) })
	r.takeIn()
	host.Wait()
	now := time.Now()
	r.mu.Lock()
	for i, it := range batch {
		err := errNoAnswer
		if i < len(errs) {
			err = errs[i]
		}
		if err != nil && text(err) != text(it.few().err) {
			r.Log.Log(ctx, severity(err), "forwarding state refused, will try again", "object", ops[i].Object, "remove", ops[i].Delete, "error", err)
		}
		r.plan.done(it, err, now, backoff)
	}
	results, repaired := r.plan.report(), r.repairs.note(r.plan.repaired, now)
	r.plan.repaired = r.plan.repaired[:0]
	r.mu.Unlock()
	if len(results) > 0 {
		r.Results(results)
	}
	if len(repaired) > 0 {
		r.Repaired(repaired)
	}
}

// severity is low of what waits for an interface: that of a node goes with it, and nobody has to do anything about it.
func severity(err error) slog.Level {
	if errors.Is(err, dataplane.ErrNoLink) {
		return slog.LevelInfo
	}
	return slog.LevelWarn
}

// rest says how long Run, which has nothing to do now, may wait at most, and whether all is there that was wanted, or was refused several times.
func (r *Reconciler) rest() (until time.Time, settled bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held {
		return time.Now().Add(r.Compare), false
	}
	at, ok := r.plan.nextRetry()
	switch {
	case r.configured && r.comparing == nil && (!ok || r.compareAt.Before(at)):
		at = r.compareAt
	case !ok:
		at = time.Now().Add(r.Compare)
	}
	return at, r.configured && !r.plan.retries.hopeful()
}

const (
	firstRetry   = 100 * time.Millisecond
	lastRetry    = 30 * time.Second
	compareRetry = time.Second
	compareDelay = 100 * time.Millisecond
)

// backoff doubles with every failure up to lastRetry, less a random part of up to a half, so that what failed together is
// not tried together for ever.
func backoff(tries int) time.Duration {
	full := lastRetry
	if tries < 10 {
		full = min(firstRetry<<(tries-1), lastRetry)
	}
	return full - rand.N(full/2)
}
