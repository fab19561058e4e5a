package fastpath

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
)

// Both languages lay out keys and values alike.
func TestLayout(t *testing.T) {
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(bytecode))
	must(t, err)
	for name, want := range map[string][2]any{
		"routes":   {routeKey{}, routeValue{}},
		"tunnels":  {uint32(0), tunnelValue{}},
		"peers":    {peer{}, uint32(0)},
		"counters": {uint32(0), traffic{}},
		"accounts": {uint32(0), traffic{}},
	} {
		m := spec.Maps[name]
		if m == nil || int(m.KeySize) != binary.Size(want[0]) || int(m.ValueSize) != binary.Size(want[1]) {
			t.Errorf("%s: %v, want keys and values of %d and %d octets", name, m, binary.Size(want[0]), binary.Size(want[1]))
		}
	}
	if len(spec.Maps) != 5 || len(spec.Programs) != 3 {
		t.Errorf("%d maps and %d programs", len(spec.Maps), len(spec.Programs))
	}
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// open opens a fast path. It returns nil inside a user namespace, where the kernel must refuse.
func open(t testing.TB) *Path {
	t.Helper()
	identities, err := os.ReadFile("/proc/self/uid_map")
	must(t, err)
	p, err := Open()
	if os.Geteuid() != 0 || strings.Join(strings.Fields(string(identities)), " ") != "0 0 4294967295" {
		if !errors.Is(err, unix.EPERM) || !strings.Contains(err.Error(), "CAP_BPF") {
			t.Errorf("without privileges: %v", err)
		}
		return nil
	}
	must(t, err)
	t.Cleanup(p.Close)
	return p
}

func addr(s string) netip.Addr     { return netip.MustParseAddr(s) }
func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

var (
	overIPv4 = dataplane.TunnelID{Local: addr("192.0.2.1"), Peer: addr("192.0.2.2"), Encap: dataplane.EncapIP}
	overIPv6 = dataplane.TunnelID{Local: addr("2001:db8::1"), Peer: addr("2001:db8::2"), Encap: dataplane.EncapGRE}
	key7     = dataplane.Key{Value: 7, Set: true}
)

// A route is removed by the device that it is of, and by no other; a wider one is not taken for it.
func TestRoutesBelongToDevices(t *testing.T) {
	p := open(t)
	if p == nil {
		return
	}
	has := func(pre string) bool {
		var v routeValue
		return p.objects.Routes.Lookup(keyOf(TableNodes, prefix(pre)), &v) == nil
	}
	must(t, p.PutRoute(TableNodes, prefix("10.0.0.0/24"), Route{Tunnel: 1, Device: 5}),
		p.PutRoute(TableNodes, prefix("10.0.0.1/32"), Route{Tunnel: 1, Device: 5}),
		p.PutRoute(TableNodes, prefix("10.0.0.1/32"), Route{Tunnel: 1, Device: 6}), // moved
		p.DeleteRoute(TableNodes, prefix("10.0.0.1/32"), 5))
	var v routeValue
	must(t, p.objects.Routes.Lookup(keyOf(TableNodes, prefix("10.0.0.1/32")), &v))
	if v.Device != 6 {
		t.Errorf("10.0.0.1 is on device %d", v.Device)
	}
	must(t, p.DeleteRoute(TableNodes, prefix("10.0.0.2/32"), 5), p.DeleteRoute(TableNodes, prefix("10.0.0.1/32"), 6))
	if !has("10.0.0.0/24") || has("10.0.1.0/24") || has("a00::/24") {
		t.Error("the wider route is gone, or matches what it is not for")
	}
	must(t, p.DeleteRoute(TableNodes, prefix("10.0.0.0/24"), 5), p.DeleteRoute(TableNodes, prefix("10.0.0.0/24"), 5))
	if has("10.0.0.1/32") {
		t.Error("something is left")
	}
}

// A tunnel that is put again keeps its counters; one that is deleted leaves nothing.
func TestTunnelEntries(t *testing.T) {
	p := open(t)
	if p == nil {
		return
	}
	one := Tunnel{Number: 1, ID: overIPv4, Underlay: 3}
	all := make([]traffic, ebpf.MustPossibleCPU())
	all[0], all[len(all)-1].RxPackets = traffic{1, 2, 3, 4}, 10
	want := dataplane.Counters{RxPackets: 11, RxOctets: 2, TxPackets: 3, TxOctets: 4}
	if len(all) == 1 {
		want.RxPackets = 10
	}
	must(t, p.PutTunnel(one), p.objects.Counters.Put(uint32(1), all))
	one.MTU = 1400
	must(t, p.PutTunnel(one), p.SuspendTunnel(one))
	if c, err := p.Traffic(1); err != nil || c != want {
		t.Errorf("counted %+v, %v", c, err)
	}
	must(t, p.DeleteTunnel(one), p.DeleteTunnel(one))
	for _, m := range []*ebpf.Map{p.objects.Tunnels, p.objects.Peers, p.objects.Counters} {
		if err := m.NextKey(nil, make([]byte, m.KeySize())); !errors.Is(err, ebpf.ErrKeyNotExist) {
			t.Errorf("%s: %v", m, err)
		}
	}
	if c, err := p.Traffic(1); err != nil || c != (dataplane.Counters{}) {
		t.Errorf("counted %+v, %v", c, err)
	}
}

