package planetest

import (
	"net"
	"testing"

	netlib "github.com/vishvananda/netlink"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
	"mooring/dataplane/netns"
)

// ForeignTraffic finds that what arrives on interfaces of others passes also where the way back to its source is another one, with a tunnel of
// ours beside it, and however near to ours their names are.
func ForeignTraffic(t *testing.T, open func(*netlink.Namespace) (Plane, error)) {
	for _, name := range []string{"mt-lan", "mt-0123456789ab", "mooring77"} {
		t.Run(name, func(t *testing.T) {
			h, core, from, to := newNamespace(t, "host"), newNamespace(t, "core"), newNamespace(t, "from"), newNamespace(t, "to")
			must(t, netns.Connect(h, "eth0", core, "eth0"), h.Address("eth0", "2001:db8::1/64"))
			must(t, netns.Connect(h, name, from, "out"), h.Address(name, "10.50.0.1/24"), from.Address("out", "10.50.0.2/24"))
			must(t, netns.Connect(h, "eth8", from, "back"), h.Address("eth8", "10.60.0.1/24"), from.Address("back", "10.60.0.2/24"))
			must(t, netns.Connect(h, "eth9", to, "eth0"), h.Address("eth9", "10.70.0.1/24"), to.Address("eth0", "10.70.0.2/24"), to.Route("0.0.0.0/0", "10.70.0.1"))
			must(t, from.Net.RouteAdd(&netlib.Route{Dst: netns.IPNet(prefix("0.0.0.0/0")), Gw: net.IPv4(10, 50, 0, 1), Src: net.IPv4(10, 60, 0, 2)}))
			for _, setting := range []string{"all", name} {
				must(t, h.Sysctl("ipv4/conf/"+setting+"/rp_filter", "0"))
			}
			p, err := open(h.Namespace)
			must(t, err)
			t.Cleanup(func() { p.Close() })
			flow := StartFlow(t, from, to, "10.70.0.2")
			apply(t, p, put(dataplane.Tunnel{ID: gre}))
			if sent, got := flow.StopAfter(t, flow.Sent()+100); got != sent {
				t.Errorf("%d of %d arrived", got, sent)
			}
		})
	}
}
