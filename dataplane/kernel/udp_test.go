//go:build vm

package kernel

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	netlib "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
	"mooring/dataplane/netns"
	"mooring/dataplane/planetest"
)

// gateway is a host whose own address is that of a node: what it sends to cn goes through a tunnel over UDP that nothing here has made.
type gateway struct {
	*netns.Host
	node string
}

// overUDP is an anchor with gateways in the default VRF and in three vrf interfaces. Those in OP1 and OP2 have the same addresses, and so have
// those in the default VRF and in SPARE, where there is no tunnel; that one says that it is the node of the other.
type overUDP struct {
	lma, cn                   *netns.Host
	plain, op1, op2, intruder gateway
	tunnels, all              []dataplane.Object
}

const cnAddr = "203.0.113.2"

func newOverUDP(t *testing.T, v6 bool) *overUDP {
	t.Helper()
	d := &overUDP{lma: newNamespace(t, "lma"), cn: newNamespace(t, "cn")}
	must(t, d.lma.Sysctl("ipv6/conf/default/keep_addr_on_down", "1"), // when somebody deletes the VRF that an interface is in
		d.lma.Sysctl("ipv6/conf/default/accept_dad", "0"))
	must(t, netns.Connect(d.lma, "c", d.cn, "eth0"), d.lma.Address("c", "203.0.113.1/24"), d.cn.Address("eth0", cnAddr+"/24"),
		d.cn.Route("0.0.0.0/0", "203.0.113.1"))
	shared, other := [2]string{"198.51.100.1", "198.51.100.11"}, [2]string{"198.51.101.1", "198.51.101.11"}
	if v6 {
		shared, other = [2]string{"2001:db8:a::1", "2001:db8:a::11"}, [2]string{"2001:db8:b::1", "2001:db8:b::11"}
	}
	d.op1 = d.gateway(t, "OP1", "10.0.0.1", shared)
	d.op2 = d.gateway(t, "OP2", "10.0.0.2", shared)
	d.plain = d.gateway(t, "", "10.0.0.3", other)
	d.intruder = d.gateway(t, "SPARE", "10.0.0.3", other)
	d.all = append(d.all, d.tunnels...)
	for vrf, node := range map[string]string{"OP1": d.op1.node, "OP2": d.op2.node, "": d.plain.node} {
		ends := shared
		if vrf == "" {
			ends = other
		}
		d.all = append(d.all, dataplane.Route{VRFPrefix: dataplane.VRFPrefix{Prefix: netip.MustParsePrefix(node + "/32")},
			Via: dataplane.Target{Path: dataplane.Path{Tunnel: tunnelOverUDP(vrf, ends)}}})
	}
	return d
}

func newNamespace(t *testing.T, name string) *netns.Host {
	t.Helper()
	h, err := netns.NewHost(name)
	must(t, err)
	t.Cleanup(func() { h.Close() })
	return h
}

// tunnelOverUDP is the anchor's, whose address is the first one.
func tunnelOverUDP(vrf string, ends [2]string) dataplane.TunnelID {
	return dataplane.TunnelID{VRF: vrf, Local: netip.MustParseAddr(ends[0]), Peer: netip.MustParseAddr(ends[1]), Encap: dataplane.EncapUDP, Port: netlink.PortData}
}

// gateway connects a gateway to the anchor, and notes what the anchor is to have for it.
func (d *overUDP) gateway(t *testing.T, vrf, node string, ends [2]string) gateway {
	t.Helper()
	g := gateway{newNamespace(t, "mag-"+vrf), node}
	link := "op" + vrf
	id := tunnelOverUDP(vrf, ends)
	bits := "/24"
	if id.Peer.Is6() {
		bits = "/64"
	}
	must(t, netns.Connect(g.Host, "eth0", d.lma, link), g.Address("eth0", ends[1]+bits))
	if vrf != "" {
		d.all = append(d.all, dataplane.VRF{Name: vrf}, dataplane.Member{Link: link, VRF: vrf})
	}
	must(t, d.lma.Address(link, ends[0]+bits))
	if vrf != "SPARE" {
		d.tunnels = append(d.tunnels, dataplane.Tunnel{ID: id})
	}
	at, err := netlink.Open(g.Namespace)
	must(t, err)
	t.Cleanup(func() { at.Close() })
	back := dataplane.TunnelID{Local: id.Peer, Peer: id.Local, Encap: id.Encap, Port: id.Port}
	must(t, at.ReceiveUDP(back.Local))
	_, err = at.AddTunnel("tunnel", dataplane.Path{Tunnel: back}, netlink.Settings{MTU: probeMTU, Queue: deviceQueue})
	must(t, err, g.Up("tunnel"), g.Address("tunnel", node+"/32"))
	device, err := g.Net.LinkByName("tunnel")
	must(t, err, g.Net.RouteAdd(&netlib.Route{LinkIndex: device.Attrs().Index, Dst: netns.IPNet(netip.MustParsePrefix("203.0.113.0/24"))}))
	return g
}

// flows are datagrams both ways between cn and all gateways that have a tunnel.
func (d *overUDP) flows(t *testing.T) (all []*planetest.Flow) {
	t.Helper()
	for _, g := range []gateway{d.plain, d.op1, d.op2} {
		all = append(all, planetest.StartFlow(t, g.Host, d.cn, cnAddr), planetest.StartFlow(t, d.cn, g.Host, g.node))
	}
	return all
}

func lossless(t *testing.T, flows []*planetest.Flow) {
	t.Helper()
	for i, f := range flows {
		if sent, got := f.StopAfter(t, 50); got != sent {
			t.Errorf("flow %d: %d datagrams arrived of %d", i, got, sent)
		}
	}
}

