package filter

import (
	"context"
	"errors"
	"iter"

	"mooring/server/access"
	"mooring/server/state"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// Read is something that a client reads.
type Read struct {
	Config     *tree.Node     // the root of a configuration
	State      *state.State   // nil: only the configuration is read
	Filter     *Filter        // nil: all of it
	Access     *access.Access // what the client may see; the filter sees no more (RFC 8341 section 3.2.4)
	Defaults   tree.DefaultsMode
	Conditions tree.Conditions // decide which of the defaults exist; nil: all
	Content    tree.Content    // of what is selected
	// Without are nodes that are left out, whoever reads.
	Without map[*schema.Node]bool
	// Depth bounds the levels shown of each node that the filter selects, itself the first of them; 0 is no bound. Keys are
	// shown with their entries.
	Depth int
	// Budget bounds the nodes that the evaluation of an expression may meet; 0 is 20 million, a few seconds of one processor.
	Budget int
}

// Write writes what is read. Nodes are handed to w as they are met. A *tree.Error says that the filter is none, before
// anything is written. Any other error tells of tables of state that failed and are left out from there on.
func (r Read) Write(ctx context.Context, w tree.Writer) error {
	roots, whole, err := r.selections(ctx)
	if err != nil {
		return err
	}
	if r.State == nil && r.Content == tree.AllContent {
		r.Content = tree.ConfigOnly // or containers of state would be shown that are there by default
	}
	return r.write(ctx, w, roots, whole)
}

func (r Read) write(ctx context.Context, w tree.Writer, roots []*selection, whole bool) error {
	k := r.walker(ctx, w)
	k.findTables()
	root := instance{def: r.Config.Schema(), config: r.Config}
	if wanted, ok := k.applicable(root, roots, whole); ok {
		k.inside(root, wanted)
	}
	return errors.Join(k.errs...)
}

func (r Read) walker(ctx context.Context, w tree.Writer) *walker {
	k := &walker{Read: r, ctx: ctx, out: &writer{to: w}}
	k.access, _ = r.Access.Reader(nil)
	if len(r.Without) > 0 {
		k.access = &without{k.access, r.Without}
	}
	k.subtree = tree.Walk{Writer: k.out, Defaults: r.Defaults, Content: r.Content, Filter: k.access, Depth: r.Depth, Conditions: r.Conditions}
	k.chain = append(k.chain, r.Config)
	return k
}

// without refuses nodes, beside those that access control does.
type without struct {
	access tree.Filter // nil: it refuses nothing
	nodes  map[*schema.Node]bool
}

// Enter implements tree.Filter.
func (f *without) Enter(n *tree.Node) bool {
	return !f.nodes[n.Schema()] && (f.access == nil || f.access.Enter(n))
}

// Leave implements tree.Filter.
func (f *without) Leave() {
	if f.access != nil {
		f.access.Leave()
	}
}

// walker is one walk.
type walker struct {
	Read
	ctx     context.Context
	out     *writer
	access  tree.Filter  // nil: nothing is refused
	subtree tree.Walk    // for what is wanted whole and has no state; its depth is what is left of the bound
	path    schema.Path  // to the instance that is walked
	chain   []*tree.Node // the root, and the nodes that were entered
	mounted map[*schema.Node]bool
	above   map[*schema.Node]bool // definitions with tables at or below them
	idle    []*state.Renderer
	errs    []error
}

// instance is a node of the data: what the configuration has of it, and rows of state.
type instance struct {
	def    *schema.Node
	config *tree.Node
	rows   []*tree.Node
}

// node returns one of the nodes.
func (i instance) node() *tree.Node {
	if i.config != nil {
		return i.config
	}
	return i.rows[0]
}

// enter asks access control for a node; when it says yes, leave has to follow.
func (k *walker) enter(n *tree.Node) bool {
	if k.access != nil && !k.access.Enter(n) {
		return false
	}
	k.chain = append(k.chain, n)
	return true
}

func (k *walker) leave() {
	k.chain = k.chain[:len(k.chain)-1]
	if k.access != nil {
		k.access.Leave()
	}
}

// inside writes the children of an instance that are wanted.
func (k *walker) inside(i instance, wanted wants) {
	cut := wanted == nil && k.Depth > 0 && k.subtree.Depth == 0
	if wanted == nil && !cut && len(i.rows) == 0 && !k.above[i.def] && k.Content != tree.StateOnly {
		k.subtree.Above = k.chain[:len(k.chain)-1]
		k.subtree.Children(i.config)
		return
	}
	for _, def := range i.def.Children {
		c, ok := wanted.of(def)
		switch {
		case k.ctx.Err() != nil:
			return
		case def.IsKey() && (!ok || k.Content == tree.StateOnly && def.Config):
			k.key(i, def)
		case !ok || cut && !def.IsKey() || !k.shows(def):
		case def.Kind == schema.Container:
			k.container(i, def, c)
		case def.Kind == schema.List:
			k.list(i, def, c)
		case def.Kind == schema.LeafList:
			k.leafList(i, def, c)
		default:
			k.leaf(i, def)
		}
	}
}

// shows reports whether something of a child can be shown: it is of the content that is wanted, or leads there.
func (k *walker) shows(def *schema.Node) bool {
	switch k.Content {
	case tree.ConfigOnly:
		return def.Config
	case tree.StateOnly:
		return !def.Config || def.HasChildren() && k.above[def]
	}
	return true
}

// key holds a key of an entry back, to be written with the first thing that is wanted of it.
func (k *walker) key(i instance, def *schema.Node) {
	if n := i.node().Child(def); n != nil && k.enter(n) {
		k.leave()
		k.out.key(def, n.Value())
	}
}

// instance writes a container or an entry of a list, of which everything is wanted or what the selections say.
func (k *walker) instance(i instance, selections []*selection, whole bool) {
	if !k.enter(i.node()) {
		return
	}
	defer k.leave()
	if wanted, ok := k.applicable(i, selections, whole); ok {
		k.shown(i, wanted)
	}
}

// shown writes a container or an entry of a list that was entered.
func (k *walker) shown(i instance, wanted wants) {
	if wanted == nil && k.Depth > 0 {
		k.subtree.Depth--
		defer func() { k.subtree.Depth++ }()
	}
	k.out.open(i.def)
	k.inside(i, wanted)
	if k.itself(i, wanted) {
		k.out.release() // though nothing is in it
	}
	k.out.close()
}

// itself reports whether an instance is shown though nothing of what is in it is.
func (k *walker) itself(i instance, wanted wants) bool {
	switch {
	case k.Content == tree.StateOnly && i.def.Config:
		return false
	case wanted == nil:
		cut := k.Depth > 0 && k.subtree.Depth == 0
		return i.def.Kind == schema.List || i.def.Presence || cut && (len(i.rows) > 0 || i.config.Len() > 0)
	}
	return wanted.self()
}

func (k *walker) container(i instance, def *schema.Node, c choices) {
	kid := instance{def: def, config: k.configured(i, def)}
	for _, row := range i.rows {
		if n := row.Child(def); n != nil {
			kid.rows = append(kid.rows, n)
		}
	}
	k.path = append(k.path, schema.Step{Node: def})
	if k.mounted[def] {
		defer k.join(&kid, c)()
	}
	if kid.config == nil && len(kid.rows) == 0 && k.above[def] && !def.Presence {
		kid.config = tree.Stub(k.path.Last()) // there may be state further down
	}
	if kid.config != nil || len(kid.rows) > 0 {
		k.instance(kid, c.others, c.whole)
	}
	k.path = k.path[:len(k.path)-1]
}

// configured gives the child that the configuration of an instance has, or what is there by default if that is wanted.
func (k *walker) configured(i instance, def *schema.Node) *tree.Node {
	if i.config == nil {
		return nil
	}
	if k.Defaults.ReportsDefaults() && def.Config {
		n, _ := i.config.EffectiveChild(def)
		if n != nil && len(def.Whens) > 0 && k.Conditions != nil && i.config.Child(def) == nil && !k.Conditions(k.chain, def) {
			return nil
		}
		return n
	}
	return i.config.Child(def)
}

// child gives the node of a leaf or leaf-list.
func (k *walker) child(i instance, def *schema.Node) *tree.Node {
	if n := k.configured(i, def); n != nil {
		return n
	}
	for _, row := range i.rows {
		if n := row.Child(def); n != nil {
			return n
		}
	}
	return nil
}

func (k *walker) leaf(i instance, def *schema.Node) {
	if n := k.child(i, def); n != nil {
		k.value(i, n)
	}
}

// value writes a leaf, or one entry or all of a leaf-list.
func (k *walker) value(i instance, n *tree.Node) {
	def := n.Schema()
	if i.config == nil || !def.Config || i.config.Child(def) != nil {
		k.subtree.Node(n)
		return
	}
	for n := range entries(n) { // there by default
		if k.enter(n) {
			k.out.Leaf(def, n.Value(), k.Defaults.Marks())
			k.leave()
		}
	}
}

// entries yields the entries of a leaf-list, or a leaf itself.
func entries(n *tree.Node) iter.Seq[*tree.Node] {
	if n.IsList() {
		return n.Entries()
	}
	return func(yield func(*tree.Node) bool) { yield(n) }
}

func (k *walker) leafList(i instance, def *schema.Node, c choices) {
	list := k.child(i, def)
	if list == nil {
		return
	}
	if c.whole {
		k.value(i, list)
		return
	}
	for n := range list.Entries() {
		for _, s := range c.others {
			if s.value == nil || *s.value == n.Value() {
				k.value(i, n)
				break
			}
		}
	}
}

// applicable gives what is wanted of an instance: what those selections say whose matches hold. ok is false when none does.
func (k *walker) applicable(i instance, selections []*selection, whole bool) (wanted wants, ok bool) {
	if whole {
		return nil, true
	}
	for _, s := range selections {
		switch {
		case !k.holds(i, s.match):
		case s.whole:
			return nil, true
		default:
			wanted = append(wanted, s)
		}
	}
	return wanted, len(wanted) > 0
}

// holds reports whether all matches hold, as far as the client may see that.
func (k *walker) holds(i instance, matches []match) bool {
	for _, m := range matches {
		found := false
		for _, eq := range m {
			found = found || k.has(i, eq)
		}
		if !found {
			return false
		}
	}
	return true
}

func (k *walker) has(i instance, eq equal) bool {
	n := k.child(i, eq.leaf)
	if n == nil {
		return false
	}
	for n := range entries(n) {
		if n.Value() == eq.value && k.enter(n) {
			k.leave()
			return true
		}
	}
	return false
}
