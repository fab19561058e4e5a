package netconf

import (
	"strconv"
	"strings"

	"mooring/server/netconf/filter"
	"mooring/server/tree"
)

// nmda is the module of the operations on any datastore (RFC 8526).
const nmda = "ietf-netconf-nmda"

// unqualified is the name of an identity without its module.
func unqualified(identity string) string {
	_, name, _ := strings.Cut(identity, ":")
	return name
}

// getData shows a datastore (RFC 8526 section 3.1.1).
func (r *request) getData() (answer, error) {
	if text, given := r.given("xpath-filter"); given {
		compiled, err := filter.XPath(r.server.schema, text, r.server.moduleNames()) // its prefixes were replaced when it was read
		if err != nil {
			return nil, err
		}
		r.filter = compiled
	}
	read := filter.Read{Filter: r.filter, Access: r.access, Defaults: r.defaults(), Content: r.content()}
	depth, _ := strconv.Atoi(r.value("max-depth")) // 0 where it is unbounded
	read.Depth = depth
	name, _ := r.given("datastore")
	switch unqualified(name) {
	case "operational":
		read.State = r.server.state
		return r.operational(read)
	case "running", "intended": // no template or the like stands between the two
		read.Config = r.server.store.Running().Root
	case "candidate":
		read.Config = r.session.store.Candidate().Root()
	default:
		return nil, protocolError(tree.InvalidValue, "datastore", "there is no datastore "+name)
	}
	for _, only := range []string{"with-origin", "origin-filter", "negated-origin-filter"} {
		if r.input.ChildNamed(only) != nil {
			return nil, protocolError(tree.InvalidValue, only, only+" is for the operational datastore; "+name+" has no origins")
		}
	}
	return r.data(func(w *tree.XMLWriter) error { return r.write(read, w) }), nil
}

// moduleNames maps the name of each module to its namespace.
func (s *Server) moduleNames() map[string]string {
	names := map[string]string{}
	for _, m := range s.schema.Modules {
		names[m.Name] = m.Namespace
	}
	return names
}

// content reads the parameter config-filter.
func (r *request) content() tree.Content {
	switch only, _ := r.given("config-filter"); only {
	case "true":
		return tree.ConfigOnly
	case "false":
		return tree.StateOnly
	}
	return tree.AllContent
}

// operational shows the configuration in use, defaults among it, and the state.
func (r *request) operational(read filter.Read) (answer, error) {
	read.Config = r.server.store.Running().Root
	tag := read.Defaults == tree.ReportAllTagged
	if read.Defaults != tree.Trim { // all other modes show what is in use (RFC 8526 section 3.1.1.2)
		read.Defaults = tree.ReportInUse
	}
	_, annotate := r.given("with-origin")
	return r.data(func(w *tree.XMLWriter) error {
		return r.write(read, &originWriter{to: w, intended: r.originWanted("intended"), byDefault: r.originWanted("default"), annotate: annotate, tag: tag})
	}), nil
}

// originWanted tells whether the origin filters let an origin through.
func (r *request) originWanted(name string) bool {
	origin := r.server.schema.Identity("ietf-origin", name)
	named := func(leafList string) (given, match bool) {
		list := r.input.ChildNamed(leafList)
		if list == nil {
			return false, false
		}
		for n := range list.Entries() {
			id := r.server.schema.Identity("ietf-origin", unqualified(n.Value()))
			match = match || id == origin || origin.DerivedFrom(id)
		}
		return true, match
	}
	if given, match := named("origin-filter"); given {
		return match
	}
	_, match := named("negated-origin-filter")
	return !match
}

// editData changes a datastore (RFC 8526 section 3.1.2).
func (r *request) editData() (answer, error) {
	if err := r.editOf(); err != nil {
		return nil, err
	}
	if given := defaultOperation(r.given("default-operation")); given != r.edit.Op {
		return nil, protocolError(tree.BadElement, "default-operation", "default-operation stands before config (RFC 7950 section 7.14.2)")
	}
	if name, _ := r.given("datastore"); unqualified(name) != "candidate" {
		return nil, protocolError(tree.InvalidValue, "datastore", name+" cannot be edited; ietf-datastores:candidate can")
	}
	_, err := r.session.store.Candidate().Edit(r.access.Changes, r.edit)
	return ok, err
}
