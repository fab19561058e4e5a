package metrics

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"testing"

	"mooring/mobility"
	"mooring/mobility/lma"
	"mooring/mobility/wire"
	"mooring/server/state"
)

// BenchmarkScrape asks an LMA with many peers for its metrics.
func BenchmarkScrape(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		b.Run(fmt.Sprintf("%d-peers", n), func(b *testing.B) {
			src, total := sources(0), &mobility.Statistics{Began: start}
			peers := make([]lma.PeerState, n)
			for i := range peers {
				from := netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 1, 14: byte(i >> 8), 15: byte(i)})
				peers[i] = lma.PeerState{Address: from, Bindings: 10, Statistics: total.Part(start)}
				peers[i].Statistics.PBASent.Add(wire.StatusAccepted)
			}
			machines := src.LMAs
			src.LMAs = func() []state.LMA {
				l := machines()[0]
				l.Peers = func(context.Context) ([]lma.PeerState, error) { return peers, nil }
				return []state.LMA{l}
			}
			s := state.New(element(), 0)
			if err := s.MountElement(src); err != nil {
				b.Fatal(err)
			}
			h, err := newHandler(s, slog.New(slog.DiscardHandler))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			var octets int
			for b.Loop() {
				answer := httptest.NewRecorder()
				h.ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
				octets = answer.Body.Len()
			}
			b.ReportMetric(float64(octets), "answer-octets")
		})
	}
}
