package usertun

import (
	"net/netip"
	"testing"

	"github.com/gaissmai/bart"

	"mooring/dataplane"
)

// unconnected makes a device with a route for everybody into a tunnel whose socket is never used.
func unconnected(encap dataplane.Encap, key dataplane.Key) (*device, *tunnel) {
	id := dataplane.TunnelID{Local: netip.MustParseAddr(lmaAddr4), Peer: netip.MustParseAddr(magAddr4), Encap: encap}
	s := &socket{encap: encap, segments: encap == dataplane.EncapUDP}
	t := newTunnel(id, &endpoint{inner4: s, inner6: s})
	t.setPath(1500)
	d := &device{tun: &tun{uso: true}, side: dataplane.Anchor}
	d.routes.Store(new(bart.Table[*route]))
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

// BenchmarkEncapsulate and BenchmarkDecapsulate are the work on packets alone, without the host.
func BenchmarkEncapsulate(b *testing.B) {
	d, _ := unconnected(dataplane.EncapUDP, dataplane.Key{})
	e := newEncapsulator(d)
	stream := tcpPacket("203.0.113.2", nodeAddr4, 1, tcpACK, randomBytes(60_000))
	v := virtioHeader{flags: needsChecksum, kind: gsoTCP4, segment: 1400, checksumStart: header4, checksumOff: tcpChecksum}
	b.SetBytes(int64(len(stream)))
	for b.Loop() {
		e.forward(v, stream)
		for _, box := range e.boxes {
			box.used = 0
		}
		e.headers = e.headers[:0]
	}
}

func BenchmarkDecapsulate(b *testing.B) {
	_, tunnel := unconnected(dataplane.EncapUDP, dataplane.Key{})
	d := &decapsulator{socket: tunnel.endpoint.inner4, endpoint: tunnel.endpoint}
	var packets [][]byte
	for i := range 43 {
		packets = append(packets, tcpPacket(nodeAddr4, cnAddr4, uint32(i*1400), tcpACK, randomBytes(1400)))
	}
	b.SetBytes(43 * 1440)
	for b.Loop() {
		for _, p := range packets {
			d.packet(tunnel, netip.AddrPort{}, 0, p)
		}
		d.joined.used = 0
	}
}
