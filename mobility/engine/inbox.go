package engine

import (
	"context"
	"errors"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/transport"
)

// arrival is a batch of received messages.
type arrival struct{ *transport.Batch }

func (a arrival) handle(e *Engine, now time.Time) {
	for i := range a.In {
		in := &a.In[i]
		u := e.element.at(in)
		if u == nil {
			e.meter.unclaimed.Add(1)
			continue
		}
		if e.tracing {
			e.trace(now, u.Name, inboundText(in))
		}
		if u.watched != nil {
			e.sawMessage(now, u, Received, in.From, in.Message, in.Err)
		}
		u.Receive(now, in, e.element.mark(u))
	}
	e.meter.messages.Add(uint64(len(a.In)))
	a.Release()
}

// tick is that a deadline has come.
type tick struct{}

func (tick) handle(e *Engine, now time.Time) {
	for u := range e.element.awake {
		if at, ok := u.Deadline(); !ok || at.After(now) {
			continue
		}
		if e.tracing {
			e.trace(now, u.Name, "advance")
		}
		u.Advance(now, e.element.mark(u))
	}
}

// attached is what was noticed on an access link.
type attached struct{ mobility.Attachment }

// Attached tells the MAG of a link what was noticed there, and waits while the inbox is full. On a link that no MAG has it is
// counted and forgotten: whoever watches links is configured after the engine, and says then who is there.
func (e *Engine) Attached(a mobility.Attachment) { e.post(attached{a}) }

func (a attached) handle(e *Engine, now time.Time) {
	g := e.element.links[a.Link]
	if g == nil {
		e.meter.unclaimed.Add(1)
		return
	}
	if e.tracing {
		e.trace(now, g.Name, attachmentText(a.Attachment))
	}
	g.mag.Attached(now, a.Attachment, e.element.mark(&g.unit))
	if g.watched != nil {
		e.sawAttachment(now, &g.unit, a.Attachment)
	}
}

// installed is what became of sessions in the dataplane.
type installed []dataplane.Result

// Installed tells what became of sessions, as reconcile.Options.Results reports it. The engine keeps the slice.
func (e *Engine) Installed(results []dataplane.Result) { e.post(installed(results)) }

func (results installed) handle(e *Engine, now time.Time) {
	for _, r := range results {
		u, id := e.element.ofSession(r.ID)
		if u == nil {
			continue // its machine was closed meanwhile
		}
		r.ID = id
		if e.tracing {
			e.trace(now, u.Name, resultText(r))
		}
		if u.watched != nil {
			e.sawResult(now, u, r)
		}
		u.Installed(now, r, e.element.mark(u))
	}
}

// ErrStopped is what callers get of an engine that does not run any more.
var ErrStopped = errors.New("the mobility engine has stopped")

// Do runs f in the loop, between two steps, and waits for it. f should be short: nothing else happens meanwhile.
func (e *Engine) Do(ctx context.Context, f func()) error {
	q := query{f, make(chan struct{})}
	select {
	case e.inbox <- q:
	case <-e.stopped:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-q.done:
		return nil
	case <-e.stopped:
		return ErrStopped
	}
}

type query struct {
	f    func()
	done chan struct{}
}

func (q query) handle(*Engine, time.Time) {
	q.f()
	close(q.done)
}

// await waits until what the steps so far have asked for is carried out, and survives the process.
func (e *Engine) await(ctx context.Context) error {
	done := make(chan struct{})
	if err := e.Do(ctx, func() { e.awaited = append(e.awaited, done) }); err != nil {
		return err
	}
	select {
	case <-done:
		return nil
	case <-e.stopped:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}
