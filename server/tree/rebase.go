package tree

import (
	"slices"

	"mooring/server/tree/schema"
)

// Edits returns the changes as edits that may be applied in order to any tree that agrees with Old where they take place:
// they give what New has there.
func (c Changes) Edits() []Edit {
	s := c.New.def.Schema()
	var edits []Edit
	var grown []schema.Path // lists ordered by the user that got entries
	for ch := range c.All() {
		switch {
		case ch.Reordered:
			grown = append(grown, ch.Path)
		case ch.New == nil:
			edits = append(edits, At(s, ch.Path, Remove, nil))
		default:
			edits = append(edits, Through(s, ch.Path, Replace, Edit{Op: Replace, Node: ch.New}))
			if ch.Old == nil && ch.New.IsEntry() && ch.New.def.UserOrdered {
				if list := whole(ch.Path); len(grown) == 0 || !grown[len(grown)-1].Equal(list) {
					grown = append(grown, list)
				}
			}
		}
	}
	for _, list := range grown {
		for e := range c.New.Get(list).Entries() {
			path := list.Parent().Append(e.def, e.Keys()...)
			edits = append(edits, Through(s, path, Seek, Edit{Op: Seek, Node: Stub(e.Step()), Where: Last}))
		}
	}
	return edits
}

// whole gives the path of the list that an entry is in.
func whole(entry schema.Path) schema.Path {
	list := slices.Clone(entry)
	list[len(list)-1].Keys = nil
	return list
}

// Rebase makes the changes on top of theirs, which also goes back to Old, and returns what leads from theirs to the result. Where both
// changed the same place in different ways, conflicts names it and nothing is made. It costs the own changes, whatever theirs are.
func (c Changes) Rebase(theirs *Node) (rebased Changes, conflicts []schema.Path, err error) {
	if c.Old.Same(theirs) {
		return c, nil, nil
	}
	for ch := range c.All() {
		if agree(c.New, theirs, ch.Path) {
			continue
		}
		if !unchanged(c.Old, theirs, ch.Path) || ch.New != nil && otherCase(c.Old, theirs, ch.Path) {
			conflicts = append(conflicts, ch.Path)
		}
	}
	if len(conflicts) > 0 {
		return Changes{}, conflicts, nil
	}
	rebased, err = Perform(theirs, c.Edits()...)
	return rebased, nil, err
}

// unchanged reports whether theirs has at path what base had, and has not deleted what is above it.
func unchanged(base, theirs *Node, path schema.Path) bool {
	for i := range path {
		a, b := base.Get(path[:i]), theirs.Get(path[:i])
		if a != nil && b == nil && holds(path[i-1].Node) {
			return false
		}
	}
	return agree(base, theirs, path)
}

// otherCase reports whether theirs chose a case of a choice that excludes what is at path.
func otherCase(base, theirs *Node, path schema.Path) bool {
	for i, s := range path {
		if s.Node.Case == nil {
			continue
		}
		for _, kid := range theirs.Get(path[:i]).kids() {
			if kid.def.Excludes(s.Node) && base.Get(path[:i]).childOrNil(kid.def) == nil {
				return true
			}
		}
	}
	return false
}

// agree reports whether two trees hold the same at path.
func agree(a, b *Node, path schema.Path) bool {
	x, y := a.Get(path), b.Get(path)
	if x == nil || y == nil {
		return x == y
	}
	return x.Equal(y)
}
