// Package vrf tests customers in VRFs from signalling to packets: an anchor and gateways with real sockets, tunnels and routing tables. On
// a host without vrf interfaces the anchor's VRFs are network namespaces; in the virtual machine they are vrf interfaces.
package vrf

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"mooring/dataplane"
	"mooring/dataplane/backend"
	"mooring/dataplane/netns"
	"mooring/dataplane/planetest"
	"mooring/dataplane/reconcile"
	"mooring/mobility"
	"mooring/mobility/engine"
	"mooring/mobility/scenario"
	"mooring/mobility/transport"
	"mooring/mobility/wire"
)

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// forwarder is what forwards and signals on a host.
type forwarder struct {
	plane      *backend.Plane
	reconciler *reconcile.Reconciler
	engine     *engine.Engine
	grants     chan mobility.Grant
}

// carriage is what carries traffic, and in which tunnels.
type carriage struct {
	backend backend.Wish
	encap   dataplane.Encap
}

// usual is what both ends do unless they are told otherwise.
var usual = carriage{backend.Auto, dataplane.EncapGRE}

func start(t *testing.T, h *netns.Host, by backend.Wish) *forwarder {
	t.Helper()
	e := &forwarder{grants: make(chan mobility.Grant, 100)}
	var err error
	e.plane, err = backend.Open(backend.Options{Namespace: h.Namespace})
	must(t, err, e.plane.Use(by))
	e.reconciler = reconcile.New(e.plane, reconcile.Options{Results: func(r []dataplane.Result) { e.engine.Installed(r) }})
	sockets := transport.NewSockets(transport.Options{Enter: e.plane.InVRF})
	e.engine = engine.New(engine.Options{Transport: sockets, Dataplane: e.reconciler, Grants: func(list []mobility.Grant) {
		for _, g := range list {
			if g.Home.IsValid() {
				e.grants <- g
			}
		}
	}})
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { e.engine.Run(ctx) })
	running.Go(func() { e.reconciler.Run(ctx) })
	t.Cleanup(func() {
		stop()
		running.Wait()
		sockets.Close()
		e.plane.Close()
	})
	return e
}

func (e *forwarder) commit(t *testing.T, signal *mobility.Config, forward dataplane.Config) {
	t.Helper()
	e.plane.ReserveVRFs(forward.VRFs)
	c, err := e.engine.Prepare(t.Context(), nil, signal)
	must(t, err)
	c.Apply()
	e.reconciler.Configure(forward)
}