// receivers are the sockets that the kernel has at the anchor, with the name of their vrf interface.
func (d *overUDP) receivers(t *testing.T) (text string) {
	t.Helper()
	must(t, d.lma.Do(func() error {
		all, err := netlib.FouList(unix.AF_UNSPEC)
		for _, f := range all {
			name := "-"
			if link, err := d.lma.Net.LinkByIndex(f.IfIndex); err == nil {
				name = link.Attrs().Name
			} else if f.IfIndex != 0 {
				name = "gone"
			}
			text += fmt.Sprintf("%s port %d in %s\n", f.Local, f.Port, name)
		}
		return err
	}))
	return text
}

// The kernel's tunnels over UDP in vrf interfaces (MLL-15, MLL-19): same addresses in several, beside the default VRF; what comes in a VRF without
// tunnels is nobody's, whatever its addresses; traffic goes on without a process; a VRF that a stranger takes away comes back; and everything goes.
func TestMLL15_UDPInVRFs(t *testing.T) {
	for name, v6 := range map[string]bool{"over IPv4": false, "over IPv6": true} {
		t.Run(name, func(t *testing.T) {
			d := newOverUDP(t, v6)
			plane, err := openPlane(d.lma.Namespace)
			must(t, err)
			t.Cleanup(func() { plane.Close() })
			must(t, apply(plane, d.all...))
			if accept, err := d.lma.ReadSysctl("ipv4/udp_l3mdev_accept"); err != nil || accept != "0" {
				t.Errorf("sockets of the default VRF take what arrives in others: %s %v", accept, err)
			}
			flows := d.flows(t)
			d.refuses(t, d.intruder)

			before, err := dataplane.Picture(t.Context(), plane)
			must(t, err, plane.Close())
			plane, err = openPlane(d.lma.Namespace)
			must(t, err)
			t.Cleanup(func() { plane.Close() })
			must(t, apply(plane, d.all...))
			if after, err := dataplane.Picture(t.Context(), plane); after != before || err != nil {
				t.Errorf("after a restart there is %v\n%swant\n%s", err, after, before)
			}
			must(t, apply(plane, d.all...))
			lossless(t, flows)

			must(t, d.lma.Delete("OP2"))
			for range 2 { // its interface moves back first
				_, err = dataplane.Picture(t.Context(), plane)
				must(t, err, apply(plane, d.all...))
			}
			lossless(t, d.flows(t))
			_, err = dataplane.Picture(t.Context(), plane)
			must(t, err)
			if got := d.receivers(t); strings.Count(got, "\n") != 3 || strings.Contains(got, "gone") ||
				!strings.Contains(got, "in -\n") || !strings.Contains(got, "in OP1\n") || !strings.Contains(got, "in OP2\n") {
				t.Errorf("the kernel receives at\n%s", got)
			}

			for i := range d.all {
				must(t, plane.Apply(t.Context(), []dataplane.Op{{Delete: true, Object: d.all[len(d.all)-1-i]}})...)
			}
			if left, err := dataplane.Picture(t.Context(), plane); left != "" || err != nil {
				t.Errorf("left is %v\n%s", err, left)
			}
			if got := d.receivers(t); got != "" {
				t.Errorf("the kernel still receives at\n%s", got)
			}
		})
	}
}

// refuses sends what must not arrive, while what others send does.
func (d *overUDP) refuses(t *testing.T, from gateway) {
	t.Helper()
	var sink, source *net.UDPConn
	must(t, d.cn.Do(func() (err error) {
		sink, err = net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(cnAddr)})
		return err
	}), from.Do(func() (err error) {
		source, err = net.DialUDP("udp", nil, sink.LocalAddr().(*net.UDPAddr))
		return err
	}))
	defer sink.Close()
	defer source.Close()
	carried := func() uint64 {
		link, err := from.Net.LinkByName("tunnel")
		must(t, err)
		return link.Attrs().Statistics.TxPackets
	}
	for deadline := time.Now().Add(20 * time.Second); carried() < 10; time.Sleep(time.Millisecond) {
		_, _ = source.Write([]byte("hello")) // what has come back of an earlier one makes it fail
		if time.Now().After(deadline) {
			t.Fatalf("only %d packets have left %s", carried(), from.Name)
		}
	}
	must(t, sink.SetReadDeadline(time.Now().Add(200*time.Millisecond)))
	if n, err := sink.Read(make([]byte, 10)); err == nil {
		t.Errorf("%d octets arrive from %s", n, from.Name)
	}
}

// One address for tunnels over UDP in a vrf interface and in the default VRF is refused, with the reason; when the first has gone, it is there.
func TestUDPAddressOfTwo(t *testing.T) {
	h, p := newHost(t)
	must(t, apply(p, dataplane.VRF{Name: "red"}, dataplane.Member{Link: "access2", VRF: "red"}), h.Address("access2", "192.0.2.1/24"))
	one, two := tunnelOverUDP("", [2]string{"192.0.2.1", "192.0.2.2"}), tunnelOverUDP("red", [2]string{"192.0.2.1", "192.0.2.2"})
	for range 2 {
		must(t, apply(p, dataplane.Tunnel{ID: one}))
		if err := apply(p, dataplane.Tunnel{ID: two}); err == nil || !strings.Contains(err.Error(), "cannot both have tunnels over UDP at one address") {
			t.Errorf("%s: %v", two, err)
		}
		must(t, p.Apply(t.Context(), []dataplane.Op{{Delete: true, Object: dataplane.Tunnel{ID: one}}})...)
		one, two = two, one
	}
	must(t, apply(p, dataplane.Tunnel{ID: two}))
}
