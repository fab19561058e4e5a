//go:build vm

package kernel

import (
	"errors"
	"net/netip"
	"testing"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
	"mooring/dataplane/planetest"
)

func TestMain(m *testing.M) { planetest.Main(m, openIn) }

func openIn(ns *netlink.Namespace) (planetest.Plane, error) { return openPlane(ns) }

func TestPlane(t *testing.T) {
	planetest.Test(t, func(t *testing.T) *planetest.Host { return planetest.InNamespace(t, openIn) })
}

func TestForward(t *testing.T) { planetest.Forward(t, openIn) }

// What nobody has of the pools goes nowhere.
func TestLMA28_UnassignedSpaceIsDiscarded(t *testing.T) { planetest.Pools(t, openIn) }

// ACL-01, ACL-02, ACL-03, ACL-04, ACL-05, TUN-01, TUN-02 and TUN-03 with packets.
func TestPolicies(t *testing.T) { planetest.Policies(t, openIn) }

// What strangers take away of interfaces, rules and tables is back at once, with an event.
func TestRepairs(t *testing.T) { planetest.Repairs(t, openIn, planetest.KernelHasNo...) }

func TestVRFSettings(t *testing.T) { planetest.VRFSettings(t, openIn) }

// What they change without the host telling of it, comparisons find.
func TestComparisons(t *testing.T) { planetest.Comparisons(t, openIn) }

func TestOuterHeaders(t *testing.T) { planetest.OuterHeaders(t, openIn) }

func TestForeigners(t *testing.T) { planetest.Foreigners(t, openIn, true) }

func TestForeignTraffic(t *testing.T) { planetest.ForeignTraffic(t, openIn) }

// Every plane counts the same.
func TestUsage(t *testing.T) {
	for _, name := range []string{"ip6", "gre4-key"} {
		t.Run(name, func(t *testing.T) {
			_, h := planetest.MeterIn(t, openIn, planetest.Bindings()[name])
			planetest.Usage(t, h)
		})
	}
}

// What was counted outlives the process and the table of nftables, also of a prefix and of an interface that are gone: no counter goes
// backwards, and none twice as fast.
func TestUsageOutlives(t *testing.T) {
	d, h := planetest.MeterIn(t, openIn, planetest.Bindings()["gre4-key"])
	routes := func(p *Plane, owner dataplane.SessionID, prefixes ...string) {
		t.Helper()
		for _, at := range prefixes {
			r := dataplane.Route{VRFPrefix: dataplane.VRFPrefix{Prefix: netip.MustParsePrefix(at)}, Via: dataplane.Target{Path: h.Path}, Owner: owner}
			must(t, p.Apply(t.Context(), []dataplane.Op{{Object: r, Delete: owner == 0}})...)
		}
	}
	const v4, v6 = planetest.NodeAddr4 + "/32", "2001:db8:1::/64"
	p := d.Anchor.(*Plane)
	check := func(when string, packets uint64) {
		t.Helper()
		own, _ := p.Plane.SessionUsage(7)
		whole, _ := p.Plane.TunnelUsage(h.Path.Tunnel)
		if own.TxPackets != packets || whole.TxPackets != packets {
			t.Errorf("%s: the session has %d packets, the tunnel %d, want %d", when, own.TxPackets, whole.TxPackets, packets)
		}
	}
	again := func() {
		t.Helper()
		must(t, p.Close())
		opened, err := openIn(d.LMA.Namespace)
		must(t, err)
		t.Cleanup(func() { opened.Close() })
		p = opened.(*Plane)
		must(t, p.Apply(t.Context(), []dataplane.Op{{Object: dataplane.Tunnel{ID: h.Path.Tunnel}}})...)
	}
	routes(p, 7, v4, v6)
	h.Pass(t, 4, true, 2, 10)
	h.Pass(t, 6, true, 3, 10)
	check("at first", 5)
	again()
	routes(p, 7, v4, v6)
	check("after a restart", 5)
	routes(p, 0, v4)
	again()
	routes(p, 7, v6)
	check("a prefix has gone before a restart", 5)
	must(t, p.places[""].filter.drop())
	_, err := dataplane.Picture(t.Context(), p)
	must(t, err)
	must(t, p.Apply(t.Context(), []dataplane.Op{{Object: dataplane.Tunnel{ID: h.Path.Tunnel}}})...) // which the picture had as wrong
	h.Pass(t, 6, true, 1, 10)
	check("somebody had taken the table away", 6)
	routes(p, 0, v6) // the interface of the path with keys goes with it
	check("nothing leads into the tunnel", 6)
	again()
	routes(p, 7, v4, v6)
	if whole, _ := p.Plane.TunnelUsage(h.Path.Tunnel); whole.TxPackets != 6 {
		t.Errorf("after a restart, the tunnel has %d packets, want 6", whole.TxPackets)
	}
}

// Every discarded packet is counted by its reason, of its tunnel.
func TestOPS18_DropsByTunnel(t *testing.T) { planetest.Drops(t, openIn) }

