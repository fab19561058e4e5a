package usertun

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/netns"
	"mooring/dataplane/planetest"
)

// listen opens a UDP socket in a host.
func listen(t *testing.T, h *netns.Host, addr string, port int) *net.UDPConn {
	t.Helper()
	var c *net.UDPConn
	must(t, h.Do(func() (err error) {
		c, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(addr), uint16(port))))
		return
	}))
	t.Cleanup(func() { c.Close() })
	return c
}

// arrives reads one datagram; nil if none comes.
func arrives(t *testing.T, c *net.UDPConn, wait time.Duration) []byte {
	t.Helper()
	must(t, c.SetReadDeadline(time.Now().Add(wait)))
	b := make([]byte, 65536)
	n, err := c.Read(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	must(t, err)
	return b[:n]
}

// inject sends an inner packet from the MAG straight into the tunnel, as a gateway could that has been taken over.
func (d *domain) inject(t *testing.T, encap dataplane.Encap, class int, inner []byte) {
	t.Helper()
	if encap == dataplane.EncapUDP {
		c := listen(t, d.mag, magAddr4, PortData)
		setOptions(t, c, unix.IPPROTO_IP, map[int]int{unix.IP_TOS: class})
		_, err := c.WriteToUDPAddrPort(inner, netip.AddrPortFrom(netip.MustParseAddr(lmaAddr4), PortData))
		must(t, err, c.Close())
		return
	}
	protocol := protoGRE
	if encap == dataplane.EncapIP {
		protocol = map[byte]int{4: protoIPv4, 6: protoIPv6}[inner[0]>>4]
	}
	c := listenRaw(t, d.mag, magAddr4, protocol)
	setOptions(t, c, unix.IPPROTO_IP, map[int]int{unix.IP_TOS: class})
	packet := append(appendHeader(nil, encap, dataplane.Key{}, int(inner[0]>>4), len(inner)), inner...)
	_, err := c.WriteTo(packet, &net.IPAddr{IP: net.ParseIP(lmaAddr4)})
	must(t, err, c.Close())
}

func listenRaw(t *testing.T, h *netns.Host, addr string, protocol int) *net.IPConn {
	t.Helper()
	var c *net.IPConn
	must(t, h.Do(func() (err error) {
		c, err = net.ListenIP(fmt.Sprintf("ip4:%d", protocol), &net.IPAddr{IP: net.ParseIP(addr)})
		return
	}))
	t.Cleanup(func() { c.Close() })
	return c
}

// anchorOnly makes a domain in which the MAG is played by the test.
func anchorOnly(t *testing.T, id dataplane.TunnelID, w way) *domain {
	t.Helper()
	d := newDomainBy(t, w)
	apply(t, d.anchor, dataplane.Tunnel{ID: id})
	for _, p := range prefixes("10.0.0.1/32", "2001:db8:1::/64") {
		apply(t, d.anchor, routeInto(p, dataplane.Path{Tunnel: id}))
	}
	settle(t, d.anchor, id)
	return d
}

func dropsOf(p *Plane, id dataplane.TunnelID) dataplane.Drops {
	tunnels, _ := p.Tunnels()
	return tunnels[id].Drops
}

// eventually waits for something that another goroutine counts.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 3000 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("still not: %s", what)
}

// A gateway cannot send as a node that is not bound to it, nor as anybody else.
func TestSpoofedSourcesAreDropped(t *testing.T) {
	for _, encap := range encaps {
		forEachWay(t, encap.String(), encap, func(t *testing.T, w way) { dropsSpoofed(t, encap, w) })
	}
}

