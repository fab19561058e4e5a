package netlink

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	netlib "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
)

// Where a socket has no room for the answers of a batch (ENOBUFS), whatever may have failed is said to have, with the reason; and the next
// batch gets its own answers.
func TestBatchWithoutRoom(t *testing.T) {
	ns, err := NewNamespace()
	must(t, err)
	defer ns.Close()
	h, err := Open(ns)
	must(t, err)
	defer h.Close()
	down := &netlib.Veth{LinkAttrs: netlib.LinkAttrs{Name: "down"}, PeerName: "peer"}
	must(t, h.handle.LinkAdd(down))
	index, err := h.LinkIndex("down")
	must(t, err)
	ops := make([]RouteOp, batchSize)
	for i := range ops {
		ops[i] = RouteOp{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 32), Index: index}
	}
	room, err := unix.GetsockoptInt(h.batch.fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
	must(t, err, unix.SetsockoptInt(h.batch.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 0))
	overflown := 0
	for i, err := range h.ApplyRoutes(ops) {
		switch {
		case errors.Is(err, unix.ENOBUFS):
			overflown++
		case !errors.Is(err, unix.ENETDOWN):
			t.Errorf("route %d: %v", i, err)
		}
	}
	if overflown == 0 {
		t.Error("there was room for all answers: nothing was tested")
	}
	must(t, unix.SetsockoptInt(h.batch.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, room/2)) // of which the host makes twice as much
	for i := range ops {
		ops[i].Index = 0
	}
	must(t, h.ApplyRoutes(ops)...)
	if routes, err := h.Routes(); err != nil || len(routes) != len(ops) {
		t.Errorf("there are %d routes, %v", len(routes), err)
	}
}

// A watcher that has missed something says so, and knows afterwards which interfaces have come and gone meanwhile.
func TestWatchAfterOverrun(t *testing.T) {
	ns, err := NewNamespace()
	must(t, err)
	defer ns.Close()
	h, err := Open(ns)
	must(t, err)
	defer h.Close()
	addPair := func(name, peer string) {
		link := &netlib.Veth{LinkAttrs: netlib.LinkAttrs{Name: name}, PeerName: peer}
		must(t, h.handle.LinkAdd(link))
		other, err := h.handle.LinkByName(peer)
		must(t, err, h.handle.LinkSetUp(link), h.handle.LinkSetUp(other))
	}
	remove := func(name string) {
		link, err := h.handle.LinkByName(name)
		must(t, err, h.handle.LinkDel(link))
	}
	addPair("goes", "goes-too")
	addPair("changes", "changes-too")
	missed := map[dataplane.Event]bool{
		{Kind: dataplane.LinkDown, Link: "goes"}: true, {Kind: dataplane.LinkDown, Link: "changes"}: true, {Kind: dataplane.LinkUp, Link: "changes"}: true,
		{Kind: dataplane.LinkUp, Link: "comes"}: true, {Kind: dataplane.Overrun}: true,
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	begun := 0
	for e, err := range h.Watch(ctx, "") {
		must(t, err)
		if begun++; begun < 5 { // the loopback interface and both pairs
			continue
		}
		if begun == 5 {
			flood(t, ns)
			remove("goes")
			remove("changes")
			addPair("changes", "changes-too")
			addPair("comes", "comes-too")
			continue
		}
		e.MAC = dataplane.MAC{}
		if delete(missed, e); len(missed) == 0 {
			return
		}
	}
	t.Errorf("not told of: %+v", missed)
}

// flood has a host tell of more than the socket of a watcher holds.
func flood(t *testing.T, ns *Namespace) {
	t.Helper()
	stranger, err := Open(ns)
	must(t, err)
	defer stranger.Close()
	ops := make([]RouteOp, 20_000)
	for _, remove := range []bool{false, true} {
		for i := range ops {
			ops[i] = RouteOp{Delete: remove, Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 7, byte(i >> 8), byte(i)}), 32)}
		}
		must(t, stranger.ApplyRoutes(ops)...)
	}
}

// What is listed comes in pieces, as many as it takes: a socket with the least room there is has room for them. An answer with its
// acknowledgement is more than that, which is said; with room, it comes.
func TestListsWithoutRoom(t *testing.T) {
	ns, err := NewNamespace()
	must(t, err)
	defer ns.Close()
	h, err := Open(ns)
	must(t, err)
	defer h.Close()
	ops := make([]RouteOp, 2000)
	for i := range ops {
		ops[i].Prefix = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 32)
	}
	must(t, h.ApplyRoutes(ops)...)
	room, err := unix.GetsockoptInt(h.devices.fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
	must(t, err)
	for _, s := range []*socket{h.lists, h.long, h.devices} {
		must(t, unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 0))
	}
	for range 2 {
		routes, err := h.Routes()
		if err != nil || len(routes) != len(ops) {
			t.Errorf("there are %d routes, %v", len(routes), err)
		}
		if _, err := h.Look("lo"); !errors.Is(err, unix.ENOBUFS) {
			t.Errorf("an interface: %v", err)
		}
	}
	must(t, unix.SetsockoptInt(h.devices.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, room/2))
	if d, err := h.Look("lo"); err != nil || d.Name != "lo" {
		t.Errorf("an interface: %+v, %v", d, err)
	}
}

// Where there is no room for the counters of many elements, that is said, and what is asked next gets its own answers.
func TestTalliesWithoutRoom(t *testing.T) {
	tallies, all := manyTallies(t)
	room, err := unix.GetsockoptInt(tallies.socket.fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
	must(t, err, unix.SetsockoptInt(tallies.socket.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 0))
	if _, err := tallies.Read(all[:batchSize]); !errors.Is(err, unix.ENOBUFS) {
		t.Fatalf("%d elements: %v", batchSize, err)
	}
	must(t, unix.SetsockoptInt(tallies.socket.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, room/2))
	asked := slices.Clone(all)
	for i := range asked {
		asked[i].Packets, asked[i].Octets = 0, 0
	}
	there, err := tallies.Read(asked)
	must(t, err)
	for i, e := range asked {
		if !there[i] || e.Packets != all[i].Packets || e.Octets != all[i].Octets {
			t.Fatalf("element %d: %t %+v, want %+v", i, there[i], e, all[i])
		}
	}
}
