package lma

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"mooring/mobility"
	"mooring/mobility/binding"
	"mooring/mobility/scenario"
	"mooring/mobility/wire"
)

// refresher is an anchor with bindings, and the refreshes of one of them as they come from the network.
type refresher struct {
	*Machine
	now     time.Time
	to      mobility.Endpoint
	update  wire.BindingUpdate
	sign    mobility.Signature
	decoder wire.Decoder
	in      mobility.Inbound
	sent    mobility.Effects // the MAG's
	out     mobility.Effects
}

func newRefresher(t testing.TB, bindings int, secret string) *refresher {
	cfg := baseConfig()
	cfg.Domain.Profiles.(scenario.Profiles)["@example.com"] = &mobility.Profile{Name: "@example.com", Network: "net1", Service: mobility.ServiceDual}
	cfg.Networks["net1"] = &mobility.Network{Name: "net1", Pools: []mobility.Pool{
		{Start: netip.MustParseAddr("2001:db8::"), Bits: 32, Unit: 64},
		{Start: netip.MustParseAddr("10.0.0.2"), Bits: 8, Unit: 32, Router: netip.MustParseAddr("10.0.0.1")},
	}}
	r := &refresher{now: scenario.Start, to: mobility.Endpoint{Addr: netip.AddrPortFrom(cfg.Addresses[0], 0)}}
	if secret != "" {
		cfg.Domain.Key = &mobility.Key{SPI: 256, Secret: []byte(secret)}
		r.sign = mobility.Signature{By: wire.NewAuthenticator(256, []byte(secret)), CareOf: netip.MustParseAddr("2001:db8:1::1"), Home: netip.IPv6Unspecified()}
	}
	cfg.MaxBindings = uint32(bindings)
	r.Machine = New(r.now, cfg, binding.New())
	for i := range bindings {
		r.refresh(t, i, wire.HandoffUnknown)
	}
	return r
}

// refresh lets the PBU of a node arrive and returns the answer's octets.
func (r *refresher) refresh(t testing.TB, node int, handoff wire.Handoff) []byte {
	r.now = r.now.Add(time.Millisecond)
	octets := r.encode(t, node, handoff)
	return r.answerTo(octets)
}

func (r *refresher) encode(t testing.TB, node int, handoff wire.Handoff) []byte {
	r.sent.Reset()
	hnp, hoa := netip.PrefixFrom(netip.IPv6Unspecified(), 0), netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	r.update.Seq++
	r.update.Flags, r.update.Lifetime = wire.UpdateA|wire.UpdateP, 900
	r.update.Options = wire.Options{
		MNID:            wire.Some(wire.MNID{Subtype: wire.IDNAI, ID: fmt.Appendf(nil, "mn%d@example.com", node)}),
		HNPs:            append(r.update.HNPs[:0], wire.HNP{Prefix: hnp}),
		IPv4HoARequests: append(r.update.IPv4HoARequests[:0], wire.IPv4HoARequest{Prefix: hoa}),
		Handoff:         wire.Some(handoff),
		AccessType:      wire.Some(wire.Access80211),
		LinkLayerID:     wire.Some(wire.LinkLayerID{2, 0, byte(node >> 24), byte(node >> 16), byte(node >> 8), byte(node)}),
		Timestamp:       wire.Some(wire.TimestampOf(r.now)),
	}
	if err := r.sent.Message(r.from(), r.to, &r.update, r.sign); err != nil {
		t.Fatal(err)
	}
	return r.sent.Send[0].Octets
}

// answerTo is what is measured: decode, step, encode.
func (r *refresher) answerTo(octets []byte) []byte {
	r.out.Reset()
	r.in = mobility.Inbound{From: r.from(), To: r.to, Octets: octets}
	r.in.Message, r.in.Err = r.decoder.Decode(octets)
	r.Receive(r.now, &r.in, &r.out)
	return r.out.Send[0].Octets
}

var mag = netip.MustParseAddr("2001:db8:1::1")

func (r *refresher) from() mobility.Endpoint {
	return mobility.Endpoint{Addr: netip.AddrPortFrom(mag, 0)}
}

// A refresh costs the new row and nothing else, with and without authentication.
func TestRefreshAllocations(t *testing.T) {
	for _, secret := range []string{"", "secret"} {
		r := newRefresher(t, 100, secret)
		var refreshes [][]byte
		for range 101 {
			r.now = r.now.Add(time.Millisecond)
			refreshes = append(refreshes, append([]byte(nil), r.encode(t, 7, wire.HandoffUnchanged)...))
		}
		next := 0
		allocations := testing.AllocsPerRun(100, func() {
			r.answerTo(refreshes[next])
			next++
		})
		if allocations > 2 {
			t.Errorf("with secret %q: %v allocations, at most 2 are allowed", secret, allocations)
		}
		if got := r.stats.Refresh.Load(); got != 101 {
			t.Fatalf("with secret %q: %d of 101 refreshes were accepted", secret, got)
		}
	}
}

// BenchmarkRefresh measures one refresh, parsed, stepped and answered, of one binding among many.
func BenchmarkRefresh(b *testing.B) {
	for _, bench := range []struct {
		name     string
		bindings int
		secret   string
	}{{"plain/1000", 1000, ""}, {"signed/1000", 1000, "secret"}, {"plain/100000", 100_000, ""}} {
		b.Run(bench.name, func(b *testing.B) {
			r := newRefresher(b, bench.bindings, bench.secret)
			const batch = 512
			refreshes := make([][]byte, batch)
			node := 0
			b.ReportAllocs()
			for i := batch; b.Loop(); i++ {
				if i == batch { // the MAG's side is not measured
					b.StopTimer()
					for i := range refreshes {
						node = (node + 7919) % bench.bindings
						r.now = r.now.Add(time.Microsecond)
						refreshes[i] = append(refreshes[i][:0], r.encode(b, node, wire.HandoffUnchanged)...)
					}
					i = 0
					b.StartTimer()
				}
				r.answerTo(refreshes[i%batch])
			}
			if refused := r.stats.PBUReceived.Load() - r.stats.Initial.Load() - r.stats.Refresh.Load(); refused > 0 {
				b.Fatalf("%d refreshes were refused", refused)
			}
		})
	}
}
