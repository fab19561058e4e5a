package filter

import (
	"iter"
	"slices"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// lists is a list or leaf-list in its two versions, either of which may be nil, and what is wanted of its entries.
type lists struct {
	was, is *tree.Node
	co, cn  choices
	alike   bool // what both share is seen alike
}

// entries compares the entries of a list; the last step of c.path is the list.
func (c *Comparison) entries(l lists) {
	for was, is := range l.pairs() {
		c.entry(l, was, is)
	}
}

func (c *Comparison) entry(l lists, was, is *tree.Node) {
	last, one := len(c.path)-1, was
	if one == nil {
		one = is
	}
	c.path[last].Keys = one.Keys()
	c.node(was, is, l.co, l.cn)
	c.path[last].Keys = nil
}

// pairs yields the entries that may differ.
func (l lists) pairs() iter.Seq2[*tree.Node, *tree.Node] {
	if l.alike && l.list().Kind == schema.List && l.list().Config && !l.co.keyedOnly() {
		return tree.ChangedEntries(l.was, l.is)
	}
	return func(yield func(was, is *tree.Node) bool) {
		for is := range selected(l.is, l.cn) {
			if was := l.was.Entry(is.Keys()...); !(l.alike && is.Same(was)) && !yield(was, is) {
				return
			}
		}
		for was := range selected(l.was, l.co) {
			is := l.is.Entry(was.Keys()...)
			if is != nil && (!l.cn.keyedOnly() || len(l.cn.keyed[is.Step().JoinedKeys()]) > 0) {
				continue // it has been compared above
			}
			if !yield(was, is) {
				return
			}
		}
	}
}

func (l lists) list() *schema.Node {
	if l.was == nil {
		return l.is.Schema()
	}
	return l.was.Schema()
}

// ordered compares a list whose entries have an order by the user: what is gone first, then from the beginning to the end, so that an
// entry that is inserted or moved goes behind one that is in its place already. It costs the list.
func (c *Comparison) ordered(l lists) {
	was, is := c.was.inOrder(l.was, l.co), c.is.inOrder(l.is, l.cn)
	place := map[string]int{}
	for i, e := range was {
		place[e.Step().JoinedKeys()] = i
	}
	var common []int // places of the entries that there were and are
	for _, e := range is {
		if i, ok := place[e.Step().JoinedKeys()]; ok {
			common = append(common, i)
		}
	}
	staying := longestRise(common)
	kept := map[int]bool{}
	for _, i := range common {
		kept[i] = true
	}
	for i, e := range was {
		if !kept[i] {
			c.entry(l, e, nil)
		}
	}
	list := slices.Clone(c.path)
	for n, e := range is {
		i, there := place[e.Step().JoinedKeys()]
		switch {
		case !there:
			c.placed(l, Insert, e, list, is[:n])
		case !staying[i]:
			c.placed(l, Move, e, list, is[:n])
			fallthrough
		default:
			c.entry(l, was[i], e)
		}
	}
}

// inOrder are the entries of a list that are seen.
func (e *eye) inOrder(list *tree.Node, c choices) (seen []*tree.Node) {
	for n := range list.Entries() {
		s := e.look(n, c)
		if s.node != nil && e.shows(s) {
			seen = append(seen, n)
		}
		e.away(s)
	}
	return seen
}

// placed tells of an entry that has a place behind the last of those before it.
func (c *Comparison) placed(l lists, op Op, n *tree.Node, list schema.Path, before []*tree.Node) {
	e := Edit{Op: op, Target: c.path, by: &c.is}
	if len(before) > 0 {
		e.After = list.Parent().Append(n.Schema(), before[len(before)-1].Keys()...)
	}
	last := len(c.path) - 1
	c.path[last].Keys = n.Keys()
	e.seen = c.is.look(n, l.cn)
	c.tell(&e)
	c.is.away(e.seen)
	c.path[last].Keys = nil
}

// longestRise returns members of one of the longest rising subsequences: entries that need not be moved.
func longestRise(values []int) map[int]bool {
	var ends []int // of the best subsequence of each length, where it ends
	before := make([]int, len(values))
	for i, v := range values {
		n, _ := slices.BinarySearchFunc(ends, v, func(at, v int) int { return values[at] - v })
		before[i] = -1
		if n > 0 {
			before[i] = ends[n-1]
		}
		ends = append(ends[:n], append([]int{i}, ends[min(n+1, len(ends)):]...)...)
	}
	members := map[int]bool{}
	if len(ends) > 0 {
		for i := ends[len(ends)-1]; i >= 0; i = before[i] {
			members[values[i]] = true
		}
	}
	return members
}
