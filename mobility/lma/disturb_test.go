package lma

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"mooring/mobility"
	"mooring/mobility/binding"
	"mooring/mobility/scenario"
)

// A change is compared with the bindings of the customer that it is about, and with no others; what else a customer gets is compared with none.
func TestMLL04_WhoIsDisturbed(t *testing.T) {
	cfg := serving(tenants...)
	cfg.Domain.Profiles.(scenario.Profiles)["@none"] = &mobility.Profile{Name: "@none", Customer: "CUST1"}
	m := New(scenario.Start, cfg, binding.New(), 0)
	rnd := rand.New(rand.NewPCG(4, 4))
	for len(m.customers["CUST1"].bindings) < 2 || len(m.customers["CUST3"].bindings) < 3 {
		for _, c := range []*mobility.Customer{tenants[0], tenants[2]} {
			from, to, message := anyMessage(rnd, scenario.Start, c)
			m.Receive(scenario.Start, arriving(t, from, to, message), new(mobility.Effects))
		}
	}
	for what, c := range map[string]struct {
		customer string
		change   func(c *mobility.Customer) // nil: it goes
		want     bool
	}{
		"a key":                          {"CUST1", func(c *mobility.Customer) { c.Key = &mobility.Key{SPI: 256} }, false},
		"a lifetime":                     {"CUST3", func(c *mobility.Customer) { c.Lifetime = time.Minute }, false},
		"heartbeats":                     {"CUST1", func(c *mobility.Customer) { c.Heartbeat = new(mobility.Heartbeat) }, false},
		"fewer transports":               {"CUST1", func(c *mobility.Customer) { c.Transports = c.Transports[:1] }, true},
		"another VRF":                    {"CUST3", func(c *mobility.Customer) { c.VRF = "VRF8" }, true},
		"another network":                {"CUST1", func(c *mobility.Customer) { c.Networks = samePools("net8") }, true},
		"nothing is left of it":          {"CUST3", nil, true},
		"transports of one without any":  {"CUST2", func(c *mobility.Customer) { c.Transports = nil }, false},
		"another VRF of one without any": {"CUST2", func(c *mobility.Customer) { c.VRF = "VRF8" }, false},
		"one without any goes":           {"CUST2", nil, false},
		"one comes":                      {"CUST4", func(c *mobility.Customer) { c.VRF, c.Networks = "VRF4", samePools("net4") }, false},
	} {
		changed := serving(tenants...)
		changed.Domain = cfg.Domain
		after := &mobility.Customer{Name: c.customer}
		if before := changed.Customers[c.customer]; before != nil {
			*after = *before
		}
		changed.Customers[c.customer] = after
		if c.change == nil {
			delete(changed.Customers, c.customer)
		} else {
			c.change(after)
		}
		want := 0
		if c.want {
			want = len(m.customers[c.customer].bindings)
		}
		m.visits(t, what+" of "+c.customer, changed, want)
	}
	all, first := m.table.Len(), len(m.customers["CUST1"].bindings)
	var one mobility.NodeID
	for b := range m.table.All() {
		one = b.Node
	}
	sessions := len(slices.Collect(m.table.ByNode(one)))
	nai, _ := one.NAI()
	for what, c := range map[string]struct {
		entry   string
		profile *mobility.Profile // nil: it goes
		want    int
	}{
		"a realm that may be anywhere becomes a customer's": {"@any", &mobility.Profile{Name: "@any", Customer: "CUST3"}, all},
		"a customer's realm becomes another's":              {"@none", &mobility.Profile{Name: "@none", Customer: "CUST3"}, first},
		"a customer's realm may be anywhere":                {"@none", &mobility.Profile{Name: "@none"}, 0},
		"a realm has another service":                       {"@any", &mobility.Profile{Name: "@any", Service: mobility.ServiceIPv4}, 0},
		"a realm goes, and there is no other profile":       {"@any", nil, 0},
		"a node gets an entry, and a customer":              {nai, &mobility.Profile{Name: nai, Customer: "CUST1"}, sessions},
		"a node gets an entry, and may be anywhere":         {nai, &mobility.Profile{Name: nai}, 0},
		"a node that is not there":                          {"x" + nai, &mobility.Profile{Name: "x" + nai, Customer: "CUST1"}, 0},
	} {
		changed, domain, profiles := serving(tenants...), *cfg.Domain, maps.Clone(cfg.Domain.Profiles.(scenario.Profiles))
		if profiles[c.entry] = c.profile; c.profile == nil {
			delete(profiles, c.entry)
		}
		domain.Profiles, changed.Domain = profiles, &domain
		m.visits(t, what, changed, c.want)
	}
}

// visits makes sure that so many bindings are looked at when another configuration comes, and takes nothing over.
func (m *Machine) visits(t *testing.T, what string, changed *mobility.LMA, want int) {
	t.Helper()
	was, networks := m.cfg, m.networks
	m.cfg = changed
	visited := 0
	r := m.review(was, m.configureNetworks())
	for range m.concerned(&r) {
		visited++
	}
	if visited != want {
		t.Errorf("%s: %d of %d bindings are looked at, want %d", what, visited, m.table.Len(), want)
	}
	m.cfg, m.networks = was, networks
}