func dropsSpoofed(t *testing.T, encap dataplane.Encap, w way) {
	id := tunnelOver(encap, false).anchor
	d := anchorOnly(t, id, w)
	other := id
	other.Peer = netip.MustParseAddr("192.0.2.99")
	apply(t, d.anchor, dataplane.Tunnel{ID: other}, routeInto(netip.MustParsePrefix("10.0.0.2/32"), dataplane.Path{Tunnel: other}))
	sink4, sink6 := listen(t, d.cn, cnAddr4, 2000), listen(t, d.cn, cnAddr6, 2000)
	good4 := udpPacket(nodeAddr4, cnAddr4, []byte("four"))
	d.inject(t, encap, 0, good4)
	d.inject(t, encap, 0, udpPacket(nodeAddr6, cnAddr6, []byte("six")))
	if a, b := arrives(t, sink4, 30*time.Second), arrives(t, sink6, 30*time.Second); string(a) != "four" || string(b) != "six" {
		t.Fatalf("from the node: %q, %q", a, b)
	}
	expectCarried(t, d.anchor, id, !w.slowAnchor)
	bad := []string{"10.0.0.2", "10.0.0.3", cnAddr4, "2001:db8:2::1"}
	for _, from := range bad {
		to := cnAddr4
		if netip.MustParseAddr(from).Is6() {
			to = cnAddr6
		}
		d.inject(t, encap, 0, udpPacket(from, to, []byte("bad")))
	}
	eventually(t, "spoofed packets counted", func() bool { return dropsOf(d.anchor, id).Spoofed == uint64(len(bad)) })
	d.inject(t, encap, 0, good4[:len(good4)-1])
	eventually(t, "malformed packet counted", func() bool { return dropsOf(d.anchor, id).Malformed == 1 })
	if b := arrives(t, sink4, 100*time.Millisecond); b != nil {
		t.Fatalf("%q arrived", b)
	}
	remove(t, d.anchor, routeInto(netip.MustParsePrefix("10.0.0.1/32"), dataplane.Path{Tunnel: id}))
	d.inject(t, encap, 0, good4)
	eventually(t, "the node without a route counted", func() bool { return dropsOf(d.anchor, id).Spoofed == uint64(len(bad))+1 })
	if tunnels, _ := d.anchor.Tunnels(); tunnels[id].RxPackets != 2 {
		t.Errorf("%d packets counted as received, of two", tunnels[id].RxPackets)
	}
}

// An access interface leads nobody else's packets into the tunnel, and what is not for its nodes does not come out.
func TestAccessKnowsItsNodes(t *testing.T) {
	for _, encap := range encaps {
		forEachWay(t, encap.String(), encap, func(t *testing.T, w way) { keepsStrangersOut(t, encap, w) })
	}
}

func keepsStrangersOut(t *testing.T, encap dataplane.Encap, w way) {
	d := newDomainBy(t, w)
	e := tunnelOver(encap, false)
	d.bind(t, e, dataplane.Key{}, dataplane.Key{}, 0)
	sink := listen(t, d.cn, cnAddr4, 2000)
	must(t, d.node.Address("eth0", "10.0.0.7/32"))
	c := listen(t, d.node, "10.0.0.7", 0)
	_, err := c.WriteToUDPAddrPort([]byte("stranger"), netip.MustParseAddrPort(cnAddr4+":2000"))
	must(t, err)
	eventually(t, "the stranger's packet counted", func() bool { _, other := d.access.Tunnels(); return other.NoSession == 1 })
	apply(t, d.anchor, routeInto(netip.MustParsePrefix("10.0.0.7/32"), dataplane.Path{Tunnel: e.anchor}))
	_, err = sink.WriteToUDPAddrPort([]byte("to a stranger"), netip.MustParseAddrPort("10.0.0.7:2000"))
	must(t, err)
	eventually(t, "the packet for a stranger counted", func() bool { return dropsOf(d.access, e.access).NoSession == 1 })
	if b := arrives(t, sink, 50*time.Millisecond); b != nil {
		t.Fatalf("%q arrived", b)
	}
}

// A NAT in front of the gateway may give its packets another port where the tunnel has none; answers go there.
func TestPortOfNAT(t *testing.T) {
	for _, c := range []struct {
		name     string
		port     uint16
		tolerant bool
	}{{"tolerated", 0, true}, {"refused", PortData, false}} {
		t.Run(c.name, func(t *testing.T) {
			id := tunnelOver(dataplane.EncapUDP, false).anchor
			id.Port = c.port
			d := anchorOnly(t, id, way{})
			sink := listen(t, d.cn, cnAddr4, 2000)
			mag := listen(t, d.mag, magAddr4, 40000)
			to := netip.AddrPortFrom(netip.MustParseAddr(lmaAddr4), PortData)
			_, err := mag.WriteToUDPAddrPort(udpPacket("10.0.0.66", cnAddr4, []byte("spoofed")), to)
			must(t, err)
			time.Sleep(50 * time.Millisecond)
			if p := d.anchor.tunnels[id].sockaddr.Load().port(); p != PortData {
				t.Fatalf("learnt port %d from a spoofed packet", p)
			}
			_, err = mag.WriteToUDPAddrPort(udpPacket(nodeAddr4, cnAddr4, []byte("hello")), to)
			must(t, err)
			if !c.tolerant {
				eventually(t, "the packet from a strange port counted", func() bool { _, other := d.anchor.Tunnels(); return other.NoSession == 2 })
				return
			}
			if b := arrives(t, sink, 30*time.Second); string(b) != "hello" {
				t.Fatalf("%q arrived", b)
			}
			_, err = sink.WriteToUDPAddrPort([]byte("back"), netip.MustParseAddrPort(nodeAddr4+":1000"))
			must(t, err)
			if inner := arrives(t, mag, 30*time.Second); len(inner) == 0 || destination(inner) != netip.MustParseAddr(nodeAddr4) {
				t.Fatalf("answer at the new port: %x", inner)
			}
		})
	}
}

