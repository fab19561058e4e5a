//go:build vm

package restart

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"mooring/dataplane/netns"
	"mooring/dataplane/planetest"
)

// The anchor has two customers in VRFs, an operator in a VRF of its own, access lists, and accounting to a server that is not there. Each
// customer has a node behind the same gateway.
const anchorOfCustomers = `{
"mooring-system:system": {"dataplane": {"backend": "kernel"}, "aaa": {
	"radius": {"server": [{"name": "r1", "address": "203.0.113.99", "shared-secret": "cisco"}]},
	"accounting": {"mobile": [{"name": "default", "group": ["radius"]}]}}},
"ietf-network-instance:network-instances": {"network-instance": [
	{"name": "OP", "mooring-network-instance:vrf": {"interface": ["op"]}},
	{"name": "VRF2"},
	{"name": "VRF1", "mooring-network-instance:vrf": {"interface": ["c1"]}}]},
` + lists + `
"mooring-pmipv6:pmipv6": {
	"domain": [{"name": "d1", "encap": "gre-ipv4", "nai": [
		{"id": "mn2@c2", "service": "dual", "customer": "CUST2"},
		{"id": "mn1@c1", "service": "dual", "customer": "CUST1"}]}],
	"lma": [{"name": "lma", "domain": "d1", "dynamic-mag-learning": true, "tunnel": {"acl": "list", "block-inter-mag": true, "clamp-mss": true},
		"aaa": {"accounting": {"enabled": true, "interim-interval": 1}},
		"mobile-local-loop": {"customer": [
			` + second + `
			{"name": "CUST1", "vrf": "VRF1", "transport": [{"vrf": "OP", "ipv4-address": "15.15.15.2"}], "network": {"authorized": [{"name": "net1", "pool": {"mobile-node": {
				"ipv4": {"start-address": "10.10.10.2", "pool-prefix": 24, "default-router": "10.10.10.1"},
				"ipv6": {"start-address": "2001:db8:1::", "pool-prefix": 48}}}}]}}]}}]}}`

// lists are access lists that say nothing of what flows.
const lists = `"ietf-access-control-list:acls": {"acl": [{"name": "list", "type": "ietf-access-control-list:ipv6-acl-type", "aces": {"ace": [
	{"name": "20", "actions": {"forwarding": "ietf-access-control-list:accept"}}]}}]},`

const second = `{"name": "CUST2", "vrf": "VRF2", "transport": [{"vrf": "OP", "ipv4-address": "16.16.16.2"}], "network": {"authorized": [{"name": "net2", "pool": {"mobile-node": {
				"ipv4": {"start-address": "10.10.20.2", "pool-prefix": 24, "default-router": "10.10.20.1"},
				"ipv6": {"start-address": "2001:db8:2::", "pool-prefix": 48}}}}]}},`

const gatewayOfCustomers = `{
"mooring-system:system": {"dataplane": {"backend": "kernel"}},
` + lists + `
"mooring-pmipv6:pmipv6": {
	"domain": [{"name": "d1", "encap": "gre-ipv4",
		"lma": [{"id": "one", "ipv4-address": "15.15.15.2"}, {"id": "two", "ipv4-address": "16.16.16.2"}],
		"nai": [{"id": "mn2@c2", "service": "dual", "lma": "two"}, {"id": "mn1@c1", "service": "dual", "lma": "one"}]}],
	"mag": [{"name": "mag", "domain": "d1", "address": {"ipv4": "192.0.2.18"}, "tunnel": {"acl": "list"},
		"lma": [{"id": "two", "domain": "d1"}, {"id": "one", "domain": "d1"}],
		"interface": [
			{"name": "access2", "node": [{"link-layer-address": "02:00:5e:10:00:02", "nai": "mn2@c2"}]},
			{"name": "access1", "node": [{"link-layer-address": "02:00:5e:10:00:01", "nai": "mn1@c1"}]}]}]}}`

// customers are the hosts around an anchor and a gateway of customers.
type customers struct {
	lma, mag        *netns.Host
	node, cn        *netns.Host // of the first customer
	anchor, gateway *running
	home6           string // address of the first customer's node
}

const home4, cn4, cn6 = "10.10.10.2", "198.51.100.2", "2001:db8:c::2"

func newCustomers(t *testing.T) *customers {
	t.Helper()
	c := &customers{lma: newHost(t, "lma"), mag: newHost(t, "mag"), node: newHost(t, "mn1"), cn: newHost(t, "cn1")}
	second := newHost(t, "mn2")
	must(t, netns.Connect(c.lma, "op", c.mag, "op"), c.mag.Address("op", "192.0.2.18/24"), c.lma.Address("op", "192.0.2.2/24"),
		c.lma.Address("op", "15.15.15.2/32"), c.lma.Address("op", "16.16.16.2/32"),
		c.mag.Route("15.15.15.2/32", "192.0.2.2"), c.mag.Route("16.16.16.2/32", "192.0.2.2"),
		netns.Connect(c.lma, "c1", c.cn, "eth0"), c.lma.Address("c1", "198.51.100.1/24"), c.lma.Address("c1", "2001:db8:c::1/64"),
		c.cn.Address("eth0", cn4+"/24"), c.cn.Address("eth0", cn6+"/64"), c.cn.Route("0.0.0.0/0", "198.51.100.1"), c.cn.Route("::/0", "2001:db8:c::1"))
	for i, node := range []*netns.Host{c.node, second} {
		must(t, netns.Connect(node, "eth0", c.mag, fmt.Sprint("access", i+1)), node.Down("eth0"))
		link, err := node.Net.LinkByName("eth0")
		must(t, err, node.Net.LinkSetHardwareAddr(link, net.HardwareAddr{0x02, 0x00, 0x5e, 0x10, 0x00, byte(i + 1)}))
	}
	c.anchor, c.gateway = configured(t, c.lma, []byte(anchorOfCustomers)), configured(t, c.mag, []byte(gatewayOfCustomers))
	c.start(t)
	t.Cleanup(c.kill)
	must(t, c.node.Up("eth0"), second.Up("eth0"))
	c.home6 = homeOf(t, c.node, "2001:db8:1:")
	homeOf(t, second, "2001:db8:2:")
	must(t, c.node.Address("eth0", home4+"/24"), c.node.Route("0.0.0.0/0", "10.10.10.1")) // as DHCP would
	return c
}

