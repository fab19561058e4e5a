// Package frr holds tests of the routes that a plane makes with a routing daemon beside it: what FRR makes of them, and tells a neighbour.
package frr

import (
	"context"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	netlib "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/backend"
	"mooring/dataplane/netlink"
	"mooring/dataplane/netns"
	"mooring/dataplane/reconcile"
	"mooring/mobility"
)

func TestMain(m *testing.M) { netns.Main(m) }

// anchor is the dataplane of an LMA whose pools and binding are in one VRF. Tunnels leave in the default one.
type anchor struct {
	*reconcile.Reconciler
	vrf   string
	host  *netns.Host // where the VRF is
	table int         // of its routes
}

// carriage is what carries the tunnels of an LMA, and what its VRFs are.
type carriage struct {
	by           backend.Wish
	noVRFDevices bool
}

// The interface "peer" joins the VRF of the anchor and the router.
const (
	anchor4, router4 = "192.0.2.1", "192.0.2.2"
	anchor6, router6 = "2001:db8:ff::1", "2001:db8:ff::2"
)

func newAnchor(t *testing.T, c carriage, vrf string) (a *anchor, neighbour *netns.Host) {
	t.Helper()
	lma, err := netns.NewHost("lma")
	must(t, err)
	neighbour, err = netns.NewHost("router")
	must(t, err)
	t.Cleanup(func() { must(t, lma.Close(), neighbour.Close()) })
	must(t, netns.Connect(lma, "peer", neighbour, "peer"),
		lma.Address("peer", anchor4+"/24"), lma.Address("peer", anchor6+"/64"), neighbour.Address("peer", router4+"/24"), neighbour.Address("peer", router6+"/64"),
		netns.Connect(lma, "access", neighbour, "access"), lma.Address("access", "198.51.100.1/30"),
		lma.Route("203.0.113.0/24", "198.51.100.2")) // the MAG is somewhere there
	names := t.TempDir()
	p, err := backend.Open(backend.Options{Namespace: lma.Namespace, Names: names, NoVRFDevices: c.noVRFDevices, UserSpaceOnly: true})
	must(t, err)
	t.Cleanup(func() { must(t, p.Close()) })
	must(t, p.Use(c.by))
	a = &anchor{reconcile.New(p, reconcile.Options{}), vrf, lma, unix.RT_TABLE_MAIN}
	a.obey(&mobility.LMA{Redistribution: mobility.RedistributeNothing})
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { a.Run(ctx) })
	t.Cleanup(func() { // nothing outlives the test, not even a VRF
		a.unbind()
		a.Configure(dataplane.Config{})
		eventually(t, "nothing is left", func() bool { return a.Status().Objects == 0 })
		stop()
		running.Wait()
	})
	if vrf == "" {
		return a, neighbour
	}
	eventually(t, "the VRF has its interface", func() bool { return a.Status().Objects > 1 && a.Status().Pending+a.Status().Failed == 0 })
	if device, _ := p.VRFIsDevice(vrf); device == c.noVRFDevices {
		t.Fatalf("the VRF is a vrf interface: %t, want %t", device, !c.noVRFDevices)
	}
	if !c.noVRFDevices {
		link, err := lma.Net.LinkByName(vrf)
		must(t, err)
		a.table = int(link.(*netlib.Vrf).Table)
		return a, neighbour
	}
	ns, err := netlink.OpenNamespace(filepath.Join(names, vrf))
	must(t, err)
	a.host, err = netns.HostOf(ns, "lma, VRF "+vrf)
	must(t, err)
	t.Cleanup(func() { a.host.Close() })
	return a, neighbour
}

// obey has the plane hold what an LMA with this configuration wants of its pools.
func (a *anchor) obey(cfg *mobility.LMA) {
	var c dataplane.Config
	if a.vrf != "" {
		c.VRFs, c.Members = []dataplane.VRF{{Name: a.vrf}}, []dataplane.Member{{Link: "peer", VRF: a.vrf}}
	}
	for _, pool := range pools {
		c.Blackholes = append(c.Blackholes, dataplane.Blackhole{
			VRFPrefix: dataplane.VRFPrefix{VRF: a.vrf, Prefix: netip.MustParsePrefix(pool)}, Standing: cfg.PoolRoutes("")})
	}
	a.Configure(c)
}

