// Package action carries out the rpcs and actions of the element's own model. Who can carry one out says so by the
// definition in the schema; every protocol runs it by the same call, which checks access and parameters.
//
//	action.go        the operations that there are, and how one is run
//	configuration.go those on the history of the configuration
package action

import (
	"context"
	"fmt"

	"mooring/server/access"
	"mooring/server/datastore"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// Call is what somebody wants to have done.
type Call struct {
	Session *datastore.Session
	Access  *access.Access // by the rules in force when the request began
	Def     *schema.Node   // the rpc or action
	Path    schema.Path    // leads to the node that an action is of; nil for an rpc
	Input   *tree.Node     // nil: no parameters
}

// Given returns a parameter, and whether it was given.
func (c *Call) Given(name string) (string, bool) {
	if c.Input == nil {
		return "", false
	}
	return c.Input.Leaf(name)
}

// Handler carries out an operation and writes its output, in which the node Output of the definition is open. Problems of the
// caller are *tree.Error values, joined; then nothing was done.
type Handler func(ctx context.Context, c *Call, out *tree.Builder) error

// Registry knows who carries out what. It is filled before it is used. The zero value knows nothing.
type Registry struct{ handlers map[*schema.Node]Handler }

// Handle adds the handler of an rpc or action. A definition that is nil belongs to a feature that the schema lacks.
func (r *Registry) Handle(def *schema.Node, h Handler) {
	if def == nil {
		return
	}
	if r.handlers == nil {
		r.handlers = map[*schema.Node]Handler{}
	}
	r.handlers[def] = h
}

// Knows reports whether there is a handler. A nil Registry knows none.
func (r *Registry) Knows(def *schema.Node) bool { return r != nil && r.handlers[def] != nil }

// Run carries out an operation and returns its output, which is nil when it says nothing. running is the configuration that the
// path is looked up in. Whether there is a handler is asked last. The error joins *tree.Error values unless something is wrong with
// the element.
func (r *Registry) Run(ctx context.Context, c *Call, running *tree.Node) (output *tree.Node, err error) {
	if err := c.Admit(running); err != nil {
		return nil, err
	}
	if err := c.Session.CheckInput(c.Path, c.Def, c.Input, running); err != nil {
		return nil, err
	}
	if !r.Knows(c.Def) {
		return nil, &tree.Error{Tag: tree.NotSupported, Protocol: true, Path: c.Path, Message: c.Def.Name + " of module " + c.Def.Module.Name + " is not supported",
			Info: []tree.Info{{Name: "bad-element", Value: c.Def.Name}}}
	}
	var b tree.Builder
	b.Open(c.Def.Output)
	if err := r.handlers[c.Def](ctx, c, &b); err != nil {
		return nil, err
	}
	output, _ = b.Close()
	return output, nil
}

// Admit decides whether the caller may run the operation, and whether what it is run on exists: what is asked before anybody looks at
// the parameters. Run asks it, too. The errors are those of Run.
func (c *Call) Admit(running *tree.Node) error {
	if err := c.permit(); err != nil {
		return err
	}
	if !exists(running, c.Path) {
		return &tree.Error{Tag: tree.DataMissing, Path: c.Path, Message: c.Path.String() + " does not exist"}
	}
	return nil
}

// permit asks access control. An action needs the right to read the way to it, too (RFC 8341 section 3.1.3): who has not must
// not learn what is there.
func (c *Call) permit() error {
	if c.Path == nil {
		return c.Access.Exec(c.Def.Module.Name, c.Def.Name, c.Def)
	}
	if _, readable := c.Access.Reader(c.Path); !readable {
		return &tree.Error{Tag: tree.AccessDenied, Path: c.Path, Message: fmt.Sprintf("this may not be read, and %s not be run here", c.Def.Name)}
	}
	return c.Access.Action(c.Path, c.Def)
}

// exists reports whether the configuration has what the path leads to. Containers without presence are wherever they can be, and
// of state the handler knows.
func exists(running *tree.Node, path schema.Path) bool {
	for i, step := range path {
		if !step.Node.Config {
			return true
		}
		if step.Node.Kind == schema.Container && !step.Node.Presence {
			continue
		}
		if running.Get(path[:i+1]) == nil {
			return false
		}
	}
	return true
}
