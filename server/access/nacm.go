package access

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// Control decides by NACM (RFC 8341) of the running configuration. It is safe for concurrent use.
//
// Until NACM is configured (a rule-list, or a default that says otherwise), members of the group admin may do everything
// and everyone else nothing (decision 40). Whoever is admin by the word of the kernel at the local socket is a recovery
// session (section 3.4) and never refused; so is the element itself.
type Control struct {
	running func() *tree.Node
	cached  atomic.Pointer[policy]
	// Denied counts what was refused since the start (section 3.5.2: denied-operations and its siblings).
	Denied struct{ Operations, DataWrites, Notifications atomic.Uint64 }
}

// NewControl returns a Control over the configuration that running gives the root of.
func NewControl(running func() *tree.Node) *Control { return &Control{running: running} }

// operation is one bit of access-operations.
type operation uint8

const (
	opCreate operation = 1 << iota
	opRead
	opUpdate
	opDelete
	opExec
)

var operationNames = map[string]operation{"create": opCreate, "read": opRead, "update": opUpdate, "delete": opDelete, "exec": opExec,
	"*": opCreate | opRead | opUpdate | opDelete | opExec}

// policy is a nacm container, compiled.
type policy struct {
	nacm       *tree.Node // compiled from; nil when there is none
	root       *schema.Node
	first      bool // not configured: decision 40
	disabled   bool
	read       bool // defaults
	write      bool
	exec       bool
	external   bool
	groups     map[string][]string // user to groups
	ruleLists  []ruleList
	suppressed sync.Map // *schema.Node -> deny, see denyOf
}

type ruleList struct {
	groups []string
	rules  []rule
}

// rule is one rule; of rpc, notification and path at most one is set.
type rule struct {
	module            string // "" is any
	rpc, notification string // "*" is any
	path              *rulePath
	typed             bool // one of the three is set
	operations        operation
	permit            bool
}

// policy returns the compiled rules of the running configuration.
func (c *Control) policy() *policy {
	root := c.running()
	def := root.Schema().Child("ietf-netconf-acm", "nacm")
	var nacm *tree.Node
	if def != nil {
		nacm = root.Child(def)
	}
	if p := c.cached.Load(); p != nil && p.nacm.Same(nacm) && p.root == root.Schema() {
		return p
	}
	p := compile(root.Schema(), nacm)
	c.cached.Store(p)
	return p
}

func compile(root *schema.Node, nacm *tree.Node) *policy {
	p := &policy{nacm: nacm, root: root, first: true, read: true, exec: true, external: true, groups: map[string][]string{}}
	if nacm == nil {
		return p
	}
	for _, leaf := range []string{"enable-nacm", "read-default", "write-default", "exec-default", "rule-list"} {
		if nacm.ChildNamed(leaf) != nil {
			p.first = false
		}
	}
	value := func(local string) string {
		v, _ := nacm.EffectiveLeaf(local)
		return v
	}
	p.disabled = value("enable-nacm") == "false"
	p.read, p.write, p.exec = value("read-default") == "permit", value("write-default") == "permit", value("exec-default") == "permit"
	p.external = value("enable-external-groups") == "true"
	if groups := nacm.ChildNamed("groups"); groups != nil {
		for g := range groups.ChildNamed("group").Entries() {
			for user := range g.ChildNamed("user-name").Entries() {
				p.groups[user.Value()] = append(p.groups[user.Value()], g.Keys()[0])
			}
		}
	}
	for l := range nacm.ChildNamed("rule-list").Entries() {
		var list ruleList
		for g := range l.ChildNamed("group").Entries() {
			list.groups = append(list.groups, g.Value())
		}
		for r := range l.ChildNamed("rule").Entries() {
			list.rules = append(list.rules, compileRule(root, r))
		}
		p.ruleLists = append(p.ruleLists, list)
	}
	return p
}

func compileRule(root *schema.Node, n *tree.Node) rule {
	leaf := func(local string) string {
		v, _ := n.EffectiveLeaf(local)
		return v
	}
	r := rule{module: leaf("module-name"), rpc: leaf("rpc-name"), notification: leaf("notification-name"), permit: leaf("action") == "permit"}
	if r.module == "*" {
		r.module = ""
	}
	if path := leaf("path"); path != "" {
		r.path = parseRulePath(root.Schema(), path)
	}
	r.typed = r.rpc != "" || r.notification != "" || r.path != nil
	for word := range strings.FieldsSeq(leaf("access-operations")) {
		r.operations |= operationNames[word]
	}
	return r
}

// Access is what one user may do, by the rules in force when it was made. Make one for each request, so that all of it is
// judged by the same rules (section 3.4).
type Access struct {
	control *Control
	policy  *policy
	user    User
	all     bool // nothing is refused
	nothing bool // before NACM is configured, for whoever is not admin
	rules   []rule
}

// Same reports whether the same rules are behind both, which must be of one user.
func (a *Access) Same(b *Access) bool { return a == b || a != nil && b != nil && a.policy == b.policy }

// For returns what a user may do now.
func (c *Control) For(u User) *Access {
	p := c.policy()
	a := &Access{control: c, policy: p, user: u}
	recovery := u.Origin == System || u.Origin == Local && u.IsAdmin()
	if p.disabled || recovery {
		a.all = true
		return a
	}
	groups := slices.Clone(p.groups[u.Name])
	if p.external {
		groups = append(groups, u.Groups...)
	}
	if p.first {
		a.all = slices.Contains(groups, AdminGroup)
		a.nothing = !a.all
		return a
	}
	if len(groups) == 0 {
		return a // no rule can match (section 3.4.4 step 5)
	}
	for _, l := range p.ruleLists {
		if slices.Contains(l.groups, "*") || slices.ContainsFunc(l.groups, func(g string) bool { return slices.Contains(groups, g) }) {
			a.rules = append(a.rules, l.rules...)
		}
	}
	return a
}
