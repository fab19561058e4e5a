package schema

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// compiler turns definitions into Nodes.
type compiler struct {
	schema   *Schema
	typedefs map[*statement]*Type
	open     map[*statement]bool // typedefs being resolved, to notice circles
	sources  map[*Node]*definition
	typing   map[*Node]bool // nodes whose type is being or has been resolved
	errs     []error
}

func compile(modules []*Module) (*Schema, error) {
	s := &Schema{
		Modules: modules, modules: map[string]*Module{}, namespaces: map[string]*Module{}, identities: map[name]*Identity{},
		unsupported: map[name]string{},
	}
	prefixes := map[string]int{}
	for _, m := range modules {
		s.modules[m.Name], s.namespaces[m.Namespace] = m, m
		if prefixes[m.Prefix]++; prefixes[m.Prefix] > 1 {
			m.Prefix += strconv.Itoa(prefixes[m.Prefix])
		}
	}
	c := &compiler{schema: s, typedefs: map[*statement]*Type{}, open: map[*statement]bool{}, sources: map[*Node]*definition{},
		typing: map[*Node]bool{}}
	if err := c.collectIdentities(); err != nil {
		return nil, err
	}
	root, err := c.assemble()
	if err != nil {
		return nil, err
	}
	s.Root = &Node{Kind: Root, Config: true, byName: map[name]*Node{}, unsupported: map[name]string{}, path: "/", schema: s}
	c.children(s.Root, root.kids, inherited{config: true})
	c.sources[s.Root] = root
	c.finish(s.Root)
	for _, n := range slices.Concat(s.RPCs, s.Notifications) {
		c.finish(n)
	}
	if err := errors.Join(c.errs...); err != nil {
		return nil, err
	}
	for n := range c.sources {
		if n.Type != nil {
			n.Type.setEncoding()
		}
	}
	return s, nil
}

// inherited is what a node takes over from the levels above it.
type inherited struct {
	config bool
	state  bool // inside an rpc, action or notification, where config has no meaning
	in     *Case
	whens  []When
}

var kinds = map[string]Kind{
	"container": Container, "list": List, "leaf": Leaf, "leaf-list": LeafList, "anydata": AnyData, "anyxml": AnyData,
	"rpc": RPC, "action": Action, "notification": Notification, "input": Input, "output": Output,
}

func (c *compiler) children(parent *Node, kids []*definition, in inherited) {
	for _, d := range kids {
		missing, err := supported(d.props)
		if err != nil {
			c.errs = append(c.errs, err)
			continue
		}
		if missing != "" {
			c.unsupported(parent, d, missing)
			continue
		}
		if d.keyword == "choice" {
			c.choice(parent, d, in)
			continue
		}
		c.node(parent, d, in)
	}
}

// unsupported notes that a feature removes d; the nodes of a choice or case are noted one by one.
func (c *compiler) unsupported(parent *Node, d *definition, feature string) {
	switch d.keyword {
	case "choice", "case":
		for _, k := range d.kids {
			c.unsupported(parent, k, feature)
		}
	default:
		parent.unsupported[name{d.module.Name, d.name}] = feature
	}
}

func (c *compiler) choice(owner *Node, d *definition, in inherited) {
	ch := &Choice{Name: d.name, Module: d.module, Owner: owner, Parent: in.in, Mandatory: d.prop("mandatory") == "true", Config: in.config}
	if v := d.prop("config"); v != "" && !in.state {
		ch.Config = v == "true"
	}
	in.config = ch.Config
	in.whens = slices.Concat(in.whens, c.whens(d))
	ch.Whens = in.whens
	if in.in != nil {
		in.in.Choices = append(in.in.Choices, ch)
	} else {
		owner.Choices = append(owner.Choices, ch)
	}
	for _, k := range d.kids {
		missing, err := supported(k.props)
		if err != nil || missing != "" {
			c.unsupported(owner, k, missing)
			c.errs = append(c.errs, err)
			continue
		}
		branch := &Case{Name: k.name, Choice: ch}
		ch.Cases = append(ch.Cases, branch)
		below := in
		below.in, below.whens = branch, slices.Concat(in.whens, c.whens(k))
		c.children(owner, k.kids, below)
	}
	if def := d.prop("default"); def != "" {
		_, local, _ := strings.Cut(def, ":")
		i := slices.IndexFunc(ch.Cases, func(b *Case) bool { return b.Name == cmp.Or(local, def) })
		if i < 0 {
			c.errs = append(c.errs, d.errorf("choice %q has no case %q to default to", d.name, def))
			return
		}
		ch.Default = ch.Cases[i]
	}
}

