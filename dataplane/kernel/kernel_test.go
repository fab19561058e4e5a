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

// ACL-01, ACL-02, ACL-03, ACL-04, ACL-05, TUN-01, TUN-02 and TUN-03 with packets.
func TestPolicies(t *testing.T) { planetest.Policies(t, openIn) }

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
				if sent, got := flow.Stop(t); sent < 50 || got != sent {
					t.Errorf("%s: %d packets arrived of %d", way, got, sent)
				}
			}
		})
	}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}
