package engine

import (
	"time"

	"mooring/mobility"
	"mooring/mobility/transport"
)

// carryOut does what the machines asked for in a step, as soon as it is stored.
func (e *Engine) carryOut(now time.Time) {
	for again := true; again; again = len(e.element.busy) > 0 { // what cannot be stored is undone
		t := e.take(now)
		if e.store(&t) {
			e.perform(now, &t)
		}
	}
}

// perform carries out a turn: first everything of one kind, then everything of the next.
func (e *Engine) perform(now time.Time, t *turn) {
	if t.failed {
		for i := range t.parts {
			t.parts[i].Withhold(t.parts[i].out)
		}
	}
	for _, p := range t.parts {
		if p.watched != nil {
			e.sawEffects(t.at, p.unit, p.out)
		}
		if changes := p.out.Sessions; len(changes) > 0 {
			e.Dataplane.Want(p.inDataplane(changes))
		}
	}
	for _, p := range t.parts {
		if len(p.out.Grants) > 0 {
			e.Grants(p.out.Grants)
		}
	}
	for _, p := range t.parts {
		if len(p.out.Send) > 0 {
			e.Transport.Send(p.out.Send)
		}
	}
	for _, p := range t.parts {
		if len(p.out.Ask) > 0 {
			e.ask(p.unit, p.out.Ask)
		}
	}
	for i := range t.parts {
		p := &t.parts[i]
		if e.Events != nil {
			e.events.put(t.at, p.Name, p.out.Events)
		}
		for _, s := range p.out.Screens {
			e.screen(s)
		}
		if t.failed {
			e.undo(now, p)
		}
		e.element.reuse(p.out)
		*p = part{}
	}
	for _, done := range t.over {
		close(done)
	}
}

// screen has a socket take in a part of what comes. One that a gateway has, too, takes in everything: what comes may be for that.
func (e *Engine) screen(s mobility.Screening) {
	at := transport.Address(s.At)
	if e.element.owners[at].gateway != nil {
		s.Screen = nil
	}
	e.Transport.Screen(at, s.Screen)
}

// muchMemory is more than an ordinary step needs, in effects of one kind. What a commit or a mass expiry took is not kept.
const muchMemory = 4096

// reuse keeps the memory of effects that are carried out.
func (e *element) reuse(out *mobility.Effects) {
	if max(cap(out.Store), cap(out.Sessions), cap(out.Grants), cap(out.Send), cap(out.Ask), cap(out.Events)) > muchMemory || len(e.spare) >= mostHeld {
		return
	}
	out.Reset()
	e.spare = append(e.spare, out)
}

// effects returns empty ones.
func (e *element) effects() *mobility.Effects {
	last := len(e.spare) - 1
	if last < 0 {
		return new(mobility.Effects)
	}
	out := e.spare[last]
	e.spare = e.spare[:last]
	return out
}
