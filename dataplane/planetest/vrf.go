package planetest

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	netlib "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
	"mooring/dataplane/netns"
	"mooring/dataplane/reconcile"
)

// inVRF is what planes have beside dataplane.Plane.
type inVRF interface {
	InVRF(vrf string, f func(device string) error) error
}

// VRFHost is the namespace that a VRF of a plane is in.
func VRFHost(t testing.TB, p inVRF, vrf string) *netns.Host {
	t.Helper()
	var space *netlink.Namespace
	must(t, p.InVRF(vrf, func(string) (err error) {
		space, err = netlink.OpenNamespace("/proc/thread-self/ns/net")
		return err
	}))
	h, err := netns.HostOf(space, vrf)
	must(t, err)
	t.Cleanup(func() { h.Close() })
	return h
}

// customers is an anchor of two customers, whose addresses overlap, and who are reached by two operators, whose addresses overlap, too:
//
//	node1 ── mag1 ── OP1 ─┐     ┌─ CUST1 ── cn1
//	node3 ── mag3 ── OP2 ─┤ lma ┤
//	node2 ── mag2 ── OP2 ─┤     └─ CUST2 ── cn2
//	node4 ── mag4 ────────┘
//
// Node1 and node3 are of CUST1; mag1 and mag3 have the same address, and reach the anchor at the same one. Node1 and node2 have the same
// home address, and cn1 and cn2 the same address. Mag4 reaches the anchor in the default VRF.
type customers struct {
	lma   *netns.Host
	plane Plane
	*reconcile.Reconciler
	config   dataplane.Config // without policies
	sites    map[string]*site
	cn1, cn2 *netns.Host
}

// site is a node with its gateway.
type site struct {
	node   *netns.Host
	plane  Plane
	home   string
	anchor dataplane.Session // what its binding wants of the anchor
	path   dataplane.Path    // of the gateway
}

const (
	sharedHome4, sharedHome6 = "10.0.0.1", "2001:db8:1::1"
	ownHome4, ownHome6       = "10.0.0.3", "2001:db8:3::1"
	fourth4, fourth6         = "10.0.0.4", "2001:db8:4::1"
)

// VRFs tests customers and operators with routing tables of their own. anchor opens the plane of the anchor, access that of a gateway.
func VRFs(t *testing.T, anchor, access func(*netlink.Namespace) (Plane, error), encaps ...dataplane.Encap) {
	for _, encap := range encaps {
		t.Run(encap.String(), func(t *testing.T) {
			c := newCustomers(t, anchor, access, encap)
			t.Run("nodes reach their own customer's hosts by their own operator MLL-02 MLL-13 MLL-15 MLL-23", c.carries)
			t.Run("nothing gets from one customer to another MLL-19", c.leaksNothing)
			t.Run("a gateway cannot send as a node of another customer's MLL-19", c.dropsSpoofed)
			t.Run("a policy is of the tunnels of one operator TUN-02 TUN-03", c.policed)
			t.Run("rules are as many with many bindings", c.rulesAreConstant)
			t.Run("what a stranger removes is back long before the next comparison", c.strangers)
			t.Run("everything goes, and interfaces come back with their addresses", c.ends)
		})
	}
}

