package element

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"mooring/mobility"
	"mooring/server/apply"
	"mooring/server/datastore"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// guard refuses to take networks from LMAs while nodes have addresses of them. It is told how many bindings a network of an LMA has.
// An LMA that goes, or is disabled, takes leave of its nodes with all it has.
type guard func(lma, network string) int

// Prepare implements datastore.Consumer.
func (bound guard) Prepare(_ context.Context, change datastore.Change, old, config *apply.Config) (datastore.Prepared, error) {
	nothing := applied(func() {})
	if change.Forced || old == nil || old.Mobility == config.Mobility {
		return nothing, nil
	}
	var refusals []error
	for _, name := range slices.Sorted(maps.Keys(config.Mobility.LMAs)) {
		if was := old.Mobility.LMAs[name]; was != nil {
			refusals = append(refusals, bound.lost(change, was, config.Mobility.LMAs[name])...)
		}
	}
	return nothing, errors.Join(refusals...)
}

// lost says which networks that an LMA loses are in use.
func (bound guard) lost(change datastore.Change, was, now *mobility.LMA) (refusals []error) {
	for _, network := range slices.Sorted(maps.Keys(was.Networks)) {
		if now.Networks[network] != nil {
			continue
		}
		if n := bound(was.Name, network); n > 0 {
			refusals = append(refusals, &tree.Error{Tag: tree.InUse, AppTag: "bindings-exist", Path: networkPath(change.Old, was.Name, network),
				Message: fmt.Sprintf("bindings with addresses of the network: %d; end them with the action clear-binding first", n)})
		}
	}
	return refusals
}

func networkPath(root *tree.Node, lma, network string) schema.Path {
	pmipv6 := root.Schema().ChildNamed("pmipv6")
	list := pmipv6.ChildNamed("lma")
	return schema.Path{{Node: pmipv6}, {Node: list, Keys: []string{lma}}, {Node: list.ChildNamed("network"), Keys: []string{network}}}
}

// bound counts the bindings of an LMA that have addresses of a network.
func (e *Element) bound(lma, network string) (n int) {
	l := e.engine.LMA(lma)
	if l == nil {
		return 0
	}
	for b := range l.Table.All() {
		if b.Tenant().Network == network {
			n++
		}
	}
	return n
}
