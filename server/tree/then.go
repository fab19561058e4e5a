package tree

// Inverse returns what leads back.
func (c Changes) Inverse() Changes { return Changes{c.New, c.Old, c.touched} }

// Then returns what leads from c.Old to where next leads, which starts at c.New. What next made as it was in c.Old is shared with that
// again, and no longer among the changes: what is set and unset is not changed, and a replacement is what differs in it. It costs next.
func (c Changes) Then(next Changes) Changes {
	j := joiner{new(owner)}
	t, root := j.node(c.touched, next.touched, c.Old, next.New)
	return Changes{c.Old, root, t}
}

// joiner makes one of two changes that follow each other.
type joiner struct{ own *owner }

// node joins what was touched before, t, and what was touched then, u, at a node that was old before both and is new after them. It
// returns what may differ between old and the node that takes new's place.
func (j *joiner) node(t, u *touched, old, new *Node) (*touched, *Node) {
	switch {
	case u == nil:
		return t, new
	case old.Same(new):
		return nil, new
	case old == nil || new == nil || old.in == nil:
		return everywhere, new
	case u.all:
		return j.replaced(old, new)
	case t.whole(): // nothing is known of what is around u
		return t, new
	case old.in.list != nil:
		return j.list(t, u, old, new)
	}
	return j.kids(t, u, old, new)
}

// replaced compares what is there with what was.
func (j *joiner) replaced(old, new *Node) (*touched, *Node) {
	e := &editor{own: j.own}
	now := e.replace(old, new)
	if old.in.list != nil {
		return e.touched.kid(old.def), now // an editor starts above the list
	}
	return e.touched, now
}

func (j *joiner) kids(t, u *touched, old, new *Node) (*touched, *Node) {
	both := t
	if both == nil {
		both = u
	}
	for _, kid := range u.kids {
		was, is := old.Child(kid.def), new.Child(kid.def)
		at, now := j.node(t.kid(kid.def), kid.at, was, is)
		if now != nil && !now.Same(is) {
			new = new.with(kid.def, now)
		}
		both = both.withKid(kid.def, at, j.own)
	}
	if both == nil {
		return nil, old // nothing is left that may differ
	}
	return both, new
}

func (j *joiner) list(t, u *touched, old, new *Node) (*touched, *Node) {
	l, before := *new.in.list, *old.in.list
	both := t
	if both == nil {
		both = u
	}
	for e := range u.entries.from(nil, byTouchedKey) {
		was, is := before.keyed.get(probe(e.def, e.key), byKey), l.keyed.get(probe(e.def, e.key), byKey)
		at, now := j.node(t.entry(e.def, e.key), e.at, was.nodeOrNil(), is.nodeOrNil())
		if at == nil && is != nil && was.rank != is.rank {
			at = everywhere // it may have another place
		}
		if now != nil && !now.Same(&is.node) {
			l = l.put(*now, Keep, "", j.own)
		}
		if both.entry(e.def, e.key) != at {
			both = both.withEntry(touchedEntry{e.def, e.key, at}, j.own)
		}
	}
	if both == nil {
		return nil, old
	}
	if !l.same(*new.in.list) {
		new = &Node{def: new.def, in: &inner{list: &l}}
	}
	return both, new
}