func (c *customers) start(t *testing.T) {
	t.Helper()
	lma, mag := c.anchor.launch(), c.gateway.launch()
	lma()
	mag()
}

func (c *customers) kill() {
	c.anchor.kill()
	c.gateway.kill()
}

// change alters the configuration of both.
func (c *customers) change(old, new string) {
	c.anchor.change(old, new)
	c.gateway.change(old, new)
}

// flow is that of a node of a customer, of some IP version in some direction.
type flow struct {
	*planetest.Flow
	name  string
	marks []uint64 // what was sent last before each step
}

func (c *customers) flows(t *testing.T) (list []*flow) {
	t.Helper()
	for _, f := range []struct {
		name     string
		from, to *netns.Host
		addr     string
	}{{"IPv6 up", c.node, c.cn, cn6}, {"IPv6 down", c.cn, c.node, c.home6}, {"IPv4 up", c.node, c.cn, cn4}, {"IPv4 down", c.cn, c.node, home4}} {
		await(t, f.from, f.to, f.addr)
		list = append(list, &flow{Flow: planetest.StartFlowOf(t, 5*time.Millisecond, f.from, f.to, f.addr), name: f.name})
	}
	return list
}

// Elements are killed under traffic of a customer in a VRF, of both IP versions in both directions, behind access lists and with accounting on, both
// at the same time, so that nobody is there who could help. What they start with is another configuration each time: what changes for others,
// or beside that traffic, costs it not one packet.
func TestKilledElementsOfCustomersLoseNothing(t *testing.T) {
	c := newCustomers(t)
	flows := c.flows(t)
	const rule = `"aces": {"ace": [{"name": "10", "matches": {"ipv6": {"destination-ipv6-network": "2001:db8:77::1/128"}}, "actions": {"forwarding": "ietf-access-control-list:drop"}},`
	const pool = `, {"name": "net3", "pool": {"mobile-node": {"ipv6": {"start-address": "2001:db8:3::", "pool-prefix": 48}}}}`
	must(t, netns.Connect(newHost(t, "mn3"), "eth0", c.mag, "access3"))
	steps := []struct {
		name   string
		change func()
		done   func(lma, mag string) bool // as the hosts show
	}{
		{"the same configuration", func() {}, func(string, string) bool { return true }},
		{"another pool, interface, rule of the access lists, and service of the other node", func() {
			c.anchor.change(`"pool-prefix": 48}}}}]}}]}}]}}`, `"pool-prefix": 48}}}}`+pool+`]}}]}}]}}`)
			c.gateway.change(`"interface": [`, `"interface": [{"name": "access3"},`)
			c.change(`"aces": {"ace": [`, rule)
			c.change(`{"id": "mn2@c2", "service": "dual"`, `{"id": "mn2@c2", "service": "ipv6"`)
		}, func(lma, mag string) bool {
			const dropped = "32 1 13 184 0 119 0 0 0 0 0 0 0 0 0 1" // 2001:db8:77::1
			return strings.Contains(lma, "route 2001:db8:3::/48 ") && !strings.Contains(lma, "route 10.10.20.2/32 ") && strings.Contains(lma, dropped) &&
				strings.Contains(mag, "table access access3 ") && !strings.Contains(mag, "neighbour 10.10.20.2 ") && strings.Contains(mag, dropped)
		}},
		{"the other customer is gone", func() {
			c.anchor.change(second, "")
			c.anchor.change(`{"name": "VRF2"},`, "")
			c.gateway.change(`{"id": "two", "domain": "d1"}, `, "")
		}, func(lma, _ string) bool {
			return !strings.Contains(lma, "link VRF2:") && !strings.Contains(lma, "16.16.16.2")
		}},
	}
	for _, s := range steps {
		for _, f := range flows {
			f.marks = append(f.marks, f.Sent())
		}
		c.kill()
		s.change()
		askAgain(t, c.node)
		time.Sleep(500 * time.Millisecond)
		c.start(t)
		time.Sleep(2 * time.Second) // in which they compare what they find with what they want
		eventually(t, s.name, func() bool { return s.done(planetest.HostText(t, c.lma), planetest.HostText(t, c.mag)) })
	}
	for _, f := range flows {
		sent, got := f.StopAfter(t, 500)
		t.Logf("%s: %d packets arrived of %d", f.name, got, sent)
		for _, n := range f.Lost() {
			i, _ := slices.BinarySearch(f.marks, n)
			t.Errorf("%s: packet %d was lost, after step %d of %d", f.name, n, i, len(steps))
		}
	}
}
