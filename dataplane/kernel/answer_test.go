package kernel

import (
	"bytes"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
	"mooring/dataplane/netns"
)

// The kernel tells a node that its router, and whatever else it asks for, is where its access interface is; of its own address, and to others, it says
// nothing.
func TestNodesAreAnswered(t *testing.T) {
	h, node, f := asked(t)
	const own, other, router = "10.1.0.2", "10.1.0.3", "10.1.0.1"
	gateway, err := h.Net.LinkByName("access1")
	must(t, err)
	a := newAnswers(f)
	n, err := netlink.Open(h.Namespace)
	must(t, err, n.SteerMark("lo", netlink.Loopback))
	defer n.Close()
	from := func(link, addr string) dataplane.SourceRouteKey {
		return dataplane.SourceRouteKey{Link: link, Source: netip.MustParsePrefix(addr)}
	}
	known := []dataplane.SourceRouteKey{from("access1", own+"/32"), from("access2", other+"/32"), from("access1", "10.1.0.0/16"), from("access1", "2001:db8::1/128")}
	must(t, a.rebuild(known[1:]))
	expect := func(what, from, to string, want net.HardwareAddr) {
		t.Helper()
		if got := whoHas(t, node, from, to); got.String() != want.String() {
			t.Errorf("%s: %s asks for %s, and hears of %q instead of %q", what, from, to, got, want)
		}
	}
	expect("before it is known", own, router, nil)
	must(t, a.change(known[:1], nil))
	for _, target := range []string{router, "10.1.77.7", other, "192.0.2.99"} {
		expect("a node", own, target, gateway.Attrs().HardwareAddr)
	}
	expect("its own address", own, own, nil)
	expect("the node of another link", other, router, nil)
	if whole, err := a.intact(known); !whole || err != nil {
		t.Errorf("the table is not as it should be: %v", err)
	}
	must(t, a.change(nil, known[:1]), a.change(nil, known[:1]))
	expect("when it has gone", own, router, nil)
	if whole, err := a.intact(known); whole || err != nil {
		t.Errorf("nothing is missing: %v", err)
	}
	if whole, err := a.intact(known[1:]); !whole || err != nil {
		t.Errorf("the table is not as it should be: %v", err)
	}
}

// asked is a host with a node, and room for tables.
func asked(t *testing.T) (h, node *netns.Host, f *filter) {
	t.Helper()
	h, err := netns.NewHost("host")
	must(t, err)
	t.Cleanup(func() { h.Close() })
	node, err = netns.NewHost("node")
	must(t, err)
	t.Cleanup(func() { node.Close() })
	must(t, netns.Connect(h, "access1", node, "eth0"), h.Address("access1", hostAddress+"/16"))
	f, err = openFilter(h.Namespace)
	must(t, err)
	t.Cleanup(f.close)
	return h, node, f
}

// whoHas asks as a node does, and returns what it is told of the address; nil where nobody answers before the host does that for an address of its own.
func whoHas(t *testing.T, node *netns.Host, from, to string) (at net.HardwareAddr) {
	t.Helper()
	link, err := node.Net.LinkByName("eth0")
	must(t, err)
	var conn *packet.Conn
	must(t, node.Do(func() (err error) {
		conn, err = packet.Listen(&net.Interface{Index: link.Attrs().Index, Name: "eth0"}, packet.Raw, unix.ETH_P_ARP, nil)
		return err
	}))
	defer conn.Close()
	mac := link.Attrs().HardwareAddr
	const header, reply = 14, 2
	for _, target := range []string{to, hostAddress} {
		question := slices.Concat([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, mac, []byte{8, 6, 0, 1, 8, 0, 6, 4, 0, 1}, mac,
			netip.MustParseAddr(from).AsSlice(), make([]byte, 6), netip.MustParseAddr(target).AsSlice())
		_, err := conn.WriteTo(question, &packet.Addr{HardwareAddr: question[:6]})
		must(t, err)
	}
	must(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
	for b := make([]byte, 100); ; {
		n, _, err := conn.ReadFrom(b)
		must(t, err)
		if n < header+28 || b[header+7] != reply {
			continue
		}
		switch a, _ := netip.AddrFromSlice(b[header+14 : header+18]); a.String() {
		case hostAddress:
			return at
		case to:
			at = bytes.Clone(b[header+8 : header+14])
		}
	}
}

const hostAddress = "10.1.0.254"
