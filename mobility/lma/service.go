package lma

import (
	"mooring/mobility"
	"mooring/mobility/wire"
)

// serviceOf is the service that a session is for after a request: the one that it names. Where it names none the session goes on with what it has, since
// RFC 5149 section 4.1 has services named once, and a new one is for that of the profile.
func (r *request) serviceOf(b *mobility.Binding) string {
	had, named := b.Under().APN, r.update.ServiceSelection
	switch {
	case named.Set && !named.Value.Is(had):
		return named.Value.Name()
	case had == "":
		return r.profile.APN
	}
	return had
}

// changesService says whether a request wants another service than its session has.
func (r *request) changesService(b *mobility.Binding) bool {
	named := r.update.ServiceSelection
	return named.Set && !named.Value.Is(b.Under().APN)
}

// forbidden says whether the node may not have the service that the request names. Whoever leaves may name what he likes.
func (r *request) forbidden() bool {
	named := r.update.ServiceSelection
	return r.update.Lifetime > 0 && named.Set && r.profile.APN != "" && !named.Value.Is(r.profile.APN)
}

// refuseService refuses a service, and ends the session that was to have it, which may be nil (RFC 5149 section 4.2). A MAG ends it upon the refusal
// (section 4.1); another one, where the node was before, is told.
func (m *Machine) refuseService(r *request, b *mobility.Binding, out *mobility.Effects) {
	if b != nil {
		if !r.fromMAGOf(b) {
			m.takeLeave(r.now, b, wire.TriggerAdministrative, out)
		}
		m.end(r.now, b, mobility.Refused, out)
	}
	m.refuse(r, wire.StatusServiceNotAuthorized, out)
}
