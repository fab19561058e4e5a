package engine

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"mooring/mobility"
	"mooring/mobility/transport"
	"mooring/mobility/wire"
)

// What floods an anchor is kept from it at the transport, while a gateway that it knows has its node refreshed; when the flood is over, nothing is kept away.
// Where a gateway has the same address nothing ever is: it is for the gateway that senders may be known.
func TestFloodIsKeptAway(t *testing.T) {
	for name, shared := range map[string]bool{"an anchor": false, "anchor and gateway at one address": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				net := transport.NewMemory(transport.Conditions{Delay: oneWay}, 1)
				key := &mobility.Key{SPI: 256, Secret: []byte("right")}
				anchor, gateway := anchorConfig("lma1", lma6), gatewayConfig("mag1", []string{lma6}, []string{"access0"}, mag16)
				anchor.Domain.Key, gateway.Domain.Key = key, key
				config := justLMA(anchor)
				if shared {
					config.MAGs = map[string]*mobility.MAG{"mag2": gatewayConfig("mag2", []string{"2001:db8:ffff::1"}, []string{"access1"}, lma6)}
				}
				host := net.Host()
				lma := start(t, host, nil)
				t.Cleanup(func() { host.Close() })
				lma.commit(config)
				mag := on(t, net, justMAG(gateway))
				mag.attach("access0", node1)
				pass(time.Minute)

				const many = 12_000
				flood(t, net, many)
				pass(time.Second)
				flood(t, net, many) // the screen is up
				pass(6 * time.Minute)
				if got := host.Kept() > 0; got == shared {
					t.Errorf("%d messages are kept away", host.Kept())
				}
				counted := lma.LMA("lma1").Statistics.Dropped[mobility.DropUnauthenticated].Load() + lma.LMA("lma1").Statistics.PBASent.Load(wire.StatusAuthFail)
				if counted+host.Kept() != 2*many {
					t.Errorf("of %d messages %d are counted by the anchor and %d are kept away", 2*many, counted, host.Kept())
				}
				if n := lma.LMA("lma1").Statistics.Refresh.Load(); n == 0 || len(lma.rows()) != 1 {
					t.Errorf("%d refreshes, bindings %v", n, lma.rows())
				}
				before := host.Kept()
				flood(t, net, 100)
				pass(time.Minute)
				if n := host.Kept() - before; n > 0 {
					t.Errorf("long after the flood %d of 100 messages are kept away", n)
				}
			})
		})
	}
}

// flood has so many requests that are not authentic sent to the anchor at once, each from another address.
func flood(t *testing.T, net *transport.Memory, n int) {
	t.Helper()
	var out mobility.Effects
	forger := mobility.Signature{By: wire.NewAuthenticator(256, []byte("wrong"))}
	u := &wire.BindingUpdate{Flags: wire.UpdateA | wire.UpdateP, Lifetime: 100, Options: wire.Options{
		MNID: wire.Some(wire.MNID{Subtype: wire.IDNAI, ID: []byte("forged@example.com")}), HNPs: []wire.HNP{{Prefix: netip.PrefixFrom(netip.IPv6Unspecified(), 0)}},
		Handoff: wire.Some(wire.HandoffUnknown), AccessType: wire.Some(wire.Access80211), Timestamp: wire.Some(wire.TimestampOf(time.Now()))}}
	for i := range n {
		from := [16]byte{0x20, 1, 0xd, 0xb8, 0xba, 0xd0}
		binary.BigEndian.PutUint32(from[12:], uint32(i))
		forger.CareOf, forger.Home = netip.AddrFrom16(from), netip.IPv6Unspecified()
		out.Reset()
		must(t, out.Message(mobility.Endpoint{Addr: netip.AddrPortFrom(forger.CareOf, 0)}, endpoint(lma6), u, forger, 0))
		net.Inject(out.Send[0])
	}
}
