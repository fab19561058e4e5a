package kernel

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"mooring/dataplane"
	"mooring/dataplane/netns"
)

// nodeSources are n sources behind a link, one for each address from 10.64.0.0 on.
func nodeSources(n int, mark uint32) (list []sourceChange) {
	for i := range uint32(n) {
		addr := netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, 10<<24+64<<16+i)))
		key := dataplane.SourceRouteKey{Link: "access1", Source: netip.PrefixFrom(addr, 32)}
		list = append(list, sourceChange{key: key, now: steering{mark: mark}})
	}
	return list
}

// What a source costs to begin with, beside so many others, and to end, in processor time of this process, which does the kernel's work for it.
func BenchmarkSources(b *testing.B) {
	for _, n := range []int{1_000, 5_000, 20_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			h, err := netns.NewHost("host")
			must(b, err)
			defer h.Close()
			f, err := openFilter(h.Namespace)
			must(b, err)
			defer f.close()
			_, err = f.rebuild(nil, nil, nil, nil)
			must(b, err)
			for b.Loop() {
				all, more := nodeSources(n+50, 7)[:n], nodeSources(n+50, 7)[n:]
				step := func(name string, changes []sourceChange, atOnce int) {
					clock := cpu()
					for some := range slices.Chunk(changes, atOnce) {
						must(b, f.change(some))
					}
					b.ReportMetric(float64(cpu()-clock)/float64(len(changes))/1e3, "µs/source-"+name)
				}
				ended := func(begun []sourceChange) (list []sourceChange) {
					for _, c := range begun {
						list = append(list, sourceChange{key: c.key, old: c.now})
					}
					return list
				}
				step("begin", all, 256)
				step("begin-alone", more, 1)
				step("end-alone", ended(more), 1)
				step("end", ended(all), 256)
			}
		})
	}
}
