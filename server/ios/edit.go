package ios

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// draft is a configuration under construction. Copies of it may be kept.
type draft struct {
	schema  *schema.Schema
	root    *tree.Node
	removed []schema.Path    // of what there may be where the configuration goes
	unsaid  []schema.Path    // those of removed that the text had not set
	origin  map[string]*word // which word brought what is at a path; nil: none did
	// removers are the lines that took something out, in order.
	removers []*line
}

func newDraft(s *schema.Schema) *draft {
	return &draft{schema: s, root: tree.NewRoot(s), origin: map[string]*word{}}
}

// apply makes an edit, which cannot fail: values have been checked, and nothing that it needs is missing.
func (d *draft) apply(e tree.Edit) {
	root, err := tree.Apply(d.root, e)
	if err != nil {
		panic("an edit of our own: " + err.Error())
	}
	d.root = root
}

// ensure makes a list entry or a container with presence.
func (d *draft) ensure(path schema.Path, by *word) {
	d.note(path, by)
	if d.root.Get(path) == nil {
		d.apply(tree.Through(d.schema, path, tree.Merge, d.placed(path, tree.Stub(path.Last()))))
	}
}

// placed is the edit that adds a node: an entry of an access list behind all that have lower numbers.
func (d *draft) placed(path schema.Path, n *tree.Node) tree.Edit {
	e := tree.Edit{Op: tree.Merge, Node: n}
	if def := path.Last().Node; def.Kind != schema.List || def.Name != "ace" {
		return e
	}
	number, _ := strconv.Atoi(path.Last().Keys[0])
	for other := range d.entries(path) {
		if n, err := strconv.Atoi(other); err == nil && n > number {
			e.Where, e.Anchor = tree.Before, []string{other}
			return e
		}
	}
	return e
}

// placedInOrder reports whether entries come into this order when each is added by itself.
func placedInOrder(entries []*tree.Node) bool {
	return entries[0].Schema().Name != "ace" || slices.IsSortedFunc(entries, func(a, b *tree.Node) int {
		m, _ := strconv.Atoi(a.Keys()[0])
		n, _ := strconv.Atoi(b.Keys()[0])
		return cmp.Compare(m, n)
	})
}

// entries yields the first keys of all entries of the list that path leads to one of.
func (d *draft) entries(path schema.Path) func(func(string) bool) {
	list := d.root.Get(append(slices.Clip(path.Parent()), schema.Step{Node: path.Last().Node}))
	return func(yield func(string) bool) {
		if list == nil {
			return
		}
		for e := range list.Entries() {
			if !yield(e.Keys()[0]) {
				return
			}
		}
	}
}

// set gives a leaf a value, or adds one to a leaf-list.
func (d *draft) set(path schema.Path, value string, by *word) {
	if def := path.Last().Node; def.Kind == schema.LeafList {
		path = path.Parent().Append(def, value)
		d.apply(tree.At(d.schema, path, tree.Merge, nil))
	} else {
		d.apply(tree.At(d.schema, path, tree.Merge, tree.NewLeaf(def, value)))
	}
	d.note(path, by)
}

// elsewhere are the paths that were taken out of base, or may have been, where that is not known (nil).
func (d *draft) elsewhere(base *tree.Node) []schema.Path {
	if base == nil {
		return d.unsaid
	}
	return slices.DeleteFunc(slices.Clone(d.removed), func(path schema.Path) bool { return base.Get(path) == nil })
}

// takes reports whether what is at path, or something above it, was taken out of where the configuration goes.
func (d *draft) takes(path schema.Path) bool {
	return slices.ContainsFunc(d.removed, func(r schema.Path) bool { return r.Contains(path) })
}

// clear takes something out that a command replaces.
func (d *draft) clear(path schema.Path) { d.apply(tree.At(d.schema, path, tree.Remove, nil)) }

// remove takes something out, here and where the configuration goes.
func (d *draft) remove(path schema.Path) {
	if d.root.Get(path) == nil {
		d.unsaid = append(d.unsaid, path)
	}
	d.clear(path)
	if !slices.ContainsFunc(d.removed, path.Equal) {
		d.removed = append(d.removed, path)
	}
}

func (d *draft) note(path schema.Path, by *word) {
	if _, known := d.origin[path.String()]; !known || len(path) > 0 && path.Last().Node.Kind == schema.Leaf {
		d.origin[path.String()] = by
	}
}

// wordOf is the word that set what is at path or, where none did, the first below it, or else the one that made what is above it.
func (d *draft) wordOf(path schema.Path) *word {
	if w := d.origin[path.String()]; w != nil {
		return w
	}
	var first *word
	for at, w := range d.origin {
		if w != nil && strings.HasPrefix(at, path.String()+"/") && (first == nil || w.before(first)) {
			first = w
		}
	}
	for p := path; first == nil && len(p) > 0; p = p.Parent() {
		first = d.origin[p.String()]
	}
	return first
}

// removerOf is the line that took out what has this name or, where none names it, the last one that took something out.
func (d *draft) removerOf(name string) (last *line) {
	for _, l := range slices.Backward(d.removers) {
		if slices.ContainsFunc(l.words, func(w word) bool { return w.text == name }) {
			return l
		}
		last = cmp.Or(last, l)
	}
	return last
}

// onto is the configuration that comes out where base was. base may be nil.
func (d *draft) onto(base *tree.Node) (*tree.Node, error) {
	if base == nil {
		return d.root, nil
	}
	var edits []tree.Edit
	for _, path := range d.removed {
		edits = append(edits, tree.At(d.schema, path, tree.Remove, nil))
	}
	return tree.Apply(base, append(edits, tree.At(d.schema, nil, tree.Merge, d.root))...)
}
