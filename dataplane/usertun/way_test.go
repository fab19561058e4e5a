package usertun

import (
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"mooring/dataplane"
)

// way says which ends of a domain do without the fast path.
type way struct {
	name                   string
	slowAccess, slowAnchor bool
}

var (
	bothFast = way{name: "fast path"}
	bothSlow = way{"user space", true, true}
)

// waysOf returns those that there are for an encapsulation.
func waysOf(encap dataplane.Encap) []way {
	if encap == dataplane.EncapUDP {
		return []way{bothSlow} // it has no fast path
	}
	return []way{bothFast, bothSlow, {"fast gateway", false, true}, {"fast anchor", true, false}}
}

// forEachWay runs a test with and without the fast path.
func forEachWay(t *testing.T, name string, encap dataplane.Encap, test func(t *testing.T, w way)) {
	t.Helper()
	for _, w := range waysOf(encap) {
		if w.slowAccess == w.slowAnchor {
			t.Run(name+" "+w.name, func(t *testing.T) { test(t, w) })
		}
	}
}

// expectFastPath checks that the plane has a fast path where it is wanted. Only inside a user namespace must it say that it
// may not; what follows then shows that everything works without.
func expectFastPath(t testing.TB, p *Plane, wanted bool) {
	t.Helper()
	err := p.FastPath()
	switch {
	case !wanted && err == nil:
		t.Fatal("the fast path is on, and nobody wants it")
	case wanted && !confined(t) && err != nil:
		t.Fatalf("no fast path, with every privilege: %v", err)
	case wanted && confined(t) && !errors.Is(err, unix.EPERM):
		t.Fatalf("in a user namespace the fast path says %v", err)
	}
}

// confined reports whether this process is in a user namespace of its own.
func confined(t testing.TB) bool {
	t.Helper()
	identities, err := os.ReadFile("/proc/self/uid_map")
	must(t, err)
	return strings.Join(strings.Fields(string(identities)), " ") != "0 0 4294967295"
}

// expectCarried checks that the kernel has carried most packets of a tunnel, or none.
func expectCarried(t *testing.T, p *Plane, id dataplane.TunnelID, wanted bool) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	tunnel := p.tunnels[id]
	carried, all := tunnel.endpoint.fast.traffic(tunnel), tunnel.counters()
	n, total := carried.RxPackets+carried.TxPackets, all.RxPackets+all.TxPackets
	switch {
	case !wanted || confined(t):
		if n > 0 {
			t.Errorf("the kernel carried %+v", carried)
		}
	case n == 0 || n < total*9/10: // the first ones may come before the next hop is known
		t.Errorf("the kernel carried %+v of %+v", carried, all)
	}
}
