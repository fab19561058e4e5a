package lma

import (
	"cmp"
	"errors"
	"net/netip"
	"slices"
	"time"
	"unique"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/wire"
)

// register makes a new mobility session (RFC 5213 section 5.3.2).
func (m *Machine) register(r *request, out *mobility.Effects) {
	if m.turnsAway(r, nil, out) {
		return
	}
	if m.full() {
		m.refuse(r, wire.StatusInsufficientResources, out)
		return
	}
	b := &mobility.Binding{
		ID: m.lastID + 1,
		Holding: &mobility.Holding{
			Node:    mobility.NodeIDOf(r.update.MNID.Value),
			Created: mobility.At(r.now),
			Terms:   noTerms,
			Tenancy: unique.Make(r.via.tenancy(r.profile)),
		},
	}
	status := m.assign(r, b)
	m.tellPools(b, out)
	if status != wire.StatusAccepted {
		m.release(b)
		m.refuse(r, status, out)
		return
	}
	m.lastID++
	m.meet(r, out)
	m.follow(r, b)
	m.count(r.now, b.Ends.Value(), +1, out)
	m.countTenant(b, +1)
	r.peer.stats.Initial.Add(1)
	m.commit(r, nil, b, mobility.BindingCreated, out)
	m.reportUse(out)
	m.overrule(b)
}

func (m *Machine) full() bool { return uint32(m.table.Len()) >= m.cfg.MaxBindings }

// extend prolongs a session, and moves it when the request comes from another MAG (RFC 5213 sections 5.3.3 and 5.3.4).
func (m *Machine) extend(r *request, old *mobility.Binding, out *mobility.Effects) {
	if m.turnsAway(r, old, out) {
		return
	}
	b := m.table.Copy(old)
	status := m.assign(r, b)
	if status != wire.StatusAccepted || b.Holding != old.Holding {
		m.tellPools(b, out)
	}
	if status != wire.StatusAccepted {
		m.takeBack(old.Holding, b.Holding)
		m.refuse(r, status, out)
		return
	}
	m.takeBack(b.Holding, old.Holding)
	m.meet(r, out)
	m.follow(r, b)
	kind, counter := mobility.BindingRefreshed, &r.peer.stats.Refresh
	if old.Ends != b.Ends && !r.fromMAGOf(old) {
		kind, counter = mobility.BindingHandover, &r.peer.stats.Handover
		b.Handovers++
	}
	m.countAnew(old, b)
	if old.Ends != b.Ends {
		m.count(r.now, b.Ends.Value(), +1, out)
		m.count(r.now, old.Ends.Value(), -1, out)
	}
	counter.Add(1)
	m.commit(r, old, b, kind, out)
	if kind == mobility.BindingHandover {
		m.overrule(b)
		m.forgetAsking(old)
		if old.State != mobility.StateDeletePending {
			m.takeLeave(r.now, old, handover(old, b), out)
		}
	}
}

// commit puts the row in place, tells the dataplane what is new to it, and answers.
func (m *Machine) commit(r *request, old, b *mobility.Binding, kind mobility.EventKind, out *mobility.Effects) {
	moved := old == nil || old.State != b.State || !old.SamePath(b) || !old.SameAddresses(b)
	if moved {
		b.Install = mobility.InstallPending
	}
	if old == nil || old.Holding != b.Holding {
		b.Holding = b.Holding.Gather()
	}
	ev := mobility.Event{Kind: kind, Node: b.Node, Peer: b.Ends.Value().Remote}
	if moved || !b.Renews(old) {
		ev.Binding = b
		m.table.Put(b)
	} else {
		m.table.Renew(b) // there are a great many of these, of which nobody hears
	}
	m.table.SetAlarm(b.ID, b.Expires.Time())
	out.Store = append(out.Store, mobility.Change{Old: old, New: b})
	if moved {
		out.Sessions = append(out.Sessions, m.session(b))
	}
	m.accept(r, b, out)
	if kind == mobility.BindingHandover {
		ev.Before = old.Ends
	}
	out.Events = append(out.Events, ev)
	m.waiting.overtake(waiterOf(b), r.in.From, kind == mobility.BindingHandover)
	if !m.inquiries.empty() {
		m.inquiries.overtake(b, r)
	}
}

