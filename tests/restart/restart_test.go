//go:build vm

package restart

import (
	"slices"
	"strings"
	"testing"
	"time"

	netlib "github.com/vishvananda/netlink"

	"mooring/dataplane/netlink"
	"mooring/dataplane/netns"
	"mooring/dataplane/planetest"
)

// again kills the element and starts it, and lets it compare what it finds with what it wants. Something may happen meanwhile.
func (r *running) again(meanwhile ...func()) {
	r.t.Helper()
	r.kill()
	time.Sleep(500 * time.Millisecond)
	for _, do := range meanwhile {
		do()
	}
	r.start()
	time.Sleep(2 * time.Second)
}

// Elements are killed under traffic and started again, with the same configuration and with one that has changed elsewhere: of what goes on
// between the node and its anchor, of either IP version, not one packet is lost, for it is the kernel that carries it, in every encapsulation. Nor is one
// where the node has to ask for its router meanwhile.
func TestKilledElementsLoseNothing(t *testing.T) {
	for name, w := range map[string]carried{
		"ip over IPv6":  {way{backend: "auto"}, "ip6tnl", " remote 2001:db8:"},
		"gre over IPv6": {way{backend: "auto", encap: "gre-ipv6"}, "ip6gre", " remote 2001:db8:"},
		"udp over IPv4": {way{backend: "kernel", v4: true}, "sit", " encap-dport 5437"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDomain(t, w.way)
			for _, h := range []*netns.Host{d.lma, d.mag} {
				if !w.isOn(t, h) {
					t.Fatalf("the kernel does not carry the tunnel of %s:\n%s", h.Name, planetest.HostText(t, h))
				}
			}
			must(t, d.node.Address("eth0", "198.18.0.2/16"), d.node.Route("0.0.0.0/0", "198.18.0.1"), d.lma.Address("lo", "203.0.113.9/32"))
			await(t, d.lma, d.node, d.home)
			await(t, d.node, d.lma, "203.0.113.9")
			await(t, d.lma, d.node, "198.18.0.2")
			each := func(from, to *netns.Host, addr string) *planetest.Flow {
				return planetest.StartFlowOf(t, 2*time.Millisecond, from, to, addr)
			}
			flows := map[string]*planetest.Flow{
				"up": each(d.node, d.lma, anchorAddress), "down": each(d.lma, d.node, d.home),
				"IPv4 up": each(d.node, d.lma, "203.0.113.9"), "IPv4 down": each(d.lma, d.node, "198.18.0.2"),
			}
			d.anchor.again()
			d.gateway.change(`"host-name": "mag1"`, `"host-name": "mag1-of-another-name"`)
			d.gateway.again(func() { askAgain(t, d.node) })
			d.anchor.change(`"network": [`, `"network": [{"name": "another", "pool": {"mobile-node": {"ipv6": {"start-address": "2001:db8:4000::", "pool-prefix": 40}}}},`)
			d.anchor.again()
			for way, flow := range flows {
				sent, got := flow.StopAfter(t, 500)
				t.Logf("%s: %d packets arrived of %d", way, got, sent)
				if got != sent {
					t.Errorf("%s: %d packets arrived of %d", way, got, sent)
				}
			}
		})
	}
}

// askAgain has a node forget its router's link-layer address, and waits until it knows it again, by both IP versions.
func askAgain(t *testing.T, node *netns.Host) {
	t.Helper()
	link, err := node.Net.LinkByName("eth0")
	must(t, err)
	for _, family := range []int{netlib.FAMILY_V4, netlib.FAMILY_V6} {
		routes, err := netlink.Dump(func() ([]netlib.Route, error) { return node.Net.RouteList(link, family) })
		must(t, err)
		i := slices.IndexFunc(routes, func(r netlib.Route) bool { return r.Gw != nil })
		if i < 0 {
			t.Fatalf("the node has no router: %v", routes)
		}
		router := routes[i].Gw
		at := func() string {
			all, err := netlink.Dump(func() ([]netlib.Neigh, error) { return node.Net.NeighList(link.Attrs().Index, family) })
			must(t, err)
			i := slices.IndexFunc(all, func(n netlib.Neigh) bool { return n.IP.Equal(router) })
			if i < 0 {
				return ""
			}
			return all[i].HardwareAddr.String()
		}
		was := at()
		if was == "" {
			t.Fatalf("the node does not know its router %s", router)
		}
		must(t, node.Net.NeighDel(&netlib.Neigh{LinkIndex: link.Attrs().Index, Family: family, IP: router}))
		eventually(t, "the node knows its router "+router.String(), func() bool { return at() == was })
	}
}

// carried is a way by which the kernel carries a tunnel: its interface is of a kind, and has an attribute.
type carried struct {
	way
	kind, attribute string
}

func (c carried) isOn(t *testing.T, h *netns.Host) bool {
	t.Helper()
	for line := range strings.Lines(planetest.HostText(t, h)) {
		if strings.HasPrefix(line, "link mt-") && strings.Contains(line, ": "+c.kind+" up ") && strings.Contains(line, c.attribute) {
			return true
		}
	}
	return false
}

func hasTunnel(t *testing.T, h *netns.Host) bool {
	t.Helper()
	links, err := h.Net.LinkList()
	must(t, err)
	for _, l := range links {
		if strings.HasPrefix(l.Attrs().Name, "mt-") {
			return true
		}
	}
	return false
}
