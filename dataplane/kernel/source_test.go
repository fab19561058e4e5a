//go:build vm

package kernel

import (
	"encoding/binary"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"mooring/dataplane"
	"mooring/dataplane/planetest"
)

// manySources are n sources of one path, one for each address from 10.64.0.0 on.
func manySources(n int, path dataplane.Path) (list []dataplane.Op) {
	for i := range uint32(n) {
		var address [4]byte
		binary.BigEndian.PutUint32(address[:], 10<<24+64<<16+i)
		list = append(list, dataplane.Op{Object: dataplane.SourceRoute{Link: "access1", Source: netip.PrefixFrom(netip.AddrFrom4(address), 32), Path: path}})
	}
	return list
}

// A gateway with many nodes: a batch is one transaction, what the kernel refuses of it does not keep the rest out, and the whole table fits into one.
func TestManySources(t *testing.T) {
	const n, atOnce = 5000, 256
	h, p := newHost(t)
	must(t, apply(p, planetest.Everything()...))
	first, second := dataplane.Path{Tunnel: of[dataplane.Tunnel]()[0].ID}, dataplane.Path{Tunnel: of[dataplane.Tunnel]()[1].ID}
	all := func(ops []dataplane.Op) {
		t.Helper()
		for some := range slices.Chunk(ops, atOnce) {
			must(t, p.Apply(t.Context(), some)...)
		}
	}
	expect := func(want map[dataplane.Path]int) {
		t.Helper()
		got := map[dataplane.Path]int{}
		for line := range strings.Lines(planetest.HostText(t, h)) {
			for path := range want {
				if strings.HasPrefix(line, "nft 1 mooring set from4-32 element access1 10.64.") && strings.HasSuffix(line, ": mark "+p.tunnels[path.Tunnel].devices[path].name+"\n") {
					got[path]++
				}
			}
		}
		if !maps.Equal(got, want) {
			t.Fatalf("sources by path: %v, want %v", got, want)
		}
	}
	removed := func(ops []dataplane.Op) []dataplane.Op {
		for i := range ops {
			ops[i].Delete = true
		}
		return ops
	}
	for _, path := range []dataplane.Path{first, second} { // have been a gateway's from here on
		all(manySources(1, path))
		all(removed(manySources(1, path)))
	}
	before := planetest.HostText(t, h)
	all(manySources(n, first))
	expect(map[dataplane.Path]int{first: n})

	p.places[""].filter.conn.DelTable(p.places[""].filter.table)
	must(t, p.places[""].filter.flush(nil))
	all(manySources(1, second)) // which has the table made again
	all(manySources(1, first))
	expect(map[dataplane.Path]int{first: n})

	moved := manySources(10, second)
	moved[3].Object = dataplane.SourceRoute{Link: "access1", Source: netip.MustParsePrefix("10.99.0.1/32"), Path: pathOver(dataplane.EncapGRE, "192.0.2.1", "192.0.2.77", 9)}
	moved[7].Object = dataplane.SourceRoute{Link: "nowhere", Source: netip.MustParsePrefix("10.99.0.2/32"), Path: first}
	for i, err := range p.Apply(t.Context(), moved) {
		if bad := i == 3 || i == 7; (err != nil) != bad {
			t.Errorf("source %d: %v", i, err)
		}
	}
	expect(map[dataplane.Path]int{first: n - 8, second: 8})

	all(removed(manySources(n, first)))
	if after := planetest.HostText(t, h); after != before {
		t.Errorf("host has\n%swant\n%s", after, before)
	}
}