func (c *compiler) node(parent *Node, d *definition, in inherited) {
	n := &Node{Kind: kinds[d.keyword], Name: d.name, Module: d.module, Parent: parent, Case: in.in, Config: in.config,
		AnyXML: d.keyword == "anyxml", byName: map[name]*Node{}, unsupported: map[name]string{}, schema: c.schema}
	c.sources[n] = d
	n.path = joinPath(parent, n)
	n.Whens = slices.Concat(in.whens, c.whens(d))
	if v := d.prop("config"); v != "" && !in.state {
		if n.Config = v == "true"; n.Config && !in.config {
			c.errs = append(c.errs, d.errorf("%s cannot be configuration below state", n.path))
		}
	}
	c.properties(n, d)
	below := inherited{config: n.Config, state: in.state}
	switch n.Kind {
	case RPC, Action, Notification:
		n.Config, below.config, below.state = false, false, true
	}
	c.attach(parent, n, d)
	c.children(n, d.kids, below)
}

// attach puts n where its kind belongs in parent.
func (c *compiler) attach(parent, n *Node, d *definition) {
	switch n.Kind {
	case RPC:
		c.schema.RPCs = append(c.schema.RPCs, n)
	case Notification:
		if parent.Kind == Root {
			c.schema.Notifications = append(c.schema.Notifications, n)
		} else {
			parent.Notifications = append(parent.Notifications, n)
		}
	case Action:
		parent.Actions = append(parent.Actions, n)
	case Input:
		parent.Input = n
	case Output:
		parent.Output = n
	default:
		key := name{n.Module.Name, n.Name}
		if parent.byName[key] != nil {
			c.errs = append(c.errs, d.errorf("%s is defined twice", n.path))
			return
		}
		parent.byName[key] = n
		parent.Children = append(parent.Children, n)
		if n.Case != nil {
			n.Case.Nodes = append(n.Case.Nodes, n)
		}
	}
}

func joinPath(parent, n *Node) string {
	switch {
	case parent.Kind == Root:
		return "/" + n.QualifiedName()
	case parent.Module == n.Module:
		return parent.path + "/" + n.Name
	}
	return parent.path + "/" + n.QualifiedName()
}

func (c *compiler) whens(d *definition) (list []When) {
	for _, w := range d.whens {
		list = append(list, When{Expr: expr(w.at, d.module), Up: w.up})
	}
	return list
}

func expr(s *statement, m *Module) Expr {
	return Expr{Text: strings.TrimSpace(s.arg), Prefixes: s.unit.prefixes, Module: m}
}

// properties fills in what the substatements of d say and needs no other node.
func (c *compiler) properties(n *Node, d *definition) {
	n.Status = status(d.props)
	for _, p := range d.props {
		switch p.keyword {
		case "description":
			n.Description = p.arg
		case "reference":
			n.Reference = p.arg
		case "units":
			n.Units = p.arg
		case "presence":
			n.Presence = true
		case "mandatory":
			n.Mandatory = p.arg == "true"
		case "ordered-by":
			n.UserOrdered = p.arg == "user"
		case "min-elements":
			n.MinElements = c.count(p)
		case "max-elements":
			if p.arg != "unbounded" {
				n.MaxElements = c.count(p)
			}
		case "must":
			n.Musts = append(n.Musts, Must{Expr: expr(p, n.Module), Message: flow(p.value("error-message")), AppTag: p.value("error-app-tag")})
		default:
			c.extension(n, p)
		}
	}
}

func (c *compiler) count(p *statement) uint64 {
	v, err := strconv.ParseUint(p.arg, 10, 32)
	if err != nil {
		c.errs = append(c.errs, p.errorf("%s %q is no number", p.keyword, p.arg))
	}
	return v
}

func (c *compiler) extension(n *Node, p *statement) {
	if !strings.Contains(p.keyword, ":") {
		return
	}
	m, local, err := p.split(p.keyword)
	switch {
	case err != nil:
		c.errs = append(c.errs, err)
	case m.Name == "ietf-netconf-acm" && local == "default-deny-all":
		n.DefaultDenyAll = true
	case m.Name == "ietf-netconf-acm" && local == "default-deny-write":
		n.DefaultDenyWrite = true
	default:
		n.Extensions = append(n.Extensions, Extension{m.Name, local, p.arg})
	}
}

func status(props []*statement) Status {
	for _, p := range props {
		if p.keyword == "status" {
			return map[string]Status{"deprecated": Deprecated, "obsolete": Obsolete}[p.arg]
		}
	}
	return Current
}

// flow joins a text that the file breaks over lines into one.
func flow(text string) string { return strings.Join(strings.Fields(text), " ") }

// finish completes n and everything below: keys, types, unique, defaults. Types come first everywhere that a leafref leads.
func (c *compiler) finish(n *Node) {
	d := c.sources[n]
	c.keys(n, d)
	for i, k := range slices.Concat(n.Children, n.Notifications) { // a notification stands behind what leads to it
		k.Position = i
	}
	for _, k := range n.below() {
		c.finish(k)
	}
	if n.Kind == Leaf || n.Kind == LeafList {
		c.nodeType(n)
		c.defaults(n, d)
		n.Units = cmp.Or(n.Units, n.Type.Units)
	}
	for _, p := range withKeyword(d.props, "unique") {
		c.unique(n, p)
	}
}

