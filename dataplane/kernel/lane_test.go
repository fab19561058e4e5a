package kernel

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
	"mooring/dataplane/netns"
)

// counted counts in a host's table what arrives by a tunnel interface that was adopted: here it leads to a neighbour.
func counted(t testing.TB) (h, other *netns.Host, f *filter) {
	t.Helper()
	h, err := netns.NewHost("host")
	must(t, err)
	t.Cleanup(func() { h.Close() })
	other, err = netns.NewHost("other")
	must(t, err)
	t.Cleanup(func() { other.Close() })
	must(t, netns.Connect(h, "tunnel", other, "eth0"), h.Address("tunnel", "10.0.0.254/24"), other.Address("eth0", "10.0.0.7/24"))
	f, err = openFilter(h.Namespace)
	must(t, err)
	t.Cleanup(f.close)
	must(t, h.Do(func() error {
		device, err := net.InterfaceByName("tunnel")
		if err == nil {
			f.adoptees = map[int]adoptee{device.Index: {}}
		}
		return err
	}))
	_, err = f.rebuild(nil, nil, nil, nil)
	must(t, err)
	return h, other, f
}

// Of the prefixes that a packet's address is in, the longest counts it, and it alone; what is found in the table is what was put there.
func TestLongestPrefixCounts(t *testing.T) {
	h, other, f := counted(t)
	var lanes []lane
	var spots []spot
	for _, p := range []string{"10.0.0.0/21", "10.0.0.0/24", "10.0.0.7/32", "2001:db8::/61"} {
		at := spot{prefix: netip.MustParsePrefix(p)}
		lanes, spots = append(lanes, laneOf(at.prefix)), append(spots, at, spot{group: 7, prefix: at.prefix})
	}
	must(t, f.addLanes(lanes[2:]), f.addLanes(lanes[:2]), f.addLanes(nil))
	for _, at := range spots {
		list := at.tallies()
		must(t, f.tallies.Change(nil, list[:]))
	}
	if intact, err := f.intact(); err != nil || !intact {
		t.Errorf("the table is not as it should be: %v", err)
	}
	for i, from := range []string{"10.0.0.7", "10.0.0.8"} {
		if i > 0 {
			must(t, other.Address("eth0", from+"/24"))
		}
		deliver(t, h, other, from)
	}
	again, err := openFilter(h.Namespace)
	must(t, err)
	defer again.close()
	must(t, again.lookAtLanes())
	if fmt.Sprint(again.lanes) != fmt.Sprint(f.lanes) {
		t.Errorf("found are %v, want %v", again.lanes, f.lanes)
	}
	for _, at := range spots {
		list := at.tallies()
		there, err := again.tallies.Read(list[:])
		must(t, err)
		want := uint64(0)
		if at.group == 0 && (at.prefix.Bits() == 32 || at.prefix.Bits() == 24) {
			want = 1
		}
		if !there[0] || !there[1] || list[0].Packets != want || list[0].Octets != want*(20+8+5) || list[1].Packets != 0 {
			t.Errorf("%v counted %+v (%v), want %d packets", at, list, there, want)
		}
	}
}

// deliver sends a datagram of five octets.
func deliver(t testing.TB, h, other *netns.Host, from string) {
	t.Helper()
	var sink, source *net.UDPConn
	must(t, h.Do(func() (err error) {
		sink, err = net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(10, 0, 0, 254)})
		return err
	}), other.Do(func() (err error) {
		source, err = net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(from)})
		return err
	}))
	defer sink.Close()
	defer source.Close()
	_, err := source.WriteTo([]byte("hello"), sink.LocalAddr())
	must(t, err, sink.SetReadDeadline(time.Now().Add(20*time.Second)))
	_, err = sink.Read(make([]byte, 10))
	must(t, err)
}

// What bindings cost that are counted: to begin with, to be read by their keys, and to end, in processor time of this process.
func BenchmarkTallies(b *testing.B) {
	for _, n := range []int{10_000, 128_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			_, _, f := counted(b)
			must(b, f.addLanes([]lane{{4, 32}, {6, 64}}))
			for b.Loop() {
				all := bindings(n)
				clock := cpu()
				step := func(name string) {
					b.ReportMetric(float64(cpu()-clock)/float64(n)/1e3, "µs/binding-"+name)
					clock = cpu()
				}
				for part := range slices.Chunk(all, 2*atOnce) {
					must(b, f.tallies.Change(nil, part))
				}
				step("make")
				_, err := f.tallies.Read(all)
				must(b, err)
				step("read")
				must(b, f.tallies.Remove(all))
				step("end")
			}
		})
	}
}

// What a packet costs that is counted among so many bindings, beside one that is not, in processor time of this process, which does the
// host's work for it.
func BenchmarkCountedPacket(b *testing.B) {
	for _, n := range []int{0, 1, 128_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			h, other, f := counted(b)
			if n > 0 {
				must(b, f.addLanes([]lane{{4, 32}, {6, 64}}))
				all := append(bindings(n), spot{prefix: netip.MustParsePrefix("10.0.0.7/32")}.beginning(dataplane.Counters{})...)
				slices.SortFunc(all, bySet)
				for part := range slices.Chunk(all, 2*atOnce) {
					must(b, f.tallies.Change(nil, part))
				}
			}
			deliver(b, h, other, "10.0.0.7")
			var source *net.UDPConn
			must(b, other.Do(func() (err error) {
				source, err = net.DialUDP("udp", nil, &net.UDPAddr{IP: net.IPv4(10, 0, 0, 254), Port: 9})
				return err
			}), h.Sysctl("ipv4/icmp_ratemask", "8"), h.Sysctl("ipv4/icmp_ratelimit", "1000000"))
			defer source.Close()
			payload, clock := make([]byte, 64), cpu()
			for b.Loop() {
				source.Write(payload)
			}
			b.ReportMetric(float64(cpu()-clock)/float64(b.N), "cpu-ns/op")
		})
	}
}

func cpu() time.Duration {
	var u unix.Rusage
	unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// bindings are the elements of bindings that have an address and a network each.
func bindings(n int) (all []netlink.Tally) {
	for i := range n {
		addr := netip.AddrFrom4([4]byte{10, 64 + byte(i>>16), byte(i >> 8), byte(i)})
		network := netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, byte(i >> 16), byte(i >> 8), byte(i)})
		for _, p := range []netip.Prefix{netip.PrefixFrom(addr, 32), netip.PrefixFrom(network, 64)} {
			list := spot{prefix: p}.tallies()
			all = append(all, list[:]...)
		}
	}
	return all
}
