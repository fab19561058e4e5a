// Package frr holds tests of the routes that a plane makes with a routing daemon beside it: what FRR makes of them, and tells a neighbour.
package frr

import (
	"context"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"

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
	vrf  string
	host *netns.Host // where the VRF is
}

// The interface "peer" joins the VRF of the anchor and the router.
const (
	anchor4, router4 = "192.0.2.1", "192.0.2.2"
	anchor6, router6 = "2001:db8:ff::1", "2001:db8:ff::2"
)

func newAnchor(t *testing.T, vrf string) (a *anchor, neighbour *netns.Host) {
	t.Helper()
	lma, err := netns.NewHost("lma")
	must(t, err)
	neighbour, err = netns.NewHost("router")
	must(t, err)
	t.Cleanup(func() { must(t, lma.Close(), neighbour.Close()) })
	must(t, netns.Connect(lma, "peer", neighbour, "peer"),
		lma.Address("peer", anchor4+"/24"), lma.Address("peer", anchor6+"/64"), neighbour.Address("peer", router4+"/24"), neighbour.Address("peer", router6+"/64"),
		lma.Address("lo", "198.51.100.1/32"), lma.Route("203.0.113.0/24", router4)) // the MAG is somewhere there
	names := t.TempDir()
	p, err := backend.Open(backend.Options{Namespace: lma.Namespace, Names: names, NoVRFDevices: true, UserSpaceOnly: true})
	must(t, err)
	t.Cleanup(func() { must(t, p.Close()) })
	a = &anchor{reconcile.New(p, reconcile.Options{}), vrf, lma}
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

// EXT-06, MLL-22: a neighbour that speaks BGP hears of the pools, of what nodes have as long as they have it, or of nothing; and never of what
// others have made.
func TestEXT06_MLL22_NeighbourHearsWhatItMay(t *testing.T) {
	for name, vrf := range map[string]string{"default VRF": "", "VRF of a customer": "CUST1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, neighbour := newAnchor(t, vrf)
			must(t, a.host.Route("198.51.100.128/25", router4)) // of an operator
			startRouter(t, a.host, bgpWith(65001, "192.0.2.1", router4, router6, "redistribute kernel route-map MOORING"))
			r := startRouter(t, neighbour, bgpWith(65002, "192.0.2.2", anchor4, anchor6, "no redistribute kernel"))

			a.bind(&mobility.LMA{})
			r.hears(pools...)
			a.bind(&mobility.LMA{Redistribution: mobility.RedistributeHosts})
			r.hears(bound...)
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

// EXT-07: a static route with a lower distance than that of a node's route is used in its place, and not one with a higher distance.
func TestEXT07_StaticRouteWithLowerDistanceWins(t *testing.T) {
	a, _ := newAnchor(t, "")
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
