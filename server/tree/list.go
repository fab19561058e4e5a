package tree

import (
	"iter"
	"slices"
	"strings"

	"mooring/server/tree/schema"
)

// list holds the entries of a list or leaf-list in one of three ways: sorted by key; by key with a second index for the
// user's order; or just as they were given, for state (where keys may be missing and values may repeat).
type list struct {
	keyed btree[entry]
	ranks btree[rank] // ordered-by user only
	flat  []Node      // state only
}

// entry is an entry with its place in the user's order; 0 where the order is that of the keys.
type entry struct {
	node Node
	rank uint64
}

type rank struct {
	rank uint64
	key  string
}

const (
	firstRank = 1 << 62
	rankGap   = 1 << 32 // what is left between neighbours, so that most inserts find room
)

func byRank(a, b *rank) int {
	switch {
	case a.rank < b.rank:
		return -1
	case a.rank > b.rank:
		return 1
	}
	return 0
}

// byKey orders the entries of one list.
func byKey(a, b *entry) int { return compareKeys(a.node.def, a.node.text, b.node.text) }

// compareKeys orders joined keys: numbers as numbers, everything else as text.
func compareKeys(def *schema.Node, a, b string) int {
	if def.Kind == schema.LeafList {
		return def.Type.Compare(a, b)
	}
	for _, k := range def.Keys[:len(def.Keys)-1] {
		var x, y string
		x, a, _ = strings.Cut(a, keySeparator)
		y, b, _ = strings.Cut(b, keySeparator)
		if c := k.Type.Compare(x, y); c != 0 {
			return c
		}
	}
	return def.Keys[len(def.Keys)-1].Type.Compare(a, b)
}

// same reports whether l and m are one and the same, by identity.
func (l list) same(m list) bool {
	return l.keyed == m.keyed && l.ranks == m.ranks && len(l.flat) == 0 && len(m.flat) == 0
}

func (l list) len() int { return l.keyed.len() + len(l.flat) }

func probe(def *schema.Node, key string) *entry { return &entry{node: Node{def: def, text: key}} }

func (l list) get(def *schema.Node, key string) *Node {
	if l.flat != nil {
		i := slices.IndexFunc(l.flat, func(n Node) bool { return n.text == key })
		if i < 0 {
			return nil
		}
		return &l.flat[i]
	}
	if e := l.keyed.get(probe(def, key), byKey); e != nil {
		return &e.node
	}
	return nil
}

func (l list) all(def *schema.Node) iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		for i := range l.flat {
			if !yield(&l.flat[i]) {
				return
			}
		}
		if l.ranks.root != nil {
			l.inRank(def, yield)
			return
		}
		for e := range l.keyed.from(nil, byKey) {
			if !yield(&e.node) {
				return
			}
		}
	}
}

func (l list) inRank(def *schema.Node, yield func(*Node) bool) {
	for r := range l.ranks.from(nil, byRank) {
		if !yield(l.get(def, r.key)) {
			return
		}
	}
}

// Where says where an entry goes in a list ordered by the user (RFC 7950 section 7.8.6).
type Where uint8

// The places. Keep leaves an entry that is there where it is, and adds a new one last.
const (
	Keep Where = iota
	First
	Last
	Before
	After
)

// put returns l with n in it. In a list ordered by the user, n goes to where, relative to the entry with key anchor, which
// must be there for Before and After.
func (l list) put(n Node, where Where, anchor string, own *owner) list {
	if !n.def.UserOrdered {
		return list{keyed: l.keyed.put(entry{node: n}, byKey, own)}
	}
	old := l.keyed.get(probe(n.def, n.text), byKey)
	if old != nil && where == Keep {
		return list{keyed: l.keyed.put(entry{n, old.rank}, byKey, own), ranks: l.ranks}
	}
	ranks := l.ranks
	if old != nil {
		ranks, _ = ranks.remove(&rank{rank: old.rank}, byRank, own)
	}
	r, ok := l.rankAt(ranks, n.def, where, anchor)
	if !ok {
		return l.respaced(own).put(n, where, anchor, own)
	}
	ranks = ranks.put(rank{r, n.text}, byRank, own)
	return list{keyed: l.keyed.put(entry{n, r}, byKey, own), ranks: ranks}
}

// rankAt finds a free rank at a place; false when the neighbours leave no room.
func (l list) rankAt(ranks btree[rank], def *schema.Node, where Where, anchor string) (uint64, bool) {
	last := ranks.last()
	if last == nil {
		return firstRank, true
	}
	if where == Keep || where == Last {
		return last.rank + rankGap, last.rank < 1<<63
	}
	var low, high uint64 // the new rank goes between the two
	if where == First {
		for r := range ranks.from(nil, byRank) {
			return r.rank - rankGap, r.rank > 2*rankGap
		}
	}
	at := l.keyed.get(probe(def, anchor), byKey).rank
	low, high = 0, at
	if where == After {
		low, high = at, at+2*rankGap
		for r := range ranks.from(&rank{rank: at + 1}, byRank) {
			high = r.rank
			break
		}
	} else if before := ranks.below(&rank{rank: at}, byRank); before != nil {
		low = before.rank
	}
	return low + (high-low)/2, high-low > 1
}

// respaced gives all entries ranks with full gaps again.
func (l list) respaced(own *owner) list {
	fresh := list{keyed: l.keyed}
	next := uint64(firstRank)
	for r := range l.ranks.from(nil, byRank) {
		e := *l.keyed.get(&entry{node: Node{def: l.keyed.root.items[0].node.def, text: r.key}}, byKey)
		e.rank = next
		fresh.keyed = fresh.keyed.put(e, byKey, own)
		fresh.ranks = fresh.ranks.put(rank{next, r.key}, byRank, own)
		next += rankGap
	}
	return fresh
}

// remove returns l without the entry that has this key, and whether there was one.
func (l list) remove(def *schema.Node, key string, own *owner) (list, bool) {
	old := l.keyed.get(probe(def, key), byKey)
	if old == nil {
		return l, false
	}
	gone := list{ranks: l.ranks}
	if def.UserOrdered {
		gone.ranks, _ = gone.ranks.remove(&rank{rank: old.rank}, byRank, own)
	}
	gone.keyed, _ = l.keyed.remove(probe(def, key), byKey, own)
	return gone, true
}

// CompareEntries orders two entries of the list n as Entries yields them: 0 when they are one.
func (n *Node) CompareEntries(a, b *Node) int {
	l := n.in.list
	if l.flat != nil {
		return l.index(a) - l.index(b)
	}
	if n.def.UserOrdered {
		x, y := l.keyed.get(probe(n.def, a.text), byKey), l.keyed.get(probe(n.def, b.text), byKey)
		if x != nil && y != nil {
			return byRank(&rank{rank: x.rank}, &rank{rank: y.rank})
		}
	}
	return compareKeys(n.def, a.text, b.text)
}

func (l list) index(of *Node) int {
	return slices.IndexFunc(l.flat, func(n Node) bool { return n.Same(of) })
}
