package netlink_test

import (
	"context"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
	"mooring/dataplane/netns"
)

func TestMain(m *testing.M) { netns.Main(m) }

func newHost(t *testing.T) (*netns.Host, *netlink.Host) {
	t.Helper()
	h, err := netns.NewHost("host")
	must(t, err)
	t.Cleanup(func() { h.Close() })
	other, err := netns.NewHost("other")
	must(t, err)
	t.Cleanup(func() { other.Close() })
	must(t, netns.Connect(h, "access1", other, "eth0"))
	n, err := netlink.Open(h.Namespace)
	must(t, err)
	t.Cleanup(n.Close)
	return h, n
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// The host forwards, and the reverse path filter of an access interface is as open as the host's own setting lets it be.
func TestSysctls(t *testing.T) {
	h, n := newHost(t)
	for all, want := range map[string]string{"0": "0", "1": "2", "2": "2"} {
		must(t, h.Sysctl("ipv4/conf/all/rp_filter", all), n.SetLink(dataplane.Link{Name: "access1"}, "lo"))
		got, err := h.ReadSysctl("ipv4/conf/access1/rp_filter")
		if err != nil || got != want {
			t.Errorf("with %s for all interfaces it is %s, want %s (%v)", all, got, want, err)
		}
	}
	for _, name := range []string{"ipv4/ip_forward", "ipv6/conf/all/forwarding", "ipv4/conf/access1/forwarding"} {
		if got, err := h.ReadSysctl(name); err != nil || got != "1" {
			t.Errorf("%s is %s, %v", name, got, err)
		}
	}
}

// Names lead to other interfaces over time; the rules of one that was there before do not stay.
func TestLinkOfSameName(t *testing.T) {
	h, n := newHost(t)
	must(t, n.SetLink(dataplane.Link{Name: "access1", LinkLocal: netip.MustParseAddr("fe80::1")}, "lo"))
	other, err := netns.NewHost("another")
	must(t, err)
	defer other.Close()
	must(t, h.Delete("access1"), netns.Connect(h, "access1", other, "eth0"), n.SetLink(dataplane.Link{Name: "access1"}, "lo"))
	there, err := links(n)
	must(t, err)
	if got := there["access1"]; got.Rules != 2 || got.Uplinks != 2 || got.LinkLocal.IsValid() {
		t.Errorf("access1 has %+v", got)
	}
	must(t, h.Delete("access1"), n.DeleteLink("access1"))
	if links, err := links(n); err != nil || len(links) != 0 {
		t.Errorf("left: %+v, %v", links, err)
	}
}

func links(n *netlink.Host) (map[string]netlink.AccessLink, error) {
	l, err := n.List()
	if err != nil {
		return nil, err
	}
	devices, err := n.Interfaces()
	if err != nil {
		return nil, err
	}
	return n.Links(l, netlink.Names(devices))
}

// MAG-06: a node that is moved to a gateway does not wait until the gateway's host knows that nobody else has the address that all
// gateways have. The host made the same address by itself, from the link-layer address that the interface has kept.
func TestMAG06LinkLocalIsUsableAtOnce(t *testing.T) {
	h, n := newHost(t)
	mac := dataplane.MAC{0x00, 0x00, 0x5e, 0x00, 0x52, 0x13}
	want := netip.MustParseAddr("fe80::200:5eff:fe00:5213")
	link, err := h.Net.LinkByName("access1")
	must(t, err, h.Down("access1"), h.Net.LinkSetHardwareAddr(link, mac[:]), h.Up("access1"))
	if flags := addressFlags(t, h, want); flags&unix.IFA_F_TENTATIVE == 0 {
		t.Fatalf("the host's own address has flags %#x: nothing is to be shown here", flags)
	}
	for range 2 { // the second time, there is nothing to do
		must(t, n.SetLink(dataplane.Link{Name: "access1", MAC: mac, LinkLocal: want}, "lo"))
		if flags := addressFlags(t, h, want); flags&unix.IFA_F_TENTATIVE != 0 {
			t.Errorf("the address has flags %#x", flags)
		}
	}
	other := netip.MustParseAddr("fe80::1")
	must(t, n.SetLink(dataplane.Link{Name: "access1", MAC: mac, LinkLocal: other}, "lo"))
	if got := linkLocals(t, h); len(got) != 1 || got[0] != other {
		t.Errorf("the interface has %v, want %s alone", got, other)
	}
	must(t, h.Down("access1"), h.Up("access1"))
	must(t, n.SetLink(dataplane.Link{Name: "access1", MAC: mac, LinkLocal: want}, "lo"))
	if got := linkLocals(t, h); len(got) != 1 || got[0] != want {
		t.Errorf("the interface has %v, want %s alone", got, want)
	}
	if flags := addressFlags(t, h, want); flags&unix.IFA_F_TENTATIVE != 0 {
		t.Errorf("after it was down, the address has flags %#x", flags)
	}
}

func addressFlags(t *testing.T, h *netns.Host, want netip.Addr) int {
	t.Helper()
	link, err := h.Net.LinkByName("access1")
	must(t, err)
	all, err := h.Net.AddrList(link, unix.AF_INET6)
	must(t, err)
	for _, a := range all {
		if got, _ := netip.AddrFromSlice(a.IP); got == want {
			return a.Flags
		}
	}
	t.Fatalf("no address %s among %v", want, all)
	return 0
}

// The address that the host gave the interface, from a link-layer address that it had before, does not stay.
func TestMAG06LinkLocalIsTheOnlyOne(t *testing.T) {
	h, n := newHost(t)
	if got := linkLocals(t, h); len(got) != 1 {
		t.Fatalf("the interface has %v: nothing is to be shown here", got)
	}
	want := netip.MustParseAddr("fe80::200:5eff:fe00:5213")
	must(t, n.SetLink(dataplane.Link{Name: "access1", LinkLocal: want}, "lo"))
	if got := linkLocals(t, h); len(got) != 1 || got[0] != want {
		t.Errorf("the interface has %v, want %s alone", got, want)
	}
}

// An interface whose cable is not plugged in is prepared, too.
func TestLinkWithoutCarrier(t *testing.T) {
	h, n := newHost(t)
	other, err := netns.NewHost("unplugged")
	must(t, err)
	defer other.Close()
	must(t, netns.Connect(h, "access2", other, "eth0"), other.Down("eth0"),
		n.SetLink(dataplane.Link{Name: "access2", LinkLocal: netip.MustParseAddr("fe80::200:5eff:fe00:5213")}, "lo"))
}

func linkLocals(t *testing.T, h *netns.Host) (found []netip.Addr) {
	t.Helper()
	link, err := h.Net.LinkByName("access1")
	must(t, err)
	all, err := h.Net.AddrList(link, unix.AF_INET6)
	must(t, err)
	for _, a := range all {
		addr, _ := netip.AddrFromSlice(a.IP)
		found = append(found, addr)
	}
	return found
}

func TestWatch(t *testing.T) {
	h, n := newHost(t)
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	events := make(chan dataplane.Event, 100)
	go func() {
		defer close(events)
		for e, err := range n.Watch(ctx, "red") {
			if err != nil {
				t.Error(err)
			}
			events <- e
		}
	}()
	expect := func(want dataplane.Event) {
		t.Helper()
		for e := range events {
			e.MAC = dataplane.MAC{}
			if e == want {
				return
			}
		}
		t.Fatalf("no event %+v", want)
	}
	expect(dataplane.Event{Kind: dataplane.LinkUp, Link: "access1"})
	route := netip.MustParsePrefix("10.0.0.0/24")
	node := dataplane.Neighbour{Link: "access1", Addr: netip.MustParseAddr("10.0.0.1"), MAC: dataplane.MAC{2}}
	must(t, n.SetLink(dataplane.Link{Name: "access1", LinkLocal: netip.MustParseAddr("fe80::1")}, "lo"),
		n.SetRoute(netlink.Route{Prefix: route}), n.DeleteRoute(route, 0))
	expect(dataplane.Event{Kind: dataplane.ObjectLost, Key: dataplane.RouteKey{VRF: "red", Prefix: route}})
	must(t, n.SetNeighbour(node), n.DeleteNeighbour(node.Link, node.Addr))
	expect(dataplane.Event{Kind: dataplane.ObjectLost, Key: node.Key()})
	must(t, h.Down("access1"))
	expect(dataplane.Event{Kind: dataplane.LinkDown, Link: "access1"})
	must(t, h.Up("access1"))
	expect(dataplane.Event{Kind: dataplane.LinkUp, Link: "access1"})
	must(t, n.DeleteLink("access1"))
	expect(dataplane.Event{Kind: dataplane.ObjectLost, Key: dataplane.LinkKey("access1")})
}

// A namespace is entered for a call and left again, also after a failure.
func TestNamespaceDo(t *testing.T) {
	h, _ := newHost(t)
	here := func() string { name, _ := os.Readlink("/proc/thread-self/ns/net"); return name }
	before, inside := here(), ""
	err := h.Do(func() error { inside = here(); return os.ErrInvalid })
	if err != os.ErrInvalid || inside == before || inside == "" || here() != before {
		t.Errorf("before %s, inside %s, after %s, %v", before, inside, here(), err)
	}
	var none *netlink.Namespace
	must(t, none.Do(func() error { inside = here(); return nil }))
	if inside != before {
		t.Errorf("no namespace led to %s", inside)
	}
}

// A watcher hears of routes that somebody removes, in the midst of any number that we make and remove.
func TestWatchAmongMany(t *testing.T) {
	_, n := newHost(t)
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	ops := make([]netlink.RouteOp, 20_000) // more than fits into the socket
	for i := range ops {
		ops[i].Prefix = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 32)
	}
	begun := false
	for e, err := range n.Watch(ctx, "") {
		must(t, err)
		switch {
		case e.Kind == dataplane.ObjectLost && e.Key == dataplane.RouteKey{Prefix: ops[0].Prefix}:
			return
		case e.Kind == dataplane.ObjectLost, e.Kind == dataplane.Overrun:
			t.Fatalf("%+v", e)
		case !begun: // those in the socket are read after this
			begun = true
			must(t, n.ApplyRoutes(ops)...)
			for i := range ops {
				ops[i].Delete = i > 0
			}
			must(t, n.ApplyRoutes(ops)...)
			must(t, n.DeleteRoute(ops[0].Prefix, 0)) // not as ApplyRoutes does
		}
	}
	t.Fatal("the removed route was not told of")
}