// What was counted of drops outlives the process, the table of nftables, and interfaces that are gone.
func TestOPS18_DropsOutlive(t *testing.T) {
	d, want := planetest.DropsIn(t, openIn, planetest.Bindings()["gre4-key"])
	id, _ := d.Tunnels()
	p := d.Anchor.(*Plane)
	check := func(when string) {
		t.Helper()
		tunnels, rest := p.Tunnels()
		got := tunnels[id].Drops
		got.Malformed, got.Send = want.Malformed, want.Send
		if got != want || rest != (dataplane.Drops{}) {
			t.Errorf("%s: %+v is counted, and %+v of none, want %+v", when, got, rest, want)
		}
	}
	again := func() {
		t.Helper()
		must(t, p.Close())
		opened, err := openIn(d.LMA.Namespace)
		must(t, err)
		t.Cleanup(func() { opened.Close() })
		p = opened.(*Plane)
		must(t, p.Apply(t.Context(), []dataplane.Op{{Object: dataplane.Tunnel{ID: id, MTU: 1300}}})...)
	}
	check("at first")
	again()
	check("after a restart")
	must(t, p.places[""].filter.drop())
	_, err := dataplane.Picture(t.Context(), p)
	must(t, err)
	must(t, p.Apply(t.Context(), []dataplane.Op{{Object: dataplane.Tunnel{ID: id, MTU: 1300}}})...)
	check("somebody had taken the table away")
	must(t, p.rebuild(p.places[""]))
	check("the table was replaced")
	var gone []dataplane.Op
	for prefix := range p.routes.Of("") {
		gone = append(gone, dataplane.Op{Delete: true, Object: dataplane.Route{VRFPrefix: dataplane.VRFPrefix{Prefix: prefix}}})
	}
	must(t, p.Apply(t.Context(), gone)...)
	check("the interface of the path with keys is gone")
	again()
	check("after another restart")
}

// A process that ends, or is killed, takes nothing with it: traffic goes on, and the next process finds everything and changes nothing.
func TestForwardsWithoutProcess(t *testing.T) {
	for name, b := range planetest.Bindings() {
		t.Run(name, func(t *testing.T) {
			d := planetest.Bind(t, openIn, b)
			before, err := dataplane.Picture(t.Context(), d.Access)
			must(t, err, d.Anchor.Close(), d.Access.Close())
			planetest.Transfer(t, d.Node, d.CN, planetest.CNAddr4)
			planetest.Transfer(t, d.CN, d.Node, planetest.NodeAddr6)
			p, err := openIn(d.MAG.Namespace)
			must(t, err)
			defer p.Close()
			_, access := b.Objects(t, d.Node)
			must(t, errors.Join(p.Apply(t.Context(), []dataplane.Op{{Object: access[0]}})...)) // what it looks like is not on the host
			after, err := dataplane.Picture(t.Context(), p)
			must(t, err)
			if after != before {
				t.Errorf("found\n%swas\n%s", after, before)
			}
			planetest.Transfer(t, d.Node, d.CN, planetest.CNAddr6)
		})
	}
}

// While planes end and others take over, and everything is asked for again, not one packet of running flows is lost.
func TestRestartIsHitless(t *testing.T) {
	for _, name := range []string{"gre6-key", "udp4"} {
		t.Run(name, func(t *testing.T) {
			b := planetest.Bindings()[name]
			d := planetest.Bind(t, openIn, b)
			prefixes := []netip.Prefix{netip.MustParsePrefix(planetest.NodeAddr4 + "/32"), netip.MustParsePrefix("2001:db8:1::/64")}
			anchor, access := b.Objects(t, d.Node, prefixes...)
			up, down := planetest.StartFlow(t, d.Node, d.CN, planetest.CNAddr4), planetest.StartFlow(t, d.CN, d.Node, planetest.NodeAddr4)
			for _, end := range []struct {
				plane   planetest.Plane
				ns      *netlink.Namespace
				objects []dataplane.Object
			}{{d.Anchor, d.LMA.Namespace, anchor}, {d.Access, d.MAG.Namespace, access}} {
				must(t, end.plane.Close())
				p, err := openIn(end.ns)
				must(t, err)
				defer p.Close()
				for _, o := range end.objects {
					must(t, p.Apply(t.Context(), []dataplane.Op{{Object: o}})...)
				}
				_, err = dataplane.Picture(t.Context(), p)
				must(t, err)
			}
			for way, flow := range map[string]*planetest.Flow{"up": up, "down": down} {
				if sent, got := flow.StopAfter(t, 50); got != sent {
					t.Errorf("%s: %d packets arrived of %d", way, got, sent)
				}
			}
		})
	}
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// What packets pass of rules does not grow with the number of bindings.
func TestRulesAreConstant(t *testing.T) {
	const levels, fanOut = 5, 16 // of the tree of policy rules (netlink/marktree.go)
	planetest.Rules(t, openIn, levels*fanOut)
}
