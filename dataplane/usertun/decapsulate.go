package usertun

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"mooring/dataplane"
)

const (
	inMessagesUDP = 16 // received at once; each may hold many datagrams
	inMessagesRaw = 64
	inRoom        = 65536 // octets of a message
	inControl     = 64    // octets of ancillary data
)

// decapsulator takes what arrives at a socket out of its tunnels and gives it to the host. One goroutine runs it.
type decapsulator struct {
	endpoint *endpoint
	socket   *socket
	messages []mmsghdr
	buffers  []byte
	controls []byte
	pieces   []unix.Iovec
	froms    []sockaddr
	joined   joiner
	receive  func(fd uintptr) bool
	n        int
	err      error
}

func newDecapsulator(e *endpoint, s *socket) *decapsulator {
	n := inMessagesRaw
	if s.segments {
		n = inMessagesUDP
	}
	d := &decapsulator{
		endpoint: e, socket: s, messages: make([]mmsghdr, n), buffers: make([]byte, n*inRoom),
		controls: make([]byte, n*inControl), pieces: make([]unix.Iovec, n), froms: make([]sockaddr, n),
	}
	for i := range d.messages {
		h := &d.messages[i].Msghdr
		d.pieces[i] = piece(d.buffers[i*inRoom : (i+1)*inRoom])
		h.Iov, h.Name, h.Control = &d.pieces[i], (*byte)(unsafe.Pointer(&d.froms[i].raw)), &d.controls[i*inControl]
		h.SetIovlen(1)
	}
	d.receive = func(fd uintptr) bool {
		d.n, d.err = recvmmsg(fd, d.messages)
		return d.err != errAgain
	}
	return d
}

// run forwards until the socket is closed.
func (d *decapsulator) run() error {
	for {
		for i := range d.messages {
			h := &d.messages[i].Msghdr
			h.Namelen = unix.SizeofSockaddrInet6
			h.SetControllen(inControl)
		}
		if err := d.socket.conn.Read(d.receive); err != nil {
			return err
		}
		if d.err != nil { // about an earlier packet, such as an ICMP message
			d.socket.drainErrors()
			d.endpoint.carrier.lookAgain()
			continue
		}
		for i := range d.n {
			d.message(i)
		}
		d.joined.flush()
	}
}

// message forwards the packets of one message.
func (d *decapsulator) message(i int) {
	b := d.buffers[i*inRoom:][:d.messages[i].n]
	from := d.froms[i].addrPort()
	class, size := d.ancillary(i, len(b))
	if d.socket.encap != dataplane.EncapUDP {
		from = netip.AddrPortFrom(from.Addr(), 0)
		if !d.socket.v6 { // an IPv4 raw socket delivers the header, too
			n := 4 * int(b[0]&15)
			if len(b) < header4 || n > len(b) {
				return
			}
			class, b = b[1], b[n:]
			size = len(b)
		}
	}
	t := d.endpoint.find(from)
	if t == nil {
		d.endpoint.carrier.drops.noSession.Add(1)
		return
	}
	for len(b) > 0 {
		n := min(size, len(b))
		d.packet(t, from, class, b[:n])
		b = b[n:]
	}
}

// ancillary returns the traffic class of a message, and the size of its datagrams where it has several.
func (d *decapsulator) ancillary(i, size int) (uint8, int) {
	var class uint8
	c := d.controls[i*inControl:][:d.messages[i].Controllen]
	for len(c) >= unix.SizeofCmsghdr {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&c[0]))
		n := int(h.Len)
		if n < unix.CmsgLen(1) || n > len(c) {
			break
		}
		data := c[unix.CmsgLen(0):n]
		switch {
		case h.Level == unix.SOL_UDP && h.Type == unix.UDP_GRO && len(data) >= 4:
			size = int(*(*int32)(unsafe.Pointer(&data[0])))
		case int(h.Level) == d.socket.classLevel && int(h.Type) == d.socket.classType:
			class = data[0]
			if d.socket.v6 && len(data) >= 4 {
				class = uint8(*(*int32)(unsafe.Pointer(&data[0])))
			}
		}
		c = c[min(len(c), unix.CmsgSpace(n-unix.CmsgLen(0))):]
	}
	return class, max(size, 1)
}

// packet forwards one packet that came out of the tunnel with this outer traffic class.
func (d *decapsulator) packet(t *tunnel, from netip.AddrPort, outer uint8, b []byte) {
	inner, key, err := strip(d.socket.encap, b)
	if err != nil {
		t.drops.malformed.Add(1)
		return
	}
	sink, r := t.sink(inner, key)
	if sink == nil {
		return
	}
	t.learn(from)
	class := trafficClass(inner)
	leaving, drop := leavingClass(class, outer)
	if drop {
		t.drops.congested.Add(1)
		return
	}
	if leaving != class {
		setTrafficClass(inner, leaving)
	}
	if d.socket.encap == dataplane.EncapUDP {
		if d.passes(sink, r, inner, 1, len(inner), true) {
			r.received(1, len(inner))
			d.joined.add(sink, inner)
		}
		return
	}
	d.raw(r, sink, key, inner)
}

// received counts packets that came by the route.
func (r *route) received(packets, octets int) {
	r.tunnel.rx.add(packets, octets)
	if r.usage != nil {
		r.usage.rx.add(packets, octets)
	}
}

// raw forwards a packet that a raw socket has delivered.
func (d *decapsulator) raw(r *route, sink *device, key dataplane.Key, inner []byte) {
	v, segments, ok := unfinished(inner, r.tunnel.mtu(key))
	octets := len(inner) + (segments-1)*int(v.headerLen)
	switch {
	case !ok:
		r.tunnel.drops.malformed.Add(1)
		return
	case !d.passes(sink, r, inner, segments, octets, v.flags == 0):
		return
	case v.flags == 0:
		d.joined.add(sink, inner)
	default:
		d.joined.addUnfinished(sink, inner, v)
	}
	r.received(segments, octets)
}

// sink returns the device that a packet leaves the tunnel by, the one that has a route into this very path for the node, and that route.
// It counts what may not leave.
func (t *tunnel) sink(inner []byte, key dataplane.Key) (*device, *route) {
	spoofed := false
	for _, d := range *t.sinks.Load() {
		node := destination(inner)
		if d.side == dataplane.Anchor {
			node, spoofed = source(inner), true
		}
		if r, ok := d.routes.lookup(node); ok && r.tunnel == t && r.rx == key {
			return d, r
		}
	}
	if spoofed {
		t.drops.spoofed.Add(1)
	} else {
		t.drops.noSession.Add(1)
	}
	return nil, nil
}
