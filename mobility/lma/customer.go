package lma

import (
	"errors"
	"maps"
	"net/netip"
	"slices"
	"time"
	"unique"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/pool"
	"mooring/mobility/wire"
)

// customer is a tenant of the anchor (Mobile Local Loop).
type customer struct {
	cfg        *mobility.Customer
	stats      *mobility.Statistics
	bindings   map[dataplane.SessionID]bool
	networks   versions              // mobile networks that its nodes have
	transports map[string]*transport // by VRF
}

// name is the name of a customer; that of nobody is empty.
func (c *customer) name() string {
	if c == nil {
		return ""
	}
	return c.cfg.Name
}

// tenancy is what a new session of a node belongs to: the network that its profile names, else the first one of the customer. Where there are
// no pools, what the profile names does not matter (feature MLL-08).
func (c *customer) tenancy(profile *mobility.Profile) mobility.Tenancy {
	t := mobility.Tenancy{Customer: c.cfg.Name, VRF: c.cfg.VRF}
	switch {
	case c.cfg.Unauthorized:
	case profile.Network != "":
		t.Network = profile.Network
	case len(c.cfg.Networks) > 0:
		t.Network = slices.Min(slices.Collect(maps.Keys(c.cfg.Networks)))
	}
	return t
}

// countTenant notes that a binding of a customer is there, with n = 1, or is not any more, with n = -1.
func (m *Machine) countTenant(b *mobility.Binding, n int) {
	if len(m.customers) == 0 {
		return
	}
	c := m.customers[b.Tenant().Customer]
	if c == nil {
		return
	}
	c.networks.add(b.Networks, n)
	if n > 0 {
		c.bindings[b.ID] = true
	} else {
		delete(c.bindings, b.ID)
	}
}

// CustomerState describes a customer to an operator.
type CustomerState struct {
	Name       string
	Bindings   int
	IPv4, IPv6 int                  // mobile networks
	Statistics *mobility.Statistics // anybody may read them
}

// Customers yields the customers of the anchor.
func (m *Machine) Customers(yield func(CustomerState) bool) {
	for name, c := range m.customers {
		if !yield(CustomerState{name, len(c.bindings), c.networks.ipv4, c.networks.ipv6, c.stats}) {
			return
		}
	}
}

// network is where the addresses of some sessions come from.
type network struct {
	cfg   *mobility.Network // nil: what MAGs ask for is accepted
	pools addresses
}

// refusal is the status for an address or prefix that cannot be had: outside where it is not the network's to give or another's, inUse where
// whoever asks first has it (features MLL-08, MLL-09).
func (n *network) refusal(err error, outside, inUse wire.Status) wire.Status {
	switch {
	case n.cfg != nil:
		return outside
	case errors.Is(err, pool.ErrForbidden):
		return wire.StatusNotAuthorizedForDMNP
	}
	return inUse
}

// networks are found by what sessions that have addresses of theirs belong to.
type networks map[unique.Handle[mobility.Tenancy]]*network

type tenancies map[unique.Handle[mobility.Tenancy]]bool

// addresses are those of a network: *pool.Set gives them out, *pool.Ledger notes who has them.
type addresses interface {
	HomeAddress(now time.Time) (home netip.Prefix, router netip.Addr, err error)
	Prefix(now time.Time) (netip.Prefix, error)
	Network(now time.Time, ipv4 bool) (netip.Prefix, error)
	ReserveHome(asked netip.Prefix) (home netip.Prefix, router netip.Addr, err error)
	ReservePrefix(p netip.Prefix) error
	ReserveNetwork(p netip.Prefix) error
	ReleaseHome(a netip.Addr)
	ReleasePrefix(p netip.Prefix)
	ReleaseNetwork(p netip.Prefix)
	Usage() []pool.Usage
	Alarms() []pool.Alarm
	LowerMarks()
}

// Networks yields the usage of the pools of each network. The networks of all customers have different names.
func (m *Machine) Networks(yield func(network string, pools []pool.Usage) bool) {
	for _, n := range m.networks {
		if n.cfg != nil && !yield(n.cfg.Name, n.pools.Usage()) {
			return
		}
	}
}

// configureNetworks makes pools for the networks of the configuration and keeps those of which nothing changed. It returns
// the networks whose pools know of no binding: the new ones and those that are gone.
func (m *Machine) configureNetworks() (rebuilt tenancies) {
	old := m.networks
	m.networks, rebuilt = make(networks, len(m.cfg.Networks)), tenancies{}
	m.configurePools(mobility.Tenancy{}, m.cfg.Networks, old, rebuilt)
	for name, c := range m.cfg.Customers {
		t := mobility.Tenancy{Customer: name, VRF: c.VRF}
		m.configurePools(t, c.Networks, old, rebuilt)
		if c.Unauthorized {
			m.configureLedger(unique.Make(t), c, old, rebuilt)
		}
	}
	for key := range old {
		if m.networks[key] == nil {
			rebuilt[key] = true
		}
	}
	return rebuilt
}

