package planetest

import (
	"fmt"
	"net/netip"
	"testing"

	netlib "github.com/vishvananda/netlink"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
	"mooring/dataplane/netns"
)

// AdoptedDevice is the interface that somebody else has made on the anchor.
const AdoptedDevice = "tunnel-ip97"

// Adoption is that of AdoptedDevice as the tunnel of a binding.
func (b Binding) Adoption() dataplane.Adoption {
	anchor, _ := b.Tunnels()
	return dataplane.Adoption{Device: AdoptedDevice, Encap: b.Encap, Ends: &dataplane.Ends{Local: []netip.Addr{anchor.Local}, Peer: []netip.Addr{anchor.Peer}}}
}

// MakeTunnel makes the interface of a tunnel, as an operator would, and brings it up.
func MakeTunnel(t testing.TB, h *netns.Host, name string, id dataplane.TunnelID) {
	t.Helper()
	var link netlib.Link
	local, peer := id.Local.AsSlice(), id.Peer.AsSlice()
	switch {
	case id.Encap == dataplane.EncapGRE:
		link = &netlib.Gretun{Local: local, Remote: peer, Ttl: 64, PMtuDisc: 1}
	case id.Local.Is4():
		link = &netlib.Sittun{Local: local, Remote: peer, Ttl: 64, PMtuDisc: 1}
	default:
		link = &netlib.Ip6tnl{Local: local, Remote: peer, Ttl: 64, Flags: uint32(netlib.IP6_TNL_F_IGN_ENCAP_LIMIT)}
	}
	link.Attrs().Name = name
	must(t, h.Net.LinkAdd(link), h.Address(name, "192.168.97.1/30"), h.Up(name))
}

// Adoptions tests with packets that an anchor's tunnel is an interface that somebody else has made, and does all that one of its own does.
func Adoptions(t *testing.T, open func(*netlink.Namespace) (Plane, error)) {
	for _, name := range []string{"ip4", "ip6", "gre4", "gre6"} {
		t.Run(name, func(t *testing.T) {
			b := Bindings()[name]
			d := BindAdopted(t, open, b)
			t.Run("both families pass both ways", d.carries)
			t.Run("state says so", func(t *testing.T) { d.isAdopted(t, true) })
			t.Run("a gateway cannot send as another's node", d.dropsSpoofed)
			t.Run("nor as one whose prefix is a part of its node's", d.dropsNested)
			t.Run("it is let go and taken again, and nobody changes it", d.letsGo)
		})
	}
	t.Run("an anchor filters what comes from gateways", func(t *testing.T) {
		policedDomain{BindAdopted(t, open, Bindings()["gre6"])}.filtersUplink(t)
	})
	t.Run("the segment size of TCP fits", func(t *testing.T) {
		b := Bindings()["gre4"]
		b.MTU = 1360
		policedDomain{BindAdopted(t, open, b)}.clamps(t)
	})
}

// BindAdopted is Bind, with a tunnel of the anchor that is AdoptedDevice.
func BindAdopted(t *testing.T, open func(*netlink.Namespace) (Plane, error), b Binding) *BoundDomain {
	t.Helper()
	anchor, _ := b.Tunnels()
	return bind(t, open, b, func(lma *netns.Host) { MakeTunnel(t, lma, AdoptedDevice, anchor) }, b.Adoption())
}

func (d *BoundDomain) isAdopted(t *testing.T, want bool) {
	t.Helper()
	id, _ := d.Tunnels()
	tunnels, _ := d.Anchor.Tunnels()
	if s := tunnels[id]; s.Adopted != want || (s.Device == AdoptedDevice) != want || s.MTU == 0 || !s.Fast {
		t.Errorf("%+v", s)
	}
}

func (d *BoundDomain) letsGo(t *testing.T) {
	objects, _ := d.Objects(t, d.Node, prefix(NodeAddr4+"/32"), prefix("2001:db8:1::/64"))
	before := described(t, d.LMA, AdoptedDevice)
	usage := func() uint64 {
		id, _ := d.Tunnels()
		tunnels, _ := d.Anchor.Tunnels()
		return tunnels[id].RxPackets
	}
	carried := usage()
	apply(t, d.Anchor, toRemove(append([]dataplane.Object{d.Adoption()}, objects...)...))
	expect(t, d.Anchor)
	if after := described(t, d.LMA, AdoptedDevice); after != before {
		t.Errorf("the interface is %s, and was %s", after, before)
	}
	apply(t, d.Anchor, put(d.Adoption()))
	apply(t, d.Anchor, put(objects...))
	if now := usage(); carried == 0 || now != carried {
		t.Errorf("the tunnel had carried %d packets, and has %d when it is taken again", carried, now)
	}
	Transfer(t, d.Node, d.CN, CNAddr4)
}

// described is what an interface is and has, but for what it has counted.
func described(t *testing.T, h *netns.Host, name string) string {
	t.Helper()
	text, err := Describe(h, name)
	must(t, err)
	return text
}

// Describe says what an interface is, with its addresses.
func Describe(h *netns.Host, name string) (string, error) {
	link, err := h.Net.LinkByName(name)
	if err != nil {
		return "", err
	}
	addrs, err := h.Net.AddrList(link, netlib.FAMILY_ALL)
	a := *link.Attrs()
	return fmt.Sprintf("%s %d mtu %d queue %d alias %q group %d master %d flags %s addresses %v", link.Type(), a.Index, a.MTU, a.TxQLen, a.Alias, a.Group,
		a.MasterIndex, a.Flags, addrs), err
}
