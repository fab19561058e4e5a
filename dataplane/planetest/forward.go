package planetest

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
	"mooring/dataplane/netns"
)

// Bindings are one of each kind that a plane may be asked for.
func Bindings() map[string]Binding {
	down, up := dataplane.Key{Value: 0x01020304, Set: true}, dataplane.Key{Value: 77, Set: true}
	return map[string]Binding{
		"ip4":      {Encap: dataplane.EncapIP},
		"ip6":      {Encap: dataplane.EncapIP, V6: true},
		"gre4":     {Encap: dataplane.EncapGRE},
		"gre4-key": {Encap: dataplane.EncapGRE, Downlink: down, Uplink: up},
		"gre6":     {Encap: dataplane.EncapGRE, V6: true},
		"gre6-key": {Encap: dataplane.EncapGRE, V6: true, Downlink: down, Uplink: up},
		"udp4":     {Encap: dataplane.EncapUDP},
		"udp6":     {Encap: dataplane.EncapUDP, V6: true},
	}
}

// Forward tests with packets, for every kind of binding, what a plane must let pass and what it must not.
func Forward(t *testing.T, open func(*netlink.Namespace) (Plane, error)) {
	for name, b := range Bindings() {
		t.Run(name, func(t *testing.T) {
			d := Bind(t, open, b)
			t.Run("both families pass both ways", d.carries)
			t.Run("a gateway cannot send as another's node", d.dropsSpoofed)
			t.Run("nor as one whose prefix is a part of its node's", d.dropsNested)
			t.Run("a node sends from its own prefixes alone", d.dropsStranger)
			t.Run("what is for nobody here does not leave a gateway", d.dropsMisled)
		})
	}
}

// BoundDomain is a domain with planes, whose node has a binding.
type BoundDomain struct {
	*Domain
	Binding
	Anchor, Access Plane
}

// Bind makes a domain whose planes hold what the binding wants.
func Bind(t *testing.T, open func(*netlink.Namespace) (Plane, error), b Binding) *BoundDomain {
	t.Helper()
	return bind(t, open, b, func(*netns.Host) {})
}

// bind prepares the anchor's host, and has its plane hold more than the binding wants, before that.
func bind(t *testing.T, open func(*netlink.Namespace) (Plane, error), b Binding, prepare func(lma *netns.Host), more ...dataplane.Object) *BoundDomain {
	t.Helper()
	d := &BoundDomain{Domain: NewDomain(t), Binding: b}
	prepare(d.LMA)
	d.bind(t, open, more...)
	return d
}

// bind opens the planes, and has them hold what the binding wants, the anchor's after more.
func (d *BoundDomain) bind(t *testing.T, open func(*netlink.Namespace) (Plane, error), more ...dataplane.Object) {
	t.Helper()
	for _, at := range []struct {
		host  *netns.Host
		plane *Plane
	}{{d.LMA, &d.Anchor}, {d.MAG, &d.Access}} {
		p, err := open(at.host.Namespace)
		must(t, err)
		t.Cleanup(func() { p.Close() })
		*at.plane = p
	}
	anchor, access := d.Objects(t, d.Node, prefix(NodeAddr4+"/32"), prefix("2001:db8:1::/64"))
	apply(t, d.Anchor, put(append(more, anchor...)...))
	apply(t, d.Access, put(access...))
}

// otherAddr is an address that the node has and the binding does not.
const otherAddr = "10.0.0.7"

func (d *BoundDomain) carries(t *testing.T) {
	for _, to := range []struct{ node, cn string }{{NodeAddr4, CNAddr4}, {NodeAddr6, CNAddr6}} {
		Transfer(t, d.Node, d.CN, to.cn)
		Transfer(t, d.CN, d.Node, to.node)
	}
	anchorID, accessID := d.Tunnels()
	for id, p := range map[dataplane.TunnelID]Plane{anchorID: d.Anchor, accessID: d.Access} {
		tunnels, _ := p.Tunnels()
		if c := tunnels[id].Counters; c.RxOctets < 2<<20 || c.TxOctets < 2<<20 || c.RxPackets == 0 || c.TxPackets == 0 {
			t.Errorf("%s counted %+v", id, c)
		}
	}
}

