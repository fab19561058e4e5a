package planetest

import (
	"bytes"
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

// Pools tests with packets that what nobody has of an anchor's pools is discarded without a word, wherever it comes from: the anchor's default route
// leads to a router that sends everything of the pools to the anchor, and nothing goes round between them. What a node has gets through as
// long as it has it.
func Pools(t *testing.T, open func(*netlink.Namespace) (Plane, error)) {
	d := pooledDomain{Bind(t, open, Bindings()["gre4"])}
	must(t, d.CN.Forward(), d.LMA.Route("0.0.0.0/0", CNAddr4), d.LMA.Route("::/0", CNAddr6))
	blackhole := func(pool string) dataplane.Object {
		return dataplane.Route{VRFPrefix: dataplane.VRFPrefix{Prefix: prefix(pool)}, Via: dataplane.Target{Blackhole: true}}
	}
	pools := put(blackhole("10.0.0.0/24"), blackhole("2001:db8:1::/48"))
	bound, _ := d.Objects(t, d.Node, prefix(NodeAddr4+"/32"), prefix("2001:db8:1::/64"))
	const free4, free6 = "10.0.0.99", "2001:db8:1:99::1"

	apply(t, d.Anchor, pools)
	d.discards(t, "a host elsewhere", d.CN, CNAddr4, free4)
	d.discards(t, "a host elsewhere", d.CN, CNAddr6, free6)
	d.discards(t, "a node", d.Node, NodeAddr4, free4)
	d.discards(t, "a node", d.Node, NodeAddr6, free6)
	d.delivers(t)

	apply(t, d.Anchor, toRemove(bound[1:]...))
	d.discards(t, "a host that a node was there for", d.CN, CNAddr4, NodeAddr4)
	d.discards(t, "a host that a node was there for", d.CN, CNAddr6, NodeAddr6)

	apply(t, d.Anchor, put(bound[1:]...))
	d.delivers(t)

	apply(t, d.Anchor, toRemove(blackhole("10.0.0.0/24"), blackhole("2001:db8:1::/48")))
	for _, way := range [][2]string{{CNAddr4, free4}, {CNAddr6, free6}} { // so that this test could fail
		if out := d.forwarded(t, d.CN, way[0], way[1]); out == 0 {
			t.Errorf("nothing goes round though nobody has %s, and no pool", way[1])
		}
	}
}

type pooledDomain struct{ *BoundDomain }

func (d pooledDomain) delivers(t *testing.T) {
	t.Helper()
	for _, way := range [][2]string{{CNAddr4, NodeAddr4}, {CNAddr6, NodeAddr6}} {
		source, sink := listen(t, d.CN, way[0]), listen(t, d.Node, way[1])
		send(t, source, sink)
		if !arrives(t, sink, patience) {
			t.Errorf("nothing arrives at %s, which the node has", way[1])
		}
	}
}

func (d pooledDomain) discards(t *testing.T, who string, from *netns.Host, source, to string) {
	t.Helper()
	if out := d.forwarded(t, from, source, to); out != 0 {
		t.Errorf("%s sends to %s, which nobody has, and the anchor sends %d packets about it", who, to, out)
	}
}

// forwarded sends a packet that the anchor gets, and returns in how many of those that it sends by any interface this one is: as it was, in a tunnel,
// or in an ICMP error.
func (d pooledDomain) forwarded(t *testing.T, from *netns.Host, source, to string) (out int) {
	t.Helper()
	fd := tap(t, d.LMA, 0, 200*time.Millisecond)
	defer unix.Close(fd)
	socket := listen(t, from, source)
	other := CNAddr4
	if addr(to).Is6() {
		other = CNAddr6
	}
	if from == d.CN {
		other = map[string]string{CNAddr4: "203.0.113.1", CNAddr6: "2001:db8:c::1"}[other] // of the anchor
	}
	payload, last := []byte("for nobody at "+to), []byte("the last one")
	for _, p := range []struct {
		payload []byte
		to      string
	}{{payload, to}, {last, other}} {
		_, err := socket.WriteTo(p.payload, net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr(p.to), 9)))
		must(t, err)
	}
	var came, ended bool
	for b, deadline := make([]byte, 65536), time.Now().Add(patience); ; {
		n, at, err := unix.Recvfrom(fd, b, 0)
		switch {
		case err == unix.EAGAIN && came && ended: // and it has been quiet for a while
			return out
		case err == unix.EAGAIN && time.Now().Before(deadline), err == unix.EINTR:
			continue
		}
		must(t, os.NewSyscallError("the packet does not come to the anchor: recvfrom", err))
		outgoing := at.(*unix.SockaddrLinklayer).Pkttype == unix.PACKET_OUTGOING
		switch is := bytes.Contains(b[:n], payload); {
		case is && outgoing:
			out++
		case is:
			came = true
		case bytes.Contains(b[:n], last):
			ended = true
		}
	}
}

// tap opens a socket that sees what an interface of a host sends and receives, of all of them if the index is 0. Reading from it ends with EAGAIN when it
// was quiet for so long.
func tap(t *testing.T, h *netns.Host, index int, quiet time.Duration) (fd int) {
	t.Helper()
	must(t, h.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		return err
	}))
	everything := uint16(unix.ETH_P_ALL<<8&0xff00 | unix.ETH_P_ALL>>8) // in the order of the network
	timeout := unix.NsecToTimeval(int64(quiet))
	must(t, unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: everything, Ifindex: index}), unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout))
	return fd
}
