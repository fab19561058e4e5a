package usertun

import (
	"context"
	"net/netip"
	"testing"
	"time"

	netlib "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
	"mooring/dataplane/netns"
	"mooring/dataplane/planetest"
)

func TestMain(m *testing.M) {
	planetest.Main(m, func(ns *netlink.Namespace) (planetest.Plane, error) { return openIn(ns) })
}

// domain is a mobility domain of five hosts:
//
//	node ──access── mag ──eth0── core ──eth0── lma ──eth1── cn
//
// The node has a home address and a home network prefix of the anchor; the core routes neither.
type domain struct {
	node, mag, core, lma, cn *netns.Host
	access, anchor           *Plane
}

const (
	nodeAddr4, nodeAddr6 = "10.0.0.1", "2001:db8:1::1"
	cnAddr4, cnAddr6     = "203.0.113.2", "2001:db8:c::2"
	magAddr4, magAddr6   = "192.0.2.11", "2001:db8:a::11"
	lmaAddr4, lmaAddr6   = "198.51.100.1", "2001:db8:b::1"
)

var magMAC = dataplane.MAC{2, 0, 0, 0, 0, 1}

func must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func newHost(t testing.TB, name string) *netns.Host {
	t.Helper()
	h, err := netns.NewHost(name)
	must(t, err, h.Sysctl("ipv6/conf/default/accept_dad", "0")) // nobody else is there, and it takes two seconds
	t.Cleanup(func() { h.Close() })
	return h
}

func openPlane(t testing.TB, h *netns.Host, userSpaceOnly bool) *Plane {
	t.Helper()
	p, err := openPlaneOf(Options{UserSpaceOnly: userSpaceOnly}, h.Namespace)
	must(t, err)
	t.Cleanup(func() { p.Close() })
	expectFastPath(t, p, !userSpaceOnly)
	return p
}

func newDomain(t testing.TB) *domain {
	t.Helper()
	return newDomainBy(t, way{})
}

func newDomainBy(t testing.TB, w way) *domain {
	t.Helper()
	d := &domain{node: newHost(t, "node"), mag: newHost(t, "mag"), core: newHost(t, "core"), lma: newHost(t, "lma"), cn: newHost(t, "cn")}
	must(t,
		netns.Connect(d.node, "eth0", d.mag, "access"), netns.Connect(d.mag, "eth0", d.core, "mag"),
		netns.Connect(d.core, "lma", d.lma, "eth0"), netns.Connect(d.lma, "eth1", d.cn, "eth0"), d.core.Forward(),
		d.mag.Address("eth0", magAddr4+"/24"), d.core.Address("mag", "192.0.2.1/24"), d.mag.Route("0.0.0.0/0", "192.0.2.1"),
		d.lma.Address("eth0", lmaAddr4+"/24"), d.core.Address("lma", "198.51.100.2/24"), d.lma.Route("192.0.2.0/24", "198.51.100.2"),
		d.mag.Address("eth0", magAddr6+"/64"), d.core.Address("mag", "2001:db8:a::1/64"), d.mag.Route("::/0", "2001:db8:a::1"),
		d.lma.Address("eth0", lmaAddr6+"/64"), d.core.Address("lma", "2001:db8:b::2/64"), d.lma.Route("2001:db8:a::/64", "2001:db8:b::2"),
		d.lma.Address("eth1", "203.0.113.1/24"), d.cn.Address("eth0", cnAddr4+"/24"), d.cn.Route("0.0.0.0/0", "203.0.113.1"),
		d.lma.Address("eth1", "2001:db8:c::1/64"), d.cn.Address("eth0", cnAddr6+"/64"), d.cn.Route("::/0", "2001:db8:c::1"),
		d.node.Address("eth0", nodeAddr4+"/32"), d.node.Address("eth0", nodeAddr6+"/64"))
	d.attach(t, d.node)
	d.access, d.anchor = openPlane(t, d.mag, w.slowAccess), openPlane(t, d.lma, w.slowAnchor)
	return d
}

