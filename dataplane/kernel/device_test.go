package kernel

import (
	"net/netip"
	"testing"

	"mooring/dataplane"
)

func pathOver(encap dataplane.Encap, local, peer string, key uint32) dataplane.Path {
	p := dataplane.Path{Tunnel: dataplane.TunnelID{Local: netip.MustParseAddr(local), Peer: netip.MustParseAddr(peer), Encap: encap}}
	if key != 0 {
		p.Tx = dataplane.Key{Value: key, Set: true}
	}
	return p
}

// Names stay what they are from release to release: a restarted element knows its interfaces by them.
func TestNames(t *testing.T) {
	for want, p := range map[string]dataplane.Path{
		"mt-m7snse350dpl": pathOver(dataplane.EncapIP, "192.0.2.1", "192.0.2.2", 0),
		"mt-hgeipbs2a88r": pathOver(dataplane.EncapGRE, "2001:db8::1", "2001:db8::2", 7),
	} {
		if got := nameOf(p); got != want || len(got) >= nameLen {
			t.Errorf("%s has the interface %s, want %s", p, got, want)
		}
	}
}

func TestAliases(t *testing.T) {
	p := pathOver(dataplane.EncapGRE, "2001:db8::1", "2001:db8::2", 7)
	alias := aliasOf(p, 1400, dataplane.Counters{})
	if want := "mooring: gre 2001:db8::1 > 2001:db8::2 tx key 7 mtu 1400"; alias != want {
		t.Errorf("alias %q, want %q", alias, want)
	}
	for alias, want := range map[string]int{alias: 1400, aliasOf(p, 0, dataplane.Counters{}): 0, "": -1, "uplink mtu": -1} {
		if got, _ := parseAlias(alias); got != want {
			t.Errorf("%q asks for MTU %d, want %d", alias, got, want)
		}
	}
}

func TestOverhead(t *testing.T) {
	for _, c := range []struct {
		encap       dataplane.Encap
		local, peer string
		key         uint32
		want        int
	}{
		{dataplane.EncapIP, "192.0.2.1", "192.0.2.2", 0, 20},
		{dataplane.EncapIP, "2001:db8::1", "2001:db8::2", 0, 40},
		{dataplane.EncapUDP, "192.0.2.1", "192.0.2.2", 0, 28},
		{dataplane.EncapGRE, "192.0.2.1", "192.0.2.2", 0, 24},
		{dataplane.EncapGRE, "2001:db8::1", "2001:db8::2", 7, 48},
	} {
		if got := overhead(pathOver(c.encap, c.local, c.peer, c.key)); got != c.want {
			t.Errorf("%s from %s with key %d: %d, want %d", c.encap, c.local, c.key, got, c.want)
		}
	}
}

// What the nftables map has of a source route is what was put there.
func TestSourceElements(t *testing.T) {
	for _, text := range []string{"10.1.0.1/32", "10.1.0.0/16", "0.0.0.0/0", "2001:db8:3::/64", "2001:db8::1/128"} {
		want := source{dataplane.SourceRouteKey{Link: "access1", Source: netip.MustParsePrefix(text)}, 0x6d400007}
		got, ok := laneOf(want.Source).parseSource(want.element())
		if !ok || got != want {
			t.Errorf("%+v became %+v, %t", want, got, ok)
		}
	}
}
