// Package schema compiles YANG text (RFC 7950) once into the tree of definitions that everything else works from: what
// nodes exist, in which order, with which types, defaults and constraints. Features, groupings, refinements, augments,
// submodules and deviations are resolved away; choices stay visible as membership of their nodes.
//
// goyang is used as the parser of the text and for nothing else, so its view of types, order and conditions is not ours.
//
// A compiled Schema is never changed and may be read by any number of goroutines.
package schema

import (
	"slices"
	"strings"
)

// Kind says what a definition defines.
type Kind uint8

// The kinds of definitions. Choice and case are no kinds: see Node.Case.
const (
	Root Kind = iota // what holds the top-level nodes of all modules; has no name
	Container
	List
	Leaf
	LeafList
	AnyData // anydata and anyxml (RFC 7950 section 7.10, 7.11)
	RPC
	Action
	Notification
	Input
	Output
)

var kindNames = [...]string{"root", "container", "list", "leaf", "leaf-list", "anydata", "rpc", "action", "notification", "input", "output"}

func (k Kind) String() string { return kindNames[k] }

// Schema is a set of modules compiled together.
type Schema struct {
	Modules []*Module // sorted by name; those only imported included
	Root    *Node     // Kind Root; its Children are the top-level data nodes of all implemented modules
	RPCs    []*Node
	// Notifications are those defined at the top of a module; the others are in Node.Notifications.
	Notifications []*Node
	Identities    []*Identity

	modules     map[string]*Module
	namespaces  map[string]*Module
	identities  map[name]*Identity
	unsupported map[name]string // top-level rpcs and notifications that a feature switches off
}

// Module is one YANG module with the submodules it includes.
type Module struct {
	Name, Namespace, Revision string // Revision is "" when the text has none
	// Prefix is the module's own, made unique among all modules of the schema by a number when two collide.
	Prefix       string
	Implemented  bool // false: read for its typedefs, groupings and identities only
	Features     []string
	Deviations   []*Module    // implemented modules that deviate this one
	Submodules   []*Submodule // in the order of the include statements
	Text         string       // the YANG text as loaded, for get-schema
	Description  string
	Contact      string
	YANGVersion  string // "1" or "1.1"
	Organization string
	featureSet   map[string]bool
	features     map[string]*statement
	unit         *unit
}

// Submodule is a part of a module kept in a file of its own.
type Submodule struct{ Name, Revision, Text string }

// Node is one definition. Fields that a kind has no use for are zero.
type Node struct {
	Kind   Kind
	Name   string
	Module *Module // whose namespace the node is in
	Parent *Node   // the closest data node, rpc, action, notification, input or output above; Root at the top; nil for Root

	// Children are the data nodes below, in the order they are written: keys of a list first (RFC 7950 section 7.8.5),
	// then the order of definition, nodes of a choice where the choice stands, augmented nodes last.
	Children      []*Node
	Actions       []*Node
	Notifications []*Node
	Input, Output *Node     // of an rpc or action; never nil there
	Choices       []*Choice // the outermost choices among the children

	Position int   // index in Parent.Children
	Case     *Case // the innermost case that the node is part of, nil for most

	Config      bool // true: configuration; false: state (config false), or content of an rpc, action or notification
	Mandatory   bool // a leaf or anydata that must exist when its parent does
	Presence    bool // a container with a meaning of its own
	AnyXML      bool // anyxml, of the kind AnyData
	UserOrdered bool // ordered-by user
	Keys        []*Node
	Unique      []Unique
	MinElements uint64
	MaxElements uint64   // 0: unbounded
	Default     []string // canonical; one value for a leaf, any number for a leaf-list
	Type        *Type
	Musts       []Must
	Whens       []When

	Units, Description, Reference string
	Status                        Status
	// DefaultDenyAll and DefaultDenyWrite are the NACM extensions (RFC 8341 section 3.5).
	DefaultDenyAll, DefaultDenyWrite bool
	Extensions                       []Extension

	byName      map[name]*Node
	unsupported map[name]string
	path        string
	schema      *Schema
}

// Choice is a YANG choice; its nodes are children of the data node Owner.
type Choice struct {
	Name      string
	Module    *Module
	Owner     *Node
	Parent    *Case // the case that the choice itself stands in, nil for an outermost one
	Mandatory bool
	Config    bool
	Default   *Case
	Cases     []*Case
	Whens     []When
}

// Case is one branch of a choice.
type Case struct {
	Name    string
	Choice  *Choice
	Nodes   []*Node   // direct members
	Choices []*Choice // choices inside the case
}

// Status is that of RFC 7950 section 7.21.2.
type Status uint8

// The three states of a definition.
const (
	Current Status = iota
	Deprecated
	Obsolete
)

// Extension is the use of an extension statement that the compiler has no meaning for.
type Extension struct{ Module, Name, Argument string }

// Expr is the text of an XPath expression with what its names mean.
type Expr struct {
	Text     string
	Prefixes map[string]*Module // prefix to module, as the defining file declares
	Module   *Module            // of names without prefix
}

