//go:build vm

package restart

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"mooring/dataplane"
	"mooring/dataplane/netns"
	"mooring/dataplane/planetest"
)

// A peer as the published example has it, with an encapsulation and an interface that somebody has made: packets of its node leave and arrive by that one.
func TestPEER05_PublishedBlock(t *testing.T) {
	d := newDomain(t, way{backend: "kernel", encap: "gre-ipv6"}, func(r *running) {
		planetest.MakeTunnel(t, r.host, planetest.AdoptedDevice, dataplane.TunnelID{
			Local: netip.MustParseAddr(anchorAddress), Peer: netip.MustParseAddr("2001:db8:0:11::2"), Encap: dataplane.EncapGRE})
		r.change(peer, peer+`, "encap": "gre-ipv6", "tunnel-interface": "`+planetest.AdoptedDevice+`"`)
	})
	if !leads(t, d.lma, d.home, planetest.AdoptedDevice) || hasTunnel(t, d.lma) {
		t.Errorf("the interface is not the tunnel:\n%s", planetest.HostText(t, d.lma))
	}
	await(t, d.node, d.lma, anchorAddress)
	await(t, d.lma, d.node, d.home)
}

// peer is the gateway as the anchor's configuration has it.
const peer = `{"id": "mag1", "domain": "lab.example", "ipv6-address": "2001:db8:0:11::2"`

// An anchor is told to use an interface that somebody else has made, and is killed under traffic: nothing is lost. Without that in its
// configuration, it leaves the interface as it is, and has one of its own as soon as there is room.
func TestPEER05_KilledAnchor(t *testing.T) {
	const adopting = peer + `, "tunnel-interface": "` + planetest.AdoptedDevice + `"`
	d := newDomain(t, way{backend: "kernel"})
	d.anchor.change(peer, adopting)
	d.anchor.again()
	eventually(t, "the anchor has no interface of its own, which would be in the way", func() bool { return !hasTunnel(t, d.lma) })
	planetest.MakeTunnel(t, d.lma, planetest.AdoptedDevice, dataplane.TunnelID{
		Local: netip.MustParseAddr(anchorAddress), Peer: netip.MustParseAddr("2001:db8:0:11::2"), Encap: dataplane.EncapIP})
	eventually(t, "the interface is the tunnel", func() bool { return leads(t, d.lma, d.home, planetest.AdoptedDevice) })
	before, err := planetest.Describe(d.lma, planetest.AdoptedDevice)
	must(t, err)

	up, down := planetest.StartFlow(t, d.node, d.lma, anchorAddress), planetest.StartFlow(t, d.lma, d.node, d.home)
	d.anchor.again()
	d.anchor.change(`"host-name": "lma"`, `"host-name": "lma-of-another-name"`)
	d.anchor.again()
	for way, flow := range map[string]*planetest.Flow{"up": up, "down": down} {
		sent, got := flow.StopAfter(t, 500)
		t.Logf("%s: %d packets arrived of %d", way, got, sent)
		if got != sent {
			t.Errorf("%s: %d packets arrived of %d", way, got, sent)
		}
	}
	if hasTunnel(t, d.lma) {
		t.Error("the anchor has made an interface of its own")
	}

	d.anchor.change(adopting, peer)
	d.anchor.again()
	if after, err := planetest.Describe(d.lma, planetest.AdoptedDevice); after != before || err != nil {
		t.Errorf("the interface is %s, and was %s; %v", after, before, err)
	}
	must(t, d.lma.Delete(planetest.AdoptedDevice))
	eventually(t, "the anchor has a tunnel of its own", func() bool { return hasTunnel(t, d.lma) })
	await(t, d.node, d.lma, anchorAddress)
}

// leads reports whether packets for an address leave a host by an interface.
func leads(t *testing.T, h *netns.Host, addr, name string) bool {
	t.Helper()
	link, err := h.Net.LinkByName(name)
	must(t, err)
	routes, err := h.Net.RouteGet(net.ParseIP(addr)) // an error: there is none
	return err == nil && len(routes) == 1 && routes[0].LinkIndex == link.Attrs().Index
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for until := time.Now().Add(time.Minute); time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("still not: %s", what)
}
