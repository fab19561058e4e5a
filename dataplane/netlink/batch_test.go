package netlink_test

import (
	"errors"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"mooring/dataplane/netlink"
)

// Only the last message of a batch is acknowledged. Every one that fails is named nevertheless, wherever it stands, and the others are done.
func TestBatchNamesWhatFails(t *testing.T) {
	h, n := newHost(t)
	must(t, h.Down("access1"))
	down, err := n.LinkIndex("access1")
	must(t, err)
	const all = 150 // more than one batch
	for _, failing := range [][]int{nil, {0}, {63}, {64, 65}, {149}, {0, 63, 64, 127, 128, 149}} {
		ops := make([]netlink.RouteOp, all)
		for i := range ops {
			ops[i].Prefix = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 32)
			if slices.Contains(failing, i) {
				ops[i].Index = down
			}
		}
		for i, err := range n.ApplyRoutes(ops) {
			if failed := errors.Is(err, unix.ENETDOWN); failed != slices.Contains(failing, i) || !failed && err != nil {
				t.Errorf("of %v: route %d: %v", failing, i, err)
			}
		}
		if routes, err := n.Routes(); err != nil || len(routes) != all-len(failing) {
			t.Errorf("of %v: there are %d routes, %v", failing, len(routes), err)
		}
		for i := range ops {
			ops[i].Delete = true // also what is not there
		}
		must(t, n.ApplyRoutes(ops)...)
		if routes, err := n.Routes(); err != nil || len(routes) != 0 {
			t.Errorf("of %v: %d routes are left, %v", failing, len(routes), err)
		}
	}
}

// Should a whole batch fail, all answers are there.
func TestBatchThatFails(t *testing.T) {
	h, n := newHost(t)
	must(t, h.Down("access1"))
	down, err := n.LinkIndex("access1")
	must(t, err)
	ops := make([]netlink.RouteOp, 1000)
	for i := range ops {
		ops[i] = netlink.RouteOp{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 32), Index: down}
	}
	for i, err := range n.ApplyRoutes(ops) {
		if !errors.Is(err, unix.ENETDOWN) {
			t.Fatalf("route %d: %v", i, err)
		}
	}
}

// What others have made is neither listed nor removed, and tables are told apart.
func TestRoutesOfOthers(t *testing.T) {
	h, n := newHost(t)
	must(t, h.Up("access1"), h.Address("access1", "192.0.2.1/24"), h.Route("10.1.0.0/16", "192.0.2.2"))
	ours := netip.MustParsePrefix("10.2.0.0/16")
	must(t, n.SetRoute(netlink.Route{Prefix: ours, Device: "access1"}),
		n.SetRoute(netlink.Route{Prefix: ours, Table: 1000}),
		n.SetRoute(netlink.Route{Prefix: netip.MustParsePrefix("2001:db8::/32")}))
	routes, err := n.Routes()
	must(t, err)
	want := []netlink.Route{{Prefix: ours, Device: "access1"}, {Prefix: netip.MustParsePrefix("2001:db8::/32")}}
	if !slices.Equal(routes, want) {
		t.Errorf("listed %v", routes)
	}
}
