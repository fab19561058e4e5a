package validate

import (
	"slices"
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

// defaulted reports whether conditions decide if a default counts in a unique statement: the entries alone do not tell then.
func defaulted(u schema.Unique) bool {
	return slices.ContainsFunc(u.Leaves, func(chain []*schema.Node) bool {
		leaf := chain[len(chain)-1]
		return len(leaf.Default) > 0 && slices.ContainsFunc(chain, func(def *schema.Node) bool { return len(def.Whens) > 0 })
	})
}

// tuple is tuple without the defaults whose condition is false.
func (c *checker) tuple(list *xpath.Item, entry *tree.Node, u schema.Unique) (string, bool) {
	if !defaulted(u) {
		return tuple(entry, u)
	}
	for _, chain := range u.Leaves {
		at := list.Parent.Child(entry)
		for _, def := range chain {
			n, _ := at.Node.EffectiveChild(def)
			if n == nil || at.Node.Child(def) == nil && !c.holds(at, def) {
				return "", false
			}
			at = at.Child(n)
		}
	}
	return tuple(entry, u)
}

// clash is two entries of a list that have the same where they must not.
type clash struct {
	unique        schema.Unique
	first, second *tree.Node
}

// clashes checks the unique statements of a list.
func (c *checker) clashes(list *xpath.Item, def *schema.Node) (found []clash) {
	for which, u := range def.Unique {
		if c.full || c.unique == nil || defaulted(u) {
			found = append(found, c.compareAll(list, u)...)
		} else {
			found = append(found, c.unique(list, def, which)...)
		}
	}
	return found
}

// compareAll checks a unique statement of a list by looking at all its entries.
func (c *checker) compareAll(list *xpath.Item, u schema.Unique) (found []clash) {
	seen := make(map[string]*tree.Node, list.Node.Len())
	for e := range list.Node.Entries() {
		t, ok := c.tuple(list, e, u)
		if !ok {
			continue
		}
		if first := seen[t]; first != nil {
			found = append(found, clash{u, first, e})
			continue
		}
		seen[t] = e
	}
	return found
}

// leaves gives the paths of the leaves of an entry that are compared; above leads to what holds the list.
func (k clash) leaves(above schema.Path, entry *tree.Node) (paths []schema.Path) {
	for _, chain := range k.unique.Leaves {
		path := append(slices.Clip(above), entry.Step())
		for _, n := range chain {
			path = append(path, schema.Step{Node: n})
		}
		paths = append(paths, path)
	}
	return paths
}

// clash reports whether two entries might not have the same if more were known.
func (d *doubts) clash(above schema.Path, k clash) bool {
	return d != nil && slices.ContainsFunc(append(k.leaves(above, k.first), k.leaves(above, k.second)...), d.gap)
}

// error blames the later entry, and names every leaf of both (RFC 7950 section 15.1).
func (k clash) error(above schema.Path) *tree.Error {
	e := &tree.Error{Tag: tree.OperationFailed, AppTag: "data-not-unique", Path: append(slices.Clip(above), k.second.Step())}
	var names []string
	for _, chain := range k.unique.Leaves {
		var local []string
		for _, n := range chain {
			local = append(local, n.Name)
		}
		names = append(names, strings.Join(local, "/"))
	}
	for _, leaf := range slices.Concat(k.leaves(above, k.first), k.leaves(above, k.second)) {
		e.Info = append(e.Info, tree.Info{Namespace: tree.YANGNamespace, Name: "non-unique", Path: leaf})
	}
	e.Message = strings.Join(names, " and ") + " must be unique: entry " + append(slices.Clip(above), k.first.Step()).String() + " has the same"
	return e
}
