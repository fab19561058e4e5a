package engine

import (
	"context"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/journal"
	"mooring/mobility/transport"
)

// Transport carries signalling: *transport.Sockets, or *transport.Host in tests. The loop alone calls Send, Screen, Open and Retire.
type Transport interface {
	Prepare(addresses []transport.Address) (transport.Prepared, error)
	Batches() <-chan *transport.Batch
	Send(datagrams []mobility.Datagram) // the datagrams are the caller's again when it returns
	Screen(at transport.Address, screen *mobility.Screen)
}

// Dataplane takes over what sessions want: *reconcile.Reconciler. The identifiers of sessions are those of Session.
type Dataplane interface {
	Want(changes []dataplane.Change) // does not block; the slice is the caller's again when it returns
	Room() <-chan struct{}           // closed while more changes are welcome
}

// Options of an Engine. Transport and Dataplane have to be given.
type Options struct {
	Log       *slog.Logger
	Transport Transport
	Dataplane Dataplane
	Store     *journal.Journal       // what survives a restart; nil: nothing. The engine is its owner
	Grants    func([]mobility.Grant) // called from the loop, which it may not wait for; the slice is valid during the call
	Events    func([]Event)          // called from a goroutine of its own, and may take its time; the slice is valid during the call
	Ask       func([]Question)       // puts questions to AAA servers; as Grants. Each answer comes by Engine.Authorized; nil: none ever does
	Backlog   int                    // events that may wait for Events; 0 means 65536
	Records   func([]Record)         // as Events, for what is watched; nil: nothing can be

	// With a Store, these are what it says.
	RestartCounter uint32 // one more with each start that lost bindings (RFC 5847 section 3.2)
	Forgetful      bool   // this start lost bindings: the peers are told
}

// Engine runs the machines of an element. Its methods may be called concurrently.
type Engine struct {
	Options
	inbox    chan message
	stopped  chan struct{}
	events   events
	records  queue[Record]
	registry atomic.Pointer[registry]
	meter    meter

	departing atomic.Bool // there are departures

	// The loop's own.
	element element
	tracing bool // the present step
	stalled bool // nothing is read, because the dataplane is full

	departures departures

	underWay *Commit          // takes turns with everything else; nil: none
	vacates  bool             // the present turn is one of its
	vacated  int              // of held, those that are its
	owed     time.Duration    // that these took when they were stored
	pause    <-chan time.Time // until it may take the next one, as long as it took; nil: it may

	news       <-chan struct{} // of the store
	held       []turn          // oldest first: they wait for the disk
	parts      []part          // memory of the present turn
	awaited    []chan struct{} // closed when the present turn is carried out
	unstorable bool            // nothing can be stored
}

// message is what the inbox takes.
type message interface {
	// handle tells the machines concerned.
	handle(e *Engine, now time.Time)
}

// patience is how long a disk may take before a commit, or the end of Run, goes on without it.
const patience = 5 * time.Second

// inboxSize bounds what may wait beside the batches of the transport. Whoever comes later waits himself.
const inboxSize = 64

// New returns an engine without machines. Nothing happens before Run.
func New(o Options) *Engine {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Grants == nil {
		o.Grants = func([]mobility.Grant) {}
	}
	if o.Ask == nil {
		o.Ask = func([]Question) {}
	}
	if o.Backlog == 0 {
		o.Backlog = 65536
	}
	e := &Engine{Options: o, inbox: make(chan message, inboxSize), stopped: make(chan struct{}), element: newElement()}
	if o.Store != nil {
		e.news = o.Store.News()
		status := o.Store.Status()
		e.RestartCounter, e.Forgetful = status.Restarts, len(status.Damage) > 0
	}
	e.events.init(o.Backlog)
	e.records.init(maxRecords)
	e.registry.Store(new(registry))
	return e
}

// Run is the loop. It returns nil when ctx has ended and Events has been given what was left for it, and may be called once.
func (e *Engine) Run(ctx context.Context) error {
	var sink sync.WaitGroup
	defer sink.Wait()
	if e.Events != nil {
		defer e.events.close()
		sink.Go(func() { e.events.deliver(e.Events) })
	}
	if e.Records != nil {
		defer e.records.close()
		sink.Go(func() { e.records.deliver(e.Records) })
	}
	defer close(e.stopped)

	alarm := newAlarm()
	defer alarm.stop()
	for ctx.Err() == nil {
		alarm.set(e.element.deadline())
		e.wait(ctx, alarm)
	}
	e.flush(patience)
	return nil
}

// wait takes one step as soon as there is one to take.
func (e *Engine) wait(ctx context.Context, alarm *alarm) {
	batches, room := e.Transport.Batches(), e.Dataplane.Room()
	select {
	case <-room:
		room, e.stalled = nil, false
	default:
		if !e.stalled {
			e.meter.stalls.Add(1)
		}
		batches, e.stalled = nil, true
	}
	if len(e.held) >= mostHeld {
		batches = nil
	}
	var commit chan *Commit
	if e.underWay != nil && e.pause == nil && e.vacated < mostVacated { // others wait for what it has the disk do
		commit = make(chan *Commit, 1)
		commit <- e.underWay
	}
	select {
	case <-ctx.Done():
	case <-room:
	case c := <-commit:
		start := time.Now()
		if e.step(c); e.underWay != nil {
			e.pause, e.owed = time.After(time.Since(start)+e.owed), 0
			runtime.Gosched() // else what the network has waits longer than the loop's own alarms, with one processor
		}
	case <-e.pause:
		e.pause = nil
	case <-e.news:
		e.step(stored{})
	case b := <-batches:
		e.step(arrival{b})
	case m := <-e.inbox:
		e.step(m)
	case <-alarm.timer.C:
		alarm.rang()
		e.step(tick{})
	}
}

// step handles one message and carries out what the machines ask for.
func (e *Engine) step(m message) {
	now := time.Now()
	e.tracing = e.Log.Enabled(context.Background(), slog.LevelDebug)
	e.meter.waiting(len(e.inbox) + len(e.Transport.Batches()))
	m.handle(e, now)
	e.carryOut(now)
	if len(e.held) == 0 {
		e.element.settle()
	}
	if e.departures.pending {
		e.retire()
	}
	e.meter.step(time.Since(now))
}

// post puts a message into the inbox, and says whether the engine runs.
func (e *Engine) post(m message) bool {
	select {
	case <-e.stopped:
		return false
	default:
	}
	select {
	case e.inbox <- m:
		return true
	case <-e.stopped:
		return false
	}
}

// alarm is the one timer of the loop.
type alarm struct {
	timer *time.Timer
	at    time.Time // zero: it is not set
}

func newAlarm() *alarm {
	a := &alarm{timer: time.NewTimer(time.Hour)}
	a.timer.Stop()
	return a
}

// set makes the timer ring at an instant. Most steps do not change it.
func (a *alarm) set(at time.Time, ok bool) {
	switch {
	case !ok && !a.at.IsZero():
		a.timer.Stop()
		a.at = time.Time{}
	case ok && !at.Equal(a.at):
		a.timer.Reset(time.Until(at))
		a.at = at
	}
}

func (a *alarm) rang() { a.at = time.Time{} }

func (a *alarm) stop() { a.timer.Stop() }