func newCustomers(t *testing.T, anchor, access func(*netlink.Namespace) (Plane, error), encap dataplane.Encap) *customers {
	t.Helper()
	c := &customers{lma: newNamespace(t, "lma"), cn1: newNamespace(t, "cn1"), cn2: newNamespace(t, "cn2"), sites: map[string]*site{}}
	for link, cn := range map[string]*netns.Host{"c1": c.cn1, "c2": c.cn2} {
		must(t, netns.Connect(c.lma, link, cn, "eth0"),
			c.lma.Address(link, "203.0.113.1/24"), cn.Address("eth0", CNAddr4+"/24"), cn.Route("0.0.0.0/0", "203.0.113.1"),
			c.lma.Address(link, "2001:db8:c::1/64"), cn.Address("eth0", CNAddr6+"/64"), cn.Route("::/0", "2001:db8:c::1"))
	}
	must(t, c.cn2.Address("eth0", "203.0.113.3/24")) // that nobody else has
	c.site(t, access, 1, "OP1", "op1", "198.51.100.1", "198.51.100.11", sharedHome4, sharedHome6, encap)
	c.site(t, access, 2, "OP2", "op2", "198.51.101.1", "198.51.101.11", sharedHome4, sharedHome6, encap)
	c.site(t, access, 3, "OP2", "op3", "198.51.100.1", "198.51.100.11", ownHome4, ownHome6, encap)
	c.site(t, access, 4, "", "op4", "198.51.102.1", "198.51.102.11", fourth4, fourth6, encap)
	p, err := anchor(c.lma.Namespace)
	must(t, err)
	t.Cleanup(func() { p.Close() })
	c.plane = p
	c.Reconciler = reconcile.New(p, reconcile.Options{})
	c.config = dataplane.Config{
		VRFs: []dataplane.VRF{{Name: "CUST1"}, {Name: "CUST2", Table: 77}, {Name: "OP1"}, {Name: "OP2"}},
		Members: []dataplane.Member{{Link: "c1", VRF: "CUST1"}, {Link: "c2", VRF: "CUST2"}, {Link: "op1", VRF: "OP1"},
			{Link: "op2", VRF: "OP2"}, {Link: "op3", VRF: "OP2"}},
		Blackholes: []dataplane.Blackhole{
			{VRFPrefix: dataplane.VRFPrefix{VRF: "CUST1", Prefix: prefix("10.0.0.0/24")}},
			{VRFPrefix: dataplane.VRFPrefix{VRF: "CUST2", Prefix: prefix("10.0.0.0/24")}},
		},
	}
	c.Configure(c.config)
	for _, s := range c.sites {
		c.Want([]dataplane.Change{{ID: s.anchor.ID, Session: &s.anchor}})
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { c.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	eventually(t, "everything is installed", func() bool {
		status := c.Status()
		if status.Failed > 0 {
			t.Log(status.Failures[0].Object, status.Failures[0].Err)
		}
		return c.installed()
	})
	return c
}

// lasting is how many objects the anchor has of what is there all the time: VRFs, members, blackholes, and of four sites the tunnels and routes.
const lasting = 4 + 5 + 2 + 4 + 8

// installed reports whether the anchor has all that is wanted.
func (c *customers) installed() bool {
	status := c.Status()
	return status.Pending+status.Failed == 0 && status.Objects >= lasting
}

// site connects a gateway with its node to the anchor.
func (c *customers) site(t *testing.T, open func(*netlink.Namespace) (Plane, error), id int, operator, link, local, care, home4, home6 string, encap dataplane.Encap) {
	t.Helper()
	name := fmt.Sprint(id)
	mag, s := newNamespace(t, "mag"+name), &site{node: newNamespace(t, "node"+name), home: home4}
	must(t, netns.Connect(s.node, "eth0", mag, "access"), netns.Connect(mag, "eth0", c.lma, link),
		mag.Address("eth0", care+"/24"), c.lma.Address(link, local+"/24"),
		s.node.Address("eth0", home4+"/32"), s.node.Address("eth0", home6+"/64"))
	Attach(t, s.node)
	p, err := open(mag.Namespace)
	must(t, err)
	t.Cleanup(func() { p.Close() })
	s.plane = p
	port := uint16(0)
	if encap == dataplane.EncapUDP {
		port = 5437 // RFC 5844 section 4.1.3
	}
	s.path = dataplane.Path{Tunnel: dataplane.TunnelID{Local: addr(care), Peer: addr(local), Port: port, Encap: encap}}
	s.anchor = dataplane.Session{
		ID: dataplane.SessionID(id), Side: dataplane.Anchor, VRF: "CUST1",
		Path:     dataplane.Path{Tunnel: dataplane.TunnelID{VRF: operator, Local: addr(local), Peer: addr(care), Port: port, Encap: encap}},
		Prefixes: []netip.Prefix{prefix(home4 + "/32"), netip.PrefixFrom(addr(home6), 64).Masked()},
	}
	if id%2 == 0 {
		s.anchor.VRF = "CUST2"
	}
	apply(t, p, put(dataplane.Link{Name: "access", MAC: MAGMAC, LinkLocal: addr("fe80::1")}, dataplane.Tunnel{ID: s.path.Tunnel}))
	for _, home := range s.anchor.Prefixes {
		s.bind(t, home)
	}
	c.sites[name] = s
}

// bind has the gateway of a site send for a prefix.
func (s *site) bind(t *testing.T, home netip.Prefix) {
	t.Helper()
	objects := []dataplane.Object{
		dataplane.Route{VRFPrefix: dataplane.VRFPrefix{Prefix: home}, Via: dataplane.Target{Link: "access"}},
		dataplane.SourceRoute{Link: "access", Source: home, Path: s.path},
	}
	if home.Addr().Is4() {
		link, err := s.node.Net.LinkByName("eth0")
		must(t, err)
		objects = append(objects, dataplane.Neighbour{Link: "access", Addr: home.Addr(), MAC: dataplane.MAC(link.Attrs().HardwareAddr)})
	}
	apply(t, s.plane, put(objects...))
}

func (c *customers) carries(t *testing.T) {
	for name, cn := range map[string]*netns.Host{"1": c.cn1, "2": c.cn2, "3": c.cn1, "4": c.cn2} {
		s := c.sites[name]
		Transfer(t, s.node, cn, CNAddr4)
		Transfer(t, s.node, cn, CNAddr6)
		Transfer(t, cn, s.node, s.home)
		tunnels, _ := c.plane.Tunnels()
		if n := tunnels[s.anchor.Path.Tunnel].Counters; n.RxOctets < 2<<20 || n.TxOctets < 1<<20 {
			t.Errorf("site %s: %+v", name, n)
		}
	}
}

func (c *customers) leaksNothing(t *testing.T) {
	sink := listen(t, c.cn2, CNAddr4)
	alone := listen(t, c.cn2, "203.0.113.3")
	own := listen(t, c.sites["2"].node, sharedHome4)
	for _, name := range []string{"1", "3"} {
		s := c.sites[name]
		source := listen(t, s.node, s.home)
		send(t, source, sink) // to an address of both customers
		send(t, source, alone)
	}
	fromOther := listen(t, c.cn2, CNAddr4)
	theirs := listen(t, c.sites["3"].node, ownHome4)
	_, _ = fromOther.WriteTo([]byte("hello"), theirs.LocalAddr()) // a refusal may come back
	send(t, own, sink)
	send(t, own, alone)
	for _, each := range []*net.UDPConn{sink, alone} {
		if !arrives(t, each, 5*time.Second) {
			t.Error("nothing arrives from the customer's own node")
		}
		if arrives(t, each, 50*time.Millisecond) {
			t.Error("a packet of another customer arrives")
		}
	}
	if arrives(t, theirs, 50*time.Millisecond) {
		t.Error("a packet to a node of another customer arrives")
	}
}

func (c *customers) dropsSpoofed(t *testing.T) {
	s := c.sites["2"]
	must(t, s.node.Address("eth0", ownHome4+"/32"))
	s.bind(t, prefix(ownHome4+"/32")) // this gateway has been taken over
	sinks := []*net.UDPConn{listen(t, c.cn1, CNAddr4), listen(t, c.cn2, CNAddr4)}
	source := listen(t, s.node, ownHome4)
	for _, sink := range sinks {
		send(t, source, sink)
	}
	for name, other := range c.sites {
		want := dataplane.Drops{}
		if other == s {
			want.Spoofed = 2
		}
		becomesDrops(t, "two spoofed packets by site 2, site "+name, c.plane, other.anchor.Path.Tunnel, want)
	}
	for _, sink := range sinks {
		if arrives(t, sink, 50*time.Millisecond) {
			t.Error("a spoofed packet arrives")
		}
	}
}

// policed has a policy on the tunnels of one operator. The other one has an address like that.
func (c *customers) policed(t *testing.T) {
	of, other := c.sites["1"], c.sites["3"]
	from, fromOther := listen(t, of.node, of.home), listen(t, other.node, other.home)
	denied, permitted := listen(t, c.cn1, CNAddr4), listen(t, c.cn1, CNAddr4)
	expectOnly(t, from, []*net.UDPConn{denied, fromOther, permitted}, true, true, true)
	id := of.anchor.Path.Tunnel
	policy := dataplane.Policy{PolicyKey: dataplane.PolicyKey{VRF: id.VRF, Local: id.Local, Side: dataplane.Anchor}, Inbound: &dataplane.Filter{
		Blocked: []netip.Prefix{prefix("10.0.0.0/24")},
		List: &dataplane.AccessList{Name: "acl1", V4: true, Rules: []dataplane.AccessRule{
			{Name: "10", Version: 4, Protocol: protocol(17), DestinationPorts: portOf(denied)}, {Name: "20", Permit: true, Version: 4},
		}},
	}}
	with := c.config
	with.Policies = []dataplane.Policy{policy}
	c.Configure(with)
	eventually(t, "the policy is installed", func() bool { return c.has(t, policy) })
	expectOnly(t, from, []*net.UDPConn{denied, fromOther, permitted}, false, false, true)
	expectOnly(t, fromOther, []*net.UDPConn{denied, from, permitted}, true, true, true)
	for rule, want := range map[string]uint64{"10": 1, "20": 1} {
		if got := matchesOf(c.plane, "acl1", rule).Packets; got != want {
			t.Errorf("rule %s has decided about %d packets, want %d", rule, got, want)
		}
	}
	c.Configure(c.config)
	eventually(t, "the policy is gone", func() bool { return !c.has(t, policy) })
	expectOnly(t, from, []*net.UDPConn{denied, fromOther, permitted}, true, true, true)
}

// has reports whether the anchor's host has a policy.
func (c *customers) has(t *testing.T, policy dataplane.Policy) bool {
	t.Helper()
	for o, err := range c.plane.Dump(t.Context()) {
		must(t, err)
		if o == dataplane.Object(policy) {
			return true
		}
	}
	return false
}

// rules counts the policy rules of all namespaces that VRFs are in.
func (c *customers) rules(t *testing.T) (n int) {
	t.Helper()
	for _, vrf := range []string{"", "CUST1", "CUST2", "OP1", "OP2"} {
		for _, family := range []int{netlib.FAMILY_V4, netlib.FAMILY_V6} {
			rules, err := VRFHost(t, c.plane.(inVRF), vrf).Net.RuleList(family)
			must(t, err)
			n += len(rules)
		}
	}
	return n
}

func (c *customers) rulesAreConstant(t *testing.T) {
	before := c.rules(t)
	for i := range 50 {
		s := c.sites[[]string{"1", "2", "3"}[i%3]].anchor
		s.ID, s.Prefixes = dataplane.SessionID(100+i), []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 1, byte(i)}), 32)}
		c.Want([]dataplane.Change{{ID: s.ID, Session: &s}})
	}
	eventually(t, "the bindings are installed", func() bool { return c.installed() && c.Status().Objects >= lasting+50 })
	for i := range 50 {
		defer c.Want([]dataplane.Change{{ID: dataplane.SessionID(100 + i)}})
	}
	if after := c.rules(t); after != before {
		t.Errorf("%d rules with 50 bindings more, %d without", after, before)
	}
}

