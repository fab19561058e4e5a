//go:build vm

package backend

import (
	"net"
	"strings"
	"testing"

	netlib "github.com/vishvananda/netlink"

	"mooring/dataplane"
	"mooring/dataplane/netns"
)

// What is in the way of a VRF is named, what somebody has made is used and left there, and what is taken away comes back.
func TestVRFsOfOthers(t *testing.T) {
	h, err := netns.NewHost("host")
	must(t, err)
	t.Cleanup(func() { h.Close() })
	add := func(link netlib.Link, name string) {
		link.Attrs().Name = name
		must(t, h.Net.LinkAdd(link))
	}
	add(&netlib.Vrf{Table: 70}, "theirs")
	add(&netlib.Dummy{}, "noVRF")
	must(t, h.Up("theirs"))
	noVRF, err := h.Net.LinkByName("noVRF")
	must(t, err, h.Up("noVRF"), h.Net.RouteAdd(&netlib.Route{LinkIndex: noVRF.Attrs().Index, Dst: &net.IPNet{IP: net.IPv4(10, 9, 0, 0), Mask: net.CIDRMask(16, 32)}, Table: 72}))
	for family, table := range map[int]int{netlib.FAMILY_V4: 73, netlib.FAMILY_V6: 74} {
		rule := netlib.NewRule()
		rule.Family, rule.Table, rule.Priority = family, table, 100
		must(t, h.Net.RuleAdd(rule))
	}
	p, err := openIn(h.Namespace)
	must(t, err)
	t.Cleanup(func() { p.Close() })
	apply := func(o dataplane.Object, remove bool) error {
		return p.Apply(t.Context(), []dataplane.Op{{Object: o, Delete: remove}})[0]
	}
	for o, want := range map[dataplane.VRF]string{
		{Name: "red", Table: 70}:    "is that of the vrf interface theirs",
		{Name: "red", Table: 254}:   "is the host's own",
		{Name: "red", Table: 72}:    "has routes of others",
		{Name: "red", Table: 73}:    "has policy rules of others",
		{Name: "red", Table: 74}:    "has policy rules of others",
		{Name: "theirs", Table: 71}: "with table 70 and not 71",
		{Name: "noVRF"}:             "is no vrf interface",
	} {
		if err := apply(o, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", o, err, want)
		}
	}
	must(t, apply(dataplane.VRF{Name: "theirs"}, false), apply(dataplane.VRF{Name: "a name that is too long for an interface", Table: 80}, false))
	must(t, h.Delete("theirs")) // which somebody does
	if picture, err := dataplane.Picture(t.Context(), p); err != nil || !strings.Contains(picture, "vrf theirs table -1") {
		t.Errorf("without it: %s %v", picture, err)
	}
	must(t, apply(dataplane.VRF{Name: "theirs"}, false))
	picture, err := dataplane.Picture(t.Context(), p)
	if want := "vrf a name that is too long for an interface table 80\nvrf theirs\n"; err != nil || picture != want {
		t.Errorf("now there is %s %v, want %s", picture, err, want)
	}
	must(t, p.Close())
	again, err := openIn(h.Namespace) // as a process that knows nothing
	must(t, err)
	t.Cleanup(func() { again.Close() })
	found, err := dataplane.Picture(t.Context(), again)
	if must(t, err); !strings.Contains(found, "vrf a name that is too long for an interface table 80\n") {
		t.Errorf("found again is %s", found)
	}
	for _, name := range []string{"theirs", "a name that is too long for an interface"} {
		must(t, again.Apply(t.Context(), []dataplane.Op{{Object: dataplane.VRF{Name: name}, Delete: true}})...)
	}
	links, err := h.Net.LinkList()
	must(t, err)
	for _, l := range links {
		if l.Type() == "vrf" {
			t.Errorf("%s is left", l.Attrs().Name)
		}
	}
}