// Two customers use the same addresses behind one gateway; the keys keep them apart.
func TestKeysSeparateOverlappingAddresses(t *testing.T) {
	lma, mag := newHost(t, "lma"), newHost(t, "mag")
	must(t, netns.Connect(lma, "eth0", mag, "eth0"), lma.Address("eth0", "192.0.2.1/24"), mag.Address("eth0", "192.0.2.2/24"))
	p := openPlane(t, lma, false)
	apply(t, p, dataplane.VRF{Name: "red"}, dataplane.VRF{Name: "blue"})
	vrfs := map[string]*netns.Host{"red": planetest.VRFHost(t, p, "red"), "blue": planetest.VRFHost(t, p, "blue")}
	id := dataplane.TunnelID{Local: netip.MustParseAddr("192.0.2.1"), Peer: netip.MustParseAddr("192.0.2.2"), Encap: dataplane.EncapGRE}
	apply(t, p, dataplane.Tunnel{ID: id})
	sinks := map[string]*net.UDPConn{}
	keys := map[string]dataplane.Key{"red": {Value: 1, Set: true}, "blue": {Value: 2, Set: true}}
	for vrf, h := range vrfs {
		must(t, h.Address("lo", "203.0.113.2/32"))
		apply(t, p, dataplane.Route{
			VRFPrefix: dataplane.VRFPrefix{VRF: vrf, Prefix: netip.MustParsePrefix("10.0.0.1/32")},
			Via:       dataplane.Target{Path: dataplane.Path{Tunnel: id, Tx: keys[vrf], Rx: keys[vrf]}},
		})
		sinks[vrf] = listen(t, h, "203.0.113.2", 2000)
	}
	var raw net.PacketConn
	must(t, mag.Do(func() (err error) { raw, err = net.ListenPacket("ip4:47", "192.0.2.2"); return }))
	defer raw.Close()
	inner := udpPacket("10.0.0.1", "203.0.113.2", []byte("x"))
	for vrf, key := range keys {
		copy(inner[len(inner)-1:], vrf[:1])
		packet := udpPacket("10.0.0.1", "203.0.113.2", []byte(vrf))
		_, err := raw.WriteTo(append(appendHeader(nil, dataplane.EncapGRE, key, 4, len(packet)), packet...), &net.IPAddr{IP: net.ParseIP("192.0.2.1")})
		must(t, err)
		if b := arrives(t, sinks[vrf], 30*time.Second); string(b) != vrf {
			t.Fatalf("%s got %q", vrf, b)
		}
		_, err = sinks[vrf].WriteToUDPAddrPort([]byte("to "+vrf), netip.MustParseAddrPort("10.0.0.1:1000"))
		must(t, err)
		b := make([]byte, 2000)
		must(t, raw.SetReadDeadline(time.Now().Add(30*time.Second)))
		n, _, err := raw.ReadFrom(b)
		must(t, err)
		if _, got, err := strip(dataplane.EncapGRE, b[:n]); err != nil || got != key {
			t.Fatalf("answer of %s has key %v, %v", vrf, got, err)
		}
	}
	for _, key := range []dataplane.Key{{}, {Value: 3, Set: true}} {
		_, err := raw.WriteTo(append(appendHeader(nil, dataplane.EncapGRE, key, 4, len(inner)), inner...), &net.IPAddr{IP: net.ParseIP("192.0.2.1")})
		must(t, err)
	}
	eventually(t, "packets with no and with a wrong key counted", func() bool { return dropsOf(p, id).Spoofed == 2 })
}