// follow takes over what the request says of the node and of the way to it.
func (m *Machine) follow(r *request, b *mobility.Binding) {
	u := r.update
	ends := mobility.Ends{
		Local:  r.in.To.Addr.Addr(),
		Remote: r.in.From.Addr,
		CareOf: r.careOf,
		Peer:   r.peer.name(),
		Tunnel: dataplane.TunnelID{VRF: r.in.To.VRF, Local: r.in.To.Addr.Addr(), Peer: r.in.From.Addr.Addr(), Encap: r.encap},
	}
	if r.encap == dataplane.EncapUDP && r.careOf == r.in.From.Addr.Addr() {
		ends.Tunnel.Port = mobility.DataPort // else a translator stands between, and what it makes of the port shows in what comes
	}
	share(&b.Ends, ends)
	if link := r.linkID(); string(b.LinkID) != string(link) {
		b.Hold(func(h *mobility.Holding) { h.LinkID = mobility.LinkID(link) })
	}
	if terms := m.terms(r, b); b.Under() != terms {
		b.Hold(func(h *mobility.Holding) { h.Terms = unique.Make(terms) })
	}
	b.Tx, b.Rx = dataplane.Key{}, dataplane.Key{}
	if r.greKey && !m.cfg.GREKeys.Unused {
		b.Tx, b.Rx = dataplane.Key{Value: u.GREKey.Value.Key, Set: true}, dataplane.Key{Value: m.uplinkKey(r, b), Set: true}
	}
	if u.LinkLocal.Set {
		if address := cmp.Or(mobility.LinkLocalOf(u.LinkLocal.Value), linkLocal(b)); b.LinkLocal != address {
			b.Hold(func(h *mobility.Holding) { h.LinkLocal = address })
		}
	}
	b.State = mobility.StateActive
	b.Access, b.Handoff, b.Sequence = u.AccessType.Value, u.Handoff.Value, u.Seq
	b.Timestamp = max(b.Timestamp, r.stamp.Value) // what waited is older than what ended the wait
	if r.profile != presumed {
		share(&b.Profile, r.profile.Name)
		b.Source = r.source
	}
	b.Lifetime = min(u.Lifetime, wire.LifetimeOf(m.lifetime(r.via))).Duration()
	b.Refresh = 0
	if m.cfg.Refresh < b.Lifetime {
		b.Refresh = uint32(m.cfg.Refresh / time.Second)
	}
	b.Updated, b.Expires = mobility.At(r.now), mobility.At(r.now.Add(b.Lifetime))
}

// terms are what a request says of the session beside addresses.
func (m *Machine) terms(r *request, b *mobility.Binding) mobility.Terms {
	return mobility.Terms{APN: r.serviceOf(b), IgnoresHome: m.ignoresHome(r)}
}

// assign gives the binding what the request asks for, keeps what it has, and drops what the request no longer names
// (RFC 5844 section 3.1.2.4). On a refusal the caller gives back what b has and did not have before.
func (m *Machine) assign(r *request, b *mobility.Binding) wire.Status {
	network := m.networks[b.Tenancy]
	if network == nil {
		return wire.StatusInsufficientResources
	}
	if status := assignPrefixes(r, b, network); status != wire.StatusAccepted {
		return status
	}
	if status := assignHome(r, b, network); status != wire.StatusAccepted {
		return status
	}
	return m.delegate(r, b, network)
}

// asksTooMuch says whether a request wants more home network prefixes than an interface may have (feature LMA-03). A session that has prefixes
// gets no others, and keeps them, though there may be fewer by now. b is nil for a new session.
func (m *Machine) asksTooMuch(r *request, b *mobility.Binding) bool {
	return len(r.update.HNPs) > m.cfg.MaxPrefixes && (b == nil || len(b.Prefixes) == 0 && r.update.Lifetime > 0)
}

// assignPrefixes gives one prefix for each Home Network Prefix option: the one that it names, or any (RFC 5213 section 5.3.2).
func assignPrefixes(r *request, b *mobility.Binding, from *network) wire.Status {
	switch {
	case len(r.update.HNPs) == 0:
		dropPrefixes(b)
		return wire.StatusAccepted
	case len(b.Prefixes) > 0: // the look-up has compared them
		return wire.StatusAccepted
	}
	var taken []netip.Prefix
	wanted, status := r.wantedPrefixes()
	for _, hnp := range wanted {
		var prefix netip.Prefix
		if prefix, status = takePrefix(r.now, hnp, from); status != wire.StatusAccepted {
			break
		}
		taken = append(taken, prefix)
	}
	b.Hold(func(h *mobility.Holding) { h.Prefixes = taken })
	return status
}

