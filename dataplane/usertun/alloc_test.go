package usertun

import (
	"fmt"
	"net/netip"
	"testing"

	"mooring/dataplane"
)

// unconnected makes a device with a route for everybody into a tunnel whose socket is never used.
func unconnected(encap dataplane.Encap, key dataplane.Key) (*device, *tunnel) {
	id := dataplane.TunnelID{Local: netip.MustParseAddr(lmaAddr4), Peer: netip.MustParseAddr(magAddr4), Encap: encap}
	s := &socket{encap: encap, segments: encap == dataplane.EncapUDP}
	t := newTunnel(id, &endpoint{inner4: s, inner6: s})
	t.setPath(1500)
	d := &device{tun: &tun{uso: true}, side: dataplane.Anchor}
	r := &route{tunnel: t, tx: key, rx: key, head: headerLen(encap, key)}
	for _, p := range prefixes("0.0.0.0/0", "::/0") {
		d.insert(p, r)
	}
	return d, t
}

// The packet path makes no garbage.
func TestForwardingDoesNotAllocate(t *testing.T) {
	stream := tcpPacket("203.0.113.2", nodeAddr4, 1, tcpACK, randomBytes(60_000))
	small := udpPacket(cnAddr6, nodeAddr6, randomBytes(64))
	v := virtioHeader{flags: needsChecksum, kind: gsoTCP4, segment: 1400, checksumStart: header4, checksumOff: tcpChecksum}
	for _, encap := range encaps {
		key := key1
		if encap == dataplane.EncapIP {
			key = dataplane.Key{}
		}
		d, tunnel := unconnected(encap, key)
		e := newEncapsulator(d)
		out := func() {
			e.forward(v, stream)
			e.forward(virtioHeader{}, small)
			for _, b := range e.boxes {
				b.used = 0
			}
			e.headers = e.headers[:0]
		}
		dec := &decapsulator{socket: tunnel.endpoint.inner4, endpoint: tunnel.endpoint}
		packet := append(appendHeader(nil, encap, key, 6, len(small)), small...)
		in := func() {
			for range 10 {
				dec.packet(tunnel, netip.AddrPort{}, 0, packet)
			}
			dec.joined.used = 0
		}
		for name, f := range map[string]func(){"out": out, "in": in} {
			f() // buffers grow to their size
			if n := testing.AllocsPerRun(100, f); n != 0 {
				t.Errorf("%s %s: %v allocations", encap, name, n)
			}
		}
	}
}

// BenchmarkEncapsulate and BenchmarkDecapsulate are the work on packets alone, without the host: a TCP stream of super-packets and small packets, for
// a session that nobody counts and for one whose traffic is accounted for.
func BenchmarkEncapsulate(b *testing.B) {
	stream := tcpPacket("203.0.113.2", nodeAddr4, 1, tcpACK, randomBytes(60_000))
	v := virtioHeader{flags: needsChecksum, kind: gsoTCP4, segment: 1400, checksumStart: header4, checksumOff: tcpChecksum}
	small := udpPacket(cnAddr4, nodeAddr4, randomBytes(64))
	for _, counted := range []bool{false, true} {
		d, t := unconnected(dataplane.EncapUDP, dataplane.Key{})
		count(d, t, counted)
		e := newEncapsulator(d)
		measure := func(name string, size int, send func()) {
			b.Run(fmt.Sprintf("%s/counted=%t", name, counted), func(b *testing.B) {
				b.SetBytes(int64(size))
				for b.Loop() {
					send()
					for _, box := range e.boxes {
						box.used = 0
					}
					e.headers = e.headers[:0]
				}
			})
		}
		measure("stream", len(stream), func() { e.forward(v, stream) })
		measure("small", 43*len(small), func() {
			for range 43 {
				e.forward(virtioHeader{}, small)
			}
		})
	}
}

func BenchmarkDecapsulate(b *testing.B) {
	var stream, small [][]byte
	for i := range 43 {
		stream = append(stream, tcpPacket(nodeAddr4, cnAddr4, uint32(i*1400), tcpACK, randomBytes(1400)))
		small = append(small, udpPacket(nodeAddr4, cnAddr4, randomBytes(64)))
	}
	for _, counted := range []bool{false, true} {
		s, t := unconnected(dataplane.EncapUDP, dataplane.Key{})
		count(s, t, counted)
		d := &decapsulator{socket: t.endpoint.inner4, endpoint: t.endpoint}
		for name, packets := range map[string][][]byte{"stream": stream, "small": small} {
			b.Run(fmt.Sprintf("%s/counted=%t", name, counted), func(b *testing.B) {
				b.SetBytes(int64(len(packets) * len(packets[0])))
				for b.Loop() {
					for _, p := range packets {
						d.packet(t, netip.AddrPort{}, 0, p)
					}
					d.joined.used = 0
				}
			})
		}
	}
}

// count has the traffic of all sessions of an unconnected device accounted for, or not.
func count(d *device, t *tunnel, counted bool) {
	if !counted {
		return
	}
	for _, p := range prefixes("0.0.0.0/0", "::/0") {
		d.insert(p, &route{tunnel: t, usage: &usage{}})
	}
}