// attach gives a node its default routes over eth0, as router advertisements and DHCP would.
func (d *domain) attach(t testing.TB, node *netns.Host) {
	t.Helper()
	link, err := node.Net.LinkByName("eth0")
	must(t, err)
	for _, router := range []string{"10.0.0.254", "fe80::1"} {
		addr := netip.MustParseAddr(router)
		family, everything := unix.AF_INET, "0.0.0.0/0"
		if addr.Is6() {
			family, everything = unix.AF_INET6, "::/0"
		}
		dst, err := netlib.ParseIPNet(everything)
		must(t, err,
			node.Net.NeighSet(&netlib.Neigh{LinkIndex: link.Attrs().Index, Family: family, State: unix.NUD_PERMANENT, IP: addr.AsSlice(), HardwareAddr: magMAC[:]}),
			node.Net.RouteAdd(&netlib.Route{LinkIndex: link.Attrs().Index, Dst: dst, Gw: addr.AsSlice(), Flags: int(netlib.FLAG_ONLINK)}))
	}
}

// ends are the identifiers of one tunnel at its two ends.
type ends struct{ anchor, access dataplane.TunnelID }

func tunnelOver(encap dataplane.Encap, v6 bool) ends {
	local, peer := netip.MustParseAddr(lmaAddr4), netip.MustParseAddr(magAddr4)
	if v6 {
		local, peer = netip.MustParseAddr(lmaAddr6), netip.MustParseAddr(magAddr6)
	}
	port := uint16(0)
	if encap == dataplane.EncapUDP {
		port = PortData
	}
	return ends{
		dataplane.TunnelID{Local: local, Peer: peer, Port: port, Encap: encap},
		dataplane.TunnelID{Local: peer, Peer: local, Port: port, Encap: encap},
	}
}

func prefixes(ss ...string) (all []netip.Prefix) {
	for _, s := range ss {
		all = append(all, netip.MustParsePrefix(s))
	}
	return all
}

func apply(t testing.TB, p *Plane, objects ...dataplane.Object) {
	t.Helper()
	var batch []dataplane.Op
	for _, o := range objects {
		batch = append(batch, dataplane.Op{Object: o})
	}
	must(t, p.Apply(context.Background(), batch)...)
}

func remove(t testing.TB, p *Plane, objects ...dataplane.Object) {
	t.Helper()
	var batch []dataplane.Op
	for _, o := range objects {
		batch = append(batch, dataplane.Op{Delete: true, Object: o})
	}
	must(t, p.Apply(context.Background(), batch)...)
}

// bind installs what a binding of the node wants, at both ends.
func (d *domain) bind(t testing.TB, e ends, downlink, uplink dataplane.Key, mtu int) {
	t.Helper()
	anchor := dataplane.Path{Tunnel: e.anchor, Tx: downlink, Rx: uplink}
	access := dataplane.Path{Tunnel: e.access, Tx: uplink, Rx: downlink}
	apply(t, d.anchor, dataplane.Tunnel{ID: e.anchor, MTU: mtu})
	apply(t, d.access, dataplane.Link{Name: "access", MAC: magMAC, LinkLocal: netip.MustParseAddr("fe80::1")},
		dataplane.Tunnel{ID: e.access, MTU: mtu})
	for _, p := range prefixes("10.0.0.1/32", "2001:db8:1::/64") {
		apply(t, d.anchor, routeInto(p, anchor))
		apply(t, d.access,
			dataplane.Route{VRFPrefix: dataplane.VRFPrefix{Prefix: p}, Via: dataplane.Target{Link: "access"}},
			dataplane.SourceRoute{Link: "access", Source: p, Path: access})
	}
	link, err := d.node.Net.LinkByName("eth0")
	must(t, err)
	var mac dataplane.MAC
	copy(mac[:], link.Attrs().HardwareAddr)
	apply(t, d.access, dataplane.Neighbour{Link: "access", Addr: netip.MustParseAddr(nodeAddr4), MAC: mac})
	settle(t, d.anchor, e.anchor)
	settle(t, d.access, e.access)
}

// settle waits until the kernel carries what it may of a tunnel.
func settle(t testing.TB, p *Plane, id dataplane.TunnelID) {
	t.Helper()
	for range 6000 {
		if tunnels, _ := p.Tunnels(); tunnels[id].Fast || p.FastPath() != nil || id.Encap == dataplane.EncapUDP {
			return
		}
		p.lookAgain()
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("the kernel does not carry %s", id)
}

func routeInto(p netip.Prefix, path dataplane.Path) dataplane.Route {
	return dataplane.Route{VRFPrefix: dataplane.VRFPrefix{Prefix: p}, Via: dataplane.Target{Path: path}}
}
