package element

import (
	"context"
	"strconv"
	"time"

	"mooring/mobility"
	"mooring/mobility/engine"
	"mooring/server/action"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// traceActions are the actions trace-node and stop of a kind of machine.
func (e *Element) traceActions(r *action.Registry, list *schema.Node, role engine.Role) {
	r.Handle(list.Action(list.Module.Name, "trace-node"), func(ctx context.Context, c *action.Call, _ *tree.Builder) error {
		return e.traceNode(ctx, c, engine.Name{Role: role, Name: c.Path.Last().Keys[0]})
	})
	if traces := list.ChildNamed("trace"); traces != nil {
		r.Handle(traces.Action(list.Module.Name, "stop"), func(_ context.Context, c *action.Call, _ *tree.Builder) error {
			return e.stopTrace(c, engine.Name{Role: role, Name: c.Path[len(c.Path)-2].Keys[0]})
		})
	}
}

func (e *Element) traceNode(ctx context.Context, c *action.Call, machine engine.Name) error {
	if machine.Role == engine.RoleLMA && e.engine.LMA(machine.Name) == nil || machine.Role == engine.RoleMAG && e.engine.MAG(machine.Name) == nil {
		return notRunning(c)
	}
	nai, _ := c.Given("nai")
	duration, maximum := given(c, "duration"), given(c, "maximum")
	ok, err := e.tracer.start(ctx, machine, nai, time.Duration(duration)*time.Second, maximum)
	if err == nil && !ok {
		return notRunning(c)
	}
	return err
}

// given is a parameter that is a number, or its default. The schema has checked it.
func given(c *action.Call, name string) (n int) {
	text, ok := c.Given(name)
	if !ok {
		text = c.Def.Input.ChildNamed(name).Default[0]
	}
	n, _ = strconv.Atoi(text)
	return n
}

func (e *Element) stopTrace(c *action.Call, machine engine.Name) error {
	nai := c.Path.Last().Keys[0]
	e.tracer.mu.Lock()
	x := e.tracer.find(machine, mobility.NAI(nai))
	e.tracer.mu.Unlock()
	if x == nil {
		return &tree.Error{Tag: tree.DataMissing, Path: c.Path, Message: "there is no trace of " + schema.Quote(nai)}
	}
	e.tracer.stop(x, "stopped") // one that is over already is over
	return nil
}
