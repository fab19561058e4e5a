package lma

import (
	"errors"
	"net/netip"
	"slices"

	"mooring/mobility"
	"mooring/mobility/pool"
	"mooring/mobility/wire"
)

// networks yields the mobile networks that a request names, and with an unspecified address those that it asks for: as Delegated Mobile Network
// Prefix (RFC 7148 section 4.1) or as Mobile Network Prefix (RFC 3963 section 4.3).
func (r *request) networks(yield func(netip.Prefix) bool) {
	for _, asked := range r.update.DMNPs {
		if !yield(asked.Prefix) {
			return
		}
	}
	for _, asked := range r.update.MobileNetworks {
		if !yield(asked) {
			return
		}
	}
}

func (r *request) asksNetworks() bool { return len(r.update.DMNPs)+len(r.update.MobileNetworks) > 0 }

// delegate gives the binding the mobile networks that the request names, or any where it names none (RFC 7148 section 5.2). Those that
// it has and the request does not name end, unless the request asks for any: then it has them already.
func (m *Machine) delegate(r *request, b *mobility.Binding, from *network) wire.Status {
	if !r.asksNetworks() && len(b.Networks) == 0 {
		return wire.StatusAccepted
	}
	had := b.Networks
	var got []netip.Prefix
	take := func(p netip.Prefix, err error) wire.Status {
		switch {
		case errors.Is(err, pool.ErrExhausted):
			return wire.StatusInsufficientResources
		case errors.Is(err, pool.ErrTaken):
			return wire.StatusDMNPInUse
		case err != nil:
			return wire.StatusNotAuthorizedForDMNP
		}
		got = append(got, p)
		return wire.StatusAccepted
	}
	status := wire.StatusAccepted
	for asked := range r.networks {
		p := asked.Masked()
		switch {
		case asked.Addr().IsUnspecified() && slices.ContainsFunc(had, func(p netip.Prefix) bool { return p.Addr().Is4() == asked.Addr().Is4() }):
			got = keepVersion(got, had, asked.Addr().Is4())
		case slices.Contains(got, p):
		case slices.Contains(had, p):
			got = append(got, p)
		case asked.Addr().IsUnspecified() && hasNetwork(r.permitted(), asked):
			for _, p := range r.permitted() {
				if status == wire.StatusAccepted && p.Addr().Is4() == asked.Addr().Is4() && !slices.Contains(got, p) {
					status = take(p, from.pools.ReserveNetwork(p))
				}
			}
		case m.cfg.Authorize.Networks && !slices.Contains(r.permitted(), p):
			status = wire.StatusNotAuthorizedForDMNP
		case asked.Addr().IsUnspecified():
			status = take(from.pools.Network(r.now, asked.Addr().Is4()))
		default:
			status = take(p, from.pools.ReserveNetwork(p))
		}
		if status != wire.StatusAccepted {
			break
		}
	}
	slices.SortFunc(got, netip.Prefix.Compare)
	if !slices.Equal(got, had) {
		b.Hold(func(h *mobility.Holding) { h.Networks = got })
	}
	if status == wire.StatusAccepted && m.exceeds(r, had, got) {
		status = wire.StatusNotAuthorizedForDMNP
	}
	return status
}

// permitted are the mobile networks that an AAA server has named.
func (r *request) permitted() []netip.Prefix {
	if r.answer == nil {
		return nil
	}
	return r.answer.Networks
}

// keepVersion adds to got what had has of one IP version, each once.
func keepVersion(got, had []netip.Prefix, ipv4 bool) []netip.Prefix {
	for _, p := range had {
		if p.Addr().Is4() == ipv4 && !slices.Contains(got, p) {
			got = append(got, p)
		}
	}
	return got
}

// versions counts mobile networks.
type versions struct{ ipv4, ipv6 int }

func (v *versions) add(list []netip.Prefix, n int) {
	for _, p := range list {
		if p.Addr().Is4() {
			v.ipv4 += n
		} else {
			v.ipv6 += n
		}
	}
}

// exceeds says whether a node that had some mobile networks would have too many, or its customer (feature EXT-08). Nobody loses those that he
// has to a limit that came later.
func (m *Machine) exceeds(r *request, had, got []netip.Prefix) bool {
	var before, node, customer versions
	before.add(had, 1)
	node.add(got, 1)
	limits := m.cfg.Limits
	if c := r.via.customer; c != nil {
		limits = c.cfg.Limits.Or(limits)
		customer = c.networks
		customer.add(had, -1)
		customer.add(got, 1)
	}
	for _, of := range [...]struct {
		limit                  mobility.NetworkLimit
		before, node, customer int
	}{
		{limits.IPv4, before.ipv4, node.ipv4, customer.ipv4},
		{limits.IPv6, before.ipv6, node.ipv6, customer.ipv6},
		{limits.All, before.ipv4 + before.ipv6, node.ipv4 + node.ipv6, customer.ipv4 + customer.ipv6},
	} {
		if of.node > of.before && (over(of.node, of.limit.Node) || over(of.customer, of.limit.Customer)) {
			return true
		}
	}
	return false
}

func over(n, limit int) bool { return limit > 0 && n > limit }

// countAnew counts what has changed of a binding that goes on.
func (m *Machine) countAnew(old, b *mobility.Binding) {
	if old.Holding != b.Holding {
		m.countTenant(old, -1)
		m.countTenant(b, +1)
	}
}

// describeNetworks adds the mobile networks of a binding to an answer, as the kind of option that the request has.
func describeNetworks(u *wire.BindingUpdate, b *mobility.Binding, ack *wire.BindingAck) {
	if len(u.DMNPs)+len(u.MobileNetworks) == 0 {
		return
	}
	plain := len(u.MobileNetworks) > 0 && !slices.ContainsFunc(u.DMNPs, func(p wire.DMNP) bool { return p.Prefix.Addr().Is6() })
	for _, p := range b.Networks {
		if plain && p.Addr().Is6() {
			ack.MobileNetworks = append(ack.MobileNetworks, p)
		} else {
			ack.DMNPs = append(ack.DMNPs, wire.DMNP{Prefix: p})
		}
	}
}

// ignoresHome says whether what a request says of home addresses and home network prefixes is not looked at (feature EXT-10).
func (m *Machine) ignoresHome(r *request) bool { return m.cfg.IgnoreHome && r.via.customer != nil }