// Must is a constraint (RFC 7950 section 7.5.3).
type Must struct {
	Expr
	Message, AppTag string
}

// When is a condition for the node's existence (RFC 7950 section 7.21.5). Up says where it is evaluated: 0 at the node
// itself (the when is the node's own), 1 at the parent data node (it came with a uses, augment, choice or case).
type When struct {
	Expr
	Up int
}

// Unique is one unique statement; each member is the chain of nodes from below the list entry to the leaf.
type Unique struct{ Leaves [][]*Node }

type name struct {
	module string
	local  string
}

// Module returns the module called name, or nil.
func (s *Schema) Module(name string) *Module { return s.modules[name] }

// ByNamespace returns the module with that XML namespace, or nil.
func (s *Schema) ByNamespace(namespace string) *Module { return s.namespaces[namespace] }

// Identity returns the identity of that module and name, or nil.
func (s *Schema) Identity(module, local string) *Identity { return s.identities[name{module, local}] }

// RPC returns the rpc of that module and name, or nil.
func (s *Schema) RPC(module, local string) *Node { return find(s.RPCs, module, local) }

// Notification returns the top-level notification of that module and name, or nil.
func (s *Schema) Notification(module, local string) *Node {
	return find(s.Notifications, module, local)
}

func find(nodes []*Node, module, local string) *Node {
	i := slices.IndexFunc(nodes, func(n *Node) bool { return n.Name == local && n.Module.Name == module })
	if i < 0 {
		return nil
	}
	return nodes[i]
}

// Child returns the data node called local of that module directly below n, or nil.
func (n *Node) Child(module, local string) *Node { return n.byName[name{module, local}] }

// ChildNamed returns the child called local whatever its module is, that of n first; nil when there is none.
func (n *Node) ChildNamed(local string) *Node {
	if n.Module != nil {
		if c := n.byName[name{n.Module.Name, local}]; c != nil {
			return c
		}
	}
	for _, c := range n.Children {
		if c.Name == local {
			return c
		}
	}
	return nil
}

// Action returns the action of that module and name defined at n, or nil.
func (n *Node) Action(module, local string) *Node { return find(n.Actions, module, local) }

// Unsupported returns the if-feature expression that keeps the child called local of that module out of this schema.
func (n *Node) Unsupported(module, local string) (feature string, ok bool) {
	feature, ok = n.unsupported[name{module, local}]
	return
}

// IsKey reports whether n is a key of the list it is in.
func (n *Node) IsKey() bool { return n.Parent != nil && n.Position < len(n.Parent.Keys) }

// HasChildren reports whether instances of n hold child nodes.
func (n *Node) HasChildren() bool { return n.Kind != Leaf && n.Kind != LeafList && n.Kind != AnyData }

// Path is the schema path with module names where the module changes: "/module:a/b/other:c". The path of Root is "/".
func (n *Node) Path() string { return n.path }

func (n *Node) String() string { return n.path }

// Ancestors returns the chain from below Root (or the rpc, action or notification) to n, n included.
func (n *Node) Ancestors() []*Node {
	var chain []*Node
	for ; n != nil && n.Kind != Root; n = n.Parent {
		chain = append(chain, n)
	}
	slices.Reverse(chain)
	return chain
}

// QualifiedName is "module:name".
func (n *Node) QualifiedName() string { return n.Module.Name + ":" + n.Name }

// Find returns the definition at a schema path such as "/module:a/b/other:c"; a name without module is in the module of
// the name before it. It returns nil when there is none.
func (s *Schema) Find(path string) *Node {
	at := s.Root
	module := ""
	for step := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		if step == "" {
			continue
		}
		if m, local, ok := strings.Cut(step, ":"); ok {
			module, step = m, local
		}
		if at = at.Child(module, step); at == nil {
			return nil
		}
	}
	return at
}

// Excludes reports whether n and other stand in different cases of one choice, so that only one of them can exist.
func (n *Node) Excludes(other *Node) bool {
	if n.Case == nil || other.Case == nil || n.Case == other.Case {
		return false
	}
	for a := n.Case; a != nil; a = a.Choice.Parent {
		for b := other.Case; b != nil; b = b.Choice.Parent {
			if a.Choice == b.Choice {
				return a != b
			}
		}
	}
	return false
}

// ModuleByNamespace returns a module of the schema that n belongs to, by XML namespace, or nil.
func (n *Node) ModuleByNamespace(namespace string) *Module { return n.schema.namespaces[namespace] }

// Schema returns the schema that n is part of.
func (n *Node) Schema() *Schema { return n.schema }

// All returns the nodes of a case, those of choices inside it included.
func (c *Case) All() []*Node {
	all := c.Nodes
	for _, ch := range c.Choices {
		for _, inner := range ch.Cases {
			all = append(all[:len(all):len(all)], inner.All()...)
		}
	}
	return all
}
