//go:build vm

package kernel

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	netlib "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/netns"
	"mooring/dataplane/planetest"
)

// The VRF of an operator has the last resorts that Documentation/networking/vrf.rst recommends. They stay the operator's while the VRF is used,
// and afterwards; what is missing of them is made, also when the operator takes them away.
func TestLastResortsOfOthers(t *testing.T) {
	for _, families := range [][]string{{"0.0.0.0/0", "::/0"}, {"0.0.0.0/0"}} {
		h, p := newHost(t)
		must(t, h.Net.LinkAdd(&netlib.Vrf{LinkAttrs: netlib.LinkAttrs{Name: "red"}, Table: 70}), h.Up("red"))
		resort := func(prefix string) *netlib.Route {
			return &netlib.Route{Dst: netns.IPNet(netip.MustParsePrefix(prefix)), Table: 70, Type: unix.RTN_UNREACHABLE, Priority: 4278198272, Protocol: unix.RTPROT_STATIC}
		}
		for _, prefix := range families {
			must(t, h.Net.RouteAdd(resort(prefix)))
		}
		before := planetest.HostText(t, h)
		red := dataplane.VRF{Name: "red"}
		expect := func(when string, theirs, ours int) {
			t.Helper()
			text := planetest.HostText(t, h)
			if got := strings.Count(text, "metric 4278198272 protocol 4: unreachable\n"); got != theirs {
				t.Errorf("%s the operator has %d last resorts, not %d:\n%s", when, got, theirs, text)
			}
			if got := strings.Count(text, "metric 4278198272 protocol 211: unreachable\n"); got != ours {
				t.Errorf("%s we have %d last resorts, not %d:\n%s", when, got, ours, text)
			}
			if picture, err := dataplane.Picture(t.Context(), p); err != nil || !strings.Contains(picture, "vrf red\n") {
				t.Errorf("%s the VRF is not whole: %s%v", when, picture, err)
			}
		}
		must(t, apply(p, red))
		expect("when the VRF is wanted", len(families), 2-len(families))
		must(t, h.Net.RouteDel(resort("0.0.0.0/0")))
		if picture, err := dataplane.Picture(t.Context(), p); err != nil || strings.Contains(picture, "vrf red\n") {
			t.Errorf("without one of them: %s%v", picture, err)
		}
		must(t, apply(p, red))
		expect("when one is gone", len(families)-1, 3-len(families))
		must(t, p.Apply(t.Context(), []dataplane.Op{{Delete: true, Object: red}})...)
		must(t, h.Net.RouteAdd(resort("0.0.0.0/0")))
		if after := planetest.HostText(t, h); after != before {
			t.Errorf("at the end the host has\n%sand had\n%s", after, before)
		}
	}
}

// Where the operator has something else instead of a last resort, that stays, and the VRF is whole; it is none of ours that somebody has replaced.
func TestLastResortThatLeadsOn(t *testing.T) {
	h, p := newHost(t)
	must(t, h.Net.LinkAdd(&netlib.Vrf{LinkAttrs: netlib.LinkAttrs{Name: "red"}, Table: 70}), h.Up("red"))
	link, err := h.Net.LinkByName("red")
	must(t, err)
	for _, prefix := range []string{"0.0.0.0/0", "::/0"} {
		must(t, h.Net.RouteAdd(&netlib.Route{Dst: netns.IPNet(netip.MustParsePrefix(prefix)), Table: 70, LinkIndex: link.Attrs().Index, Priority: 4278198272, Protocol: unix.RTPROT_STATIC}))
	}
	before := planetest.HostText(t, h)
	red := dataplane.VRF{Name: "red"}
	must(t, apply(p, red), apply(p, red))
	if text := planetest.HostText(t, h); strings.Count(text, "metric 4278198272 protocol 4: dev red\n") != 2 || strings.Contains(text, "unreachable") {
		t.Errorf("they are not the operator's any more:\n%s", text)
	}
	if picture, err := dataplane.Picture(t.Context(), p); err != nil || !strings.Contains(picture, "vrf red\n") {
		t.Errorf("the VRF is not whole: %s%v", picture, err)
	}
	must(t, p.Apply(t.Context(), []dataplane.Op{{Delete: true, Object: red}})...)
	if after := planetest.HostText(t, h); after != before {
		t.Errorf("at the end the host has\n%sand had\n%s", after, before)
	}
}

// A VRF that the host refuses leaves nothing behind, neither then nor when it is wanted no more.
func TestRefusedVRFLeavesNothing(t *testing.T) {
	h, p := newHost(t)
	must(t, h.Sysctl("ipv4/raw_l3mdev_accept", "1")) // so that there is something to set
	makeSettingsReadOnly(t)
	before := planetest.HostText(t, h)
	red := dataplane.VRF{Name: "red", Table: 77}
	if err := apply(p, red); !errors.Is(err, unix.EROFS) {
		t.Fatalf("the VRF: %v", err)
	}
	if after := planetest.HostText(t, h); after != before {
		t.Errorf("the host has\n%sand had\n%s", after, before)
	}
	must(t, p.Apply(t.Context(), []dataplane.Op{{Delete: true, Object: red}})...)
	if after := planetest.HostText(t, h); after != before {
		t.Errorf("in the end the host has\n%sand had\n%s", after, before)
	}
}
