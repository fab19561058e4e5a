package element

import (
	"fmt"
	"maps"
	"slices"

	"mooring/mobility"
	"mooring/server/apply"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// overfull warns of LMAs that are to have fewer bindings than there are: none is ended for that (feature LMA-04). There are as many as bound says.
func overfull(old, config *apply.Config, root *tree.Node, bound func(lma string) int) (warnings []*tree.Error) {
	if old == nil || config == nil || old.Mobility == config.Mobility {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(config.Mobility.LMAs)) {
		was, now := old.Mobility.LMAs[name], config.Mobility.LMAs[name]
		if was == nil || now.MaxBindings >= was.MaxBindings {
			continue
		}
		if n := bound(name); n > int(now.MaxBindings) {
			warnings = append(warnings, &tree.Error{Tag: tree.InvalidValue, AppTag: apply.Mismatch, Warning: true, Path: maximumPath(root, now),
				Message: fmt.Sprintf("there are %d bindings, and all of them stay; new ones are refused until there are fewer than %d", n, now.MaxBindings)})
		}
	}
	return warnings
}

func maximumPath(root *tree.Node, l *mobility.LMA) schema.Path {
	pmipv6 := root.Schema().ChildNamed("pmipv6")
	list := pmipv6.ChildNamed("lma")
	bce := list.ChildNamed("bce")
	return schema.Path{{Node: pmipv6}, {Node: list, Keys: []string{l.Name}}, {Node: bce}, {Node: bce.ChildNamed("maximum")}}
}

// held counts the bindings of an LMA.
func (e *Element) held(lma string) int {
	if l := e.engine.LMA(lma); l != nil {
		return l.Table.Len()
	}
	return 0
}
