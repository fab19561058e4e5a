package element

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"mooring/dataplane/backend"
	"mooring/dataplane/kernel"
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

// StartPlan is what an element does to the host at once that starts with a configuration, where it finds nothing there, and no binding is stored.
type StartPlan struct {
	Steps  []reconcile.Step
	wanted *apply.Config
}

// Check returns what an element on this host refuses a commit of the configuration for, of which each reason is a *tree.Error: the kernel lacks the
// backend that is asked for, or user space would carry what are to be interfaces of the host. It wraps ErrPrivilege where that cannot be found out.
func (p *StartPlan) Check() error { return p.check(kernel.ProbeAside) }

func (p *StartPlan) check(probe func() (map[kernel.Kind]error, error)) error {
	wish, adoptions := wishes[p.wanted.Manage.Backend], p.wanted.Dataplane.Adoptions
	var lacks map[kernel.Kind]error
	if wish == backend.Kernel || wish == backend.Auto && len(adoptions) > 0 {
		var err error
		if lacks, err = probe(); err == nil {
			err = unsure(lacks)
		}
		if err != nil {
			return fmt.Errorf("%w:\nwhether the kernel of this host can carry tunnels is not known: %w", ErrPrivilege, err)
		}
	}
	if wish == backend.Kernel {
		if err := backend.CheckKernel(lacks); err != nil {
			return backendLacking(err)
		}
	}
	if backend.Adopts(wish, lacks) {
		return nil
	}
	return notAdopted(p.wanted, adoptions)
}

// unsure returns the privilege that was missing to find out what a host lacks.
func unsure(lacks map[kernel.Kind]error) error {
	for _, lack := range lacks {
		if errors.Is(lack, fs.ErrPermission) {
			return lack
		}
	}
	return nil
}

// PlanStart plans a start with the configuration of a file, and knows nothing of the host. The error of a file that makes no sense is a *ConfigError.
func PlanStart(ctx context.Context, file string) (*StartPlan, error) {
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
	return &StartPlan{reconcile.New(nil, reconcile.Options{}).Preview(*wanted.Dataplane, nil, nil), wanted}, nil
}
