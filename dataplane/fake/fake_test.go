package fake_test

import (
	"net/netip"
	"testing"

	"mooring/dataplane"
	"mooring/dataplane/fake"
	"mooring/dataplane/planetest"
)

func TestPlane(t *testing.T) {
	planetest.Test(t, func(t *testing.T) *planetest.Host {
		p := fake.New("access1", "access2")
		return &planetest.Host{
			Plane:      p,
			RemoveLink: p.RemoveLink,
			AddLink:    func(name string) { p.AddLink(name, dataplane.MAC{2}) },
			Lose:       p.Lose,
			Restart:    func() dataplane.Plane { return p }, // the host stays as it is
		}
	})
}

func TestUsage(t *testing.T) {
	p := fake.New()
	path := dataplane.Path{Tunnel: dataplane.TunnelID{Local: netip.MustParseAddr("192.0.2.1"), Peer: netip.MustParseAddr("192.0.2.2"), Encap: dataplane.EncapIP}}
	p.Put(dataplane.Tunnel{ID: path.Tunnel})
	routes := map[int]dataplane.VRFPrefix{
		4: {Prefix: netip.MustParsePrefix(planetest.NodeAddr4 + "/32")}, 6: {Prefix: netip.MustParsePrefix("2001:db8:1::/64")},
	}
	for _, at := range routes {
		p.Put(dataplane.Route{VRFPrefix: at, Via: dataplane.Target{Path: path}})
	}
	planetest.Usage(t, &planetest.MeterHost{Plane: p, Path: path, Pass: func(_ *testing.T, version int, toNode bool, packets, payload int) {
		n, octets := uint64(packets), uint64(packets*(payload+map[int]int{4: 28, 6: 48}[version]))
		if toNode {
			p.Carry(routes[version], dataplane.Counters{TxPackets: n, TxOctets: octets})
		} else {
			p.Carry(routes[version], dataplane.Counters{RxPackets: n, RxOctets: octets})
		}
	}})
}
