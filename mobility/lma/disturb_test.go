package lma

import (
	"math/rand/v2"
	"testing"
	"time"

	"mooring/mobility"
	"mooring/mobility/binding"
	"mooring/mobility/scenario"
)

// All bindings are looked at only where a change may concern some: what else a customer gets, or one that has none, is no reason to.
func TestMLL04_WhoIsDisturbed(t *testing.T) {
	cfg := serving(tenants...)
	m := New(scenario.Start, cfg, binding.New(), 0)
	rnd := rand.New(rand.NewPCG(4, 4))
	for m.customers["CUST1"].bindings == 0 || m.customers["CUST3"].bindings == 0 {
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
		networks := m.networks
		m.cfg = changed
		if got := m.disturbs(cfg, m.configureNetworks()); got != c.want {
			t.Errorf("%s of %s: %v, want %v", what, c.customer, got, c.want)
		}
		m.cfg, m.networks = cfg, networks
	}
}
