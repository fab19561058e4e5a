package netlink_test

import (
	"context"
	"net"
	"net/netip"
	"testing"

	netlib "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
)

// Routes and neighbours of ours that somebody else replaces are told of; neither what we replace, nor what others replace of their own.
func TestWatchReplaced(t *testing.T) {
	h, n := newHost(t)
	link, err := h.Net.LinkByName("access1")
	must(t, err)
	index := link.Attrs().Index
	ours, neighbour := netip.MustParsePrefix("10.0.0.1/32"), netip.MustParseAddr("10.0.0.2")
	routes := []netlink.RouteOp{{Prefix: ours, Index: index}, {Prefix: netip.MustParsePrefix("2001:db8:1::/64"), Index: index}}
	theirs := func(p string, metric int) error {
		_, dst, err := net.ParseCIDR(p)
		must(t, err)
		return h.Net.RouteReplace(&netlib.Route{Dst: dst, LinkIndex: index, Priority: metric, Protocol: unix.RTPROT_STATIC})
	}
	we := func(mac byte) {
		for i := range routes {
			routes[i].Index = index - routes[i].Index // there and nowhere, in turns
		}
		must(t, n.ApplyRoutes(routes)...)
		must(t, n.SetNeighbour(dataplane.Neighbour{Link: "access1", Addr: neighbour, MAC: dataplane.MAC{2, 0, 0, 0, 0, mac}}))
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	began, lost := make(chan bool, 100), make(chan any, 100)
	go func() {
		for e, err := range n.Watch(ctx, "") {
			_, altered := e.Key.(netlink.AlteredKey)
			switch {
			case err != nil:
				t.Error(err)
			case altered: // the interface, while it comes up
			case e.Kind == dataplane.ObjectLost:
				lost <- e.Key
			case e.Link == "access1":
				began <- true
			}
		}
	}()
	<-began
	we(1)
	we(2)
	must(t, theirs("10.0.0.3/32", 20), theirs("10.0.0.3/32", 20), theirs("2001:db8:3::/64", 20), theirs("2001:db8:3::/64", 20))
	must(t, h.Net.NeighSet(&netlib.Neigh{LinkIndex: index, State: unix.NUD_PERMANENT, IP: net.IPv4(10, 0, 0, 3).To4(), HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 3}}))
	must(t, theirs("10.0.0.1/32", netlink.MetricKept), theirs("2001:db8:1::/64", netlink.MetricKept))
	must(t, h.Net.NeighSet(&netlib.Neigh{LinkIndex: index, State: unix.NUD_PERMANENT, IP: neighbour.AsSlice(), HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 9}}))
	for _, want := range []any{
		dataplane.RouteKey{Prefix: ours}, dataplane.RouteKey{Prefix: routes[1].Prefix}, dataplane.NeighbourKey{Link: "access1", Addr: neighbour},
	} {
		if got := <-lost; got != want {
			t.Errorf("told of %v, want %v", got, want)
		}
	}
}