// bind has it hold a binding, too.
func (a *anchor) bind(cfg *mobility.LMA) {
	tunnel := dataplane.TunnelID{Local: netip.MustParseAddr("198.51.100.1"), Peer: netip.MustParseAddr("203.0.113.1"), Encap: dataplane.EncapUDP, Port: 5437}
	s := &dataplane.Session{ID: 1, Side: dataplane.Anchor, Path: dataplane.Path{Tunnel: tunnel}, VRF: a.vrf, Standing: cfg.HostRoutes("")}
	for _, p := range bound {
		s.Prefixes = append(s.Prefixes, netip.MustParsePrefix(p))
	}
	a.Want([]dataplane.Change{{ID: 1, Session: s}})
	a.obey(cfg)
}

func (a *anchor) unbind() { a.Want([]dataplane.Change{{ID: 1}}) }

var (
	pools = []string{"10.0.0.0/24", "2001:db8:1::/48"}
	bound = []string{"10.0.0.7/32", "2001:db8:1:7::/64", "10.9.0.0/28"} // home address, home network prefix, mobile network
)

// operatorsRoute adds a route of an operator, to the VRF.
func (a *anchor) operatorsRoute(prefix string) error {
	return a.host.Net.RouteAdd(&netlib.Route{
		Dst: netns.IPNet(netip.MustParsePrefix(prefix)), Gw: netip.MustParseAddr(router4).AsSlice(), Table: a.table})
}

// marksAsItsOwn fails the test if the kernel's routes for these prefixes do not carry our protocol number.
func (a *anchor) marksAsItsOwn(t *testing.T, prefixes ...string) {
	t.Helper()
	routes, err := a.host.Net.RouteListFiltered(netlib.FAMILY_ALL,
		&netlib.Route{Table: a.table, Protocol: netlink.Protocol}, netlib.RT_FILTER_TABLE|netlib.RT_FILTER_PROTOCOL)
	must(t, err)
	for _, p := range prefixes {
		if !slices.ContainsFunc(routes, func(r netlib.Route) bool { return r.Dst != nil && r.Dst.String() == p }) {
			t.Errorf("no route for %s has the protocol number %d", p, netlink.Protocol)
		}
	}
}

// instance is what FRR calls the BGP of the VRF with this AS number.
func (a *anchor) instance(as string) string {
	if a.table == unix.RT_TABLE_MAIN {
		return as
	}
	return as + " vrf " + a.vrf
}

// hearsWhatItMay has a neighbour that speaks BGP hear of the pools, of what nodes have as long as they have it, or of nothing; and never of what
// others have made.
func hearsWhatItMay(t *testing.T, c carriage) {
	for name, vrf := range map[string]string{"default VRF": "", "VRF of a customer": "CUST1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, neighbour := newAnchor(t, c, vrf)
			must(t, a.operatorsRoute("198.51.100.128/25"))
			startRouter(t, a.host, bgpWith(a.instance("65001"), "192.0.2.1", router4, router6, "redistribute kernel route-map MOORING"))
			r := startRouter(t, neighbour, bgpWith("65002", "192.0.2.2", anchor4, anchor6, "no redistribute kernel"))

			a.bind(&mobility.LMA{})
			r.hears(pools...)
			a.bind(&mobility.LMA{Redistribution: mobility.RedistributeHosts})
			r.hears(bound...)
			a.marksAsItsOwn(t, bound...)
			a.unbind()
			r.hears()
			a.bind(&mobility.LMA{Redistribution: mobility.RedistributeHosts, RouteDistance: 200})
			r.hears(bound...)
			a.bind(&mobility.LMA{Redistribution: mobility.RedistributeNothing, RouteDistance: 200})
			r.hears()
			a.bind(&mobility.LMA{RouteDistance: 200})
			r.hears(pools...)
		})
	}
}

// lowerDistanceWins has a static route with a lower distance than that of a node's route be used in its place, and not one with a higher
// distance.
func lowerDistanceWins(t *testing.T, c carriage) {
	a, _ := newAnchor(t, c, "")
	r := startRouter(t, a.host, "")
	leads := func(cfg *mobility.LMA, to string) {
		t.Helper()
		a.bind(cfg)
		eventually(t, "packets for the node go to "+to, func() bool { return way(a.host, "10.0.0.7") == to })
	}
	leads(&mobility.LMA{RouteDistance: 200}, "link")
	r.configure("ip route 10.0.0.7/32 " + router4 + " 150")
	leads(&mobility.LMA{RouteDistance: 200}, router4)
	leads(&mobility.LMA{RouteDistance: 100}, "link")
	leads(&mobility.LMA{RouteDistance: 255}, router4)
	leads(&mobility.LMA{}, "link")
	leads(&mobility.LMA{RouteDistance: 151}, router4)
	r.configure("no ip route 10.0.0.7/32 " + router4 + " 150")
	leads(&mobility.LMA{RouteDistance: 151}, "link")
}