func (d *BoundDomain) dropsSpoofed(t *testing.T) {
	must(t, d.Node.Address("eth0", otherAddr+"/32"))
	anchor, access := d.Objects(t, d.Node, prefix(otherAddr+"/32"))
	apply(t, d.Access, put(access...)) // this gateway has been taken over
	sink, source := listen(t, d.CN, CNAddr4), listen(t, d.Node, otherAddr)
	before := dropped(d.Anchor)
	send(t, source, sink)
	eventually(t, "the anchor counts the spoofed packet", func() bool { return dropped(d.Anchor) == before+1 })
	apply(t, d.Anchor, put(anchor...))
	send(t, source, sink)
	if !arrives(t, sink, 5*time.Second) {
		t.Error("nothing arrives from an address that has a binding")
	}
	if arrives(t, sink, 50*time.Millisecond) {
		t.Error("a spoofed packet arrives")
	}
	apply(t, d.Access, toRemove(access[2:]...))
	apply(t, d.Anchor, toRemove(anchor[1:]...))
}

func (d *BoundDomain) dropsNested(t *testing.T) {
	elsewhere, _ := d.Paths()
	elsewhere.Tunnel.Peer = elsewhere.Tunnel.Peer.Next() // another gateway
	apply(t, d.Anchor, put(dataplane.Tunnel{ID: elsewhere.Tunnel}))
	for _, c := range []struct {
		network, part, to string
		via               dataplane.Target
	}{
		{"10.9.0.0/24", "10.9.0.7", CNAddr4, dataplane.Target{Path: elsewhere}},
		{"2001:db8:9::/48", "2001:db8:9::7", CNAddr6, dataplane.Target{Path: elsewhere}},
		{"10.9.1.0/24", "10.9.1.7", CNAddr4, dataplane.Target{Blackhole: true}},
	} {
		part := netip.PrefixFrom(addr(c.part), addr(c.part).BitLen())
		must(t, d.Node.Address("eth0", part.String()))
		anchor, access := d.Objects(t, d.Node, prefix(c.network))
		other := dataplane.Route{VRFPrefix: dataplane.VRFPrefix{Prefix: part}, Via: c.via}
		apply(t, d.Access, put(access[:4]...)) // no neighbour: it is not one address
		apply(t, d.Anchor, put(append(anchor, other)...))
		sink, source := listen(t, d.CN, c.to), listen(t, d.Node, c.part)
		before := dropped(d.Anchor)
		send(t, source, sink)
		eventually(t, "the anchor counts the packet from the part", func() bool { return dropped(d.Anchor) == before+1 })
		apply(t, d.Anchor, toRemove(other))
		send(t, source, sink)
		if !arrives(t, sink, 5*time.Second) {
			t.Errorf("nothing arrives from %s, which is all the node's", c.network)
		}
		apply(t, d.Access, toRemove(access[2:4]...))
		apply(t, d.Anchor, toRemove(anchor[1:]...))
	}
	apply(t, d.Anchor, toRemove(dataplane.Tunnel{ID: elsewhere.Tunnel}))
}

func (d *BoundDomain) dropsStranger(t *testing.T) {
	sink, source := listen(t, d.CN, CNAddr4), listen(t, d.Node, otherAddr)
	anchor, _ := d.Objects(t, d.Node, prefix(otherAddr+"/32"))
	apply(t, d.Anchor, put(anchor...)) // which would take it
	send(t, source, sink)
	own := listen(t, d.Node, NodeAddr4)
	send(t, own, sink)
	if !arrives(t, sink, 5*time.Second) {
		t.Fatal("nothing arrives from the node")
	}
	if arrives(t, sink, 50*time.Millisecond) {
		t.Error("more arrives than the node's own packet")
	}
	apply(t, d.Anchor, toRemove(anchor[1:]...))
}

