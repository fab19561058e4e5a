package engine

import (
	"context"
	"errors"
	"slices"

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
		keep = e.depart(a, keep)
	}
	e.element.leaving = slices.DeleteFunc(e.element.leaving, func(a *anchor) bool {
		before := len(keep)
		keep = e.depart(a, keep)
		return len(keep) == before
	})
	if was := e.departures.pending; !was || len(keep) == 0 {
		e.departures.from.Retire(keep...)
		e.departures.pending = len(keep) > 0
		if was {
			e.element.index()
		}
	}
	e.departing.Store(e.departures.pending)
}

// depart adds the addresses that an anchor speaks from and does not have. One that another anchor has got meanwhile is that one's.
func (e *Engine) depart(a *anchor, keep []transport.Address) []transport.Address {
	for at := range a.lma.Departed {
		switch o := e.element.owners[transport.Address(at)]; o.anchor {
		case nil:
			e.element.owners[transport.Address(at)] = owner{a, o.gateway}
		case a:
		default:
			a.lma.Forsake(at)
			continue
		}
		keep = append(keep, transport.Address(at))
	}
	return keep
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
