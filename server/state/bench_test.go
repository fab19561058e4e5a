package state

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
	"unique"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/wire"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// fill puts n bindings into the LMA's table, as a domain of a thousand gateways has them.
func (d *domain) fill(n int) {
	var ends [1000]unique.Handle[mobility.Ends]
	for i := range ends {
		from := netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 1, 14: byte(i >> 8), 15: byte(i)})
		ends[i] = unique.Make(mobility.Ends{Local: addr("2001:db8::1"), Remote: netip.AddrPortFrom(from, 0), CareOf: from, Peer: fmt.Sprintf("mag%d", i),
			Tunnel: dataplane.TunnelID{Local: addr("2001:db8::1"), Peer: from, Encap: dataplane.EncapIP}})
	}
	for i := range n {
		d.tables.lma.Put(session(dataplane.SessionID(i+1), ends[i%len(ends)]))
	}
}

func session(id dataplane.SessionID, ends unique.Handle[mobility.Ends]) *mobility.Binding {
	i := uint32(id)
	return &mobility.Binding{
		ID: id, Ends: ends, Lifetime: 600 * time.Second, Expires: mobility.At(start.Add(600 * time.Second)),
		Updated: mobility.At(start), Profile: unique.Make("@example.net"), Sequence: uint16(i), State: mobility.StateActive,
		Access: wire.Access80211, Handoff: wire.HandoffUnchanged, Source: mobility.ProfileRealm, Install: mobility.Installed,
		Holding: &mobility.Holding{
			Node:     mobility.NAI(fmt.Sprintf("node%07d@example.net", i)),
			LinkID:   mobility.LinkID([]byte{2, 0, byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}),
			Prefixes: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}), 64)},
			Created:  mobility.At(start), Tenancy: unique.Make(mobility.Tenancy{Network: "home"}),
		},
	}
}

func bindingsView(t testing.TB, d *domain, keys ...string) View {
	t.Helper()
	def := element().Find("/mooring-pmipv6:pmipv6/lma/bindings/binding")
	p := schema.Path{}
	for _, n := range def.Ancestors() {
		p = append(p, schema.Step{Node: n})
	}
	if len(keys) > 0 {
		p[1].Keys, p[3].Keys = keys[:1], keys[1:]
	}
	views := d.state.At(p)
	if len(views) != 1 {
		t.Fatalf("%d tables at the binding list, want one", len(views))
	}
	return views[0]
}

func leaves(n *tree.Node) (count int) {
	for kid := range n.Children() {
		count += max(1, kid.Len())
	}
	return count
}

// BenchmarkRender turns a binding into a tree.
func BenchmarkRender(b *testing.B) {
	d := newDomain(b)
	d.fill(1)
	var row Row
	for r := range bindingsView(b, d).Rows(b.Context()) {
		row = r
	}
	renderer := NewRenderer()
	n := leaves(renderer.Render(row, start))
	b.ReportAllocs()
	for b.Loop() {
		renderer.Render(row, start)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/leaf")
}

// BenchmarkWalk renders all of n bindings, the way of a NETCONF get; BenchmarkSync does it as a subscriber that begins.
func BenchmarkWalk(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			d := newDomain(b)
			d.fill(n)
			v := bindingsView(b, d)
			r := NewRenderer()
			for b.Loop() {
				for row := range v.Rows(b.Context()) {
					r.Render(row, start)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/row")
		})
	}
}

func BenchmarkSync(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			d := newDomain(b)
			d.fill(n)
			v := bindingsView(b, d)
			r := NewRenderer()
			for b.Loop() {
				f := d.state.Follow(v)
				var buf []Row
				for buf = f.Next(buf[:0]); len(buf) > 0; buf = f.Next(buf[:0]) {
					for _, row := range buf {
						r.Render(row, start)
					}
				}
				f.Close()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/row")
		})
	}
}

// BenchmarkLookUp finds one binding among n.
func BenchmarkLookUp(b *testing.B) {
	for _, n := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			d := newDomain(b)
			d.fill(n)
			v := bindingsView(b, d, "lma1", BindingID(dataplane.SessionID(n/2)))
			b.ReportAllocs()
			for b.Loop() {
				for range v.Rows(b.Context()) {
				}
			}
		})
	}
}