// wantedPrefixes are those that the request asks for. Where an AAA server has named some, it has to be these; all of them, where it
// asks for any.
func (r *request) wantedPrefixes() (wanted []wire.HNP, status wire.Status) {
	wanted = r.update.HNPs
	may := r.given().Prefixes
	if len(may) == 0 {
		return wanted, wire.StatusAccepted
	}
	if r.namesPrefix() {
		if slices.ContainsFunc(wanted, func(hnp wire.HNP) bool { return !slices.Contains(may, hnp.Prefix.Masked()) }) {
			return nil, wire.StatusNotAuthorizedForHNP
		}
		return wanted, wire.StatusAccepted
	}
	wanted = nil
	for _, p := range may {
		wanted = append(wanted, wire.HNP{Prefix: p})
	}
	return wanted, wire.StatusAccepted
}

func dropPrefixes(b *mobility.Binding) {
	if len(b.Prefixes) > 0 {
		b.Hold(func(h *mobility.Holding) { h.Prefixes = nil })
	}
}

func takePrefix(now time.Time, hnp wire.HNP, from *network) (netip.Prefix, wire.Status) {
	if hnp.IsUnspecified() {
		prefix, err := from.pools.Prefix(now)
		if err != nil {
			return prefix, wire.StatusInsufficientResources
		}
		return prefix, wire.StatusAccepted
	}
	prefix := hnp.Prefix.Masked()
	if err := from.pools.ReservePrefix(prefix); err != nil {
		return prefix, from.refusal(err, wire.StatusNotAuthorizedForHNP, wire.StatusDMNPInUse)
	}
	return prefix, wire.StatusAccepted
}

func assignHome(r *request, b *mobility.Binding, from *network) (status wire.Status) {
	var home netip.Prefix
	var router netip.Addr
	var err error
	switch {
	case len(r.update.IPv4HoARequests) == 0:
		dropHome(b)
		return wire.StatusAccepted
	case b.Home.IsValid() && (!r.namesHome() || r.home() == b.Home.Addr()):
		return wire.StatusAccepted
	case b.Home.IsValid():
		return wire.StatusNotAuthorizedForIPv4HoA
	case r.given().Home.IsValid():
		if r.namesHome() && r.home() != r.given().Home.Addr() {
			return wire.StatusNotAuthorizedForIPv4HoA
		}
		home, router, err = from.pools.ReserveHome(r.given().Home)
		router = cmp.Or(r.given().Router, router)
		status = from.refusal(err, wire.StatusNotAuthorizedForIPv4HoA, wire.StatusNotAuthorizedForIPv4HoA)
	case r.namesHome():
		home, router, err = from.pools.ReserveHome(r.update.IPv4HoARequests[0].Prefix)
		status = from.refusal(err, wire.StatusNotAuthorizedForIPv4HoA, wire.StatusNotAuthorizedForIPv4HoA)
	default:
		home, router, err = from.pools.HomeAddress(r.now)
		status = wire.StatusInsufficientResources
	}
	if err != nil {
		return status
	}
	b.Hold(func(h *mobility.Holding) { h.Home, h.Router = mobility.HomeOf(home), mobility.IPv4Of(router) })
	return wire.StatusAccepted
}

func dropHome(b *mobility.Binding) {
	if b.Home.IsValid() {
		b.Hold(func(h *mobility.Holding) { h.Home, h.Router = mobility.HomeAddress{}, mobility.IPv4{} })
	}
}

// deregister ends a session, or one IP version of it, when its present MAG says so (RFC 5213 section 5.3.5, RFC 5844
// section 3.1.2.5). The binding stays for a while, without traffic: the node may be on its way to another MAG.
func (m *Machine) deregister(r *request, old *mobility.Binding, out *mobility.Effects) {
	m.answered(old.Node, r.via, r.in.From.Addr)
	if !r.fromMAGOf(old) {
		r.discard(mobility.DropStale)
		return
	}
	if m.turnsAway(r, old, out) {
		return
	}
	row := *old
	b := &row
	b.Handoff, b.Sequence, b.Timestamp = r.update.Handoff.Value, r.update.Seq, max(b.Timestamp, r.stamp.Value)
	b.Updated = mobility.At(r.now)
	r.via.counted(r.peer).Deregistration.Add(1)
	switch kept := old.Service() &^ r.wants(); {
	case kept == 0:
		b.State = mobility.StateDeletePending
		b.Expires = mobility.At(r.now.Add(m.cfg.DeleteWait))
	case kept == mobility.ServiceIPv4:
		dropPrefixes(b)
	default:
		dropHome(b)
	}
	m.takeBack(b.Holding, old.Holding)
	m.countAnew(old, b)
	m.table.Put(b)
	m.table.SetAlarm(b.ID, b.Expires.Time())
	out.Store = append(out.Store, mobility.Change{Old: old, New: b})
	out.Sessions = append(out.Sessions, m.session(b))
	delete(m.unsent, b.ID) // the registration that it answers is overtaken
	m.answer(r, wire.StatusAccepted, old, 0, out)
	if b.State == mobility.StateDeletePending {
		out.Events = append(out.Events, mobility.Event{Kind: mobility.BindingDeregistered, Node: b.Node, Peer: b.Ends.Value().Remote, Binding: b})
		m.resume(r.now, b, out)
		return
	}
	tellChange(old, b, out)
}