func (m *Machine) configurePools(t mobility.Tenancy, list map[string]*mobility.Network, old networks, rebuilt tenancies) {
	anew, shared := sharesAnew(t, list, old), pool.Shared{}
	for name, cfg := range list {
		t.Network = name
		key := unique.Make(t)
		if n := old[key]; n != nil && n.cfg != nil && slices.Equal(n.cfg.Pools, cfg.Pools) && !(anew && shares(cfg)) {
			m.networks[key] = n
			continue
		}
		rebuilt[key] = true
		// A pool that makes no sense is not in the set, and the translator has refused it before.
		pools, _ := pool.NewSet(cfg, shared)
		m.networks[key] = &network{cfg: cfg, pools: pools}
	}
}

// shares says whether a network draws from a pool that others may draw from, too (feature NETP-05).
func shares(n *mobility.Network) bool {
	return slices.ContainsFunc(n.Pools, func(p mobility.Pool) bool { return p.Shared != "" })
}

// sharesAnew says whether a network that shares pools is new, gone or another. Who has what of these pools is known by the bindings of all of them.
func sharesAnew(t mobility.Tenancy, list map[string]*mobility.Network, old networks) bool {
	for name, cfg := range list {
		t.Network = name
		if n := old[unique.Make(t)]; shares(cfg) && (n == nil || n.cfg == nil || !slices.Equal(n.cfg.Pools, cfg.Pools)) {
			return true
		}
	}
	for key, n := range old {
		was := key.Value()
		if was.Customer != t.Customer || n.cfg == nil || !shares(n.cfg) {
			continue
		}
		if cfg := list[was.Network]; cfg == nil || !slices.Equal(n.cfg.Pools, cfg.Pools) {
			return true
		}
	}
	return false
}

func (m *Machine) configureLedger(key unique.Handle[mobility.Tenancy], c *mobility.Customer, old networks, rebuilt tenancies) {
	n := old[key]
	if n == nil || n.cfg != nil {
		n = &network{pools: new(pool.Ledger)}
		rebuilt[key] = true
	}
	protected := slices.Clone(m.cfg.Addresses)
	for _, at := range c.Transports {
		protected = append(protected, at.Addr)
	}
	n.pools.(*pool.Ledger).Protected = protected
	m.networks[key] = n
}

// configureCustomers takes over the customers of the configuration and their transports, when the bindings of those that are gone have ended.
func (m *Machine) configureCustomers(now time.Time) {
	m.own.addresses = m.cfg.Addresses
	if len(m.customers) == 0 && len(m.cfg.Customers) == 0 {
		return
	}
	old := m.customers
	m.customers = make(map[string]*customer, len(m.cfg.Customers))
	m.transports = map[mobility.VRFAddr]*transport{}
	for _, addr := range m.own.addresses {
		m.transports[mobility.VRFAddr{Addr: addr}] = m.own
	}
	for name, cfg := range m.cfg.Customers {
		c := old[name]
		if c == nil {
			c = &customer{stats: m.stats.Part(now), bindings: map[dataplane.SessionID]bool{}, transports: map[string]*transport{}}
		}
		m.customers[name] = c
		m.configureCustomer(now, c, cfg)
	}
	for name, c := range old {
		if m.customers[name] == nil {
			m.leave(now, c.transports)
		}
	}
}

func (m *Machine) configureCustomer(now time.Time, c *customer, cfg *mobility.Customer) {
	if c.cfg == cfg {
		for _, t := range c.transports {
			m.open(t)
		}
		return
	}
	c.cfg = cfg
	old := c.transports
	c.transports = map[string]*transport{}
	for _, at := range cfg.Transports {
		t := c.transports[at.VRF]
		switch {
		case t != nil:
		case old[at.VRF] != nil:
			t = old[at.VRF]
			t.addresses = nil
			delete(old, at.VRF)
		default:
			t = newTransport(at.VRF, c, c.stats)
		}
		c.transports[at.VRF] = t
		t.addresses = append(t.addresses, at.Addr)
	}
	m.leave(now, old)
	for _, t := range c.transports {
		m.open(t)
		for _, p := range t.peers {
			m.watch(now, p)
		}
	}
}

// open lets messages to the addresses of a transport be its own.
func (m *Machine) open(t *transport) {
	for _, addr := range t.addresses {
		m.transports[mobility.VRFAddr{VRF: t.vrf, Addr: addr}] = t
	}
}

// leave forgets the MAGs of transports that are gone; they have no bindings any more.
func (m *Machine) leave(now time.Time, transports map[string]*transport) {
	for _, t := range transports {
		for _, p := range t.peers {
			m.forget(now, p)
		}
	}
}

// tellPools tells what assigning addresses to a binding has shown of the pools that they are from.
func (m *Machine) tellPools(b *mobility.Binding, out *mobility.Effects) {
	from := m.networks[b.Tenancy]
	if from == nil {
		return
	}
	for _, alarm := range from.pools.Alarms() {
		kind := mobility.PoolHigh
		if alarm.Exhausted {
			kind = mobility.PoolExhausted
		}
		out.Events = append(out.Events, mobility.Event{Kind: kind,
			Pool: &mobility.PoolEvent{Network: from.cfg.Name, Start: alarm.Pool.Start, Used: alarm.Used, Total: alarm.Total}})
	}
}
