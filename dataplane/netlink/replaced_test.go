package netlink_test

import (
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
	theirs := func(p string, metric int) error { return h.Net.RouteReplace(elsewhere(t, p, 0, metric, index)) }
	we := func(mac byte) {
		for i := range routes {
			routes[i].Index = index - routes[i].Index // there and nowhere, in turns
		}
		must(t, n.ApplyRoutes(routes)...)
		must(t, n.SetNeighbour(dataplane.Neighbour{Link: "access1", Addr: neighbour, MAC: dataplane.MAC{2, 0, 0, 0, 0, mac}}))
	}
	lost := watchLost(t, n)
	we(1)
	we(2)
	must(t, theirs("10.0.0.3/32", 20), theirs("10.0.0.3/32", 20), theirs("2001:db8:3::/64", 20), theirs("2001:db8:3::/64", 20))
	for _, metric := range []int{lastResort, metricLast} { // beside ours, with metrics of ours that mean nothing here
		must(t, theirs("10.0.0.1/32", metric), theirs("10.0.0.1/32", metric))
	}
	must(t, h.Net.NeighSet(&netlib.Neigh{LinkIndex: index, State: unix.NUD_PERMANENT, IP: net.IPv4(10, 0, 0, 3).To4(), HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 3}}))
	must(t, theirs("10.0.0.1/32", netlink.MetricKept), theirs("2001:db8:1::/64", netlink.MetricKept))
	must(t, h.Net.NeighSet(&netlib.Neigh{LinkIndex: index, State: unix.NUD_PERMANENT, IP: neighbour.AsSlice(), HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 9}}))
	expectLost(t, lost, dataplane.RouteKey{Prefix: ours}, dataplane.RouteKey{Prefix: routes[1].Prefix}, dataplane.NeighbourKey{Link: "access1", Addr: neighbour})
}

// Last resorts that somebody has lead on are told of: those of VRFs, and those in tables of ours. That somebody else discards in their place in a VRF is
// all the same, and so is what we do in our tables.
func TestWatchReplacedLastResorts(t *testing.T) {
	h, n := newHost(t)
	link, err := h.Net.LinkByName("access1")
	must(t, err)
	index := link.Attrs().Index
	red := n.Part("red", netlink.VRF{Name: "red", Table: 77, Index: 1 << 20})
	defer red.Close()
	access := netlink.TableAccess + index
	set := func() { must(t, n.SetLink(dataplane.Link{Name: "access1"}, "")) }
	set()
	resort := func(prefix string, maker netlib.RouteProtocol) *netlib.Route {
		r := elsewhere(t, prefix, 77, lastResort, 0)
		r.Type, r.Protocol = unix.RTN_UNREACHABLE, maker
		return r
	}
	lost := watchLost(t, n)
	for _, everything := range []string{"0.0.0.0/0", "::/0"} {
		must(t, h.Net.RouteAdd(resort(everything, netlink.Protocol)), h.Net.RouteReplace(resort(everything, unix.RTPROT_STATIC)))
		set()
		must(t, h.Net.RouteReplace(elsewhere(t, everything, 77, lastResort, index)))
		expectLost(t, lost, dataplane.VRFKey("red"))
		must(t, h.Net.RouteReplace(elsewhere(t, everything, access, metricLast, index)))
		expectLost(t, lost, dataplane.LinkKey("access1"))
	}
}

// Metrics of last resorts: of a VRF (Documentation/networking/vrf.rst of Linux), and of other tables.
const lastResort, metricLast = 4278198272, 213

// elsewhere is somebody else's route.
func elsewhere(t *testing.T, prefix string, table, metric, index int) *netlib.Route {
	_, dst, err := net.ParseCIDR(prefix)
	must(t, err)
	return &netlib.Route{Dst: dst, Table: table, LinkIndex: index, Priority: metric, Protocol: unix.RTPROT_STATIC}
}

// watchLost watches a host from now on, and hands on what is lost.
func watchLost(t *testing.T, n *netlink.Host) <-chan any {
	began, lost := make(chan bool, 100), make(chan any, 100)
	go func() {
		for e, err := range n.Watch(t.Context(), "") {
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
	return lost
}

func expectLost(t *testing.T, lost <-chan any, want ...any) {
	t.Helper()
	for _, w := range want {
		if got := <-lost; got != w {
			t.Errorf("told of %v, want %v", got, w)
		}
	}
}
