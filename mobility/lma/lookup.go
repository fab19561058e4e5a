package lma

import (
	"net/netip"
	"slices"

	"mooring/mobility"
	"mooring/mobility/wire"
)

// match is the outcome of a look-up: a binding to update, a refusal, an invitation to wait for the old MAG, or, when all are
// zero, nothing: the request is about a new session.
type match struct {
	binding *mobility.Binding
	refused wire.Status // 0: not refused
	wait    bool
}

// lookup finds the binding that a request is about (RFC 5213 section 5.4.1, RFC 5844 section 3.1.2.7).
func (m *Machine) lookup(r *request) match {
	switch {
	case r.namesPrefix():
		return m.lookupByPrefix(r)
	case r.namesHome():
		return m.lookupByHome(r)
	case r.linkID() != nil:
		return m.lookupByInterface(r)
	}
	return m.lookupByNode(r)
}

// lookupByPrefix is for a request that names home network prefixes (section 5.4.1.1).
func (m *Machine) lookupByPrefix(r *request) match {
	for _, hnp := range r.update.HNPs {
		b := m.holder(r, hnp.Prefix.Masked())
		switch {
		case b == nil:
			continue
		case !r.isNode(b):
			return match{refused: m.foreign(r)}
		case !r.namesPrefixesOf(b):
			return match{refused: wire.StatusPrefixSetMismatch}
		}
		return m.sameSession(r, b)
	}
	return match{}
}

// lookupByHome is for a request that names an IPv4 home address and no prefix (RFC 5844 section 3.1.2.7).
func (m *Machine) lookupByHome(r *request) match {
	b := m.holder(r, netip.PrefixFrom(r.home(), 32))
	switch {
	case b == nil:
		return match{}
	case !r.isNode(b):
		return match{refused: wire.StatusNotAuthorizedForIPv4HoA}
	}
	return m.sameSession(r, b)
}

// holder returns the binding that holds a prefix, or a home address. It is most often one of the node, and those are at hand.
func (m *Machine) holder(r *request, p netip.Prefix) *mobility.Binding {
	for _, b := range r.sessions {
		if slices.Contains(b.Prefixes, p) || b.Home.IsValid() && p == b.Home.Alone() {
			return b
		}
	}
	return m.table.ByPrefix(r.vrf(), p)
}

// sameSession decides whether a request that names addresses of b means b, or wants a session beside it.
func (m *Machine) sameSession(r *request, b *mobility.Binding) match {
	u := r.update
	sameAccess := u.AccessType.Value == b.Access
	switch {
	case r.sameInterface(b),
		u.Handoff.Value == wire.HandoffBetweenInterfaces,
		r.linkID() == nil && b.LinkID == "" && sameAccess && u.Handoff.Value == wire.HandoffBetweenMAGs,
		sameAccess && r.fromMAGOf(b):
		return match{binding: b}
	}
	return match{}
}

// lookupByInterface is for a request that names a link-layer identifier and no address (section 5.4.1.2).
func (m *Machine) lookupByInterface(r *request) match {
	for _, b := range r.sessions {
		if r.sameInterface(b) {
			return match{binding: b}
		}
	}
	if len(r.sessions) != 1 {
		return match{}
	}
	return m.onlySession(r, r.sessions[0])
}

// lookupByNode is for a request that names neither (section 5.4.1.3).
func (m *Machine) lookupByNode(r *request) match {
	switch {
	case len(r.sessions) != 1:
		return match{}
	case r.wants() == 0: // a node of mobile networks alone has no second interface to tell apart
		return match{binding: r.sessions[0]}
	case r.update.Handoff.Value == wire.HandoffBetweenMAGs:
		return match{binding: r.sessions[0]}
	}
	return m.onlySession(r, r.sessions[0])
}

// onlySession decides on a request of a node with exactly one binding, which the request does not name: it is that binding when
// the node moved it between its interfaces. Where the MAG does not know, its old MAG will tell: by de-registering it, or by silence.
func (m *Machine) onlySession(r *request, b *mobility.Binding) match {
	switch r.update.Handoff.Value {
	case wire.HandoffBetweenInterfaces:
		return match{binding: b}
	case wire.HandoffUnknown:
		switch {
		case b.State == mobility.StateDeletePending:
			return match{binding: b}
		case r.update.Lifetime != 0 && !r.late && m.cfg.CreateWait > 0:
			return match{binding: b, wait: true}
		}
	}
	return match{}
}

func (r *request) isNode(b *mobility.Binding) bool {
	id := r.update.MNID.Value
	return r.via.owns(b) && len(b.Node) == 1+len(id.ID) && b.Node[0] == id.Subtype && string(b.Node[1:]) == string(id.ID)
}

// vrf is where the addresses live that the request is about.
func (r *request) vrf() string {
	if r.via.customer == nil {
		return ""
	}
	return r.via.customer.cfg.VRF
}

// foreign is the status for home network prefixes that another node has: it is not entitled to them (RFC 5213 section 5.4.1.1), or where whoever asks
// first is entitled, it comes late (feature MLL-08).
func (m *Machine) foreign(r *request) wire.Status {
	if c := r.via.customer; c != nil && c.cfg.Unauthorized {
		return wire.StatusDMNPInUse
	}
	return wire.StatusNotAuthorizedForHNP
}

// fromMAGOf says whether the request comes from where the binding leads to.
func (r *request) fromMAGOf(b *mobility.Binding) bool {
	ends := b.Ends.Value()
	return ends.CareOf == r.careOf && ends.Tunnel.VRF == r.in.To.VRF
}

// sameInterface says whether the request names the interface of the binding.
func (r *request) sameInterface(b *mobility.Binding) bool {
	link := r.linkID()
	return link != nil && string(b.LinkID) == string(link) && b.Access == r.update.AccessType.Value
}

// linkID returns the link-layer identifier, or nil where it is missing or all zero (section 5.4.1.2).
func (r *request) linkID() []byte {
	for _, octet := range r.update.LinkLayerID.Value {
		if octet != 0 {
			return r.update.LinkLayerID.Value
		}
	}
	return nil
}

// namesPrefix says whether the request names home network prefixes, in place of asking for some.
func (r *request) namesPrefix() bool {
	return slices.ContainsFunc(r.update.HNPs, func(p wire.HNP) bool { return !p.IsUnspecified() })
}

// namesPrefixesOf says whether the request names the prefixes of the binding, all and no others.
func (r *request) namesPrefixesOf(b *mobility.Binding) bool {
	return len(r.update.HNPs) == len(b.Prefixes) && !slices.ContainsFunc(b.Prefixes, func(p netip.Prefix) bool { return !r.names(p) })
}

func (r *request) names(p netip.Prefix) bool {
	return slices.ContainsFunc(r.update.HNPs, func(hnp wire.HNP) bool { return hnp.Prefix.Masked() == p })
}

// home returns the IPv4 home address that the request names, or the unspecified address.
func (r *request) home() netip.Addr {
	if len(r.update.IPv4HoARequests) == 0 {
		return netip.IPv4Unspecified()
	}
	return r.update.IPv4HoARequests[0].Prefix.Addr()
}

func (r *request) namesHome() bool { return !r.home().IsUnspecified() }