// tellChange tells what a session has lost while it goes on: its addresses may be another node's at once.
func tellChange(old, b *mobility.Binding, out *mobility.Effects) {
	if !b.SameAddresses(old) {
		out.Events = append(out.Events, mobility.Event{Kind: mobility.BindingRefreshed, Node: b.Node, Peer: b.Ends.Value().Remote, Binding: b})
	}
}

// end forgets a binding.
func (m *Machine) end(now time.Time, b *mobility.Binding, why mobility.DeleteReason, out *mobility.Effects) {
	m.finish(now, b, mobility.Event{Reason: why}, out)
}

// finish forgets a binding; ev says why.
func (m *Machine) finish(now time.Time, b *mobility.Binding, ev mobility.Event, out *mobility.Effects) {
	m.release(b)
	m.table.Delete(b.ID)
	m.count(now, b.Ends.Value(), -1, out)
	m.countTenant(b, -1)
	delete(m.unsent, b.ID)
	m.forgetAsking(b)
	if p := m.revocations.Of(b.ID); p != nil {
		m.revocations.Remove(p)
	}
	out.Store = append(out.Store, mobility.Change{Old: b})
	out.Sessions = append(out.Sessions, dataplane.Change{ID: b.ID})
	ev.Kind, ev.Node, ev.Peer, ev.Binding = mobility.BindingDeleted, b.Node, b.Ends.Value().Remote, b
	out.Events = append(out.Events, ev)
	m.reportUse(out)
}

// session is what the binding wants of the dataplane.
func (m *Machine) session(b *mobility.Binding) dataplane.Change {
	s := &dataplane.Session{
		ID:      b.ID,
		Side:    dataplane.Anchor,
		Path:    b.Path(),
		VRF:     b.Tenant().VRF,
		Blocked: b.State == mobility.StateDeletePending,
		MTU:     m.cfg.TunnelMTU,
	}
	s.Standing = m.cfg.HostRoutes(b.Tenant().Customer)
	s.Prefixes = append(make([]netip.Prefix, 0, len(b.Prefixes)+1+len(b.Networks)), b.Prefixes...)
	if b.Home.IsValid() {
		s.Prefixes = append(s.Prefixes, b.Home.Alone())
	}
	s.Prefixes = append(s.Prefixes, b.Networks...)
	return dataplane.Change{ID: b.ID, Session: s}
}

// takeBack gives back what lost has and kept has not.
func (m *Machine) takeBack(kept, lost *mobility.Holding) {
	if kept == lost {
		return
	}
	network := m.networks[lost.Tenancy]
	if network == nil {
		return
	}
	for _, p := range lost.Prefixes {
		if !slices.Contains(kept.Prefixes, p) {
			network.pools.ReleasePrefix(p)
		}
	}
	for _, p := range lost.Networks {
		if !slices.Contains(kept.Networks, p) {
			network.pools.ReleaseNetwork(p)
		}
	}
	if lost.Home.IsValid() && lost.Home != kept.Home {
		network.pools.ReleaseHome(lost.Home.Addr())
	}
}

func (m *Machine) release(b *mobility.Binding) { m.takeBack(new(mobility.Holding), b.Holding) }

// reserve takes the addresses of a binding from pools that know nothing of it.
func (m *Machine) reserve(b *mobility.Binding) bool {
	network := m.networks[b.Tenancy]
	if network == nil {
		return false
	}
	var errs []error
	for _, p := range b.Prefixes {
		errs = append(errs, network.pools.ReservePrefix(p))
	}
	for _, p := range b.Networks {
		errs = append(errs, network.pools.ReserveNetwork(p))
	}
	if b.Home.IsValid() {
		_, _, err := network.pools.ReserveHome(b.Home.Prefix())
		errs = append(errs, err)
	}
	return errors.Join(errs...) == nil
}

// share makes h stand for v; to find out that it does already costs less than to make it.
func share[T comparable](h *unique.Handle[T], v T) {
	if *h == (unique.Handle[T]{}) || h.Value() != v {
		*h = unique.Make(v)
	}
}
