package element

import (
	"context"

	"mooring/dataplane/backend"
	"mooring/mobility/engine"
	"mooring/server/access"
	"mooring/server/apply"
	"mooring/server/datastore"
	"mooring/server/model"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// consumer is a part of the element that follows the configuration.
type consumer func(ctx context.Context, config *apply.Config) (datastore.Prepared, error)

// Prepare implements datastore.Consumer. Every part finds out by itself what is new to it.
func (f consumer) Prepare(ctx context.Context, _ datastore.Change, _, config *apply.Config) (datastore.Prepared, error) {
	return f(ctx, config)
}

// applied is what a consumer does that needs no preparation.
type applied func()

func (f applied) Apply() { f() }
func (f applied) Abort() {}

// pipeline says who follows the configuration. The engine comes before the access links: it hears of nodes on them.
func (e *Element) pipeline(t *apply.Translator) datastore.Pipeline {
	return &datastore.Consumers[*apply.Config]{
		Translator: func(old *apply.Config, change datastore.Change) (*apply.Config, []*tree.Error, error) {
			e.forced = change.Forced
			config, warnings, err := t.Translate(old, change.Changes)
			warnings = append(warnings, access.Dangling(change.Old, change.New)...)
			if err == nil {
				warnings = append(warnings, overfull(old, config, change.New, e.held)...)
				warnings = append(warnings, e.unfit(old, config)...)
			}
			return config, warnings, err
		},
		Critic: func(old *apply.Config, change datastore.Change, gaps tree.Gaps) error {
			return t.Objections(old, change.Changes, gaps)
		},
		List: []datastore.Consumer[*apply.Config]{
			guard(e.bound), consumer(e.reserve), consumer(e.signal), consumer(e.forward), consumer(e.attend), consumer(e.charge),
			consumer(e.ssh.prepare), consumer(e.tls.prepare), consumer(e.gnmi.prepare),
			consumer(e.measure), consumer(e.callHome), consumer(e.reach), consumer(e.obeyed),
		},
	}
}

func (e *Element) signal(ctx context.Context, config *apply.Config) (datastore.Prepared, error) {
	choice, err := e.choose(ctx, config)
	if err != nil {
		return nil, err
	}
	commit, err := e.engine.Prepare(ctx, nil, config.Mobility)
	if err != nil {
		return nil, err
	}
	return signalling{commit, choice}, nil
}

// signalling is a commit of the engine, and what is to carry its tunnels.
type signalling struct {
	*engine.Commit
	choice datastore.Prepared
}

// Apply ends what is to end, which may take a while, before the dataplane waits for the configuration.
func (s signalling) Apply() {
	s.Vacate()
	s.choice.Apply()
	s.Commit.Apply()
}

// choose comes before whatever makes tunnels. A change that may not be refused is obeyed as far as the host can.
func (e *Element) choose(_ context.Context, config *apply.Config) (datastore.Prepared, error) {
	if err := e.refuseBackend(config); err != nil && !e.forced {
		return nil, err
	}
	return applied(func() {
		wish := wishes[config.Manage.Backend]
		e.reconciler.Move(e.plane.Moves(wish), func() {
			if err := e.plane.Use(wish); err != nil {
				e.Log.Warn("not everything has moved to the dataplane backend yet", "backend", wish, "error", err)
			}
		})
	}), nil
}

// refuseBackend refuses a change to a backend that the host cannot have, or to tunnels that its own cannot have.
func (e *Element) refuseBackend(config *apply.Config) error {
	wish := wishes[config.Manage.Backend]
	if err := e.plane.Check(wish); err != nil && wish != e.plane.Wish() {
		return backendLacking(err)
	}
	return e.refuseAdoptions(e.running.Load(), config)
}

func backendLacking(why error) error {
	s, err := model.Schema()
	if err != nil {
		return err
	}
	path, err := schema.ParsePath(s, "/mooring-system:system/dataplane/backend", s.Module)
	if err != nil {
		return err
	}
	return &tree.Error{Tag: tree.NotSupported, AppTag: "missing-in-kernel", Path: path, Message: why.Error()}
}

var wishes = map[apply.Backend]backend.Wish{
	apply.AnyBackend: backend.Auto, apply.KernelBackend: backend.Kernel, apply.UserspaceBackend: backend.Userspace,
}

func (e *Element) forward(_ context.Context, config *apply.Config) (datastore.Prepared, error) {
	return applied(func() { e.reconciler.Configure(*config.Dataplane) }), nil
}

func (e *Element) attend(ctx context.Context, config *apply.Config) (datastore.Prepared, error) {
	commit, err := e.access.Prepare(ctx, nil, config.Mobility)
	if err != nil {
		return nil, err
	}
	return commit, nil
}

// obeyed is the last: every part obeys the configuration, and whoever follows state is told.
func (e *Element) obeyed(_ context.Context, config *apply.Config) (datastore.Prepared, error) {
	return applied(func() {
		e.running.Store(config)
		e.state.Wake()
	}), nil
}