func (n *Node) below() []*Node {
	list := slices.Concat(n.Children, n.Actions, n.Notifications)
	if n.Input != nil {
		list = append(list, n.Input, n.Output)
	}
	return list
}

// keys finds the keys of a list and moves them to the front of its children.
func (c *compiler) keys(n *Node, d *definition) {
	if n.Kind != List {
		return
	}
	for _, local := range strings.Fields(d.prop("key")) {
		if _, after, ok := strings.Cut(local, ":"); ok {
			local = after
		}
		k := n.Child(n.Module.Name, local)
		if k == nil || k.Kind != Leaf {
			c.errs = append(c.errs, d.errorf("list %s has no leaf %q to be its key", n.path, local))
			continue
		}
		n.Keys = append(n.Keys, k)
	}
	if len(n.Keys) == 0 && n.Config {
		c.errs = append(c.errs, d.errorf("list %s is configuration and has no key", n.path))
	}
	rest := slices.DeleteFunc(slices.Clone(n.Children), func(k *Node) bool { return slices.Contains(n.Keys, k) })
	n.Children = slices.Concat(n.Keys, rest)
}

// unique finds the leaves of a unique statement. Their paths are those of schema nodes, which choices and cases are among.
func (c *compiler) unique(n *Node, p *statement) {
	var u Unique
	for _, path := range strings.Fields(p.arg) {
		var chain []*Node
		at, d := n, c.sources[n]
		for step := range strings.SplitSeq(path, "/") {
			m, local, err := p.split(step)
			if err != nil {
				c.errs = append(c.errs, err)
				return
			}
			next := find1(d.kids, m, local)
			if next == nil {
				next = find1(d.kids, nil, local) // of a grouping that another module uses
			}
			if next == nil {
				c.errs = append(c.errs, p.errorf("unique: no leaf %q below %s", path, n.path))
				return
			}
			if d = next; d.keyword == "choice" || d.keyword == "case" {
				continue
			}
			if at = at.Child(d.module.Name, d.name); at == nil {
				return // a feature switches it off: nothing can be compared
			}
			chain = append(chain, at)
		}
		if at.Kind != Leaf {
			c.errs = append(c.errs, p.errorf("unique: %q below %s is no leaf", path, n.path))
			return
		}
		u.Leaves = append(u.Leaves, chain)
	}
	n.Unique = append(n.Unique, u)
}

func (c *compiler) defaults(n *Node, d *definition) {
	if n.IsKey() {
		return // a key is always given (RFC 7950 section 7.8.2)
	}
	stated := withKeyword(d.props, "default")
	lex := Lexical{Schema: true, Module: func(prefix string) *Module { return n.Module }}
	values := make([]string, 0, len(stated))
	for _, s := range stated {
		values = append(values, s.arg)
		lex.Module = s.unit.resolve
	}
	if len(stated) == 0 && n.Type.hasDefault && !n.Mandatory && n.MinElements == 0 {
		values, lex.Module = append(values, n.Type.typedefDefault), n.Type.defaultUnit.resolve
	}
	for _, v := range values {
		canonical, err := n.Type.Parse(v, lex)
		if err != nil {
			c.errs = append(c.errs, d.errorf("default %q of %s: %w", v, n.path, err))
			continue
		}
		n.Default = append(n.Default, canonical)
	}
}

// resolve gives the module of a prefix as the file declares it; "" is the file's own module.
func (u *unit) resolve(prefix string) *Module {
	if prefix == "" {
		return u.module
	}
	return u.prefixes[prefix]
}

func (c *compiler) nodeType(n *Node) {
	if n.Type != nil {
		return
	}
	d := c.sources[n]
	if c.typing[n] {
		c.errs = append(c.errs, d.errorf("leafref %s leads back to itself", n.path))
		n.Type = &Type{Base: String}
		return
	}
	c.typing[n] = true
	i := slices.IndexFunc(d.props, func(p *statement) bool { return p.keyword == "type" })
	if i < 0 {
		c.errs = append(c.errs, d.errorf("%s has no type", n.path))
		n.Type = &Type{Base: String}
		return
	}
	t, err := c.resolveType(d.props[i])
	if err == nil {
		t, err = c.bind(t, n)
	}
	if err != nil {
		c.errs = append(c.errs, fmt.Errorf("%s: %w", n.path, err))
		t = &Type{Base: String}
	}
	t.HoldsNames = t.HoldsNames || holdNames[name{n.Module.Name, n.Name}]
	n.Type = t
}