// Verdicts of a program: go on as if it were not there, or out of the tunnel device.
const (
	next     = 0xffffffff
	redirect = 7 // TC_ACT_REDIRECT
)

// frame puts an Ethernet header in front of a packet.
func frame(packet []byte) []byte {
	kind := []byte{0x08, 0x00}
	if packet[0]>>4 == 6 {
		kind = []byte{0x86, 0xdd}
	}
	return append(append(make([]byte, 12), kind...), packet...)
}

func ip(from, to string, protocol, class byte, payload []byte) []byte {
	source, destination := addr(from), addr(to)
	if source.Is6() {
		b := []byte{6<<4 | class>>4, class << 4, 0, 0, byte(len(payload) >> 8), byte(len(payload)), protocol, 64}
		return append(append(append(b, source.AsSlice()...), destination.AsSlice()...), payload...)
	}
	n := 20 + len(payload)
	b := append([]byte{0x45, class, byte(n >> 8), byte(n), 0, 0, 0x40, 0, 64, protocol, 0, 0}, source.AsSlice()...)
	b = append(b, destination.AsSlice()...)
	return append(withChecksum(b), payload...)
}

// withChecksum completes an IPv4 header.
func withChecksum(b []byte) []byte {
	b[10], b[11] = 0, 0
	sum := uint32(0)
	for i := 0; i < int(b[0]&15)*4; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	sum = sum>>16 + sum&0xffff
	binary.BigEndian.PutUint16(b[10:], ^uint16(sum>>16+sum))
	return b
}

// changed returns a copy with one octet changed, and the checksum of an IPv4 header made right.
func changed(b []byte, at int, value byte) []byte {
	b = bytes.Clone(b)
	b[at] = value
	if b[0]>>4 == 4 {
		withChecksum(b)
	}
	return b
}

