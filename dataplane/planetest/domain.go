package planetest

import (
	"net/netip"
	"testing"

	netlib "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/netns"
)

// Domain is a mobility domain of five hosts, without planes yet:
//
//	node ──access── mag ──eth0── core ──eth0── lma ──eth1── cn
//
// The node has a home address and a home network prefix of the anchor; the core routes neither.
type Domain struct{ Node, MAG, Core, LMA, CN *netns.Host }

// The addresses of the domain.
const (
	NodeAddr4, NodeAddr6 = "10.0.0.1", "2001:db8:1::1"
	CNAddr4, CNAddr6     = "203.0.113.2", "2001:db8:c::2"
	MAGAddr4, MAGAddr6   = "192.0.2.11", "2001:db8:a::11"
	LMAAddr4, LMAAddr6   = "198.51.100.1", "2001:db8:b::1"
)

// MAGMAC is the link-layer address that the node knows its router by.
var MAGMAC = dataplane.MAC{2, 0, 0, 0, 0, 1}

// NewDomain connects the hosts. They are gone after the test.
func NewDomain(t testing.TB) *Domain {
	t.Helper()
	d := &Domain{newNamespace(t, "node"), newNamespace(t, "mag"), newNamespace(t, "core"), newNamespace(t, "lma"), newNamespace(t, "cn")}
	must(t,
		netns.Connect(d.Node, "eth0", d.MAG, "access"), netns.Connect(d.MAG, "eth0", d.Core, "mag"),
		netns.Connect(d.Core, "lma", d.LMA, "eth0"), netns.Connect(d.LMA, "eth1", d.CN, "eth0"), d.Core.Forward(),
		d.MAG.Address("eth0", MAGAddr4+"/24"), d.Core.Address("mag", "192.0.2.1/24"), d.MAG.Route("0.0.0.0/0", "192.0.2.1"),
		d.LMA.Address("eth0", LMAAddr4+"/24"), d.Core.Address("lma", "198.51.100.2/24"), d.LMA.Route("192.0.2.0/24", "198.51.100.2"),
		d.MAG.Address("eth0", MAGAddr6+"/64"), d.Core.Address("mag", "2001:db8:a::1/64"), d.MAG.Route("::/0", "2001:db8:a::1"),
		d.LMA.Address("eth0", LMAAddr6+"/64"), d.Core.Address("lma", "2001:db8:b::2/64"), d.LMA.Route("2001:db8:a::/64", "2001:db8:b::2"),
		d.LMA.Address("eth1", "203.0.113.1/24"), d.CN.Address("eth0", CNAddr4+"/24"), d.CN.Route("0.0.0.0/0", "203.0.113.1"),
		d.LMA.Address("eth1", "2001:db8:c::1/64"), d.CN.Address("eth0", CNAddr6+"/64"), d.CN.Route("::/0", "2001:db8:c::1"),
		d.Node.Address("eth0", NodeAddr4+"/32"), d.Node.Address("eth0", NodeAddr6+"/64"))
	Attach(t, d.Node)
	return d
}

// Attach gives a node its default routes over eth0, as router advertisements and DHCP would.
func Attach(t testing.TB, node *netns.Host) {
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
			node.Net.NeighSet(&netlib.Neigh{LinkIndex: link.Attrs().Index, Family: family, State: unix.NUD_PERMANENT, IP: addr.AsSlice(), HardwareAddr: MAGMAC[:]}),
			node.Net.RouteAdd(&netlib.Route{LinkIndex: link.Attrs().Index, Dst: dst, Gw: addr.AsSlice(), Flags: int(netlib.FLAG_ONLINK)}))
	}
}

// Binding is what a binding of the domain's node wants at both ends.
type Binding struct {
	Encap            dataplane.Encap
	V6               bool          // outside
	Downlink, Uplink dataplane.Key // to and from the gateway
	MTU              int
}

// Tunnels returns the identifiers of the tunnel at its two ends.
func (b Binding) Tunnels() (anchor, access dataplane.TunnelID) {
	local, peer := addr(LMAAddr4), addr(MAGAddr4)
	if b.V6 {
		local, peer = addr(LMAAddr6), addr(MAGAddr6)
	}
	port := uint16(0)
	if b.Encap == dataplane.EncapUDP {
		port = 5437 // RFC 5844 section 4.1.3
	}
	return dataplane.TunnelID{Local: local, Peer: peer, Port: port, Encap: b.Encap},
		dataplane.TunnelID{Local: peer, Peer: local, Port: port, Encap: b.Encap}
}

// Paths returns the paths from the two ends.
func (b Binding) Paths() (anchor, access dataplane.Path) {
	anchorID, accessID := b.Tunnels()
	return dataplane.Path{Tunnel: anchorID, Tx: b.Downlink, Rx: b.Uplink}, dataplane.Path{Tunnel: accessID, Tx: b.Uplink, Rx: b.Downlink}
}

// Objects returns what the two ends hold for these prefixes of the node, in an order in which it can be made.
func (b Binding) Objects(t testing.TB, node *netns.Host, prefixes ...netip.Prefix) (anchor, access []dataplane.Object) {
	t.Helper()
	anchorPath, accessPath := b.Paths()
	link, err := node.Net.LinkByName("eth0")
	must(t, err)
	var mac dataplane.MAC
	copy(mac[:], link.Attrs().HardwareAddr)
	anchor = append(anchor, dataplane.Tunnel{ID: anchorPath.Tunnel, MTU: b.MTU})
	access = append(access, dataplane.Link{Name: "access", MAC: MAGMAC, LinkLocal: addr("fe80::1")}, dataplane.Tunnel{ID: accessPath.Tunnel, MTU: b.MTU})
	for _, p := range prefixes {
		inner := dataplane.VRFPrefix{Prefix: p}
		anchor = append(anchor, dataplane.Route{VRFPrefix: inner, Via: dataplane.Target{Path: anchorPath}})
		access = append(access, dataplane.Route{VRFPrefix: inner, Via: dataplane.Target{Link: "access"}},
			dataplane.SourceRoute{Link: "access", Source: p, Path: accessPath})
		if p.Addr().Is4() {
			access = append(access, dataplane.Neighbour{Link: "access", Addr: p.Addr(), MAC: mac})
		}
	}
	return anchor, access
}
