package attach

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
	"mooring/dataplane/netns"
	"mooring/mobility"
)

func TestMain(m *testing.M) { netns.Main(m) }

// The tests of this file let a Linux kernel be the mobile node, at the other end of a veth pair.

const (
	routerLinkLocal = "fe80::200:5eff:fe00:5213"
	routerMAC       = "00:00:5e:00:52:13"
	patience        = 20 * time.Second // before a test counts as failed
)

func host(t *testing.T, name string) *netns.Host {
	t.Helper()
	h, err := netns.NewHost(name)
	must(t, err)
	t.Cleanup(func() { h.Close() })
	return h
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// gateway is the access side of a MAG in a namespace of its own.
type gateway struct {
	*Server
	host     *netns.Host
	reported chan mobility.Attachment
}

// newGateway serves the interface "access", once it is there.
func newGateway(t *testing.T, name string) *gateway {
	t.Helper()
	g := &gateway{host: host(t, name), reported: make(chan mobility.Attachment, 100)}
	must(t, g.host.Sysctl("ipv6/conf/default/addr_gen_mode", "1")) // no address but the one that prepare gives
	g.Server = New(Options{
		Attached: func(a mobility.Attachment) { g.reported <- a },
		Open: func(link string) (socket Socket, err error) {
			return socket, g.host.Do(func() error {
				socket, err = openPacketSocket(link)
				return err
			})
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	events, err := netlink.Open(g.host.Namespace)
	must(t, err)
	done := make(chan error, 2)
	go func() { done <- g.Run(ctx) }()
	watching := make(chan struct{}) // from the first event on: before, an interface may be listed and then be told of as it was earlier
	go func() {
		first := sync.OnceFunc(func() { close(watching) })
		for event, err := range events.Watch(ctx, "") {
			if err != nil {
				done <- err
				return
			}
			g.Link(event)
			first()
		}
		done <- nil
	}()
	t.Cleanup(func() {
		cancel()
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		events.Close()
	})
	commit, err := g.Prepare(ctx, nil, config("mag1/access"))
	must(t, err)
	commit.Apply()
	<-watching
	return g
}

// prepare gives the access interface its addresses, as the dataplane does.
func (g *gateway) prepare(t *testing.T) {
	t.Helper()
	link, err := g.host.Net.LinkByName("access")
	must(t, err)
	mac, err := net.ParseMAC(routerMAC)
	must(t, err, g.host.Net.LinkSetHardwareAddr(link, mac), g.host.Address("access", routerLinkLocal+"/64"))
}

// next waits for the next attachment, and expects its kind.
func (g *gateway) next(t *testing.T, kind mobility.AttachmentKind) mobility.Attachment {
	t.Helper()
	select {
	case a := <-g.reported:
		if a.Kind != kind || a.Link != "access" {
			t.Fatalf("%s reports %v, want %v", g.host.Name, a, kind)
		}
		return a
	case <-time.After(patience):
		t.Fatalf("%s does not report %v", g.host.Name, kind)
	}
	panic("unreachable")
}

func (g *gateway) statistics() (received, provocations uint64) {
	s := g.Links()[0].Statistics
	return s.Received.Load(), s.Provocations.Load()
}

// offer grants what a node called mn1 has, wherever it is.
func (g *gateway) offer(node dataplane.MAC) {
	g.Grants([]mobility.Grant{{Link: "access", MAC: node, MTU: 1400, Expires: time.Now().Add(time.Hour),
		Prefixes: []netip.Prefix{netip.MustParsePrefix("2001:db8:a::/64")}, Home: netip.MustParsePrefix("10.1.0.2/16"), Router: netip.MustParseAddr("10.1.0.1")}})
}

// node is a host that knows nothing of mobility, with the interface eth0 to a gateway.
func node(t *testing.T, at *gateway) *netns.Host {
	t.Helper()
	n := host(t, "node")
	must(t, n.Sysctl("ipv6/conf/default/dad_transmits", "0"), netns.Connect(n, "eth0", at.host, "access"))
	at.prepare(t)
	return n
}

func macOf(t *testing.T, h *netns.Host) dataplane.MAC {
	t.Helper()
	link, err := h.Net.LinkByName("eth0")
	must(t, err)
	return dataplane.MAC(link.Attrs().HardwareAddr)
}

// eventually waits until look finds what it looks for.
func eventually(t *testing.T, look func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := look()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// homeAddress looks for the address that the node has formed in its home network prefix.
func homeAddress(n *netns.Host) (netip.Addr, error) {
	link, err := n.Net.LinkByName("eth0")
	if err != nil {
		return netip.Addr{}, err
	}
	all, err := n.Net.AddrList(link, unix.AF_INET6)
	if err != nil {
		return netip.Addr{}, err
	}
	for _, a := range all {
		if addr, _ := netip.AddrFromSlice(a.IP); netip.MustParsePrefix("2001:db8:a::/64").Contains(addr) && a.Flags&unix.IFA_F_TENTATIVE == 0 {
			return addr, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("the node has %v", all)
}

// hasDefaultRoute looks for the route that the advertisement makes.
func hasDefaultRoute(n *netns.Host) error {
	routes, err := n.Net.RouteList(nil, unix.AF_INET6)
	if err != nil {
		return err
	}
	for _, r := range routes {
		if r.Dst == nil || r.Dst.IP.IsUnspecified() {
			if r.Gw.String() == routerLinkLocal && r.Protocol == unix.RTPROT_RA {
				return nil
			}
		}
	}
	return fmt.Errorf("the node has no default route by %s: %v", routerLinkLocal, routes)
}

// MAG-04: the kernel of the node configures itself from our advertisement, and forgets it when it is taken back.
func TestMAG04KernelTakesPrefix(t *testing.T) {
	g := newGateway(t, "mag1")
	n := node(t, g)
	if a := g.next(t, mobility.NodeAttached); a.MAC != macOf(t, n) {
		t.Fatalf("noticed %v, and the node is %v", a.MAC, macOf(t, n))
	}
	g.offer(macOf(t, n))
	eventually(t, func() error { _, err := homeAddress(n); return err })
	eventually(t, func() error { return hasDefaultRoute(n) })
	if mtu, err := n.ReadSysctl("ipv6/conf/eth0/mtu"); err != nil || mtu != "1400" {
		t.Errorf("the node's MTU is %s, %v", mtu, err)
	}
	g.Grants([]mobility.Grant{{Link: "access", MAC: macOf(t, n)}})
	eventually(t, func() error {
		if hasDefaultRoute(n) == nil {
			return fmt.Errorf("the node keeps its default router")
		}
		return nil
	})
}

// EXT-28: a node that is asked whether it is there answers, as kernels do, and stays; one that does not is reported gone, though its link is up.
func TestEXT28_SilentNodeIsGone(t *testing.T) {
	g := newGateway(t, "mag1")
	polling := config("mag1/access")
	polling.MAGs["mag1"].Poll = mobility.Poll{Interval: 50 * time.Millisecond, Timeout: 400 * time.Millisecond, Retries: 5}
	commit, err := g.Prepare(t.Context(), nil, polling)
	must(t, err)
	commit.Apply()
	n := node(t, g)
	g.next(t, mobility.NodeAttached)
	g.offer(macOf(t, n))
	polls := &g.Links()[0].Statistics.Polls
	eventually(t, func() error {
		if n := polls.Load(); n < 10 { // more than anybody gets who does not answer
			return fmt.Errorf("the node was polled %d times", n)
		}
		return nil
	})
	select {
	case a := <-g.reported:
		t.Fatalf("a node that answers: %v", a)
	default:
	}
	must(t, n.Sysctl("ipv6/conf/eth0/disable_ipv6", "1"))
	g.next(t, mobility.NodeDetached)
}

// MAG-04: a DHCP client gets the home address, and gives it back.
func TestMAG04ClientGetsHomeAddress(t *testing.T) {
	g := newGateway(t, "mag1")
	n := node(t, g)
	g.next(t, mobility.NodeAttached)
	var client *nclient4.Client
	must(t, n.Do(func() (err error) { client, err = nclient4.New("eth0", nclient4.WithTimeout(patience)); return err }))
	defer client.Close()

	// The client asks before there is an answer: it is held.
	type result struct {
		lease *nclient4.Lease
		err   error
	}
	leased := make(chan result)
	go func() {
		lease, err := client.Request(t.Context())
		leased <- result{lease, err}
	}()
	eventually(t, func() error {
		if g.Links()[0].Statistics.DHCPHeld.Load() == 0 {
			return fmt.Errorf("no request is held")
		}
		return nil
	})
	g.offer(macOf(t, n))
	r := <-leased
	must(t, r.err)
	check := func(ack *dhcpv4.DHCPv4) {
		t.Helper()
		ones, _ := ack.SubnetMask().Size()
		mtu, err := dhcpv4.GetUint16(dhcpv4.OptionInterfaceMTU, ack.Options)
		lease := ack.IPAddressLeaseTime(0)
		if ack.YourIPAddr.String() != "10.1.0.2" || ones != 16 || ack.Router()[0].String() != "10.1.0.1" || ack.ServerIdentifier().String() != "10.1.0.1" ||
			err != nil || mtu != 1400 || lease <= 0 || lease > time.Hour {
			t.Errorf("leased %s", ack.Summary())
		}
	}
	check(r.lease.ACK)
	renewed, err := client.Renew(t.Context(), r.lease)
	must(t, err)
	check(renewed.ACK)
	must(t, client.Release(renewed))
	g.next(t, mobility.HomeReleased)
}

// MAG-06: the default router and everybody else of the home subnet are at the address that all gateways have.
func TestMAG06KernelResolvesRouterAndSubnet(t *testing.T) {
	g := newGateway(t, "mag1")
	n := node(t, g)
	g.next(t, mobility.NodeAttached)
	g.offer(macOf(t, n))
	must(t, n.Address("eth0", "10.1.0.2/16"), n.Route("0.0.0.0/0", "10.1.0.1"))
	for _, to := range []string{"192.0.2.1", "10.1.77.7"} {
		send(t, n, to, 1)
	}
	for _, neighbour := range []string{"10.1.0.1", "10.1.77.7"} {
		eventually(t, func() error {
			link, err := n.Net.LinkByName("eth0")
			if err != nil {
				return err
			}
			all, err := n.Net.NeighList(link.Attrs().Index, unix.AF_INET)
			if err != nil {
				return err
			}
			for _, entry := range all {
				if entry.IP.String() == neighbour && entry.HardwareAddr.String() == routerMAC {
					return nil
				}
			}
			return fmt.Errorf("no %s among %v", neighbour, all)
		})
	}
}

// send sends empty datagrams.
func send(t *testing.T, from *netns.Host, to string, count int) {
	t.Helper()
	var c *net.UDPConn
	must(t, from.Do(func() (err error) {
		c, err = net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(to), 9)))
		return err
	}))
	defer c.Close()
	for range count {
		if _, err := c.Write([]byte("data")); err != nil {
			t.Fatal(err)
		}
	}
}

// The data of a node that is known does not reach us.
func TestDataOfKnownNodeIsFiltered(t *testing.T) {
	g := newGateway(t, "mag1")
	n := node(t, g)
	g.next(t, mobility.NodeAttached)
	g.offer(macOf(t, n))
	must(t, n.Address("eth0", "10.1.0.2/16"), n.Route("0.0.0.0/0", "10.1.0.1"))
	send(t, n, "192.0.2.1", 1) // and learn where the router is
	eventually(t, func() error {
		if g.Links()[0].Statistics.ARPReplies.Load() == 0 {
			return fmt.Errorf("no ARP reply")
		}
		return nil
	})
	before, _ := g.statistics()
	arrived := packets(t, g.host)
	const count = 1000
	send(t, n, "192.0.2.1", count)
	eventually(t, func() error {
		if more := packets(t, g.host) - arrived; more < count {
			return fmt.Errorf("%d packets arrived", more)
		}
		return nil
	})
	after, _ := g.statistics()
	t.Logf("of %d packets, %d were received", count, after-before)
	if after-before > count/10 { // what the node says to the gateway meanwhile
		t.Errorf("%d frames were received", after-before)
	}
}

// packets counts what has arrived on the access interface.
func packets(t *testing.T, h *netns.Host) (n uint64) {
	t.Helper()
	must(t, h.Do(func() error {
		text, err := os.ReadFile("/proc/thread-self/net/dev")
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(text)) {
			if name, counters, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "access" {
				var octets uint64
				_, err = fmt.Sscan(counters, &octets, &n)
			}
		}
		return err
	}))
	return n
}

// MAG-06: the node's link is moved from one gateway to another and back. The node does nothing for it and has nothing to say; it is
// noticed each time, and keeps its address and its router.
func TestMAG06LinkIsMoved(t *testing.T) {
	at, other := newGateway(t, "mag1"), newGateway(t, "mag2")
	n := node(t, at)
	at.next(t, mobility.NodeAttached)
	at.offer(macOf(t, n))
	eventually(t, func() error { _, err := homeAddress(n); return err })
	address, err := homeAddress(n)
	must(t, err)
	for range 4 {
		_, before := other.statistics()
		must(t, at.host.Move("access", other.host))
		other.prepare(t)
		at.next(t, mobility.LinkLost)
		if a := other.next(t, mobility.NodeAttached); a.MAC != macOf(t, n) {
			t.Fatalf("noticed %v", a)
		}
		_, after := other.statistics()
		t.Logf("noticed after %d questions", after-before)
		if after == before {
			t.Error("nobody asked")
		}
		other.offer(macOf(t, n))
		if now, err := homeAddress(n); err != nil || now != address {
			t.Errorf("the node's address is %v, %v; it was %v", now, err, address)
		}
		must(t, hasDefaultRoute(n))
		at, other = other, at
	}
	must(t, n.Delete("eth0"))
	at.next(t, mobility.LinkLost)
}

// Without the privilege, a commit says what is missing.
func TestPrepareSaysWhatIsMissing(t *testing.T) {
	s := New(Options{})
	if _, err := s.Prepare(t.Context(), nil, config("mag1/access")); err != nil {
		t.Fatalf("refused, though everything is there: %v", err)
	}
	refused := make(chan error)
	go func() {
		runtime.LockOSThread() // the thread ends with the goroutine, and the lack of privileges with it
		var none [2]unix.CapUserData
		if err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0]); err != nil {
			t.Error(err)
		}
		_, err := s.Prepare(t.Context(), nil, config("mag1/access"))
		refused <- err
	}()
	if err := <-refused; err == nil || !strings.Contains(err.Error(), "CAP_NET_RAW") {
		t.Errorf("without privileges: %v", err)
	}
	if _, err := s.Prepare(t.Context(), nil, nil); err != nil {
		t.Errorf("without links: %v", err)
	}
}
