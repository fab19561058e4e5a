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
	}
	return ok, r.server.store.ValidateTree(r.server.store.Running().Root)
}

// commit makes the candidate the running configuration (RFC 6241 sections 8.3.4.1 and 8.4.5.1).
func (r *request) commit() (answer, error) {
	o := datastore.CommitOptions{Via: "netconf", Check: r.access.Changes}
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
		o.Confirm = &datastore.Confirm{Timeout: time.Duration(seconds) * time.Second, Persist: persist}
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

// lock locks a datastore against everybody else (RFC 6241 section 7.5).
func (r *request) lock() (answer, error) {
	return ok, r.session.store.Lock(datastore.Target(r.choice("target")))
}

// unlock gives a lock back (RFC 6241 section 7.6).
func (r *request) unlock() (answer, error) {
	return ok, r.session.store.Unlock(datastore.Target(r.choice("target")))
}

// closeSession ends the session after what came before it (RFC 6241 section 7.8). What the session holds is given back before
// the client learns of it.
func (r *request) closeSession() (answer, error) {
	r.session.closing = true
	r.session.store.Close()
	return ok, nil
}

// killSession ends another session (RFC 6241 section 7.9).
func (r *request) killSession() (answer, error) {
	id, _ := strconv.ParseUint(r.value("session-id"), 10, 32)
	victim := r.server.session(uint32(id))
	switch {
	case victim == r.session:
		return nil, protocolError(tree.InvalidValue, "session-id", "a session cannot kill itself; that is what close-session is for")
	case victim == nil:
		return nil, protocolError(tree.InvalidValue, "session-id", "there is no session "+strconv.FormatUint(id, 10))
	}
	r.server.log.Info("NETCONF session is killed", "session", id, "by", r.session.id, "user", r.session.user.Name)
	victim.kill(r.ctx)
	return ok, nil
}
