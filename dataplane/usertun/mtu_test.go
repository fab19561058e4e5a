package usertun

import (
	"testing"
	"time"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
	"mooring/dataplane/planetest"
)

// TUN-01, with and without the fast path.
func TestTunnelMTU_TUN01(t *testing.T) {
	for name, o := range map[string]Options{"fast path": {}, "user space": {UserSpaceOnly: true}} {
		t.Run(name, func(t *testing.T) {
			planetest.MTUs(t, func(ns *netlink.Namespace) (planetest.Plane, error) { return openPlaneOf(o, ns) }, 68) // RFC 791 section 3.2
		})
	}
}

// Segments of a TCP stream that are too big are answered, too, and those of a sender that does not listen are fragmented.
func TestStreamOfSenderWithoutDF(t *testing.T) {
	for _, encap := range encaps {
		forEachWay(t, encap.String(), encap, func(t *testing.T, w way) {
			d := newDomainBy(t, w)
			d.bind(t, tunnelOver(encap, false), dataplane.Key{}, dataplane.Key{}, 1000)
			must(t, d.cn.Sysctl("ipv4/ip_no_pmtu_disc", "1"))
			transfer(t, d.cn, d.node, nodeAddr4)
		})
	}
}

// The path becomes narrower while the tunnel is in use: nothing is lost for good, and the tunnel's MTU follows. It follows
// back when the host has forgotten.
func TestNarrowerPathIsLearnt(t *testing.T) {
	for _, c := range []struct {
		name  string
		encap dataplane.Encap
		v6    bool
		want  int
	}{
		{"udp4", dataplane.EncapUDP, false, 1400 - 28},
		{"gre6", dataplane.EncapGRE, true, 1400 - 44},
	} {
		forEachWay(t, c.name, c.encap, func(t *testing.T, w way) {
			d := newDomainBy(t, w)
			e := tunnelOver(c.encap, c.v6)
			d.bind(t, e, dataplane.Key{}, dataplane.Key{}, 0)
			transfer(t, d.cn, d.node, nodeAddr4)
			must(t, d.core.SetMTU("mag", 1400), d.mag.SetMTU("eth0", 1400))
			transfer(t, d.cn, d.node, nodeAddr4)
			transfer(t, d.node, d.cn, cnAddr6)
			for p, id := range map[*Plane]dataplane.TunnelID{d.anchor: e.anchor, d.access: e.access} {
				eventually(t, "the tunnel follows the path", func() bool {
					tunnels, _ := p.Tunnels()
					return tunnels[id].MTU == c.want
				})
			}
			planetest.Sweep(t, d.cn, nodeAddr4, c.want)
		})
	}
}

// A packet of the least IPv6 MTU passes any tunnel, in fragments of the outer packet where it must.
func TestLeastMTUPassesNarrowTunnel(t *testing.T) {
	for name, o := range map[string]Options{"fast path": {}, "user space": {UserSpaceOnly: true}} {
		for _, binding := range []string{"ip4", "ip6"} {
			t.Run(binding+" "+name, func(t *testing.T) {
				open := func(ns *netlink.Namespace) (planetest.Plane, error) { return openPlaneOf(o, ns) }
				planetest.LeastMTU(t, open, planetest.Bindings()[binding])
			})
		}
	}
}

// Nodes of a gateway that has no IPv4 address were told by 0.0.0.0, which nobody obeys.
func TestGatewayWithoutIPv4TellsWhatFits(t *testing.T) {
	for name, o := range map[string]Options{"fast path": {}, "user space": {UserSpaceOnly: true}} {
		t.Run(name, func(t *testing.T) {
			planetest.Addressless(t, func(ns *netlink.Namespace) (planetest.Plane, error) { return openPlaneOf(o, ns) })
		})
	}
}

func TestICMPRateIsLimited(t *testing.T) {
	s := &icmpSender{tokens: icmpBurst}
	now := time.Now()
	allowed := 0
	for i := range 10_000 { // a second
		if s.allowed(now.Add(time.Duration(i) * 100 * time.Microsecond)) {
			allowed++
		}
	}
	if allowed < icmpRate || allowed > icmpRate+icmpBurst {
		t.Fatalf("%d messages in a second", allowed)
	}
}
