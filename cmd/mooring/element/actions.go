package element

import (
	"cmp"
	"context"

	"mooring/mobility"
	"mooring/mobility/engine"
	"mooring/server/action"
	"mooring/server/state"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// actions are the operations of the model that the element can carry out.
func (e *Element) actions(s *schema.Schema) *action.Registry {
	r := &action.Registry{}
	r.History(e.store, e.state)
	lma, mag := s.Find("/mooring-pmipv6:pmipv6/lma"), s.Find("/mooring-pmipv6:pmipv6/mag")
	r.Handle(lma.Action(lma.Module.Name, "clear-binding"), e.clearLMA)
	r.Handle(mag.Action(mag.Module.Name, "clear-binding"), e.clearMAG)
	if customer := s.Find("/mooring-pmipv6:pmipv6/lma/mobile-local-loop/customer"); customer != nil {
		r.Handle(customer.Action(lma.Module.Name, "clear-bindings"), e.clearCustomer)
	}
	r.Handle(lma.Action(lma.Module.Name, "clear-statistics"), e.clearLMAStatistics)
	r.Handle(mag.Action(mag.Module.Name, "clear-statistics"), e.clearMAGStatistics)
	plane := s.Find("/mooring-system:system/dataplane")
	r.Handle(plane.Action(plane.Module.Name, "plan"), e.plan)
	e.traceActions(r, lma, engine.RoleLMA)
	e.traceActions(r, mag, engine.RoleMAG)
	return r
}

// clearLMA ends bindings of an anchor.
func (e *Element) clearLMA(ctx context.Context, c *action.Call, out *tree.Builder) error {
	name := c.Path.Last().Keys[0]
	l := e.engine.LMA(name)
	if l == nil {
		return notRunning(c)
	}
	return clearBindings(ctx, c, out, l.Clear, func(b *mobility.Binding, which, value string) bool {
		ends := b.Ends.Value()
		return which == "mag" && cmp.Or(ends.Peer, ends.Remote.Addr().String()) == value || which == "customer" && b.Tenant().Customer == value
	})
}

// clearCustomer ends the bindings of a customer of an anchor.
func (e *Element) clearCustomer(ctx context.Context, c *action.Call, out *tree.Builder) error {
	customer := c.Path.Last().Keys[0]
	l := e.engine.LMA(c.Path[1].Keys[0])
	if l == nil {
		return notRunning(c)
	}
	n, err := l.Clear(ctx, func(b *mobility.Binding) bool { return b.Tenant().Customer == customer })
	if err != nil {
		return err
	}
	out.Uint(c.Def.Output.ChildNamed("cleared"), uint64(n))
	return nil
}

// clearMAG de-registers bindings of a gateway.
func (e *Element) clearMAG(ctx context.Context, c *action.Call, out *tree.Builder) error {
	name := c.Path.Last().Keys[0]
	m := e.engine.MAG(name)
	if m == nil {
		return notRunning(c)
	}
	return clearBindings(ctx, c, out, m.Clear, func(b *mobility.Binding, which, value string) bool {
		return which == "lma" && b.Ends.Value().Peer == value
	})
}

func notRunning(c *action.Call) error {
	return &tree.Error{Tag: tree.OperationFailed, Path: c.Path, Message: c.Path.String() + " does not run: it is disabled, or its configuration is not complete"}
}

// clearBindings clears the bindings that the parameter names: all, those of a node, the one with an id, or those that own picks.
// Other than all, it is an error when there are none.
func clearBindings(ctx context.Context, c *action.Call, out *tree.Builder, clear func(context.Context, func(*mobility.Binding) bool) (int, error),
	own func(b *mobility.Binding, which, value string) bool) error {
	var which, value string
	for n := range c.Input.Children() {
		which, value = n.Schema().Name, n.Value()
	}
	match := func(b *mobility.Binding) bool { return own(b, which, value) }
	switch which {
	case "all":
		match = func(*mobility.Binding) bool { return true }
	case "nai":
		match = func(b *mobility.Binding) bool { nai, _ := b.Node.NAI(); return nai == value }
	case "id":
		match = func(b *mobility.Binding) bool { return state.BindingID(b.ID) == value }
	}
	n, err := clear(ctx, match)
	switch {
	case err != nil:
		return err
	case n == 0 && which != "all":
		return &tree.Error{Tag: tree.DataMissing, Path: c.Path, Message: "there is no binding with " + which + " " + schema.Quote(value),
			Info: []tree.Info{{Name: "bad-element", Value: which}}}
	}
	out.Uint(c.Def.Output.ChildNamed("cleared"), uint64(n))
	return nil
}