// What the program at the underlay takes out of tunnels, and what it leaves to user space.
func TestFromPeer(t *testing.T) {
	p := open(t)
	if p == nil {
		return
	}
	const tun = 9
	must(t,
		p.PutTunnel(Tunnel{Number: 1, ID: overIPv4, Underlay: loopback}),
		p.PutTunnel(Tunnel{Number: 2, ID: overIPv6, Underlay: loopback}),
		p.PutRoute(TableAnchor, prefix("10.0.0.0/24"), Route{Tunnel: 1, Device: tun}),
		p.PutRoute(TableAnchor, prefix("10.0.0.9/32"), Route{Device: tun}), // user space knows
		p.PutRoute(TableAnchor, prefix("2001:db8:1::/64"), Route{Tunnel: 1, Device: tun}),
		p.PutRoute(TableNodes, prefix("10.0.1.1/32"), Route{Tunnel: 2, Device: tun, Rx: key7}),
	)
	payload := []byte("payload")
	inner := ip("10.0.0.1", "203.0.113.1", 17, 0, payload)
	inner6 := ip("2001:db8:1::1", "2001:db8:c::1", 17, 0, payload)
	outer := func(protocol byte, b []byte) []byte { return ip("192.0.2.2", "192.0.2.1", protocol, 0, b) }
	plain := outer(4, inner)
	down := ip("203.0.113.1", "10.0.1.1", 17, 0, payload)
	gre := func(b []byte) []byte { return ip("2001:db8::2", "2001:db8::1", 47, 0, b) }
	keyed := append([]byte{0x20, 0, 8, 0, 0, 0, 0, 7}, down...)
	options := append([]byte{0x46, 0, 0, byte(len(inner) + 24), 0, 0, 0, 0, 64, 4, 0, 0, 192, 0, 2, 2, 192, 0, 2, 1, 1, 1, 1, 0}, inner...)
	for _, c := range []struct {
		name   string
		packet []byte
		left   []byte // what leaves the tunnel; nil: nothing, user space decides
	}{
		{"IPv4 in IPv4", plain, inner},
		{"IPv6 in IPv4", outer(41, inner6), inner6},
		{"filled up to the least frame", append(bytes.Clone(plain), 0, 0, 0), append(bytes.Clone(inner), 0, 0, 0)},
		{"GRE with the key", gre(keyed), down},
		{"the DSCP of the core", changed(plain, 1, 0xb8), changed(inner, 1, 0xb8)},
		{"congestion in the core", changed(outer(4, changed(inner, 1, 2)), 1, 3), changed(inner, 1, 3)},
		{"IPv6 congestion", changed(outer(41, ip("2001:db8:1::1", "2001:db8:c::1", 17, 2, payload)), 1, 0xbb),
			ip("2001:db8:1::1", "2001:db8:c::1", 17, 0xbb, payload)},

		{"congestion that the sender does not know", changed(plain, 1, 3), nil},
		{"GRE without the key", gre(append([]byte{0, 0, 8, 0}, down...)), nil},
		{"GRE with another key", gre(changed(keyed, 7, 8)), nil},
		{"GRE with a sequence number", gre(append([]byte{0x30, 0, 8, 0, 0, 0, 0, 7, 0, 0, 0, 0}, down...)), nil},
		{"GRE with something else", gre(changed(keyed, 2, 9)), nil},
		{"GRE cut off", gre(keyed[:6]), nil},
		{"a source of nobody's", outer(4, ip("10.9.0.1", "203.0.113.1", 17, 0, payload)), nil},
		{"a source that user space knows", outer(4, ip("10.0.0.9", "203.0.113.1", 17, 0, payload)), nil},
		{"a source of another tunnel's", gre(append([]byte{0, 0, 8, 0}, inner...)), nil},
		{"a node of another tunnel's", outer(4, down), nil},
		{"another peer", ip("192.0.2.3", "192.0.2.1", 4, 0, inner), nil},
		{"another address of the host", ip("192.0.2.2", "192.0.2.9", 4, 0, inner), nil},
		{"another encapsulation", outer(47, append([]byte{0, 0, 8, 0}, inner...)), nil},
		{"another version than said", outer(41, inner), nil},
		{"no tunnel at all", outer(17, payload), nil},
		{"an outer fragment", changed(plain, 6, 0x20), nil},
		{"outer options", withChecksum(options), nil},
		{"a wrong outer checksum", append(append(bytes.Clone(plain[:10]), plain[10]^1), plain[11:]...), nil},
		{"an outer packet cut off", plain[:len(plain)-1], nil},
		{"an inner packet cut off", outer(4, inner[:len(inner)-1]), nil},
		{"an inner header cut off", outer(4, inner[:12]), nil},
		{"an inner header of nonsense", outer(4, changed(inner, 0, 0x44)), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			opts := &ebpf.RunOptions{Data: frame(c.packet), DataOut: make([]byte, 2000)}
			verdict, err := p.objects.FromPeer.Run(opts)
			must(t, err)
			wantVerdict, want := uint32(next), c.packet
			if c.left != nil {
				wantVerdict, want = redirect, c.left
			}
			// The Ethernet type stays that of the outer packet: nobody looks at it any more.
			if got := opts.DataOut[14:]; verdict != wantVerdict || !bytes.Equal(got, want) {
				t.Errorf("verdict %d, packet\n%x, want %d\n%x", verdict, got, wantVerdict, want)
			}
		})
	}
	one, err := p.Traffic(1)
	must(t, err)
	two, err := p.Traffic(2)
	must(t, err)
	octets := uint64(4*len(inner) + 2*len(inner6))
	if one != (dataplane.Counters{RxPackets: 6, RxOctets: octets}) || two != (dataplane.Counters{RxPackets: 1, RxOctets: uint64(len(down))}) {
		t.Errorf("counted %+v and %+v", one, two)
	}
	must(t, p.PutTunnel(Tunnel{Number: 1, ID: overIPv4, Underlay: loopback + 1}))
	if verdict, err := p.objects.FromPeer.Run(&ebpf.RunOptions{Data: frame(plain)}); err != nil || verdict != next {
		t.Errorf("on another interface: verdict %d, %v", verdict, err)
	}
}

// BenchmarkRoutes is what a binding costs in the maps, one after the other.
func BenchmarkRoutes(b *testing.B) {
	p := open(b)
	if p == nil {
		return
	}
	node := addr("10.0.0.0").As4()
	for b.Loop() {
		binary.BigEndian.PutUint32(node[:], binary.BigEndian.Uint32(node[:])+1)
		must(b, p.PutRoute(TableAnchor, netip.PrefixFrom(netip.AddrFrom4(node), 32), Route{Tunnel: 1, Device: 9}))
	}
}
