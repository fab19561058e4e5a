package journal

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
	"unique"

	"mooring/dataplane"
	"mooring/mobility"
)

// typical is a binding as an anchor of 1,000 gateways has it.
func typical(id dataplane.SessionID) *mobility.Binding {
	gateway := netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, 1, byte(id % 1000 >> 8), byte(id % 1000), 15: 1})
	anchor := netip.MustParseAddr("2001:db8:ffff::1")
	return &mobility.Binding{
		ID: id, Lifetime: time.Hour, Expires: 1 << 60, Updated: 1 << 59, State: mobility.StateActive, Profile: unique.Make("@example.com"),
		Holding: &mobility.Holding{
			Node: mobility.NAI(fmt.Sprintf("mn%d@example.com", id)), LinkID: mobility.LinkID([]byte{2, 0, byte(id >> 24), byte(id >> 16), byte(id >> 8), byte(id)}),
			Prefixes: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, byte(id >> 24), byte(id >> 16), byte(id >> 8), byte(id)}), 64)},
			Home:     mobility.HomeOf(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(id >> 16), byte(id >> 8), byte(id)}), 8)), Router: mobility.IPv4{10, 0, 0, 1},
			Terms: unique.Make(mobility.Terms{}), Tenancy: unique.Make(mobility.Tenancy{Network: "net1"}), Created: 1 << 58,
		},
		Ends: unique.Make(mobility.Ends{Local: anchor, Remote: netip.AddrPortFrom(gateway, 0), CareOf: gateway,
			Tunnel: dataplane.TunnelID{Local: anchor, Peer: gateway, Encap: dataplane.EncapIP}}),
	}
}

// BenchmarkOpen reads a store of so many bindings, each of which was refreshed twice since the snapshot.
func BenchmarkOpen(b *testing.B) {
	for _, n := range []int{1000, 128_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			folder := newMemory()
			j, err := Open(folder, Options{Least: 1 << 40})
			if err != nil {
				b.Fatal(err)
			}
			for id := range dataplane.SessionID(n) {
				j.Add(machine, mobility.Change{New: typical(id + 1)})
			}
			for range 2 * n {
				row := typical(dataplane.SessionID(rand.IntN(n) + 1))
				j.Add(machine, mobility.Change{Old: row, New: row})
			}
			if _, _, err := j.Write(); err != nil {
				b.Fatal(err)
			}
			if err := j.Close(); err != nil {
				b.Fatal(err)
			}
			left := folder.killed()
			b.ReportAllocs()
			for b.Loop() {
				j, err := Open(left.killed(), Options{})
				if err != nil {
					b.Fatal(err)
				}
				if rows, _ := j.Take(machine); len(rows) != n {
					b.Fatal(len(rows))
				}
				j.Close()
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "us/binding")
		})
	}
}

// BenchmarkRefresh adds what a refresh changes, and writes it a batch at a time.
func BenchmarkRefresh(b *testing.B) {
	j, err := Open(newMemory(), Options{Least: 1 << 40})
	if err != nil {
		b.Fatal(err)
	}
	old := typical(123456)
	row := *old
	row.Sequence++
	b.ReportAllocs()
	for b.Loop() {
		for range 64 {
			j.Add(machine, mobility.Change{Old: old, New: &row})
		}
		b.SetBytes(int64(len(j.frames.octets)) / 64)
		j.frames.take()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/64, "ns/refresh")
	j.Close()
}
