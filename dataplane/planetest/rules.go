package planetest

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
	"mooring/dataplane/netns"
)

// Rules finds that packets pass as many policy rules and rules of nftables with many bindings behind a tunnel as with one, at either end. Each binding is
// counted for itself. Keys make a path of each binding: what a gateway has marked with one passes up to so many policy rules more.
func Rules(t *testing.T, open func(*netlink.Namespace) (Plane, error), more int) {
	for _, c := range []struct {
		name, vrf string
		keys      bool
		policies  bool
		bindings  int
	}{
		{name: "without keys", bindings: 200},
		{name: "with access lists", policies: true, bindings: 50},
		{name: "in a VRF", vrf: "red", bindings: 50},
		{name: "each with its own keys", keys: true, bindings: 30},
		{name: "each with its own keys, with access lists, in a VRF", keys: true, policies: true, vrf: "red", bindings: 30},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := manyBindings{Bind(t, open, Bindings()["gre4"]), c.vrf, c.keys}
			if c.vrf != "" {
				apply(t, d.Anchor, put(dataplane.VRF{Name: c.vrf, Table: 77}, dataplane.Tunnel{ID: d.second()}))
			}
			if c.policies {
				p := policedDomain{d.BoundDomain}
				rule := dataplane.AccessRule{Name: "10", Permit: true, Version: 4}
				apply(t, d.Anchor, put(p.listed(dataplane.Anchor, "up", rule)))
				apply(t, d.Access, put(p.listed(dataplane.Access, "down", rule, rule)))
			}
			d.add(t, 0)
			lma := d.LMA
			if p, ok := d.Anchor.(inVRF); ok {
				lma = VRFHost(t, p, c.vrf)
			}
			anchor, access := countRules(t, lma), countRules(t, d.MAG)
			if access.marked > access.unmarked+more {
				t.Fatalf("packets with the mark of one path pass %d policy rules, and those without %d", access.marked, access.unmarked)
			}
			for i := 1; i < c.bindings; i++ {
				d.add(t, i)
			}
			if n := d.bindings(t); n != c.bindings {
				t.Fatalf("the anchor has %d bindings", n)
			}
			if now := countRules(t, lma); now != anchor {
				t.Errorf("the anchor has %+v with %d bindings, and %+v with one", now, c.bindings, anchor)
			}
			now := countRules(t, d.MAG)
			if c.keys && now.marked <= access.unmarked+more {
				now.marked = access.marked
			}
			if now != access {
				t.Errorf("the gateway has %+v with %d bindings, and %+v with one", now, c.bindings, access)
			}
		})
	}
}

// manyBindings is a domain whose bindings are in a VRF of the anchor, and have keys each of its own.
type manyBindings struct {
	*BoundDomain
	vrf  string
	keys bool
}

func (d *manyBindings) add(t *testing.T, i int) {
	t.Helper()
	b := d.Binding
	if d.keys {
		b.Downlink, b.Uplink = dataplane.Key{Value: uint32(1000 + i), Set: true}, dataplane.Key{Value: uint32(2000 + i), Set: true}
	}
	anchor, access := b.Objects(t, d.Node, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 1, byte(i)}), 32),
		netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0, 1, 1, byte(i)}), 64))
	for _, o := range anchor[1:] {
		r := o.(dataplane.Route)
		r.Owner, r.VRF = dataplane.SessionID(i+1), d.vrf
		if d.vrf != "" && !d.keys { // without keys, a tunnel is in one VRF alone
			r.Via.Path.Tunnel = d.second()
		}
		apply(t, d.Anchor, put(r))
	}
	apply(t, d.Access, put(access[2:]...))
}

// second is a tunnel of the anchor that nothing leads into from the default VRF.
func (d *manyBindings) second() dataplane.TunnelID {
	id, _ := d.Tunnels()
	id.Peer = addr("192.0.2.99")
	return id
}

// bindings counts those with an IPv4 address that the anchor has a route of.
func (d *manyBindings) bindings(t *testing.T) int {
	t.Helper()
	text, err := dataplane.Picture(t.Context(), d.Anchor)
	must(t, err)
	return strings.Count("\n"+text, "\nroute 10.0.1.")
}

// ruleCounts are how many rules there are of nftables, and how many policy rules packets pass without a mark and with one.
type ruleCounts struct{ nftables, unmarked, marked int }

var aFilterRule = regexp.MustCompile(`(?m)^nft .* rule `)

func countRules(t *testing.T, h *netns.Host) (n ruleCounts) {
	t.Helper()
	n.nftables = len(aFilterRule.FindAllString(HostText(t, h), -1))
	n.unmarked, n.marked = longestWays(t, h)
	return n
}
