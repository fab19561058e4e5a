package engine

import (
	"context"
	"errors"

	"mooring/mobility/transport"
)

// departures are the addresses that a commit has left to nobody, and that anchors speak from until their MAGs have heard that bindings ended.
type departures struct {
	from    transport.Prepared // the last change of the addresses; nil: there was none
	pending bool               // some are listened at yet
	held    bool               // another commit is prepared, and counts on what is open
}

// retire closes the addresses that nobody has and nobody speaks from any more.
func (e *Engine) retire() {
	if e.departures.from == nil || e.departures.held {
		return
	}
	var keep []transport.Address
	for _, a := range e.element.anchors {
		for at := range a.lma.Departed {
			keep = append(keep, transport.Address(at))
			if o := e.element.owners[transport.Address(at)]; o.anchor == nil {
				e.element.owners[transport.Address(at)] = owner{a, o.gateway}
			}
		}
	}
	if was := e.departures.pending; !was || len(keep) == 0 {
		e.departures.from.Retire(keep...)
		e.departures.pending = len(keep) > 0
		if was {
			e.element.index()
		}
	}
	e.departing.Store(e.departures.pending)
}

// hold keeps open what is, while a commit is prepared: it opens what it needs and is not open. One that is not needed after all is let go.
func (e *Engine) hold(ctx context.Context) error {
	if !e.departing.Load() {
		return nil
	}
	err := e.Do(ctx, func() { e.departures.held = true })
	if errors.Is(err, ErrStopped) {
		return nil
	}
	return err
}

// letGo is the inverse of hold; to obey another commit is, too.
func (e *Engine) letGo() {
	if e.departing.Load() {
		e.post(query{func() { e.departures.held = false }, make(chan struct{})})
	}
}
