package element

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"mooring/dataplane/reconcile"
	"mooring/server/action"
	"mooring/server/apply"
	"mooring/server/datastore"
	"mooring/server/model"
	"mooring/server/tree"
)

// plan says what a commit of a configuration would do to the host.
func (e *Element) plan(ctx context.Context, c *action.Call, out *tree.Builder) error {
	candidate := c.Session.Candidate()
	if text, given := c.Given("configuration"); given {
		root, err := decode(bufio.NewReader(strings.NewReader(text)), e.store.Schema())
		if err != nil {
			return tree.Errors(err)[0]
		}
		candidate = c.Session.Private()
		if err := candidate.Replace(root); err != nil {
			return err
		}
	}
	if _, err := candidate.Validate(); err != nil {
		return err
	}
	wanted, _, err := e.translator.Translate(e.running.Load(), candidate.Changes())
	if err != nil {
		return err
	}
	if err := e.refuseBackend(wanted); err != nil {
		return tree.Errors(err)[0]
	}
	sessions, err := e.engine.Preview(ctx, wanted.Mobility)
	if err != nil {
		return err
	}
	moves := e.plane.Moves(wishes[wanted.Manage.Backend])
	operation := c.Def.Output.ChildNamed("operation")
	for i, step := range e.reconciler.Preview(*wanted.Dataplane, sessions, moves) {
		out.Open(operation)
		out.Uint(operation.ChildNamed("number"), uint64(i+1))
		out.Leaf(operation.ChildNamed("kind"), step.Kind())
		out.Leaf(operation.ChildNamed("object"), fmt.Sprint(step.Object))
		out.Close()
	}
	return nil
}

// PlanStart returns what an element that starts with the configuration of a file does to the host at once, as PlanStart knows nothing of the
// host and of bindings that are stored. The error of a file that makes no sense is a *ConfigError.
func PlanStart(ctx context.Context, file string) ([]reconcile.Step, error) {
	s, err := model.Schema()
	if err != nil {
		return nil, err
	}
	t, err := apply.New(s)
	if err != nil {
		return nil, err
	}
	var wanted *apply.Config
	store, err := datastore.Open(ctx, datastore.Options{
		Schema: s, Startup: func() (*tree.Node, error) { return readConfiguration(file) },
		Pipeline: &datastore.Consumers[*apply.Config]{
			Translator: func(old *apply.Config, change datastore.Change) (*apply.Config, []*tree.Error, error) {
				config, warnings, err := t.Translate(old, change.Changes)
				wanted = config
				return config, warnings, err
			},
			Critic: func(old *apply.Config, change datastore.Change, gaps tree.Gaps) error {
				return t.Objections(old, change.Changes, gaps)
			},
		},
	})
	if err != nil {
		return nil, (&Element{Options: Options{Startup: file}, startupUsed: true}).asConfigError(err)
	}
	defer store.Close()
	return reconcile.New(nil, reconcile.Options{}).Preview(*wanted.Dataplane, nil, nil), nil
}
