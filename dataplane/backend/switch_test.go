//go:build vm

package backend

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	netlib "github.com/vishvananda/netlink"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
	"mooring/dataplane/netns"
	"mooring/dataplane/planetest"
	"mooring/dataplane/reconcile"
)

// Every wish carries every kind of tunnel, and whatever the wish was before, nothing of it is left: traffic goes on, and all devices are of
// the kind that is asked for.
func TestSwitch(t *testing.T) {
	for _, name := range []string{"gre4", "ip6", "udp4", "gre6-key"} {
		t.Run(name, func(t *testing.T) {
			b := planetest.Bindings()[name]
			d := planetest.NewDomain(t)
			anchorPath, accessPath := b.Paths()
			prefixes := []netip.Prefix{netip.MustParsePrefix(planetest.NodeAddr4 + "/32"), netip.MustParsePrefix("2001:db8:1::/64")}
			link, err := d.Node.Net.LinkByName("eth0")
			must(t, err)
			access := &dataplane.Session{ID: 1, Side: dataplane.Access, Path: accessPath, Prefixes: prefixes, Link: "access"}
			copy(access.LinkAddr[:], link.Attrs().HardwareAddr)
			ends := []*Plane{
				run(t, d.LMA, &dataplane.Session{ID: 1, Side: dataplane.Anchor, Path: anchorPath, Prefixes: prefixes}, dataplane.Config{}),
				run(t, d.MAG, access, dataplane.Config{Links: []dataplane.Link{{Name: "access", MAC: planetest.MAGMAC, LinkLocal: netip.MustParseAddr("fe80::1")}}}),
			}
			for _, w := range []Wish{Userspace, Kernel, Userspace, Auto, Kernel, Auto} {
				for _, p := range ends {
					must(t, p.Use(w))
				}
				byKernel := w == Kernel || w == Auto && b.Encap != dataplane.EncapUDP
				for _, p := range ends {
					settle(t, p, byKernel)
				}
				planetest.Transfer(t, d.Node, d.CN, planetest.CNAddr4)
				planetest.Transfer(t, d.CN, d.Node, planetest.NodeAddr6)
				for _, h := range []*netns.Host{d.LMA, d.MAG} {
					expectDevices(t, h, w, byKernel)
				}
			}
		})
	}
}

// run runs a plane in a host, and a reconciler that wants the session.
func run(t *testing.T, h *netns.Host, s *dataplane.Session, config dataplane.Config) *Plane {
	t.Helper()
	return runWith(t, reconcile.Options{}, h, s, config)
}

func runWith(t *testing.T, o reconcile.Options, h *netns.Host, s *dataplane.Session, config dataplane.Config) *Plane {
	t.Helper()
	p, err := openIn(h.Namespace)
	must(t, err)
	r := reconcile.New(p, o)
	r.Want([]dataplane.Change{{ID: s.ID, Session: s}})
	r.Configure(config)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { r.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait(); p.Close() })
	return p
}

// settle waits until the one tunnel has the device that it should have.
func settle(t *testing.T, p *Plane, byKernel bool) {
	t.Helper()
	var tunnels map[dataplane.TunnelID]dataplane.TunnelState
	for range 3000 {
		tunnels, _ = p.Tunnels()
		picture, err := dataplane.Picture(t.Context(), p)
		must(t, err)
		for _, state := range tunnels {
			if len(tunnels) == 1 && state.Device != "" && strings.HasPrefix(state.Device, "mt-") == byKernel && strings.Count("\n"+picture, "\nroute ") == 2 {
				return
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("by the kernel: %t, want %t: %+v", !byKernel, byKernel, tunnels)
}

// expectDevices finds tunnel interfaces of the kernel, policy rules for them, and our table of nftables exactly where the kernel is used,
// and TUN devices for what user space does.
func expectDevices(t *testing.T, h *netns.Host, w Wish, byKernel bool) {
	t.Helper()
	links, err := h.Net.LinkList()
	must(t, err)
	mt, tun := 0, 0
	for _, l := range links {
		if strings.HasPrefix(l.Attrs().Name, "mt-") {
			mt++
		}
		if l.Type() == "tuntap" {
			tun++
		}
	}
	if (mt > 0) != byKernel {
		t.Errorf("%s with %s has %d tunnel interfaces", h.Name, w, mt)
	}
	if w == Kernel && h.Name == "mag" && tun > 0 {
		t.Errorf("%s with %s has %d TUN devices", h.Name, w, tun)
	}
	marked := 0
	rules, err := h.Net.RuleList(netlib.FAMILY_V4)
	must(t, err)
	for _, r := range rules {
		if r.Protocol == netlink.Protocol && r.Mark != 0 {
			marked++
		}
	}
	if !byKernel && marked > 0 {
		t.Errorf("%s with %s has %d rules for marks", h.Name, w, marked)
	}
}