// RFC 6040 and RFC 2983, on real packets: what goes in, and what comes out of the core.
func TestTrafficClassThroughTunnel(t *testing.T) {
	for _, encap := range encaps {
		forEachWay(t, encap.String(), encap, func(t *testing.T, w way) {
			id := tunnelOver(encap, false).anchor
			d := anchorOnly(t, id, w)
			sink4, sink6 := listen(t, d.cn, cnAddr4, 2000), listen(t, d.cn, cnAddr6, 2000)
			setOptions(t, sink4, unix.IPPROTO_IP, map[int]int{unix.IP_RECVTOS: 1})
			setOptions(t, sink6, unix.IPPROTO_IPV6, map[int]int{unix.IPV6_RECVTCLASS: 1})
			d.classesLeave(t, encap, id, nodeAddr4, cnAddr4, sink4)
			d.classesLeave(t, encap, id, nodeAddr6, cnAddr6, sink6)
			d.classesEnter(t, encap, sink4)
		})
	}
}

// classesLeave sends every pair of ECN fields through the tunnel.
func (d *domain) classesLeave(t *testing.T, encap dataplane.Encap, id dataplane.TunnelID, from, to string, sink *net.UDPConn) {
	t.Helper()
	dropped := dropsOf(d.anchor, id).Congested
	for inner := range 4 {
		for outer := range 4 {
			packet := udpPacket(from, to, []byte{byte(inner), byte(outer)})
			setTrafficClass(packet, uint8(0xb8|inner))
			d.inject(t, encap, 0x28|outer, packet)
			want, drop := leavingClass(uint8(0xb8|inner), uint8(0x28|outer))
			if drop {
				dropped++
				eventually(t, "dropped packet counted", func() bool { return dropsOf(d.anchor, id).Congested == dropped })
				continue
			}
			b, oob := make([]byte, 100), make([]byte, 100)
			must(t, sink.SetReadDeadline(time.Now().Add(30*time.Second)))
			n, m, _, _, err := sink.ReadMsgUDP(b, oob)
			must(t, err)
			if got := classOf(t, oob[:m]); got != want || string(b[:n]) != string([]byte{byte(inner), byte(outer)}) {
				t.Errorf("%s inner %d outer %d: class %#x, want %#x, payload %x", from, inner, outer, got, want, b[:n])
			}
		}
	}
}

// classesEnter looks at both headers of what comes out at the gateway.
func (d *domain) classesEnter(t *testing.T, encap dataplane.Encap, sink *net.UDPConn) {
	t.Helper()
	receive := d.outerPackets(t, encap)
	for _, class := range []int{0, 0x01, 0x02, 0x03, 0xb8, 0x2a} {
		setOptions(t, sink, unix.IPPROTO_IP, map[int]int{unix.IP_TOS: class})
		_, err := sink.WriteToUDPAddrPort([]byte("x"), netip.MustParseAddrPort(nodeAddr4+":1000"))
		must(t, err)
		outer, packet := receive()
		inner, _, err := strip(encap, packet)
		must(t, err)
		if outer != trafficClass(inner) || int(outer)&^3 != class&^3 {
			t.Errorf("sent class %#x: outer %#x, inner %#x", class, outer, trafficClass(inner))
		}
	}
}

// outerPackets returns a function that waits for a packet that arrives at the gateway's end of the tunnel over IPv4, and
// returns its traffic class and what follows the headers of IP and UDP.
func (d *domain) outerPackets(t *testing.T, encap dataplane.Encap) func() (uint8, []byte) {
	t.Helper()
	b, oob := make([]byte, 2000), make([]byte, 100)
	if encap == dataplane.EncapUDP {
		c := listen(t, d.mag, magAddr4, PortData)
		setOptions(t, c, unix.IPPROTO_IP, map[int]int{unix.IP_RECVTOS: 1})
		return func() (uint8, []byte) {
			must(t, c.SetReadDeadline(time.Now().Add(30*time.Second)))
			n, m, _, _, err := c.ReadMsgUDP(b, oob)
			must(t, err)
			return classOf(t, oob[:m]), b[:n]
		}
	}
	protocol := protoGRE
	if encap == dataplane.EncapIP {
		protocol = protoIPv4
	}
	c := listenRaw(t, d.mag, magAddr4, protocol)
	setOptions(t, c, unix.IPPROTO_IP, map[int]int{unix.IP_RECVTOS: 1})
	return func() (uint8, []byte) {
		must(t, c.SetReadDeadline(time.Now().Add(30*time.Second)))
		n, m, _, _, err := c.ReadMsgIP(b, oob) // with the outer header
		must(t, err)
		return classOf(t, oob[:m]), b[header4:n]
	}
}

