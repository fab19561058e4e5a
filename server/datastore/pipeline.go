package datastore

import (
	"context"
	"errors"

	"mooring/server/access"
	"mooring/server/tree"
)

// Change is what a commit is about to make of the configuration.
type Change struct {
	By access.User
	// Changes lead from what runs to what shall. They are empty at start only when there is no configuration.
	tree.Changes
	// Forced changes may not be refused for the sake of what is in use, which ends instead: a roll-back, the end of an unconfirmed
	// commit, and what was running when the process ended.
	Forced bool
}

// Pipeline turns a configuration into what the rest of the element works with.
type Pipeline interface {
	// Translate checks a change without any effect, as validate asks. Warnings are *tree.Error values with Warning set; the
	// error joins *tree.Error values.
	Translate(Change) (warnings []*tree.Error, err error)
	// Prepare translates a change and makes all consumers ready for it. When some refuse, what the others prepared is undone, and
	// the error joins all refusals.
	Prepare(context.Context, Change) (Prepared, []*tree.Error, error)
}

// Objector is a Pipeline that can say what Translate would object to in a change that is refused anyway: New need not be valid, and
// where gaps are nothing is known of it.
type Objector interface {
	Objections(change Change, gaps tree.Gaps) error
}

// Prepared is a change that everybody is ready for: exactly one of the two is called. Neither may fail.
type Prepared interface {
	Apply()
	Abort()
}

// Consumer is one part of the element that follows the native configuration C.
type Consumer[C any] interface {
	// Prepare may refuse and may reserve what it needs (bind a socket), but must not disturb what runs. change is what old and new
	// were made from.
	Prepare(ctx context.Context, change Change, old, new C) (Prepared, error)
}

// Translator makes the native configuration from the old one and what changes; it is pure.
type Translator[C any] func(old C, change Change) (C, []*tree.Error, error)

// Consumers is the Pipeline of a native configuration type: one translation, then the consumers in order. The store calls
// it from one goroutine at a time.
type Consumers[C any] struct {
	Translator Translator[C]
	// Critic finds what the Translator would object to, as Objector says; nil has nothing to say.
	Critic  func(old C, change Change, gaps tree.Gaps) error
	List    []Consumer[C]
	running C
}

// Objections implements Objector.
func (p *Consumers[C]) Objections(change Change, gaps tree.Gaps) error {
	if p.Critic == nil {
		return nil
	}
	return p.Critic(p.running, change, gaps)
}

// Translate implements Pipeline.
func (p *Consumers[C]) Translate(change Change) ([]*tree.Error, error) {
	_, warnings, err := p.Translator(p.running, change)
	return warnings, err
}

// Prepare implements Pipeline.
func (p *Consumers[C]) Prepare(ctx context.Context, change Change) (Prepared, []*tree.Error, error) {
	next, warnings, err := p.Translator(p.running, change)
	if err != nil {
		return nil, warnings, err
	}
	ready := &readied[C]{owner: p, next: next}
	var refusals []error
	for _, consumer := range p.List {
		prepared, err := consumer.Prepare(ctx, change, p.running, next)
		if err != nil {
			refusals = append(refusals, err)
			continue
		}
		ready.list = append(ready.list, prepared)
	}
	if len(refusals) > 0 {
		ready.Abort()
		return nil, warnings, errors.Join(refusals...)
	}
	return ready, warnings, nil
}

// readied is what the consumers prepared.
type readied[C any] struct {
	owner *Consumers[C]
	next  C
	list  []Prepared
}

func (r *readied[C]) Apply() {
	r.owner.running = r.next
	for _, p := range r.list {
		p.Apply()
	}
}

// Abort undoes in reverse order: what came later may stand on what came before.
func (r *readied[C]) Abort() {
	for i := len(r.list) - 1; i >= 0; i-- {
		r.list[i].Abort()
	}
}

// none is the Pipeline of a store that nothing follows.
type none struct{}

func (none) Translate(Change) ([]*tree.Error, error) { return nil, nil }

func (none) Prepare(context.Context, Change) (Prepared, []*tree.Error, error) {
	return none{}, nil, nil
}

func (none) Apply() {}
func (none) Abort() {}
