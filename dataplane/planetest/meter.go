package planetest

import (
	"testing"
	"time"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
)

// Meter is a plane that counts the traffic of sessions and tunnels.
type Meter interface {
	dataplane.Plane
	SessionUsage(dataplane.SessionID) (dataplane.Counters, bool)
	TunnelUsage(dataplane.TunnelID) (dataplane.Counters, bool)
}

// MeterHost is an anchor with a binding of NodeAddr4 and the network of NodeAddr6, whose traffic a test can send.
type MeterHost struct {
	Plane Meter
	Path  dataplane.Path
	// Pass sends so many datagrams with a payload of so many octets to the node, or from it, and returns when they have arrived.
	Pass func(t *testing.T, version int, toNode bool, packets, payload int)
}

// MeterIn binds the node of a domain. The planes have to be Meters.
func MeterIn(t *testing.T, open func(*netlink.Namespace) (Plane, error), b Binding) (*BoundDomain, *MeterHost) {
	t.Helper()
	d := Bind(t, open, b)
	path, _ := b.Paths()
	return d, &MeterHost{Plane: d.Anchor.(Meter), Path: path, Pass: d.pass}
}

func (d *BoundDomain) pass(t *testing.T, version int, toNode bool, packets, payload int) {
	t.Helper()
	at, sender, receiver := CNAddr4, d.Node, d.CN
	if version == 6 {
		at = CNAddr6
	}
	from := map[int]string{4: NodeAddr4, 6: NodeAddr6}[version]
	if toNode {
		at, from, sender, receiver = from, at, d.CN, d.Node
	}
	sink, source := listen(t, receiver, at), listen(t, sender, from)
	for range packets {
		_, err := source.WriteTo(make([]byte, payload), sink.LocalAddr())
		must(t, err)
		if !arrives(t, sink, patience) { // one at a time, so that none is lost, or joined with another
			t.Fatalf("a datagram to %s does not arrive", at)
		}
	}
}

func headers(version int) uint64 {
	if version == 6 {
		return 40 + 8 // RFC 8200 section 3, RFC 768
	}
	return 20 + 8
}

// Usage tests that traffic of sessions is counted for whom it is, that of the tunnel as a whole, and that both stay known.
func Usage(t *testing.T, h *MeterHost) {
	id := h.Path.Tunnel
	route4, route6 := prefix(NodeAddr4+"/32"), prefix("2001:db8:1::/64")
	own := func(owner dataplane.SessionID, p ...int) {
		t.Helper()
		var routes []dataplane.Object
		for _, version := range p {
			r := dataplane.Route{VRFPrefix: dataplane.VRFPrefix{Prefix: route4}, Via: dataplane.Target{Path: h.Path}, Owner: owner}
			if version == 6 {
				r.Prefix = route6
			}
			routes = append(routes, r)
		}
		apply(t, h.Plane, put(routes...))
	}
	want := map[dataplane.SessionID]dataplane.Counters{}
	pass := func(owner dataplane.SessionID, version int, toNode bool, packets, payload int) {
		t.Helper()
		h.Pass(t, version, toNode, packets, payload)
		n, octets := want[owner], uint64(packets)*(headers(version)+uint64(payload))
		if toNode {
			n.TxPackets, n.TxOctets = n.TxPackets+uint64(packets), n.TxOctets+octets
		} else {
			n.RxPackets, n.RxOctets = n.RxPackets+uint64(packets), n.RxOctets+octets
		}
		want[owner] = n
	}
	check := func(when string) {
		t.Helper()
		for owner, n := range want {
			if owner != 0 {
				becomesUsage(t, when, n, func() (dataplane.Counters, bool) { return h.Plane.SessionUsage(owner) })
			}
		}
		becomesUsage(t, when+", the tunnel", sum(want), func() (dataplane.Counters, bool) { return h.Plane.TunnelUsage(id) })
	}
	pass(0, 4, true, 2, 10)
	if _, ok := h.Plane.SessionUsage(7); ok {
		t.Error("a session is counted that nobody asked for")
	}
	own(7, 4, 6)
	pass(7, 4, true, 3, 100)
	pass(7, 4, false, 2, 200)
	pass(7, 6, true, 1, 300)
	pass(7, 6, false, 4, 400)
	check("both families pass both ways")
	own(8, 4)
	pass(8, 4, true, 2, 50)
	pass(7, 6, false, 1, 60)
	check("another session has one of the prefixes")
	own(7, 4)
	pass(7, 4, false, 1, 70)
	check("the first has it again")
	gone := dataplane.Route{VRFPrefix: dataplane.VRFPrefix{Prefix: route4}}
	apply(t, h.Plane, toRemove(gone))
	check("a prefix is gone")
	own(7, 4)
	pass(7, 4, true, 1, 80)
	check("and is back")
}

func sum(all map[dataplane.SessionID]dataplane.Counters) (total dataplane.Counters) {
	for _, n := range all {
		total.RxPackets += n.RxPackets
		total.RxOctets += n.RxOctets
		total.TxPackets += n.TxPackets
		total.TxOctets += n.TxOctets
	}
	return total
}

// becomesUsage waits: what has arrived may be counted a little later.
func becomesUsage(t *testing.T, when string, want dataplane.Counters, usage func() (dataplane.Counters, bool)) {
	t.Helper()
	var got dataplane.Counters
	for deadline := time.Now().Add(patience / 3); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		now, _ := usage()
		now.Drops = dataplane.Drops{}
		if got = now; got == want {
			return
		}
	}
	t.Errorf("%s: counted was %+v, want %+v", when, got, want)
}
