//go:build vm

package kernel

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/planetest"
)

// TUN-01. An interface of less than IPv6 needs could not have both families.
func TestTunnelMTU_TUN01(t *testing.T) { planetest.MTUs(t, openIn, leastMTU) }

// Over IPv4, a packet of the least IPv6 MTU passes a narrower way in fragments of the outer packet.
func TestLeastMTUPassesNarrowTunnel(t *testing.T) {
	for _, name := range []string{"ip4", "gre4", "udp4"} {
		t.Run(name, func(t *testing.T) { planetest.LeastMTU(t, openIn, planetest.Bindings()[name]) })
	}
}

// Over IPv6 the kernel does not fragment: a tunnel over a way that is too narrow is refused, whole, with what to do. On a wider way it is made.
func TestTooNarrowForIPv6(t *testing.T) {
	for _, name := range []string{"ip6", "gre6-key", "udp6"} {
		for _, mtu := range []int{0, 1360} {
			b := planetest.Bindings()[name]
			b.MTU = mtu
			t.Run(fmt.Sprintf("%s mtu %d", name, mtu), func(t *testing.T) {
				d := planetest.NewDomain(t)
				before := planetest.HostText(t, d.LMA)
				must(t, d.LMA.SetMTU("eth0", 1300))
				p, err := openIn(d.LMA.Namespace)
				must(t, err)
				defer p.Close()
				anchor, _ := b.Objects(t, d.Node, netip.MustParsePrefix(planetest.NodeAddr4+"/32"))
				err = p.Apply(t.Context(), []dataplane.Op{{Object: anchor[0]}})[0]
				for _, want := range []string{"1300 octets", "1280", "/system/dataplane/backend", "userspace"} {
					if err == nil || !strings.Contains(err.Error(), want) {
						t.Errorf("%v does not say %q", err, want)
					}
				}
				must(t, d.LMA.SetMTU("eth0", 1500))
				if after := planetest.HostText(t, d.LMA); after != before {
					t.Errorf("the host has\n%sand had\n%s", after, before)
				}
				must(t, apply(p.(*Plane), anchor...))
			})
		}
	}
}

// A tunnel of which the host refuses a part leaves nothing: no interface, no table, no open port.
func TestRefusedTunnelLeavesNothing(t *testing.T) {
	h, p := newHost(t)
	must(t, h.Sysctl("ipv6/conf/default/forwarding", "0")) // so that there is something to set
	makeSettingsReadOnly(t)
	before := planetest.HostText(t, h)
	id := dataplane.TunnelID{Local: netip.MustParseAddr("192.0.2.1"), Peer: netip.MustParseAddr("192.0.2.2"), Encap: dataplane.EncapUDP, Port: 5437}
	if err := apply(p, dataplane.Tunnel{ID: id}); !errors.Is(err, unix.EROFS) {
		t.Fatalf("the tunnel: %v", err)
	}
	if after := planetest.HostText(t, h); after != before {
		t.Errorf("the host has\n%sand had\n%s", after, before)
	}
}

// makeSettingsReadOnly has nobody change settings until the function is called, or the test ends.
func makeSettingsReadOnly(t *testing.T) (end func()) {
	const settings = "/proc/sys"
	must(t, unix.Mount(settings, settings, "", unix.MS_BIND, ""))
	end = sync.OnceFunc(func() { must(t, unix.Unmount(settings, 0)) })
	t.Cleanup(end)
	must(t, unix.Mount("", settings, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""))
	return end
}

// An interface whose MTU somebody has lowered, so that it lost IPv6, has all of it again.
func TestMTUIsPutRight(t *testing.T) {
	d := planetest.Bind(t, openIn, planetest.Bindings()["gre4"])
	before := planetest.HostText(t, d.LMA)
	id, _ := d.Tunnels()
	name := nameOf(dataplane.Path{Tunnel: id})
	must(t, d.LMA.SetMTU(name, 1000))
	anchor, _ := d.Objects(t, d.Node, netip.MustParsePrefix(planetest.NodeAddr4+"/32"), netip.MustParsePrefix("2001:db8:1::/64"))
	must(t, apply(d.Anchor.(*Plane), anchor...))
	if after := planetest.HostText(t, d.LMA); after != before {
		t.Errorf("the host has\n%sand had\n%s", after, before)
	}
	planetest.Transfer(t, d.CN, d.Node, planetest.NodeAddr6)
}

// The segments of TCP fit the MTU that was asked for, also where the interface has more, and a comparison finds all as it should be.
func TestSegmentsFitWhatIsConfigured(t *testing.T) {
	h, p := newHost(t)
	policy := dataplane.Policy{PolicyKey: dataplane.PolicyKey{Local: given.Local, Side: dataplane.Anchor}, ClampMSS: true}
	must(t, apply(p, policy, dataplane.Tunnel{ID: given, MTU: 1000}))
	got, err := dataplane.Picture(t.Context(), p)
	must(t, err)
	if !strings.Contains(got, "tunnel gre 192.0.2.1 > 192.0.2.2 mtu 1000\n") {
		t.Errorf("the comparison has\n%s", got)
	}
	if text := planetest.HostText(t, h); !strings.Contains(text, "1280") || !strings.Contains(text, fmt.Sprint(1000-20-20)) {
		t.Errorf("the host has\n%s", text)
	}
}

func TestGatewayWithoutIPv4TellsWhatFits(t *testing.T) { planetest.Addressless(t, openIn) }
