package lma

import (
	"iter"
	"slices"
	"strings"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/wire"
)

// Reconfigure makes the anchor obey cfg. Bindings that cfg has no room for end. It walks the bindings, or the MAGs, only where
// something changed that concerns those that exist.
func (m *Machine) Reconfigure(now time.Time, cfg *mobility.LMA, out *mobility.Effects) {
	m.unscreenAll(out)
	was := m.cfg
	m.cfg, m.vacating = cfg, nil
	rebuilt := m.configureNetworks()
	if r := m.review(was, rebuilt); !r.empty() {
		m.reviewBindings(now, &r, rebuilt, was, out)
	}
	m.configureCustomers(now)
	m.configurePeers(now, was)
	m.reportUse(out)
}

func (m *Machine) reviewBindings(now time.Time, r *review, rebuilt tenancies, was *mobility.LMA, out *mobility.Effects) {
	for b := range m.concerned(r) {
		switch {
		case !m.stands(b), !m.entitled(b), rebuilt[b.Tenancy] && !m.reserve(b):
			m.takeLeave(now, b, wire.TriggerAdministrative, out)
			m.end(now, b, mobility.Unconfigured, out)
		case m.cfg.TunnelMTU != was.TunnelMTU, m.rerouted(was, b.Tenant().Customer):
			out.Sessions = append(out.Sessions, m.session(b))
		}
	}
}

// rerouted says whether the routes of a customer's bindings are something else to routing protocols than they were.
func (m *Machine) rerouted(was *mobility.LMA, customer string) bool {
	return m.cfg.HostRoutes(customer) != was.HostRoutes(customer)
}

// review says which bindings a change may concern.
type review struct {
	all       bool
	customers map[string]bool // all of theirs
	nodes     []mobility.NodeID
}

func (r *review) customer(name string) {
	if r.customers == nil {
		r.customers = map[string]bool{}
	}
	r.customers[name] = true
}

func (r *review) empty() bool { return !r.all && len(r.customers)+len(r.nodes) == 0 }

// review looks for what differs from was: bindings of a customer are concerned where it is about that customer, those of a node where it is about
// the node. What a customer has beside networks and addresses concerns nobody.
func (m *Machine) review(was *mobility.LMA, rebuilt tenancies) (r review) {
	m.reviewAddresses(was, rebuilt, &r)
	if m.cfg.Domain != was.Domain || m.cfg.DefaultProfile != was.DefaultProfile {
		m.reviewProfiles(was, &r)
	}
	return r
}

// concerned yields the bindings that a change may concern.
func (m *Machine) concerned(r *review) iter.Seq[*mobility.Binding] {
	if r.all {
		return m.table.All()
	}
	found := map[dataplane.SessionID]bool{}
	for name := range r.customers {
		if c := m.customers[name]; c != nil {
			for id := range c.bindings {
				found[id] = true
			}
		}
	}
	for _, node := range r.nodes {
		for b := range m.table.ByNode(node) {
			found[b.ID] = true
		}
	}
	return func(yield func(*mobility.Binding) bool) {
		for _, id := range sortedIDs(found) {
			if !yield(m.table.Get(id)) {
				return
			}
		}
	}
}

func sortedIDs(set map[dataplane.SessionID]bool) []dataplane.SessionID {
	list := make([]dataplane.SessionID, 0, len(set))
	for id := range set {
		list = append(list, id)
	}
	slices.Sort(list)
	return list
}

// reviewAddresses looks at where nodes have their addresses from, and at which address of the anchor their MAGs speak to.
func (m *Machine) reviewAddresses(was *mobility.LMA, rebuilt tenancies, r *review) {
	r.all = m.cfg.TunnelMTU != was.TunnelMTU || m.rerouted(was, "") || !slices.Equal(m.cfg.Addresses, was.Addresses)
	for tenancy := range rebuilt {
		if customer := tenancy.Value().Customer; customer == "" {
			r.all = true
		} else {
			r.customer(customer)
		}
	}
	for name, before := range was.Customers {
		after := m.cfg.Customers[name]
		if after != before && (after == nil || m.rerouted(was, name) || !slices.Equal(after.Transports, before.Transports)) {
			r.customer(name)
		}
	}
}

// reviewProfiles looks at whose nodes are (features DOM-06, MLL-18).
func (m *Machine) reviewProfiles(was *mobility.LMA, r *review) {
	store, old := m.cfg.Domain.Profiles, was.Domain.Profiles
	for name := range store.Rehomed(old) {
		switch at := strings.IndexByte(name, '@'); {
		case at == 0:
			after := store.Realm([]byte(name))
			if after == nil {
				after = store.Named(m.cfg.DefaultProfile)
			}
			r.rehome(old.Realm([]byte(name)), after)
		case at > 0:
			r.nodes = append(r.nodes, mobility.NAI(name))
		}
	}
	r.rehome(old.Named(was.DefaultProfile), store.Named(m.cfg.DefaultProfile))
}

// rehome notes whose bindings may end because nodes have another profile: those of the customer whom they had to belong to, or anybody's.
func (r *review) rehome(before, after *mobility.Profile) {
	switch {
	case !after.Restricted() || !after.Rehomes(before):
	case before != nil && before.Customer != "":
		r.customer(before.Customer)
	default:
		r.all = true
	}
}

// stands says whether the address that a binding leads to is still of its customer, if any.
func (m *Machine) stands(b *mobility.Binding) bool {
	ends := b.Ends.Value()
	return m.listens(ends.Tunnel.VRF, ends.Local, b.Tenant().Customer)
}

// entitled says whether the node of a binding that stands may still use the transport of its customer, or of nobody. One that has no profile any
// more keeps what it has until it asks again.
func (m *Machine) entitled(b *mobility.Binding) bool {
	profile, _ := m.profileOf(b.Node.MNID())
	ends := b.Ends.Value()
	return profile == nil || m.transportOf(&ends).serves(profile)
}
