//go:build vm

// Package devices tests what the kernel in the virtual machine can do, with nothing of ours in between.
package devices

import (
	"net"
	"testing"

	netlib "github.com/vishvananda/netlink"

	"mooring/dataplane/netns"
)

func TestMain(m *testing.M) { netns.Main(m) }

// The kernel makes every kind of tunnel that the dataplane wants, and a VRF, and shows them as they were asked for.
func TestTunnelDevices(t *testing.T) {
	four, six := []net.IP{net.IPv4(192, 0, 2, 1), net.IPv4(192, 0, 2, 2)}, []net.IP{net.ParseIP("2001:db8::1"), net.ParseIP("2001:db8::2")}
	h, err := netns.NewHost("host")
	must(t, err)
	defer h.Close()
	for name, device := range map[string]netlib.Link{
		"gre":    &netlib.Gretun{Local: four[0], Remote: four[1], IKey: 7, OKey: 8},
		"ip6gre": &netlib.Gretun{Local: six[0], Remote: six[1], IKey: 7, OKey: 8},
		"ipip":   &netlib.Iptun{Local: four[0], Remote: four[1]},
		"sit":    &netlib.Sittun{Local: four[0], Remote: four[1]},
		"ip6tnl": &netlib.Ip6tnl{Local: six[0], Remote: six[1]},
		"vrf":    &netlib.Vrf{Table: 1000},
		"dummy":  &netlib.Dummy{},
	} {
		device.Attrs().Name = "test-" + name
		if err := h.Net.LinkAdd(device); err != nil {
			t.Errorf("make %s: %v", name, err)
			continue
		}
		made, err := h.Net.LinkByName("test-" + name)
		must(t, err, h.Net.LinkSetUp(made))
		if made.Type() != name {
			t.Errorf("%s shows itself as %s", name, made.Type())
		}
		switch d := made.(type) {
		case *netlib.Gretun:
			if d.IKey != 7 || d.OKey != 8 {
				t.Errorf("%s has the keys %d and %d", name, d.IKey, d.OKey)
			}
		case *netlib.Vrf:
			if d.Table != 1000 {
				t.Errorf("the VRF has table %d", d.Table)
			}
		}
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
