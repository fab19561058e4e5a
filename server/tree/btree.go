package tree

import "iter"

// fanout is the most items a page holds. Changing one entry copies one page a level: about 2.5 kB each, three levels at
// 100,000 entries.
const fanout = 63

// btree is a persistent ordered map: put and remove return a new tree that shares every page off the changed path. Pages
// that carry the caller's owner are its own and are changed in place, so that a bulk load does not copy at every step.
type btree[T any] struct{ root *page[T] }

type page[T any] struct {
	items []T
	pages []*page[T] // nil in a leaf page, else one more than items
	size  int        // items in the whole subtree
	own   *owner
}

// owner marks the pages made during one edit. It has a size, so that no two owners share an address.
type owner struct{ _ byte }

// order compares two items; the keys decide, not the content.
type order[T any] func(a, b *T) int

func (t btree[T]) len() int {
	if t.root == nil {
		return 0
	}
	return t.root.size
}

func (p *page[T]) leaf() bool { return p.pages == nil }

func (p *page[T]) height() (h int) {
	for ; !p.leaf(); p = p.pages[0] {
		h++
	}
	return h
}

// search returns the index of the first item not below probe, and whether it equals probe.
func (p *page[T]) search(probe *T, cmp order[T]) (int, bool) {
	lo, hi := 0, len(p.items)
	if hi > 0 { // appending in order is the common case of a load
		if c := cmp(probe, &p.items[hi-1]); c > 0 {
			return hi, false
		} else if c == 0 {
			return hi - 1, true
		}
	}
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		switch c := cmp(&p.items[mid], probe); {
		case c == 0:
			return mid, true
		case c < 0:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return lo, false
}

// get returns the item equal to probe, or nil. The item must not be changed.
func (t btree[T]) get(probe *T, cmp order[T]) *T {
	for p := t.root; p != nil; {
		i, found := p.search(probe, cmp)
		if found {
			return &p.items[i]
		}
		if p.leaf() {
			return nil
		}
		p = p.pages[i]
	}
	return nil
}

// from yields the items not below probe in order; all of them when probe is nil.
func (t btree[T]) from(probe *T, cmp order[T]) iter.Seq[*T] {
	return func(yield func(*T) bool) {
		if t.root != nil {
			t.root.walk(probe, cmp, yield)
		}
	}
}

func (p *page[T]) walk(probe *T, cmp order[T], yield func(*T) bool) bool {
	start := 0
	if probe != nil {
		var found bool
		if start, found = p.search(probe, cmp); found {
			probe = nil
			if !yield(&p.items[start]) {
				return false
			}
			start++
		}
	}
	for i := start; ; i++ {
		if !p.leaf() && !p.pages[i].walk(probe, cmp, yield) {
			return false
		}
		probe = nil // only the first page can hold items below it
		if i == len(p.items) {
			return true
		}
		if !yield(&p.items[i]) {
			return false
		}
	}
}

// last returns the greatest item, or nil.
func (t btree[T]) last() *T {
	p := t.root
	if p == nil {
		return nil
	}
	for !p.leaf() {
		p = p.pages[len(p.pages)-1]
	}
	return &p.items[len(p.items)-1]
}

// below returns the greatest item less than probe, or nil.
func (t btree[T]) below(probe *T, cmp order[T]) (found *T) {
	for p := t.root; p != nil; {
		i, equal := p.search(probe, cmp)
		if i > 0 {
			found = &p.items[i-1]
		}
		if p.leaf() {
			return found
		}
		if equal && i < len(p.pages) {
			if last := (btree[T]{p.pages[i]}).last(); last != nil {
				return last
			}
		}
		p = p.pages[i]
	}
	return found
}

// editable returns p itself when own owns it, else a copy that own owns.
func (p *page[T]) editable(own *owner) *page[T] {
	if p.own == own && own != nil {
		return p
	}
	c := &page[T]{size: p.size, own: own}
	c.items = append(make([]T, 0, room(len(p.items), own)), p.items...)
	if !p.leaf() {
		c.pages = append(make([]*page[T], 0, room(len(p.items), own)+1), p.pages...)
	}
	return c
}

// room is the capacity to give a page: all it can need while an edit goes on, one spare otherwise.
func room(n int, own *owner) int {
	if own != nil {
		return fanout + 1
	}
	return n + 1
}

// put returns t with item in the place of the one equal to it, or added.
func (t btree[T]) put(item T, cmp order[T], own *owner) btree[T] {
	if t.root == nil {
		return btree[T]{&page[T]{items: []T{item}, size: 1, own: own}}
	}
	root := t.root.put(item, cmp, own)
	if len(root.items) > fanout {
		median, right := root.split(fanout/2, own)
		root = &page[T]{items: []T{median}, pages: []*page[T]{root, right}, size: root.size + 1 + right.size, own: own}
	}
	return btree[T]{root}
}

// put returns p or its copy with item in it; it may have one item too many, which the caller splits off.
func (p *page[T]) put(item T, cmp order[T], own *owner) *page[T] {
	i, found := p.search(&item, cmp)
	p = p.editable(own)
	switch {
	case found:
		p.items[i] = item
	case p.leaf():
		p.items = insert(p.items, i, item)
		p.size++
	default:
		before := p.pages[i].size
		child := p.pages[i].put(item, cmp, own)
		p.pages[i] = child
		p.size += child.size - before
		if len(child.items) > fanout {
			p.splitChild(i, own)
		}
	}
	return p
}

// splitChild makes two pages of the overfull child i. At the end of a list most of the items stay on the left, so that
// entries loaded in order leave full pages behind.
func (p *page[T]) splitChild(i int, own *owner) {
	at := fanout / 2
	if i == len(p.items) {
		at = fanout - 1
	}
	median, right := p.pages[i].split(at, own)
	p.items = insert(p.items, i, median)
	p.pages = insert(p.pages, i+1, right)
}

// split cuts p, which own owns, at item i: items before it stay, those after it go to a new page.
func (p *page[T]) split(i int, own *owner) (median T, right *page[T]) {
	median = p.items[i]
	right = &page[T]{own: own}
	right.items = append(make([]T, 0, fanout+1), p.items[i+1:]...)
	clear(p.items[i:])
	p.items = p.items[:i]
	if !p.leaf() {
		right.pages = append(make([]*page[T], 0, fanout+2), p.pages[i+1:]...)
		clear(p.pages[i+1:])
		p.pages = p.pages[:i+1]
	}
	right.count()
	p.count()
	return median, right
}

func (p *page[T]) count() {
	p.size = len(p.items)
	for _, c := range p.pages {
		p.size += c.size
	}
}

// remove returns t without the item equal to probe, and whether there was one.
func (t btree[T]) remove(probe *T, cmp order[T], own *owner) (btree[T], bool) {
	if t.get(probe, cmp) == nil {
		return t, false
	}
	root := t.root.remove(probe, cmp, own)
	switch {
	case len(root.items) > 0:
	case root.leaf():
		root = nil
	default:
		root = root.pages[0]
	}
	return btree[T]{root}, true
}

// remove takes an item that is there out of p. The result may hold too few items, which the caller mends.
func (p *page[T]) remove(probe *T, cmp order[T], own *owner) *page[T] {
	i, found := p.search(probe, cmp)
	p = p.editable(own)
	p.size--
	switch {
	case p.leaf():
		p.items = cut(p.items, i)
		return p
	case found: // the greatest item of the page to the left takes the place
		last := btree[T]{p.pages[i]}.last()
		p.items[i] = *last
		p.pages[i] = p.pages[i].remove(&p.items[i], cmp, own)
	default:
		p.pages[i] = p.pages[i].remove(probe, cmp, own)
	}
	if len(p.pages[i].items) < fanout/4 {
		p.mend(i, own)
	}
	return p
}

// mend joins the sparse child i with a neighbour, or evens the two out when they do not fit in one page.
func (p *page[T]) mend(i int, own *owner) {
	if i == len(p.items) {
		i-- // join with the left neighbour
	}
	left, right := p.pages[i].editable(own), p.pages[i+1]
	left.items = append(append(left.items, p.items[i]), right.items...)
	if !left.leaf() {
		left.pages = append(left.pages, right.pages...)
	}
	left.count()
	p.pages[i] = left
	p.items = cut(p.items, i)
	p.pages = cut(p.pages, i+1)
	if len(left.items) > fanout {
		median, right := left.split(len(left.items)/2, own)
		p.items = insert(p.items, i, median)
		p.pages = insert(p.pages, i+1, right)
	}
}

func insert[E any](s []E, i int, e E) []E {
	s = append(s, e)
	copy(s[i+1:], s[i:])
	s[i] = e
	return s
}

func cut[E any](s []E, i int) []E {
	copy(s[i:], s[i+1:])
	clear(s[len(s)-1:])
	return s[:len(s)-1]
}