func (c *customers) strangers(t *testing.T) {
	eventually(t, "all is quiet", func() bool { return c.installed() && c.Status().Objects == lasting })
	before, err := dataplane.Picture(t.Context(), c.plane)
	must(t, err)
	const tries = 5 // a comparison that something else has caused may be first
	for _, vrf := range []string{"CUST1", "CUST2"} {
		for try := 1; ; try++ {
			told, removed := c.notified(), c.removeShared(t, vrf)
			eventually(t, "the routes are back", func() bool {
				after, err := dataplane.Picture(t.Context(), c.plane)
				return err == nil && after == before
			})
			if within(2*time.Second, func() bool { return c.notified() == told+removed }) {
				break
			}
			if try == tries {
				t.Fatalf("%s: events say that the host has told of %d routes, of %d that were removed", vrf, c.notified()-told, removed)
			}
		}
	}
	Transfer(t, c.sites["1"].node, c.cn1, CNAddr4)
}

// removeShared removes the routes to what both customers have, and says how many: those of both where VRFs are interfaces, which share a namespace.
func (c *customers) removeShared(t *testing.T, vrf string) (removed int) {
	h := VRFHost(t, c.plane.(inVRF), vrf)
	routes, err := netlink.Dump(func() ([]netlib.Route, error) {
		return h.Net.RouteListFiltered(netlib.FAMILY_V4, &netlib.Route{Table: unix.RT_TABLE_UNSPEC, Protocol: netlink.Protocol},
			netlib.RT_FILTER_TABLE|netlib.RT_FILTER_PROTOCOL)
	})
	must(t, err)
	for _, r := range routes {
		if r.Dst.String() == sharedHome4+"/32" {
			must(t, h.Net.RouteDel(&r))
			removed++
		}
	}
	if removed == 0 {
		t.Fatalf("%s has no route to %s", vrf, sharedHome4)
	}
	return removed
}

