package gnmi

import (
	"iter"
	"time"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// sink takes what a client is told. Leaves come in groups: those of one instance, which is a list entry, a container of state, or the
// root. What a sink is given may be used again: a path when the instance has ended, everything else when it returns.
type sink interface {
	// begin starts an instance; end finishes it. merged is how many versions of it were never told.
	begin(at schema.Path, when time.Time, merged uint64)
	// leaf tells the value of a leaf, or those of a leaf-list; in are the containers between the instance and it.
	leaf(in []*schema.Node, def *schema.Node, texts [][]byte)
	// presence tells that a container is there that means something by that.
	presence(in []*schema.Node, def *schema.Node)
	// gone tells that a leaf, leaf-list or container is no more.
	gone(in []*schema.Node, def *schema.Node)
	end() error
	// removed tells that an instance is no more, with everything in it.
	removed(at schema.Path, when time.Time) error
}

// delta tells a sink what differs between two versions of a node. The older may be nil: then everything is told.
type delta struct {
	sink   sink
	filter tree.Filter // what the client may see; nil: everything
	models models
	when   time.Time
	merged uint64
	// state: the versions are rows. Their keys that are configuration are not told, since the configuration tells them. Otherwise the
	// versions are configurations, and values in use by default count.
	state bool
	// explicit: of a configuration, only what was set counts
	explicit bool
	// again: values are told that are what they were, too
	again bool
	// changes leads from the older root to the newer; it finds what differs in large lists. It is not set for rows.
	changes tree.Changes
	// conditions decide which of the defaults exist. They are not asked of rows.
	conditions tree.Conditions
	// elsewhere are definitions of which defaults may have come or gone although nothing has changed in the node that has them: their conditions
	// read what has changed elsewhere. Those above them are included.
	elsewhere map[*schema.Node]bool
	at        schema.Path // where in is
	in        []*schema.Node
	texts     [][]byte // used again
	octets    []byte
}

// instance tells about an instance and the entries of the lists in it.
func (d *delta) instance(at schema.Path, old, new *tree.Node, sel selection) error {
	d.sink.begin(at, d.when, d.merged)
	above := d.at
	d.at = at
	d.leaves(old, new, sel)
	d.at = above
	if err := d.sink.end(); err != nil {
		return err
	}
	return d.lists(at, old, new, sel)
}

// top tells about the configuration: every node at the top is an instance.
func (d *delta) top(old, new *tree.Node, sel selection) error {
	for c := range d.children(old, new, sel) {
		var err error
		switch at := (schema.Path{{Node: c.def}}); {
		case c.def.Kind == schema.List:
			err = d.list(nil, c)
		case c.new == nil:
			err = d.sink.removed(at, d.when)
		case c.def.HasChildren():
			err = d.instance(at, c.old, c.new, c.sel)
		default:
			d.sink.begin(nil, d.when, 0)
			d.sink.leaf(nil, c.def, d.textsOf(c.new))
			err = d.sink.end()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// child is one child of a node in its two versions, one of which may be missing. Of a list it has all entries, and the selection of its
// parent.
type child struct {
	def      *schema.Node
	old, new *tree.Node
	sel      selection
}

// node is the child in one of its versions.
func (c child) node() *tree.Node {
	if c.new != nil {
		return c.new
	}
	return c.old
}

// children yields the children that are wanted, may be seen and may differ. Whether entries of lists may be seen is asked later.
func (d *delta) children(old, new *tree.Node, sel selection) iter.Seq[child] {
	return func(yield func(child) bool) {
		for _, def := range sel.children(child{old: old, new: new}.node().Schema()) {
			c := child{def, d.childOf(d.changes.Old, old, def), d.childOf(d.changes.New, new, def), sel}
			if c.old == nil && c.new == nil || d.same(def, c.old, c.new) || !d.models.has(def) {
				continue
			}
			if d.state && def.Config && !def.HasChildren() || !d.state && !def.Config {
				continue
			}
			if def.Kind == schema.List {
				if !yield(c) {
					return
				}
				continue
			}
			var wanted bool
			if c.sel, wanted = sel.enter(schema.Step{Node: def}); !wanted || !d.enter(c.node()) {
				continue
			}
			more := yield(c)
			d.leave()
			if !more {
				return
			}
		}
	}
}

// same reports whether two versions are one, so that there is nothing to tell.
func (d *delta) same(def *schema.Node, old, new *tree.Node) bool {
	return old.Same(new) && !d.again && !d.elsewhere[def]
}

// childOf gives a child of n, or what it has by default; the root is that of the version.
func (d *delta) childOf(root, n *tree.Node, def *schema.Node) *tree.Node {
	if n == nil {
		return nil
	}
	c := n.Child(def)
	if c != nil || d.state || d.explicit {
		return c
	}
	if c, _ = n.EffectiveChild(def); c != nil && len(def.Whens) > 0 && !d.conditions(d.above(root), def) {
		return nil
	}
	return c
}

// above are the nodes from a root down to what is being told.
func (d *delta) above(root *tree.Node) []*tree.Node {
	nodes := []*tree.Node{root}
	down := func(def *schema.Node, keys []string) {
		n, _ := nodes[len(nodes)-1].EffectiveChild(def)
		if keys != nil {
			n = n.Entry(keys...)
		}
		nodes = append(nodes, n)
	}
	for _, step := range d.at {
		down(step.Node, step.Keys)
	}
	for _, container := range d.in {
		down(container, nil)
	}
	return nodes
}

// enter asks whether the client may see a node; leave follows when it may.
func (d *delta) enter(n *tree.Node) bool { return d.filter == nil || d.filter.Enter(n) }

func (d *delta) leave() {
	if d.filter != nil {
		d.filter.Leave()
	}
}

// leaves tells about what is in an instance outside lists.
func (d *delta) leaves(old, new *tree.Node, sel selection) {
	for c := range d.children(old, new, sel) {
		switch {
		case c.def.Kind == schema.List:
		case c.new == nil:
			d.sink.gone(d.in, c.def)
		case c.def.Kind == schema.Container:
			if (c.old == nil || d.again) && c.def.Presence {
				d.sink.presence(d.in, c.def)
			}
			d.in = append(d.in, c.def)
			d.leaves(c.old, c.new, c.sel)
			d.in = d.in[:len(d.in)-1]
		case c.old == nil || d.again || !c.old.Equal(c.new):
			d.sink.leaf(d.in, c.def, d.textsOf(c.new))
		}
	}
}

// textsOf are the values of a leaf or leaf-list, valid until the next call.
func (d *delta) textsOf(n *tree.Node) [][]byte {
	d.texts, d.octets = d.texts[:0], d.octets[:0]
	add := func(text string) {
		before := len(d.octets)
		d.octets = append(d.octets, text...)
		d.texts = append(d.texts, d.octets[before:len(d.octets):len(d.octets)])
	}
	if !n.IsList() {
		add(n.Value())
	}
	for e := range n.Entries() {
		add(e.Value())
	}
	return d.texts
}

// lists tells about the lists in an instance; at leads to it or to a container in it.
func (d *delta) lists(at schema.Path, old, new *tree.Node, sel selection) error {
	above := d.at
	d.at = at
	defer func() { d.at = above }()
	for c := range d.children(old, new, sel) {
		var err error
		switch {
		case c.def.Kind == schema.List:
			err = d.list(at, c)
		case c.def.Kind == schema.Container && c.new != nil: // otherwise leaves has told
			err = d.lists(at.Append(c.def), c.old, c.new, c.sel)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *delta) list(at schema.Path, c child) error {
	for old, new := range d.entries(at, c) {
		e := child{old: old, new: new}.node()
		sel, ok := c.sel.enter(e.Step())
		if !ok || !d.enter(e) {
			continue
		}
		path := at.Append(c.def, e.Keys()...)
		var err error
		if new == nil {
			err = d.sink.removed(path, d.when)
		} else {
			err = d.instance(path, old, new, sel)
		}
		d.leave()
		if err != nil {
			return err
		}
	}
	return nil
}

// entries yields the entries of a list that may differ, in their two versions. Where patterns name entries, these are looked up.
func (d *delta) entries(at schema.Path, c child) iter.Seq2[*tree.Node, *tree.Node] {
	return func(yield func(old, new *tree.Node) bool) {
		if keys, ok := c.sel.exact(c.def); ok {
			d.pairs(c, keys, yield)
			return
		}
		switch {
		case c.old == nil:
			for e := range c.new.Entries() {
				if !yield(nil, e) {
					return
				}
			}
		case d.state || d.again || d.elsewhere[c.def]:
			d.pairs(c, keysOf(c.old, c.new), yield)
		default:
			d.changedEntries(at, c, yield)
		}
	}
}

// pairs yields the entries with the given keys that differ.
func (d *delta) pairs(c child, keys [][]string, yield func(old, new *tree.Node) bool) {
	for _, k := range keys {
		old, new := c.old.Entry(k...), c.new.Entry(k...)
		if old == nil && new == nil || d.same(c.def, old, new) {
			continue
		}
		if !yield(old, new) {
			return
		}
	}
}

// keysOf are the keys of all entries of two versions of a list.
func keysOf(old, new *tree.Node) (keys [][]string) {
	for e := range new.Entries() {
		keys = append(keys, e.Keys())
	}
	for e := range old.Entries() {
		if new.Entry(e.Keys()...) == nil {
			keys = append(keys, e.Keys())
		}
	}
	return keys
}

// changedEntries reads off the two configurations which entries of a list differ, at the cost of what does.
func (d *delta) changedEntries(at schema.Path, c child, yield func(old, new *tree.Node) bool) {
	list := at.Append(c.def)
	var last *tree.Node
	for ch := range d.changes.Under(list) {
		if ch.Reordered && len(ch.Path) == len(list) {
			continue // gNMI knows no order of entries
		}
		keys := ch.Path[len(list)-1].Keys
		pair := child{old: c.old.Entry(keys...), new: c.new.Entry(keys...)}
		if e := pair.node(); last == nil || e != last {
			last = e
			if !yield(pair.old, pair.new) {
				return
			}
		}
	}
}
