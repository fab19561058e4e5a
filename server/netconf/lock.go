package netconf

import (
	"strconv"

	"mooring/server/datastore"
	"mooring/server/tree"
)

// lock locks a datastore against everybody else (RFC 6241 section 7.5).
func (r *request) lock() (answer, error) {
	target, err := r.target()
	if err != nil {
		return nil, err
	}
	return ok, r.session.store.Lock(target)
}

// unlock gives a lock back (RFC 6241 section 7.6).
func (r *request) unlock() (answer, error) {
	target, err := r.target()
	if err != nil {
		return nil, err
	}
	return ok, r.session.store.Unlock(target)
}

// target returns the datastore that is to be locked or unlocked.
func (r *request) target() (datastore.Target, error) {
	switch t := datastore.Target(r.choice("target")); t {
	case datastore.RunningStore, datastore.CandidateStore:
		return t, nil
	default:
		return "", protocolError(tree.InvalidValue, "datastore", string(t)+" cannot be locked; running and candidate can")
	}
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
	victim.kill(r.ctx, r.session.id)
	return ok, nil
}