// The way to an address is the interface that packets of an address of ours would leave by, with its MTU; without a route there is none.
func TestWay(t *testing.T) {
	h, n := newHost(t)
	must(t, h.Address("access1", "192.0.2.1/24"), h.Address("access1", "2001:db8::1/64"), h.Route("198.51.100.0/24", "192.0.2.9"))
	index, err := n.LinkIndex("access1")
	must(t, err)
	for _, c := range []struct{ local, remote string }{
		{"192.0.2.1", "192.0.2.7"}, {"192.0.2.1", "198.51.100.7"}, {"2001:db8::1", "2001:db8::7"},
	} {
		way, err := n.Way(netip.MustParseAddr(c.local), netip.MustParseAddr(c.remote))
		if want := (netlink.Way{Index: index, MTU: 1500, Ethernet: true}); err != nil || way != want {
			t.Errorf("from %s to %s it is %+v, want %+v (%v)", c.local, c.remote, way, want, err)
		}
	}
	for _, c := range []struct{ local, remote string }{{"192.0.2.1", "203.0.113.7"}, {"2001:db8::1", "2001:db8:1::7"}, {"192.0.2.1", "2001:db8::7"}} {
		if way, err := n.Way(netip.MustParseAddr(c.local), netip.MustParseAddr(c.remote)); err == nil {
			t.Errorf("from %s to %s there is a way: %+v", c.local, c.remote, way)
		}
	}
}
