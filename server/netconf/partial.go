package netconf

import (
	"strconv"

	"mooring/server/datastore"
	"mooring/server/netconf/filter"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// partialLock is the module of RFC 5717, and its operation.
const partialLock = "ietf-netconf-partial-lock"

// partialLock locks nodes of running (RFC 5717 section 2.4.1). Nobody can lock what they may not change.
func (r *request) partialLock() (answer, error) {
	var expressions []string
	for n := range r.input.ChildNamed("select").Entries() {
		expressions = append(expressions, n.Value())
	}
	lock, err := r.session.store.LockParts(expressions, func(running *tree.Node) ([]schema.Path, error) {
		return r.instances(running, expressions)
	})
	if err != nil {
		return nil, err
	}
	return locked(r.def.Module.Namespace, lock), nil
}

// instances gives the nodes that any of the expressions selects.
func (r *request) instances(running *tree.Node, expressions []string) (nodes []schema.Path, err error) {
	seen := map[string]bool{}
	for _, text := range expressions {
		found, err := filter.Instances(running, r.access, text, r.server.moduleNames()) // prefixes were replaced when it was read
		if err != nil {
			return nil, err
		}
		for _, path := range found {
			switch {
			case len(path) == 0:
				return nil, &tree.Error{Tag: tree.InvalidValue, AppTag: "invalid-lock-specification", Protocol: true,
					Message: "all of running is locked by <lock>"}
			case seen[path.String()]:
				continue
			}
			if err := r.access.Update(path); err != nil {
				return nil, err
			}
			seen[path.String()] = true
			nodes = append(nodes, path)
		}
	}
	if len(nodes) == 0 {
		return nil, &tree.Error{Tag: tree.OperationFailed, AppTag: "no-matches", Protocol: true, Message: "nothing in running is selected"}
	}
	return nodes, nil
}

// locked is the answer of partial-lock.
func locked(namespace string, lock datastore.PartialLock) answer {
	return func(w *replyWriter) error {
		leaf := func(name, value string, modules []*schema.Module) {
			w.raw("<" + name)
			w.attr("xmlns", namespace)
			w.declare(modules)
			w.text(value)
			w.raw("</" + name + ">")
		}
		leaf("lock-id", strconv.FormatUint(uint64(lock.ID), 10), nil)
		for _, node := range lock.Nodes {
			text, modules := formatPath(node, nil)
			leaf("locked-node", text, modules)
			w.flush()
		}
		return nil
	}
}

// partialUnlock gives such a lock back (RFC 5717 section 2.4.2).
func (r *request) partialUnlock() (answer, error) {
	id, given := r.given("lock-id")
	if !given {
		return nil, protocolError(tree.MissingElement, "lock-id", "partial-unlock needs the lock-id that partial-lock gave")
	}
	number, _ := strconv.ParseUint(id, 10, 32)
	return ok, r.session.store.UnlockParts(uint32(number))
}
