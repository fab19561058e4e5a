package tree

import (
	"mooring/server/tree/schema"
)

// Writer receives a tree from the top down, as XMLWriter and JSONWriter do. The entries of one list, and the values of one
// leaf-list, come one after the other. Errors of the output are kept until the end, so that walks need not ask.
type Writer interface {
	Open(def *schema.Node) // a container or list entry begins
	Close()                // what was opened last ends
	// Leaf is a leaf, a leaf-list entry or an anydata; isDefault marks a value that was not set but is in use (ReportInUse), or
	// one that is the default (report-all-tagged of RFC 6243).
	Leaf(def *schema.Node, value string, isDefault bool)
}

// DefaultsMode says which default values a walk shows (RFC 6243 section 3).
type DefaultsMode uint8

// The modes. Explicit, what was written, is the server's basic mode.
const (
	Explicit DefaultsMode = iota
	ReportAll
	ReportAllTagged
	Trim
	// ReportInUse shows what ReportAll does and marks what was not set.
	ReportInUse
)

// ReportsDefaults reports whether values are shown that were not set.
func (m DefaultsMode) ReportsDefaults() bool {
	return m == ReportAll || m == ReportAllTagged || m == ReportInUse
}

// Marks reports whether values that were not set are marked.
func (m DefaultsMode) Marks() bool { return m == ReportAllTagged || m == ReportInUse }

// Content says which nodes a walk shows (RFC 8040 section 4.8.1, RFC 8526 section 3.1).
type Content uint8

// The kinds of content. ConfigOnly leaves state out; StateOnly leaves out configuration but for what leads to state.
const (
	AllContent Content = iota
	ConfigOnly
	StateOnly
)

// Filter decides node by node what a walk shows. Enter is asked for every container, list entry, leaf and leaf-list entry
// before it is shown; when it returns false, the node and what is below it are left out. Leave follows each Enter that
// returned true, when all below has been walked.
type Filter interface {
	Enter(n *Node) bool
	Leave()
}

// Walk shows what is below a node to a Writer.
type Walk struct {
	Writer   Writer
	Defaults DefaultsMode
	Content  Content
	Filter   Filter // nil shows everything
	// Depth bounds the levels below the node that the walk starts at; 0 is no bound. Keys are shown with their entries.
	Depth int
	// Conditions decide whether what exists by default does exist; nil says yes. Above are the nodes from the root down to the one above
	// the start of the walk, with which they are asked.
	Conditions Conditions
	Above      []*Node
}

// Conditions reports whether the conditions (when) of a definition hold in a node that has it by default. above are the nodes from the
// root down to that one. See validate.Rules.
type Conditions func(above []*Node, def *schema.Node) bool

// Node shows n itself: a container, list entry or leaf, or all entries of a list. Of the root it shows the children.
func (w *Walk) Node(n *Node) { w.node(n, 1, false) }

// Children shows what is below n.
func (w *Walk) Children(n *Node) { w.children(n, 1) }

func (w *Walk) node(n *Node, level int, isDefault bool) {
	if n == nil || w.Depth > 0 && level > w.Depth && !n.def.IsKey() {
		return
	}
	switch {
	case n.IsList():
		for e := range n.Entries() {
			w.node(e, level, isDefault)
		}
		return
	case n.def.Kind == schema.Root:
		w.children(n, level)
		return
	case !w.wanted(n):
		return
	}
	if w.Filter != nil {
		if !w.Filter.Enter(n) {
			return
		}
		defer w.Filter.Leave()
	}
	if n.in == nil {
		w.leaf(n, isDefault)
		return
	}
	w.Writer.Open(n.def)
	w.children(n, level+1)
	w.Writer.Close()
}

func (w *Walk) children(n *Node, level int) {
	if !w.Defaults.ReportsDefaults() {
		kids := n.kids()
		for i := range kids {
			w.node(&kids[i], level, false)
		}
		return
	}
	w.Above = append(w.Above, n)
	for kid, isDefault := range n.Effective() {
		if len(kid.def.Whens) == 0 || w.Conditions == nil || n.Child(kid.def) != nil || w.Conditions(w.Above, kid.def) {
			w.node(kid, level, isDefault)
		}
	}
	w.Above = w.Above[:len(w.Above)-1]
}

// wanted applies Content. Keys lead to state, so they are always shown.
func (w *Walk) wanted(n *Node) bool {
	switch w.Content {
	case ConfigOnly:
		return n.def.Config
	case StateOnly:
		return !n.def.Config || n.in != nil && holdsState(n.def) || n.def.IsKey()
	}
	return true
}

// holdsState reports whether state is defined below def.
func holdsState(def *schema.Node) bool {
	for _, k := range def.Children {
		if !k.Config || holdsState(k) {
			return true
		}
	}
	return false
}

func (w *Walk) leaf(n *Node, isDefault bool) {
	if !isDefault && n.def.Kind == schema.Leaf && len(n.def.Default) > 0 && n.def.Default[0] == n.text {
		switch w.Defaults {
		case Trim:
			return
		case ReportAllTagged: // a value equal to the default is tagged also when it was set (RFC 6243 section 3.4)
			isDefault = true
		}
	}
	w.Writer.Leaf(n.def, n.text, isDefault && w.Defaults.Marks())
}
