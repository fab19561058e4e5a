package netconf

import (
	"context"

	"mooring/server/netconf/filter"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// editConfig changes the candidate (RFC 6241 section 7.2).
//
// An edit that fails leaves nothing behind, whatever error-option says, and reports everything that was found. The candidate
// as a whole need not be valid before it is committed or validated (RFC 7950 section 8.3.3), so it is tested only where
// test-option asks for it.
func (r *request) editConfig() (answer, error) {
	if err := r.editOf(); err != nil {
		return nil, err
	}
	if given := defaultOperation(r.given("default-operation")); given != r.edit.Op {
		return nil, protocolError(tree.BadElement, "default-operation", "default-operation stands before config (RFC 7950 section 7.14.2)")
	}
	candidate := r.session.store.Candidate()
	switch test, _ := r.given("test-option"); test {
	case "test-only":
		warnings, err := candidate.Test(r.access.Changes, r.edit)
		return warned(warnings), err
	case "test-then-set":
		if _, err := candidate.Test(r.access.Changes, r.edit); err != nil {
			return nil, err
		}
	}
	_, err := candidate.Edit(r.access.Changes, r.edit)
	return ok, err
}

// defaultOperation reads the parameter default-operation.
func defaultOperation(name string, given bool) tree.Op {
	switch {
	case name == "replace":
		return tree.Replace
	case name == "none":
		return tree.None
	}
	return tree.Merge
}

// copyConfig puts another configuration in place of the candidate's, or of what a URL names (RFC 6241 section 7.3). Of a datastore,
// what the client cannot read is not copied (RFC 8341 section 3.2.7).
func (r *request) copyConfig() (answer, error) {
	source, target := r.choice("source"), r.choice("target")
	if source == target && source != featureURL {
		return nil, protocolError(tree.InvalidValue, "source", "the "+source+" cannot be copied to itself")
	}
	from, err := r.config, error(nil)
	switch source {
	case "config":
	case featureURL:
		from, err = r.fetchConfig()
	default:
		from = r.readable(r.datastore("source"))
	}
	if err != nil {
		return nil, err
	}
	if target == featureURL {
		return ok, r.store(from)
	}
	_, err = r.session.store.Candidate().Edit(r.access.Changes, tree.Edit{Op: tree.Replace, Node: from})
	return ok, err
}

// readable is what the client can read of a configuration.
func (r *request) readable(root *tree.Node) *tree.Node {
	if refused, _ := r.access.Reader(nil); refused == nil {
		return root
	}
	b := &copier{}
	b.Open(root.Schema())
	filter.Read{Config: root, Access: r.access}.Write(context.Background(), b) // of configuration alone nothing fails
	if seen, _ := b.Builder.Close(); seen != nil {
		return seen
	}
	return tree.NewRoot(r.server.schema)
}

// copier makes a tree of what it is written.
type copier struct{ tree.Builder }

func (c *copier) Close() { c.Builder.Close() }

func (c *copier) Leaf(def *schema.Node, value string, _ bool) { c.Builder.Leaf(def, value) }
