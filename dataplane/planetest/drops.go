package planetest

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
)

// Drops finds, for one kind of binding of each encapsulation, that what is discarded is counted by its reason, of the tunnel that it is about and
// of no other.
func Drops(t *testing.T, open func(*netlink.Namespace) (Plane, error)) {
	for _, name := range []string{"ip4", "gre6-key", "udp4"} {
		t.Run(name, func(t *testing.T) { DropsIn(t, open, Bindings()[name]) })
	}
}

// DropsIn is Drops for one kind of binding. It returns the domain, and what the anchor's tunnel has counted.
func DropsIn(t *testing.T, open func(*netlink.Namespace) (Plane, error), b Binding) (*BoundDomain, dataplane.Drops) {
	t.Helper()
	b.MTU = 1300
	d := dropDomain{policedDomain{Bind(t, open, b)}}
	other, _ := d.Tunnels()
	other.Peer = other.Peer.Next()
	apply(t, d.Anchor, put(dataplane.Tunnel{ID: other}))
	d.carries(t) // also has the kernel carry what it can, and TCP learn what fits
	anchorID, accessID := d.Tunnels()
	anchor := dataplane.Drops{TooBig: dropsOf(d.Anchor, anchorID).TooBig}
	access := dataplane.Drops{TooBig: dropsOf(d.Access, accessID).TooBig}
	step := func(reason string, send func()) {
		t.Helper()
		send()
		becomesDrops(t, reason+", the anchor's tunnel", d.Anchor, anchorID, anchor)
		becomesDrops(t, reason+", another tunnel of it", d.Anchor, other, dataplane.Drops{})
		becomesDrops(t, reason+", the gateway's tunnel", d.Access, accessID, access)
	}
	step("nothing yet", func() {})
	step("the source is not the binding's", func() { d.spoof(t, otherAddr+"/32", CNAddr4); anchor.Spoofed++ })
	step("nor is that", func() { d.spoof(t, "2001:db8:9::7/128", CNAddr6); anchor.Spoofed++ })
	step("the gateway has no binding", func() { d.mislead(t); access.NoSession++ })
	step("an access list of the anchor", func() { d.deny(t, dataplane.Anchor); anchor.Filtered++ })
	step("an access list of the gateway", func() { d.deny(t, dataplane.Access); access.Filtered++ })
	step("too big for the anchor's tunnel", func() { d.exceed(t, true); anchor.TooBig++ })
	step("too big for the gateway's tunnel", func() { d.exceed(t, false); access.TooBig++ })
	return d.BoundDomain, anchor
}

// becomesDrops waits until a tunnel has counted this, by the reasons that are looked at.
func becomesDrops(t *testing.T, when string, p dataplane.Plane, id dataplane.TunnelID, want dataplane.Drops) {
	t.Helper()
	got := dataplane.Drops{}
	if !within(patience, func() bool {
		got = dropsOf(p, id)
		got.Malformed, got.Send, got.Congested = 0, 0, 0
		return got == want
	}) {
		t.Fatalf("%s: %+v is counted, want %+v", when, got, want)
	}
}

func dropsOf(p dataplane.Plane, id dataplane.TunnelID) dataplane.Drops {
	tunnels, _ := p.Tunnels()
	return tunnels[id].Drops
}

type dropDomain struct{ policedDomain }

// spoof sends a packet from an address of the node that the gateway lets pass, and the anchor has no binding of.
func (d dropDomain) spoof(t *testing.T, source, cn string) {
	t.Helper()
	p := prefix(source)
	must(t, d.Node.Address("eth0", source))
	_, access := d.Objects(t, d.Node, p)
	apply(t, d.Access, put(access...))
	send(t, listen(t, d.Node, p.Addr().String()), listen(t, d.CN, cn))
}

// mislead sends a packet to an address that the anchor has a binding of, and the gateway has not.
func (d dropDomain) mislead(t *testing.T) {
	t.Helper()
	const addr = "10.0.0.77"
	anchor, _ := d.Objects(t, d.Node, prefix(addr+"/32"))
	apply(t, d.Anchor, put(anchor...))
	to := &net.UDPAddr{IP: net.ParseIP(addr), Port: 9}
	_, err := listen(t, d.CN, CNAddr4).WriteTo([]byte("hello"), to)
	must(t, err)
}

// deny sends a packet that an access list of one end denies.
func (d dropDomain) deny(t *testing.T, side dataplane.Side) {
	t.Helper()
	from, to, p := listen(t, d.Node, NodeAddr4), listen(t, d.CN, CNAddr4), d.Anchor
	if side == dataplane.Access {
		from, to, p = listen(t, d.CN, CNAddr4), listen(t, d.Node, NodeAddr4), d.Access
	}
	policy := d.listed(side, "deny", dataplane.AccessRule{Name: "10", Version: 4, Protocol: protocol(17), DestinationPorts: portOf(to)},
		dataplane.AccessRule{Name: "20", Permit: true, Version: 4}, dataplane.AccessRule{Name: "30", Permit: true, Version: 6})
	apply(t, p, put(policy))
	before := filtered(p)
	send(t, from, to)
	eventually(t, "the packet is discarded", func() bool { return filtered(p) == before+1 })
	apply(t, p, toRemove(policy))
}

// exceed sends a packet that is too big for the tunnel, and may not be fragmented, to the node or from it.
func (d dropDomain) exceed(t *testing.T, toNode bool) {
	t.Helper()
	from, to := listen(t, d.Node, NodeAddr6), listen(t, d.CN, CNAddr6)
	if toNode {
		from, to = listen(t, d.CN, CNAddr6), listen(t, d.Node, NodeAddr6)
	}
	raw, err := from.SyscallConn()
	must(t, err, raw.Control(func(fd uintptr) {
		must(t, unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_PROBE))
	}))
	_, err = from.WriteTo(make([]byte, d.MTU), to.LocalAddr())
	must(t, err)
}
