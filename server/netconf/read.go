package netconf

import (
	"mooring/server/netconf/filter"
	"mooring/server/tree"
)

// get shows the running configuration and the state (RFC 6241 section 7.7).
func (r *request) get() (answer, error) {
	return r.show(filter.Read{Config: r.server.store.Running().Root, State: r.server.state}), nil
}

// getConfig shows a configuration (RFC 6241 section 7.1).
func (r *request) getConfig() (answer, error) {
	return r.show(filter.Read{Config: r.datastore("source")}), nil
}

// show answers with what the client asks for and may see.
func (r *request) show(read filter.Read) answer {
	read.Filter, read.Access, read.Defaults = r.filter, r.access, r.defaults()
	return r.data(func(w *tree.XMLWriter) error { return r.write(read, w) })
}

func (r *request) write(read filter.Read, w tree.Writer) error {
	read.Conditions, read.Budget = r.server.store.ConditionsHold, r.server.limits.Expression
	err := read.Write(r.ctx, w)
	if err != nil && !isProblem(err) {
		r.server.log.Error("state cannot be shown", "error", err)
	}
	return err
}

// datastore returns the configuration that a parameter names.
func (r *request) datastore(parameter string) *tree.Node {
	if r.choice(parameter) == "candidate" {
		return r.session.store.Candidate().Root()
	}
	return r.server.store.Running().Root
}

// defaults is how defaults are shown (RFC 6243 section 4.5.1).
func (r *request) defaults() tree.DefaultsMode {
	mode, _ := r.given("with-defaults")
	switch mode {
	case "report-all":
		return tree.ReportAll
	case "report-all-tagged":
		return tree.ReportAllTagged
	case "trim":
		return tree.Trim
	}
	return tree.Explicit
}