func classOf(t *testing.T, oob []byte) uint8 {
	t.Helper()
	messages, err := unix.ParseSocketControlMessage(oob)
	must(t, err)
	for _, m := range messages {
		if h := m.Header; h.Level == unix.IPPROTO_IP && h.Type == unix.IP_TOS || h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_TCLASS {
			return m.Data[0]
		}
	}
	t.Fatal("no traffic class")
	return 0
}

// A binding that moves to another tunnel and back, and tunnels that come and go, leave nothing behind.
func TestTunnelsComeAndGo(t *testing.T) {
	d := newDomain(t)
	first, second := tunnelOver(dataplane.EncapUDP, false), tunnelOver(dataplane.EncapGRE, true)
	for _, e := range []ends{first, second, first} {
		d.bind(t, e, dataplane.Key{}, dataplane.Key{}, 0)
		transfer(t, d.node, d.cn, cnAddr4)
		transfer(t, d.cn, d.node, nodeAddr6)
		for id := range d.anchor.tunnels {
			if id != e.anchor {
				remove(t, d.anchor, dataplane.Tunnel{ID: id})
			}
		}
		for id := range d.access.tunnels {
			if id != e.access {
				remove(t, d.access, dataplane.Tunnel{ID: id})
			}
		}
	}
	err := d.anchor.Apply(context.Background(), []dataplane.Op{{Delete: true, Object: dataplane.Tunnel{ID: first.anchor}}})[0]
	if err == nil {
		t.Fatal("a tunnel in use was removed")
	}
	for _, p := range prefixes("10.0.0.1/32", "2001:db8:1::/64") {
		remove(t, d.anchor, routeInto(p, dataplane.Path{}))
		remove(t, d.access,
			dataplane.SourceRoute{Link: "access", Source: p},
			dataplane.Route{VRFPrefix: dataplane.VRFPrefix{Prefix: p}})
	}
	remove(t, d.anchor, dataplane.Tunnel{ID: first.anchor})
	remove(t, d.access, dataplane.Tunnel{ID: first.access}, dataplane.Neighbour{Link: "access", Addr: netip.MustParseAddr(nodeAddr4)},
		dataplane.Link{Name: "access"})
	for _, p := range []*Plane{d.anchor, d.access} {
		picture, err := dataplane.Picture(context.Background(), p)
		if err != nil || picture != "" {
			t.Errorf("left: %v\n%s", err, picture)
		}
		if len(p.endpoints) != 0 || len(p.access) != 0 {
			t.Errorf("left open: %v %v", p.endpoints, p.access)
		}
	}
}

// What cannot be done says why.
func TestRefusals(t *testing.T) {
	d := newDomain(t)
	id := tunnelOver(dataplane.EncapUDP, false).anchor
	foreign, mixed, none, ipip := id, id, id, id
	foreign.Local = netip.MustParseAddr("198.51.100.77")
	mixed.Peer = netip.MustParseAddr(magAddr6)
	none.Encap = 0
	ipip.Encap = dataplane.EncapIP
	apply(t, d.anchor, dataplane.Tunnel{ID: id}, dataplane.Tunnel{ID: ipip})
	inVRF := routeInto(netip.MustParsePrefix("10.0.0.1/32"), dataplane.Path{Tunnel: id})
	inVRF.VRF = "red"
	for _, o := range []dataplane.Object{
		dataplane.Tunnel{ID: foreign}, dataplane.Tunnel{ID: mixed}, dataplane.Tunnel{ID: none},
		routeInto(netip.MustParsePrefix("10.0.0.1/32"), dataplane.Path{Tunnel: foreign}),
		routeInto(netip.MustParsePrefix("192.0.2.0/24"), dataplane.Path{Tunnel: id}),
		routeInto(netip.MustParsePrefix("10.0.0.1/32"), dataplane.Path{Tunnel: ipip, Tx: key1}),
		inVRF,
		dataplane.SourceRoute{Link: "access", Source: netip.MustParsePrefix("10.0.0.1/32"), Path: dataplane.Path{Tunnel: id}},
		dataplane.Link{Name: "nowhere"},
		dataplane.Neighbour{Link: "nowhere", Addr: netip.MustParseAddr("10.0.0.1")},
	} {
		err := d.anchor.Apply(context.Background(), []dataplane.Op{{Object: o}})[0]
		if err == nil {
			t.Errorf("%s: accepted", o)
		} else {
			t.Logf("%s: %v", o, err)
		}
	}
}
