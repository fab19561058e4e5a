package netlink_test

import (
	"net/netip"
	"testing"

	netlib "github.com/vishvananda/netlink"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
)

// However often the standing of a route changes, there is one route in the end. One that stood in for another when a process was killed goes.
func TestOneRouteForEachStanding(t *testing.T) {
	h, n := newHost(t)
	must(t, h.Up("access1"))
	index, err := n.LinkIndex("access1")
	must(t, err)
	for _, text := range []string{"10.2.0.0/16", "2001:db8::/32"} {
		prefix := netip.MustParsePrefix(text)
		for _, s := range []dataplane.Standing{{}, {Told: true}, {Told: true, Distance: 200}, {Told: true, Distance: 100}, {Distance: 255}, {Distance: 255}} {
			must(t, n.ApplyRoutes([]netlink.RouteOp{{Prefix: prefix, Index: index, Standing: s, Strays: true}})...)
			routes, err := n.Routes()
			must(t, err)
			if want := (netlink.Route{Prefix: prefix, Device: "access1", Standing: s}); len(routes) != 1 || routes[0] != want {
				t.Errorf("there is %v, want %v", routes, want)
			}
		}
		must(t, n.ApplyRoutes([]netlink.RouteOp{{Delete: true, Prefix: prefix, Strays: true}})...)
		to, err := netlib.ParseIPNet(text)
		must(t, err)
		left := &netlib.Route{Dst: to, LinkIndex: index, Protocol: netlink.Protocol, Priority: 255<<24 + 214}
		must(t, h.Net.RouteAdd(left))
		for range 2 { // also of what is there while the first one looks
			routes, err := n.Routes()
			must(t, err)
			if len(routes) != 0 {
				t.Errorf("there is %v", routes)
			}
		}
		all, err := h.Net.RouteListFiltered(netlib.FAMILY_ALL, left, netlib.RT_FILTER_PROTOCOL)
		must(t, err)
		if len(all) != 0 {
			t.Errorf("%v is left", all)
		}
	}
}