func host(t *testing.T, name string) *netns.Host {
	t.Helper()
	h, err := netns.NewHost(name)
	must(t, err, h.Sysctl("ipv6/conf/default/accept_dad", "0")) // nobody else is there, and it takes two seconds
	t.Cleanup(func() { h.Close() })
	return h
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func domain(encap dataplane.Encap) *mobility.Domain {
	return &mobility.Domain{Name: "d1", Encap: encap, Profiles: scenario.Profiles{
		"@example.com": {Name: "@example.com", Service: mobility.ServiceDual},
	}}
}

// customer has pools like every other one.
func customer(name, vrf, network string, transports ...mobility.VRFAddr) *mobility.Customer {
	return &mobility.Customer{Name: name, VRF: vrf, Transports: transports, Networks: map[string]*mobility.Network{
		network: {Name: network, Pools: []mobility.Pool{
			{Start: addr("2001:db8:1::"), Bits: 48, Unit: 64},
			{Start: addr("10.10.10.2"), Bits: 24, Unit: 32, Router: addr("10.10.10.1")},
		}},
	}}
}

// site is a gateway with a node.
type site struct {
	*forwarder
	host, node *netns.Host
	home       string
	by         carriage
}

// newSite connects a gateway to a link of the anchor.
func newSite(t *testing.T, name string, lma *netns.Host, link, care, anchor string, by carriage) *site {
	t.Helper()
	s := &site{host: host(t, name), node: host(t, "node-"+name), by: by}
	must(t, netns.Connect(s.node, "eth0", s.host, "access"), netns.Connect(s.host, "eth0", lma, link),
		s.host.Address("eth0", care+"/24"), lma.Address(link, anchor+"/24"))
	s.forwarder = start(t, s.host, by.backend)
	s.configure(t, name, care, anchor)
	return s
}

func (s *site) configure(t *testing.T, name, care, anchor string) {
	t.Helper()
	s.commit(t, &mobility.Config{MAGs: map[string]*mobility.MAG{name: {
		Name: name, Domain: domain(s.by.encap), Addresses: []netip.Addr{addr(care)}, ForceUDP: s.by.encap == dataplane.EncapUDP,
		Anchors:     []mobility.Peer{{Name: "lma1", Addresses: []netip.Addr{addr(anchor)}}},
		MaxBindings: 10, Lifetime: time.Hour, Refresh: 5 * time.Minute, InitialRetransmit: 200 * time.Millisecond, MaxRetransmit: time.Second,
		Links: []mobility.AccessLink{{Name: "access", Access: wire.Access80211, Realm: "example.com"}},
	}}}, dataplane.Config{Links: []dataplane.Link{{Name: "access", MAC: planetest.MAGMAC, LinkLocal: addr("fe80::1")}}})
}

// attach has the gateway notice the node.
func (s *site) attach(t *testing.T) {
	t.Helper()
	link, err := s.node.Net.LinkByName("eth0")
	must(t, err)
	s.engine.Attached(mobility.Attachment{Kind: mobility.NodeAttached, Link: "access", MAC: dataplane.MAC(link.Attrs().HardwareAddr)})
}

// granted waits for the node's addresses, and gives them to it.
func (s *site) granted(t *testing.T) {
	t.Helper()
	select {
	case g := <-s.grants:
		s.home = g.Home.Addr().String()
		must(t, s.node.Address("eth0", s.home+"/32"), s.node.Address("eth0", g.Prefixes[0].Addr().Next().String()+"/64"))
		planetest.Attach(t, s.node)
	case <-time.After(time.Minute):
		t.Fatalf("%s: the node is not registered", s.host.Name)
	}
}

// Two customers have the same pools and the same hosts. The first is reached by two operators, in VRFs of their own, at the same address of
// the anchor, by gateways with the same address; the second in the default VRF (MLL-02, MLL-13, MLL-14, MLL-15, MLL-19, MLL-23). In the default VRF, the
// anchor has the addresses of a node of each for itself.
func TestMLL02_CustomersFromSignallingToPackets(t *testing.T) { fromSignallingToPackets(t, usual) }

func fromSignallingToPackets(t *testing.T, by carriage) {
	lma, cn1, cn2 := host(t, "lma"), host(t, "cn1"), host(t, "cn2")
	for link, cn := range map[string]*netns.Host{"c1": cn1, "c2": cn2} {
		must(t, netns.Connect(lma, link, cn, "eth0"),
			lma.Address(link, "203.0.113.1/24"), cn.Address("eth0", planetest.CNAddr4+"/24"), cn.Route("0.0.0.0/0", "203.0.113.1"),
			lma.Address(link, "2001:db8:c::1/64"), cn.Address("eth0", planetest.CNAddr6+"/64"), cn.Route("::/0", "2001:db8:c::1"))
	}
	must(t, lma.Address("lo", "10.10.10.2/32"), lma.Address("lo", "2001:db8:1::1/128"))
	const first, second = "15.15.15.2", "16.16.16.2" // addresses of the anchor
	site1 := newSite(t, "mag1", lma, "op1", "15.15.15.11", first, by)
	site2 := newSite(t, "mag2", lma, "op2", "16.16.16.12", second, by)
	site3 := newSite(t, "mag3", lma, "op3", "15.15.15.11", first, by)
	anchor := start(t, lma, by.backend)
	customers := map[string]*mobility.Customer{
		"CUST1": customer("CUST1", "VRF1", "net1", mobility.VRFAddr{VRF: "OP1", Addr: addr(first)}, mobility.VRFAddr{VRF: "OP2", Addr: addr(first)}),
		"CUST2": customer("CUST2", "VRF2", "net2", mobility.VRFAddr{Addr: addr(second)}),
	}
	forward := dataplane.Config{
		VRFs: []dataplane.VRF{{Name: "VRF1"}, {Name: "VRF2"}, {Name: "OP1"}, {Name: "OP2"}},
		Members: []dataplane.Member{{Link: "c1", VRF: "VRF1"}, {Link: "c2", VRF: "VRF2"},
			{Link: "op1", VRF: "OP1"}, {Link: "op3", VRF: "OP2"}},
	}
	signal := func() *mobility.Config {
		return &mobility.Config{LMAs: map[string]*mobility.LMA{"lma1": {
			Name: "lma1", Domain: domain(by.encap), MaxPrefixes: 3, MaxBindings: 1000, Lifetime: time.Hour, DeleteWait: 10 * time.Millisecond,
			CreateWait: 1500 * time.Millisecond, TimestampWindow: time.Minute, LearnPeers: true, Customers: customers,
		}}}
	}
	anchor.commit(t, signal(), forward)

	for _, s := range []*site{site1, site2, site3} {
		s.attach(t)
		s.granted(t)
	}
	if site1.home != "10.10.10.2" || site2.home != site1.home || site3.home != "10.10.10.3" {
		t.Errorf("home addresses %s %s %s", site1.home, site2.home, site3.home)
	}
	t.Run("nodes reach hosts of their own customer", func(t *testing.T) {
		for _, pair := range []struct {
			site *site
			cn   *netns.Host
		}{{site1, cn1}, {site2, cn2}, {site3, cn1}} {
			planetest.Transfer(t, pair.site.node, pair.cn, planetest.CNAddr4)
			planetest.Transfer(t, pair.site.node, pair.cn, planetest.CNAddr6)
			planetest.Transfer(t, pair.cn, pair.site.node, pair.site.home)
		}
	})
	t.Run("and of no other", func(t *testing.T) {
		must(t, cn2.Address("eth0", "203.0.113.3/24")) // that the first customer has not
		planetest.Unreachable(t, site1.node, cn2, "203.0.113.3")
		planetest.Unreachable(t, site3.node, cn2, "203.0.113.3")
		planetest.Unreachable(t, cn2, site3.node, site3.home)
		planetest.Transfer(t, site2.node, cn2, "203.0.113.3")
	})
	t.Run("a request in the wrong VRF is not answered", func(t *testing.T) {
		must(t, site1.host.Route("16.16.16.0/24", first))
		site1.commit(t, nil, dataplane.Config{})
		site1.configure(t, "wrong", "15.15.15.11", second)
		sent := &site1.engine.MAG("wrong").Statistics.PBUSent
		site1.attach(t)
		for deadline := time.Now().Add(time.Minute); sent.Load() < 3 && time.Now().Before(deadline); {
			time.Sleep(10 * time.Millisecond)
		}
		if n := sent.Load(); n < 3 {
			t.Fatalf("%d requests were sent", n)
		}
		select {
		case g := <-site1.grants:
			t.Errorf("granted %+v", g)
		default:
		}
		site1.commit(t, nil, dataplane.Config{}) // its link is in the default VRF soon
	})
	t.Run("a customer goes, and takes nothing of the other along", func(t *testing.T) {
		customers = maps.Clone(customers) // the anchor reads what it has until then
		delete(customers, "CUST1")
		anchor.commit(t, signal(), dataplane.Config{VRFs: forward.VRFs[1:2], Members: forward.Members[1:2]})
		var left string
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			var err error
			left, err = dataplane.Picture(t.Context(), anchor.plane)
			if must(t, err); strings.Count(left, "\n") == 5 {
				break
			}
		}
		path := dataplane.TunnelID{Local: addr(second), Peer: addr("16.16.16.12"), Encap: by.encap}
		if by.encap == dataplane.EncapUDP {
			path.Port = mobility.DataPort
		}
		for _, want := range []string{"member c2 vrf VRF2\n", fmt.Sprint("route 10.10.10.2/32 vrf VRF2: ", path), fmt.Sprint("route 2001:db8:1::/64 vrf VRF2: ", path),
			fmt.Sprint("tunnel ", path), "vrf VRF2\n"} {
			if !strings.Contains(left, want) || strings.Count(left, "\n") != 5 {
				t.Fatalf("left is\n%swant %s and four lines more", left, want)
			}
		}
		planetest.Transfer(t, site2.node, cn2, planetest.CNAddr4)
	})
}
