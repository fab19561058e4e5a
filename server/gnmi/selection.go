package gnmi

import (
	"slices"

	"mooring/server/tree/schema"
)

// selection is what is wanted of a node: all of it, or what patterns lead to from there.
type selection struct {
	whole    bool
	depth    int           // of the whole: how many levels, the node being the first; 0: all
	patterns []schema.Path // none is empty
	below    int           // the depth at the end of the patterns
}

// selectionOf selects what patterns lead to from the root, as deep as that; 0 is all of it.
func selectionOf(patterns []schema.Path, depth int) selection {
	if slices.ContainsFunc(patterns, func(p schema.Path) bool { return len(p) == 0 }) {
		return selection{whole: true, depth: depth}
	}
	return selection{patterns: patterns, below: depth}
}

// enter gives what is wanted of a child, or of an entry of a list, that the step leads to; ok is false when nothing is.
func (s selection) enter(step schema.Step) (inner selection, ok bool) {
	if s.whole {
		return s.deeper(step.Node)
	}
	inner.below = s.below
	for _, p := range s.patterns {
		switch {
		case !matches(p[0], step):
		case len(p) == 1:
			return selection{whole: true, depth: s.below}, true
		default:
			inner.patterns = append(inner.patterns, p[1:])
		}
	}
	return inner, len(inner.patterns) > 0
}

// deeper is enter of a node that is wanted whole: nodes that hold others are each a level.
func (s selection) deeper(def *schema.Node) (inner selection, ok bool) {
	switch {
	case s.depth == 0 || !def.HasChildren():
		return s, true
	case s.depth == 1:
		return selection{}, false
	}
	return selection{whole: true, depth: s.depth - 1}, true
}

// follow gives what is wanted of the instance at the end of a path.
func (s selection) follow(path schema.Path) (inner selection, ok bool) {
	for _, step := range path {
		if s, ok = s.enter(step); !ok {
			return selection{}, false
		}
	}
	return s, true
}

// children are the definitions below a node of which something is wanted, in the order of the schema.
func (s selection) children(parent *schema.Node) []*schema.Node {
	if s.whole {
		return parent.Children
	}
	var list []*schema.Node
	for _, p := range s.patterns {
		list = append(list, p[0].Node)
	}
	slices.SortFunc(list, func(a, b *schema.Node) int { return a.Position - b.Position })
	return slices.Compact(list)
}

// exact gives the keys of the entries of a list that are wanted, when all patterns name entries.
func (s selection) exact(list *schema.Node) (keys [][]string, ok bool) {
	if s.whole || len(list.Keys) == 0 {
		return nil, false
	}
	for _, p := range s.patterns {
		if p[0].Node != list {
			continue
		}
		if !closed(p[0]) {
			return nil, false
		}
		if !slices.ContainsFunc(keys, func(k []string) bool { return slices.Equal(k, p[0].Keys) }) {
			keys = append(keys, p[0].Keys)
		}
	}
	return keys, true
}

// union selects what one of two selections of the same node, as deep as each other, does.
func (s selection) union(t selection) selection {
	if s.whole {
		return s
	}
	if t.whole {
		return t
	}
	return selection{patterns: slices.Concat(s.patterns, t.patterns), below: s.below}
}
