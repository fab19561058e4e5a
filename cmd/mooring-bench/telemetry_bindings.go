package main

import (
	"fmt"
	"net/netip"
	"sync"
	"time"
	"unique"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/wire"
)

// telemetryLeaves are those of a binding that are asked for.
var telemetryLeaves = []string{"mn-id", "peer", "care-of-address", "hnp", "lifetime", "created", "last-registration", "sequence", "handoff-count", "state"}

// benchEnds are those of a thousand gateways.
var benchEnds = sync.OnceValue(func() (ends [1000]unique.Handle[mobility.Ends]) {
	local := netip.MustParseAddr("2001:db8::1")
	for i := range ends {
		gateway := benchAddr(1, i)
		ends[i] = unique.Make(mobility.Ends{
			Local: local, Remote: netip.AddrPortFrom(gateway, 0), CareOf: gateway, Peer: fmt.Sprintf("mag%d", i),
			Tunnel: dataplane.TunnelID{Local: local, Peer: gateway, Encap: dataplane.EncapIP},
		})
	}
	return ends
})

func benchAddr(net byte, i int) netip.Addr {
	return netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, net, byte(i >> 16), byte(i >> 8), byte(i), 15: 1})
}

var (
	benchTenancy = unique.Make(mobility.Tenancy{Network: "home"})
	benchProfile = unique.Make("@example.net")
	benchCreated = time.Now()
)

// benchBinding is a binding as an LMA has it after a PBU with that sequence number.
func benchBinding(i int, sequence uint16, now time.Time) *mobility.Binding {
	return benchRow(i, sequence, now, &mobility.Holding{
		Node: mobility.NAI(nai(i)), LinkID: mobility.LinkID([]byte{2, 0, byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}),
		Prefixes: []netip.Prefix{netip.PrefixFrom(benchAddr(8, i), 64).Masked()}, Created: mobility.At(benchCreated),
		Tenancy: benchTenancy,
	})
}

// benchRow is the row of a binding that holds what it held.
func benchRow(i int, sequence uint16, now time.Time, h *mobility.Holding) *mobility.Binding {
	const lifetime = 10 * time.Minute
	return &mobility.Binding{
		ID: dataplane.SessionID(i + 1), Ends: benchEnds()[i%1000], Lifetime: lifetime, Expires: mobility.At(now.Add(lifetime)),
		Updated: mobility.At(now), Profile: benchProfile, Sequence: sequence, State: mobility.StateActive, Access: wire.Access80211,
		Handoff: wire.HandoffUnchanged, Source: mobility.ProfileRealm, Install: mobility.Installed, Holding: h,
	}
}
