package netconf

import (
	"strconv"
	"time"

	"mooring/server/datastore"
	"mooring/server/tree"
)

// validate checks a configuration as a commit would (RFC 6241 section 8.6.4.1).
func (r *request) validate() (answer, error) {
	switch r.choice("source") {
	case "candidate":
		warnings, err := r.session.store.Candidate().Validate()
		return warned(warnings), err
	case "config":
		return ok, r.server.store.ValidateTree(r.config)
	case featureURL:
		root, err := r.fetchConfig()
		if err != nil {
			return nil, err
		}
		return ok, r.server.store.ValidateTree(root)
	case "running", "intended":
		return ok, r.server.store.ValidateTree(r.server.store.Running().Root)
	}
	return nil, protocolError(tree.InvalidValue, "datastore", r.choice("source")+" holds no configuration that could be validated")
}

// commit makes the candidate the running configuration (RFC 6241 sections 8.3.4.1 and 8.4.5.1).
func (r *request) commit() (answer, error) {
	o := datastore.CommitOptions{Via: "netconf", Check: r.access.Changes}
	o.Label, _ = r.given("label")
	o.Comment, _ = r.given("comment")
	persist, persists := r.given("persist")
	o.PersistID, _ = r.given("persist-id")
	_, confirmed := r.given("confirmed")
	switch {
	case persists && !confirmed:
		return nil, protocolError(tree.MissingElement, "confirmed", "persist has a meaning only for a confirmed commit")
	case persists && persist == "":
		return nil, protocolError(tree.InvalidValue, "persist", "persist must not be empty: it is what confirms the commit")
	case confirmed:
		seconds, _ := strconv.ParseUint(r.value("confirm-timeout"), 10, 32)
		o.Confirm = &datastore.Confirm{Timeout: time.Duration(seconds) * time.Second, Persist: persist, Resume: true}
	}
	result, err := r.session.store.Candidate().Commit(r.ctx, o)
	if err != nil {
		return nil, err
	}
	return warned(result.Warnings), nil
}

// cancelCommit undoes a commit that waits to be confirmed (RFC 6241 section 8.4.4.1).
func (r *request) cancelCommit() (answer, error) {
	id, _ := r.given("persist-id")
	return ok, r.session.store.Cancel(id)
}

// discardChanges lets the candidate follow running again (RFC 6241 section 8.3.4.2).
func (r *request) discardChanges() (answer, error) {
	return ok, r.session.store.Candidate().Discard()
}
