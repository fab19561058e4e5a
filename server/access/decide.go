package access

import (
	"errors"
	"fmt"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// Exec decides on a protocol operation: the rpc called name of that module (RFC 8341 section 3.4.4). The definition may be
// nil when the schema does not have it. The error is a *tree.Error with the tag access-denied.
func (a *Access) Exec(module, name string, def *schema.Node) error {
	if a.all || name == "close-session" {
		return nil
	}
	permit := false
	switch r := a.match(opExec, module, func(r *rule) bool { return r.rpc == "*" || r.rpc == name }); {
	case a.nothing:
	case r != nil:
		permit = r.permit
	case def != nil && def.DefaultDenyAll, name == "kill-session", name == "delete-config":
	default:
		permit = a.policy.exec
	}
	if permit {
		return nil
	}
	a.control.Denied.Operations.Add(1)
	return &tree.Error{Tag: tree.AccessDenied, Message: fmt.Sprintf("user %s may not run %s", a.user.Name, name), Node: def}
}

// match returns the first rule for an operation on something of that module: one without a type, or one that is says yes to.
func (a *Access) match(op operation, module string, is func(*rule) bool) *rule {
	for i := range a.rules {
		r := &a.rules[i]
		if r.operations&op != 0 && (r.module == "" || r.module == module) && (!r.typed || is(r)) {
			return r
		}
	}
	return nil
}

// Notification decides whether a notification that is defined at the top of a module may be sent to the user (section
// 3.4.6). One that is tied to a data node is a matter of Read.
func (a *Access) Notification(def *schema.Node) bool {
	permit := a.policy.read
	switch r := a.match(opRead, def.Module.Name, func(r *rule) bool { return r.notification == "*" || r.notification == def.Name }); {
	case a.all:
		permit = true
	case a.nothing:
		permit = false
	case r != nil:
		permit = r.permit
	case def.DefaultDenyAll:
		permit = false
	}
	if !permit {
		a.control.Denied.Notifications.Add(1)
	}
	return permit
}

// Action decides on an action at the data node of path (section 3.4.5). The error has the tag access-denied.
func (a *Access) Action(path schema.Path, action *schema.Node) error {
	if a.data(opExec, path.Append(action)) {
		return nil
	}
	a.control.Denied.Operations.Add(1)
	return &tree.Error{Tag: tree.AccessDenied, Path: path, Message: fmt.Sprintf("user %s may not run %s here", a.user.Name, action.Name)}
}

// Read decides on reading one node, by itself: whether those above it may be read is another question, which Reader asks
// on its way down.
func (a *Access) Read(path schema.Path) bool { return a.data(opRead, path) }

// Update decides on changing one node, by itself (section 3.4.5). The error has the tag access-denied.
func (a *Access) Update(path schema.Path) error {
	if a.data(opUpdate, path) {
		return nil
	}
	a.control.Denied.DataWrites.Add(1)
	return &tree.Error{Tag: tree.AccessDenied, Path: path, Message: fmt.Sprintf("user %s may not change this", a.user.Name)}
}

// data is the decision of section 3.4.5.
func (a *Access) data(op operation, path schema.Path) bool {
	if a.all || len(path) == 0 {
		return true
	}
	if a.nothing {
		return false
	}
	def := path.Last().Node
	if r := a.match(op, def.Module.Name, func(r *rule) bool { return r.path != nil && r.path.covers(path, a.user.Name) }); r != nil {
		return r.permit
	}
	return a.byDefault(op, def)
}

// byDefault is the decision when no rule matches.
func (a *Access) byDefault(op operation, def *schema.Node) bool {
	deny := a.policy.denyOf(def)
	switch op {
	case opRead:
		return a.policy.read && deny != denyAll
	case opExec:
		return a.policy.exec && deny != denyAll
	}
	return a.policy.write && deny == denyNothing
}

// deny is what the definition of a node, or of one above it, says.
type deny uint8

const (
	denyNothing deny = iota
	denyWrite
	denyAll
)

func (p *policy) denyOf(def *schema.Node) deny {
	if v, ok := p.suppressed.Load(def); ok {
		return v.(deny)
	}
	d := denyNothing
	for n := def; n != nil; n = n.Parent {
		switch {
		case n.DefaultDenyAll:
			d = denyAll
		case n.DefaultDenyWrite:
			d = max(d, denyWrite)
		}
	}
	p.suppressed.Store(def, d)
	return d
}

// maxDenied bounds what is reported of one edit.
const maxDenied = 100

// Changes decides on what an edit or a commit changes (RFC 8341 sections 3.2.5, 3.2.8): every node that is created, deleted
// or given another value. It has the form that datastore.Candidate.Edit wants of its check. The error joins a *tree.Error
// with the tag access-denied for each.
func (a *Access) Changes(changes tree.Changes) error {
	if a.all {
		return nil
	}
	w := writes{Access: a}
	for ch := range changes.All() {
		w.path = append(w.path[:0], ch.Path...)
		switch {
		case ch.Implied:
		case ch.Reordered:
			w.check(opUpdate)
		case ch.Old == nil:
			w.subtree(opCreate, ch.New)
		case ch.New == nil:
			w.subtree(opDelete, ch.Old)
		default:
			w.check(opUpdate)
		}
		if len(w.errs) >= maxDenied {
			break
		}
	}
	return errors.Join(w.errs...)
}

// writes checks changed nodes one by one.
type writes struct {
	*Access
	path schema.Path
	errs []error
}

func (w *writes) check(op operation) {
	if len(w.errs) >= maxDenied || w.data(op, w.path) {
		return
	}
	w.control.Denied.DataWrites.Add(1)
	verb := map[operation]string{opCreate: "create", opUpdate: "change", opDelete: "delete"}[op]
	w.errs = append(w.errs, &tree.Error{Tag: tree.AccessDenied, Path: append(schema.Path{}, w.path...),
		Message: fmt.Sprintf("user %s may not %s this", w.user.Name, verb)})
}

// subtree checks a node and everything in it. A container without presence comes and goes with what it holds, which is
// what is checked.
func (w *writes) subtree(op operation, n *tree.Node) {
	if def := n.Schema(); def.Kind != schema.Container || def.Presence {
		before := len(w.errs)
		if w.check(op); len(w.errs) > before {
			return // one refusal for a subtree says enough
		}
	}
	for kid := range n.Children() {
		if !kid.IsList() {
			w.into(op, kid)
			continue
		}
		for e := range kid.Entries() {
			w.into(op, e)
		}
	}
}

func (w *writes) into(op operation, n *tree.Node) {
	w.path = append(w.path, n.Step())
	w.subtree(op, n)
	w.path = w.path[:len(w.path)-1]
}