func (d *BoundDomain) dropsMisled(t *testing.T) {
	anchor, _ := d.Objects(t, d.Node, prefix(otherAddr+"/32"))
	apply(t, d.Anchor, put(anchor...))
	must(t, d.Core.Address("lo", otherAddr+"/32")) // where the gateway's default route leads
	sink, source := listen(t, d.Core, otherAddr), listen(t, d.CN, CNAddr4)
	before := dropped(d.Access)
	send(t, source, sink)
	eventually(t, "the gateway counts the packet", func() bool { return dropped(d.Access) == before+1 })
	if arrives(t, sink, 50*time.Millisecond) {
		t.Error("it arrives elsewhere")
	}
	apply(t, d.Anchor, toRemove(anchor[1:]...))
}

// dropped counts what a plane dropped because of its addresses.
func dropped(p dataplane.Plane) uint64 {
	tunnels, all := p.Tunnels()
	for _, state := range tunnels {
		all.Add(state.Drops)
	}
	return all.Spoofed + all.NoSession
}

// Transfer sends a megabyte over TCP and checks that it arrives.
func Transfer(t *testing.T, from, to *netns.Host, addr string) {
	t.Helper()
	var l net.Listener
	must(t, to.Do(func() (err error) { l, err = net.Listen("tcp", net.JoinHostPort(addr, "0")); return }))
	defer l.Close()
	sent := make([]byte, 1<<20) // some sixteen super-packets
	rand.NewChaCha8([32]byte{1}).Read(sent)
	c := dial(t, from, l.Addr().String())
	defer c.Close()
	server, err := l.Accept()
	must(t, err)
	defer server.Close()
	deadline := time.Now().Add(20 * time.Second)
	must(t, c.SetDeadline(deadline), server.SetDeadline(deadline))
	go func() {
		c.Write(sent)
		c.(*net.TCPConn).CloseWrite()
	}()
	got, err := io.ReadAll(server)
	if err != nil || !bytes.Equal(got, sent) {
		t.Fatalf("tcp %s to %s: %d octets of %d, %v", from.Name, addr, len(got), len(sent), err)
	}
}

// dial opens a connection. Hosts on the way may still be looking for the next one: then they say that it is not there, and will find it.
func dial(t *testing.T, from *netns.Host, addr string) (c net.Conn) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		err := from.Do(func() (err error) { c, err = net.DialTimeout("tcp", addr, time.Until(deadline)); return })
		if !errors.Is(err, unix.EHOSTUNREACH) || time.Now().After(deadline) {
			must(t, err)
			return c
		}
	}
}

// listen opens a UDP socket in a host.
func listen(t *testing.T, h *netns.Host, addr string) *net.UDPConn {
	t.Helper()
	var c *net.UDPConn
	must(t, h.Do(func() (err error) {
		c, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(addr), 0)))
		return
	}))
	t.Cleanup(func() { c.Close() })
	return c
}

func send(t *testing.T, from, to *net.UDPConn) {
	t.Helper()
	_, err := from.WriteTo([]byte("hello"), to.LocalAddr())
	must(t, err)
}

// arrives reads one datagram, and reports whether one came in time.
func arrives(t *testing.T, c *net.UDPConn, within time.Duration) bool {
	t.Helper()
	must(t, c.SetReadDeadline(time.Now().Add(within)))
	_, err := c.Read(make([]byte, 100))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	must(t, err)
	return true
}

// patience is for what has to happen some time: machines of tests are emulated, and busy.
const patience = 30 * time.Second

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	if !within(patience, ok) {
		t.Fatalf("still not: %s", what)
	}
}

// within reports whether something becomes true in time.
func within(limit time.Duration, ok func() bool) bool {
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return true
		}
	}
	return false
}
