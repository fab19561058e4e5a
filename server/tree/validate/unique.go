package validate

import (
	"strings"

	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/server/tree/xpath"
)

// tuple is the values of one unique statement in an entry; false when one of them is missing, and nothing is compared
// (RFC 7950 section 7.8.3). Defaults in use count.
func tuple(entry *tree.Node, u schema.Unique) (string, bool) {
	if len(u.Leaves) == 1 {
		return leafAt(entry, u.Leaves[0])
	}
	var b strings.Builder
	for _, chain := range u.Leaves {
		v, ok := leafAt(entry, chain)
		if !ok {
			return "", false
		}
		b.WriteString(v)
		b.WriteByte(0)
	}
	return b.String(), true
}

func leafAt(n *tree.Node, chain []*schema.Node) (string, bool) {
	for _, def := range chain {
		if n, _ = n.EffectiveChild(def); n == nil {
			return "", false
		}
	}
	return n.Value(), true
}

// compareAll checks the unique statements of a list by looking at all its entries.
func compareAll(list *xpath.Item, def *schema.Node) (errs []*tree.Error) {
	for _, u := range def.Unique {
		seen := make(map[string]*tree.Node, list.Node.Len())
		for e := range list.Node.Entries() {
			t, ok := tuple(e, u)
			if !ok {
				continue
			}
			if first := seen[t]; first != nil {
				errs = append(errs, uniqueError(list, u, first, e))
				continue
			}
			seen[t] = e
		}
	}
	return errs
}

// uniqueError names both entries and every leaf of the later one (RFC 7950 section 15.1).
func uniqueError(list *xpath.Item, u schema.Unique, first, second *tree.Node) *tree.Error {
	above := list.Parent.Path()
	e := &tree.Error{Tag: tree.OperationFailed, AppTag: "data-not-unique", Path: append(above, second.Step())}
	var names []string
	for _, chain := range u.Leaves {
		path := append(schema.Path{}, e.Path...)
		var local []string
		for _, n := range chain {
			path = append(path, schema.Step{Node: n})
			local = append(local, n.Name)
		}
		names = append(names, strings.Join(local, "/"))
		e.Info = append(e.Info, tree.Info{Namespace: tree.YANGNamespace, Name: "non-unique", Path: path})
	}
	e.Message = strings.Join(names, " and ") + " must be unique: entry " + append(above[:len(above):len(above)], first.Step()).String() + " has the same"
	return e
}
