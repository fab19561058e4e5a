package lma

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"mooring/mobility"
)

// transport is a way in which MAGs reach the anchor: by its own addresses, or by those of a customer in one VRF. A MAG is known within one
// transport; what has its address in another may be anybody.
type transport struct {
	vrf       string
	customer  *customer // nil: the anchor's own
	addresses []netip.Addr
	stats     *mobility.Statistics // of the customer, or of the anchor as a whole
	peers     map[netip.Addr]*peer
	// translated are the MAGs that sent from an address that is not theirs, by that.
	translated map[netip.AddrPort]*peer
	flood      flood
}

func newTransport(vrf string, c *customer, stats *mobility.Statistics) *transport {
	return &transport{vrf: vrf, customer: c, stats: stats, peers: map[netip.Addr]*peer{}, translated: map[netip.AddrPort]*peer{}}
}

// at is the endpoint of an address within the transport.
func (t *transport) at(a netip.AddrPort) mobility.Endpoint {
	return mobility.Endpoint{VRF: t.vrf, Addr: a}
}

// counted returns what counts the signalling of a MAG; of one that is not known, of all that use the transport.
func (t *transport) counted(p *peer) *mobility.Statistics {
	if p == nil {
		return t.stats
	}
	return p.stats
}

func (t *transport) drop(from *peer, why mobility.DropReason) { t.counted(from).Dropped[why].Add(1) }

// discard counts a request that is not answered.
func (t *transport) discard(from *peer, why mobility.DropReason) {
	t.drop(from, why)
	t.counted(from).PBUDiscarded.Add(1)
}

// isAt says whether MAGs reach the anchor at an address in a VRF by the transport.
func (t *transport) isAt(vrf string, a netip.Addr) bool { return t.vrf == vrf && t.hasAddress(a) }

// hasAddress says whether MAGs reach the anchor at an address by the transport.
func (t *transport) hasAddress(a netip.Addr) bool { return slices.Contains(t.addresses, a) }

// serves says whether a node may register by the transport (features MLL-18, DOM-06, EXT-20).
func (t *transport) serves(profile *mobility.Profile) bool {
	if t.customer == nil {
		return profile.Customer == ""
	}
	return !profile.NoCustomer && (profile.Customer == "" || profile.Customer == t.customer.cfg.Name)
}

// owns says whether a session belongs to whoever has the transport.
func (t *transport) owns(b *mobility.Binding) bool { return b.Tenant().Customer == t.customer.name() }

// tenancy is what a new session of a node belongs to.
func (t *transport) tenancy(profile *mobility.Profile) mobility.Tenancy {
	if t.customer == nil {
		return mobility.Tenancy{Network: profile.Network}
	}
	return t.customer.tenancy(profile)
}

// lifetime is what is granted at most.
func (m *Machine) lifetime(t *transport) time.Duration {
	if t.customer != nil && t.customer.cfg.Lifetime > 0 {
		return t.customer.cfg.Lifetime
	}
	return m.cfg.Lifetime
}

// key is the one that protects signalling where neither node nor MAG have their own (feature MLL-05).
func (m *Machine) key(t *transport) *mobility.Key {
	if t.customer != nil && t.customer.cfg.Key != nil {
		return t.customer.cfg.Key
	}
	return m.cfg.Domain.Key
}

// beating says how the paths of a transport are watched (feature MLL-06).
func (m *Machine) beating(t *transport) mobility.Heartbeat {
	if t.customer != nil && t.customer.cfg.Heartbeat != nil {
		return *t.customer.cfg.Heartbeat
	}
	return m.cfg.Heartbeat
}

// transportAt returns the transport that an address of the anchor belongs to, or nil.
func (m *Machine) transportAt(vrf string, addr netip.Addr) *transport {
	if len(m.customers) == 0 {
		return m.own
	}
	return m.transports[mobility.VRFAddr{VRF: vrf, Addr: addr}]
}

// transportOf returns the transport of a binding, or nil.
func (m *Machine) transportOf(ends *mobility.Ends) *transport {
	return m.transportAt(ends.Tunnel.VRF, ends.Local)
}

// peerOf returns the MAG of a binding, or nil.
func (m *Machine) peerOf(ends *mobility.Ends) *peer {
	if t := m.transportOf(ends); t != nil {
		return t.peerAt(ends.Remote.Addr(), ends.CareOf)
	}
	return nil
}

// sender finds the MAG with an address. A configured one is that in every transport: it has been told no VRF.
func (m *Machine) sender(t *transport, addr netip.Addr) *peer {
	p := t.peers[addr]
	if p != nil || t == m.own {
		return p
	}
	if known := m.own.peers[addr]; known != nil && known.cfg != nil {
		p = &peer{via: t, cfg: known.cfg, addr: addr, usable: known.usable, changed: known.changed, stats: t.stats.Part(known.stats.Began)}
		t.peers[addr] = p
	}
	return p
}

// everyPeer yields the MAGs of all transports.
func (m *Machine) everyPeer(yield func(*peer) bool) {
	for t := range m.everyTransport {
		for _, p := range t.peers {
			if !yield(p) {
				return
			}
		}
	}
}

// sortedPeers returns the MAGs of all transports that are picked, in an order that is always the same.
func (m *Machine) sortedPeers(pick func(*peer) bool) (list []*peer) {
	for p := range m.everyPeer {
		if pick(p) {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b *peer) int {
		return cmp.Or(cmp.Compare(a.via.vrf, b.via.vrf), cmp.Compare(a.via.customer.name(), b.via.customer.name()), a.addr.Compare(b.addr))
	})
	return list
}

// everyTransport yields each transport once.
func (m *Machine) everyTransport(yield func(*transport) bool) {
	if !yield(m.own) {
		return
	}
	for _, c := range m.customers {
		for _, t := range c.transports {
			if !yield(t) {
				return
			}
		}
	}
}

// listens says whether the anchor has an address, for the customer of that name.
func (m *Machine) listens(vrf string, addr netip.Addr, customer string) bool {
	if customer == "" {
		return vrf == "" && slices.Contains(m.cfg.Addresses, addr)
	}
	c := m.cfg.Customers[customer]
	return c != nil && slices.Contains(c.Transports, mobility.VRFAddr{VRF: vrf, Addr: addr})
}
