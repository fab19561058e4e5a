package element

import (
	"context"
	"strings"
	"time"

	"mooring/server/action"
	"mooring/server/state"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// clearLMAStatistics lets counters of an anchor begin anew: all, or those of one peer or customer.
func (e *Element) clearLMAStatistics(ctx context.Context, c *action.Call, out *tree.Builder) error {
	l := e.engine.LMA(c.Path.Last().Keys[0])
	if l == nil {
		return notRunning(c)
	}
	if id, given := c.Given("mag"); given {
		peers := c.Path.Last().Node.ChildNamed("peers")
		return e.clearCounters(ctx, c, out, "mag", id, c.Path.Append(peers).Append(peers.ChildNamed("peer"), id))
	}
	if name, given := c.Given("customer"); given {
		service := c.Path.Last().Node.ChildNamed("mobile-local-loop")
		return e.clearCounters(ctx, c, out, "customer", name, c.Path.Append(service).Append(service.ChildNamed("customer"), name))
	}
	if err := l.LowerMarks(ctx); err != nil {
		return err
	}
	e.matches.clear(e.listOf(c.Path))
	return e.clearCounters(ctx, c, out, "", "", c.Path)
}

// clearMAGStatistics lets counters of a gateway begin anew: all, or those of one LMA.
func (e *Element) clearMAGStatistics(ctx context.Context, c *action.Call, out *tree.Builder) error {
	machine := c.Path.Last()
	config := e.running.Load().Mobility.MAGs[machine.Keys[0]]
	if e.engine.MAG(machine.Keys[0]) == nil || config == nil {
		return notRunning(c)
	}
	id, given := c.Given("lma")
	if !given {
		e.matches.clear(e.listOf(c.Path))
		return e.clearCounters(ctx, c, out, "", "", c.Path)
	}
	var paths []schema.Path
	for _, anchor := range config.Anchors {
		if anchor.Name == id {
			named := machine.Node.ChildNamed("paths")
			paths = []schema.Path{
				c.Path.Append(machine.Node.ChildNamed("lma"), strings.TrimSuffix(anchor.Name, "%"+anchor.Domain), anchor.Domain),
				c.Path.Append(named).Append(named.ChildNamed("path"), id),
			}
		}
	}
	return e.clearCounters(ctx, c, out, "lma", id, paths...)
}

// clearCounters clears what the paths lead to, of which there has to be something.
func (e *Element) clearCounters(ctx context.Context, c *action.Call, out *tree.Builder, which, value string, paths ...schema.Path) error {
	at, cleared := time.Now(), 0
	for _, path := range paths {
		n, err := e.state.ClearCounters(ctx, path, at)
		if err != nil {
			return err
		}
		cleared += n
	}
	if cleared == 0 && which != "" {
		return &tree.Error{Tag: tree.DataMissing, Path: c.Path, Message: "there is no " + which + " " + schema.Quote(value),
			Info: []tree.Info{{Name: "bad-element", Value: which}}}
	}
	out.Leaf(c.Def.Output.ChildNamed("discontinuity-time"), state.DateAndTime(at))
	e.state.Wake()
	return nil
}