// notified is how many objects were made again because the host has told that they were removed.
func (c *customers) notified() (count int) {
	latest, _ := c.Repairs()
	for _, r := range latest {
		if r.Found == reconcile.Notified {
			count += r.Count
		}
	}
	return count
}

func (c *customers) ends(t *testing.T) {
	for _, s := range c.sites {
		c.Want([]dataplane.Change{{ID: s.anchor.ID}})
	}
	c.Configure(dataplane.Config{})
	eventually(t, "nothing is left", func() bool {
		left, err := dataplane.Picture(t.Context(), c.plane)
		return err == nil && left == ""
	})
	for _, name := range []string{"c1", "c2", "op1", "op2", "op3", "op4"} {
		link, err := c.lma.Net.LinkByName(name)
		must(t, err)
		addresses, err := c.lma.Net.AddrList(link, netlib.FAMILY_V4)
		if err != nil || len(addresses) != 1 || link.Attrs().MasterIndex != 0 {
			t.Errorf("%s has %v, %v", name, addresses, err)
		}
	}
	links, err := c.lma.Net.LinkList()
	must(t, err)
	for _, l := range links {
		if l.Type() == "vrf" || strings.HasPrefix(l.Attrs().Name, "m") {
			t.Errorf("%s is left", l.Attrs().Name)
		}
	}
}

// Unreachable sends to an address of a host, which must not get it. Something else that is sent behind it by the same way does not exist, so
// it waits a little.
func Unreachable(t *testing.T, from, to *netns.Host, address string) {
	t.Helper()
	sink := listen(t, to, address)
	var source *net.UDPConn
	must(t, from.Do(func() (err error) { source, err = net.ListenUDP("udp", nil); return }))
	t.Cleanup(func() { source.Close() })
	for range 3 {
		_, _ = source.WriteTo([]byte("hello"), sink.LocalAddr()) // the host may know that there is no way
	}
	if arrives(t, sink, 200*time.Millisecond) {
		t.Errorf("%s reaches %s at %s", from.Name, to.Name, address)
	}
}
