//go:build vm

package backend

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/nftables"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
	"mooring/dataplane/planetest"
	"mooring/dataplane/reconcile"
)

// The table of nftables that checks where packets come from is back long before the next comparison when somebody has deleted it.
func TestFilterComesBack(t *testing.T) {
	d := planetest.NewDomain(t)
	path, _ := planetest.Bindings()["gre4"].Paths()
	repaired := make(chan []reconcile.Repair, 100)
	p := runWith(t, reconcile.Options{Repaired: func(r []reconcile.Repair) { repaired <- r }}, d.LMA, &dataplane.Session{ID: 1, Side: dataplane.Anchor, Path: path, Prefixes: []netip.Prefix{
		netip.MustParsePrefix(planetest.NodeAddr4 + "/32"), netip.MustParsePrefix("2001:db8:1::/64")}}, dataplane.Config{})
	must(t, p.Use(Kernel))
	settle(t, p, true)
	conn, err := nftables.New(nftables.WithNetNSFd(d.LMA.Namespace.FD()))
	must(t, err)
	chains := func() (n int) {
		list, err := conn.ListChains()
		must(t, err)
		for _, c := range list {
			if c.Table.Name == netlink.FilterTable {
				n++
			}
		}
		return n
	}
	before := chains()
	if before == 0 {
		t.Fatal("there is no table")
	}
	conn.DelTable(&nftables.Table{Name: netlink.FilterTable, Family: nftables.TableFamilyINet})
	must(t, conn.Flush())
	for deadline := time.Now().Add(time.Minute); chains() != before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d chains are back of %d", chains(), before)
		}
	}
	select {
	case r := <-repaired:
		if len(r) != 1 || r[0].Object.Key() != any(path.Tunnel) {
			t.Errorf("repaired was %+v, want the tunnel whose packets were not checked", r)
		}
	case <-time.After(time.Minute):
		t.Error("nobody was told of the repair")
	}
}
