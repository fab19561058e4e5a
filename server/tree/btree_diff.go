package tree

// diff calls changed for every item that differs between old and new, in order: with nil for the one that is not there.
// Pages that both trees share are passed over unread, so the cost follows the difference and not the size. It stops when
// changed returns false.
func diff[T any](old, new btree[T], cmp order[T], same func(a, b *T) bool, changed func(old, new *T) bool) bool {
	a, b := newCursor(old.root), newCursor(new.root)
	for {
		pa, pb := a.page(), b.page()
		switch {
		case pa != nil && pa == pb:
			a.skip()
			b.skip()
			continue
		case pa != nil && (pb == nil || pa.height() >= pb.height()):
			if pb != nil && pa.height() == pb.height() {
				b.enter()
			}
			a.enter()
			continue
		case pb != nil:
			b.enter()
			continue
		}
		ia, ib := a.item(), b.item()
		if ia == nil && ib == nil {
			return true
		}
		c := 0
		switch {
		case ia == nil:
			c = 1
		case ib == nil:
			c = -1
		default:
			c = cmp(ia, ib)
		}
		ok := true
		switch {
		case c < 0:
			ok = changed(ia, nil)
			a.next()
		case c > 0:
			ok = changed(nil, ib)
			b.next()
		default:
			if !same(ia, ib) {
				ok = changed(ia, ib)
			}
			a.next()
			b.next()
		}
		if !ok {
			return false
		}
	}
}

// cursor walks a tree and can pass over a page before entering it.
type cursor[T any] struct{ stack []place[T] }

// place is where a cursor stands in a page: before page i, or before item i when inside is set.
type place[T any] struct {
	p      *page[T]
	i      int
	inside bool
}

func newCursor[T any](root *page[T]) *cursor[T] {
	c := &cursor[T]{}
	if root != nil {
		// A page above the root gives the root itself a place from which it can be skipped.
		c.stack = append(c.stack, place[T]{p: &page[T]{pages: []*page[T]{root}}})
	}
	return c
}

// page returns the page that the cursor stands before, or nil when it stands before an item or at the end.
func (c *cursor[T]) page() *page[T] {
	c.settle()
	if len(c.stack) == 0 {
		return nil
	}
	top := &c.stack[len(c.stack)-1]
	if top.inside || top.p.leaf() {
		return nil
	}
	return top.p.pages[top.i]
}

// settle climbs out of pages that are finished.
func (c *cursor[T]) settle() {
	for len(c.stack) > 0 {
		top := &c.stack[len(c.stack)-1]
		if (top.p.leaf() || top.inside) && top.i == len(top.p.items) {
			c.stack = c.stack[:len(c.stack)-1]
			continue
		}
		return
	}
}

// skip passes over the page that the cursor stands before.
func (c *cursor[T]) skip() { c.stack[len(c.stack)-1].inside = true }

// enter goes into the page that the cursor stands before.
func (c *cursor[T]) enter() {
	p := c.page()
	c.skip()
	c.stack = append(c.stack, place[T]{p: p})
}

// item returns the item that the cursor stands before, nil at the end.
func (c *cursor[T]) item() *T {
	c.settle()
	if len(c.stack) == 0 {
		return nil
	}
	top := &c.stack[len(c.stack)-1]
	return &top.p.items[top.i]
}

// next passes the item that the cursor stands before.
func (c *cursor[T]) next() {
	top := &c.stack[len(c.stack)-1]
	top.i++
	top.inside = false
}
