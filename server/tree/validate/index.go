package validate

import (
	"slices"

	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/server/tree/xpath"
)

// index describes one valid configuration: which entry has which tuple of a unique statement, and how many leafrefs have
// which value. It moves from one configuration to another at the cost of what differs.
type index struct {
	rules  *Rules
	root   *tree.Node
	last   tree.Changes                    // that led to root
	unique map[uniqueKey]map[string]string // tuple -> key of the entry
	refs   map[refKey]int
}

// uniqueKey names one unique statement of one list instance.
type uniqueKey struct {
	list  string
	which int
}

// refKey is a value of a leafref; of a union or instance-identifier it is "" whatever the value.
type refKey struct {
	def   *schema.Node
	value string
}

func newIndex(r *Rules) *index {
	return &index{rules: r, root: tree.NewRoot(r.schema), unique: map[uniqueKey]map[string]string{}, refs: map[refKey]int{}}
}

// follow makes the index describe root. Mostly it does, or goes back from what was validated and not committed.
func (x *index) follow(root *tree.Node) {
	switch {
	case x.root.Same(root):
	case x.last.Old.Same(root):
		x.adopt(x.delta(x.last.Inverse()))
	default:
		x.adopt(x.delta(tree.Diff(x.root, root)))
	}
}

// adopt makes the index describe what a delta from what it describes leads to.
func (x *index) adopt(d *delta) {
	for key, n := range d.refs {
		if x.refs[key] += n; x.refs[key] == 0 {
			delete(x.refs, key)
		}
	}
	for list, changed := range d.lists {
		for which, u := range changed.def.Unique {
			x.move(uniqueKey{list, which}, u, changed)
		}
	}
	x.root, x.last = d.changes.New, d.changes
}

func (x *index) move(key uniqueKey, u schema.Unique, changed *changedList) {
	tuples := x.unique[key]
	if tuples == nil {
		tuples = map[string]string{}
		x.unique[key] = tuples
	}
	for _, e := range changed.entries {
		if e.old == nil {
			continue
		}
		if t, ok := tuple(e.old, u); ok {
			delete(tuples, t)
		}
	}
	for entry, e := range changed.entries {
		if e.new == nil {
			continue
		}
		if t, ok := tuple(e.new, u); ok {
			tuples[t] = entry
		}
	}
	if len(tuples) == 0 {
		delete(x.unique, key)
	}
}

// delta is what a change means to the index.
type delta struct {
	index   *index
	changes tree.Changes
	refs    map[refKey]int
	lists   map[string]*changedList
}

// changedList is a list with unique statements of which entries changed, by their keys.
type changedList struct {
	def     *schema.Node
	entries map[string]entryPair
}

type entryPair struct{ old, new *tree.Node }

func (x *index) delta(changes tree.Changes) *delta {
	d := &delta{index: x, changes: changes, refs: map[refKey]int{}, lists: map[string]*changedList{}}
	for ch := range changes.All() {
		if ch.Reordered {
			continue
		}
		for i, s := range ch.Path {
			if s.Keys != nil && len(s.Node.Unique) > 0 {
				at := ch.Path[:i+1]
				d.entry(at, changes.Old.Get(at), changes.New.Get(at))
			}
		}
		path := append(make(schema.Path, 0, len(ch.Path)+roomBelow), ch.Path...)
		d.below(path, ch.Old, -1)
		d.below(path, ch.New, +1)
	}
	return d
}

// roomBelow spares a path that goes down into a change most of its growing.
const roomBelow = 8

func (d *delta) entry(path schema.Path, old, new *tree.Node) {
	last := path.Last()
	list := append(slices.Clone(path.Parent()), schema.Step{Node: last.Node}).String()
	changed := d.lists[list]
	if changed == nil {
		changed = &changedList{last.Node, map[string]entryPair{}}
		d.lists[list] = changed
	}
	key := joined(last.Keys)
	if pair := changed.entries[key]; old == nil && pair.old != nil { // seen as gone, now as come
		old = pair.old
	}
	changed.entries[key] = entryPair{old, new}
}

func joined(keys []string) string {
	if len(keys) == 1 {
		return keys[0]
	}
	return schema.Step{Keys: keys}.JoinedKeys()
}

// below counts the leafrefs, and notes the entries of lists with unique statements, in what was created or deleted.
func (d *delta) below(path schema.Path, n *tree.Node, sign int) {
	if n == nil {
		return
	}
	if nr := d.index.rules.nodes[n.Schema()]; nr != nil && nr.ruled {
		d.ruled(path, n, nr, sign)
	}
}

func (d *delta) ruled(path schema.Path, n *tree.Node, nr *nodeRules, sign int) {
	def := nr.def
	switch {
	case !nr.refs:
	case def.Type.Base == schema.Leafref:
		d.refs[refKey{def, n.Value()}] += sign
	default:
		d.refs[refKey{def, ""}] += sign
	}
	for _, below := range nr.kids {
		kid := n.Child(below.def)
		switch {
		case kid == nil:
		case !kid.IsList():
			d.ruled(append(path, kid.Step()), kid, below, sign)
		default:
			for e := range kid.Entries() {
				at := append(path, e.Step())
				if len(below.def.Unique) > 0 && sign < 0 {
					d.entry(at, e, nil)
				} else if len(below.def.Unique) > 0 {
					d.entry(at, nil, e)
				}
				d.ruled(at, e, below, sign)
			}
		}
	}
}

// referred reports whether a leafref still has a value after the change; "" stands for all values of a union or instance-identifier.
func (d *delta) referred(def *schema.Node, value string) bool {
	key := refKey{def, value}
	return d.index.refs[key]+d.refs[key] > 0
}

// conflicts checks a unique statement of a list for the entries that changed: against each other, and against the index for
// those that did not.
func (d *delta) conflicts(list *xpath.Item, def *schema.Node, which int) (found []clash) {
	path := append(list.Parent.Path(), schema.Step{Node: def}).String()
	changed := d.lists[path]
	if changed == nil {
		return nil
	}
	u, standing := def.Unique[which], d.index.unique[uniqueKey{path, which}]
	added := map[string]*tree.Node{}
	for e := range d.changedIn(list, changed) {
		t, ok := tuple(e, u)
		if !ok {
			continue
		}
		first := added[t]
		if key, there := standing[t]; first == nil && there {
			if _, alsoChanged := changed.entries[key]; !alsoChanged {
				first = list.Node.Entry(key)
			}
		}
		if first != nil {
			found = append(found, clash{u, first, e})
			continue
		}
		added[t] = e
	}
	return found
}

// changedIn yields the changed entries that are there now, in the order of the list when they are many.
func (d *delta) changedIn(list *xpath.Item, changed *changedList) func(func(*tree.Node) bool) {
	return func(yield func(*tree.Node) bool) {
		if len(changed.entries) > 8 {
			for e := range list.Node.Entries() {
				if _, ok := changed.entries[joined(e.Keys())]; ok && !yield(e) {
					return
				}
			}
			return
		}
		keys := make([]string, 0, len(changed.entries))
		for key := range changed.entries {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for _, key := range keys {
			if e := list.Node.Entry(key); e != nil && !yield(e) {
				return
			}
		}
	}
}
