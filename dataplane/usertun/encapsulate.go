package usertun

import (
	"net/netip"
	"slices"

	"mooring/dataplane"
)

const (
	readRoom    = virtioLen + maxSize // that one packet may need
	readOctets  = 4 * 65536           // read before they are sent on
	readPackets = 128
	headerRoom  = 32 * 1024 // for headers that we write, until they are sent

	headersOfOne = 256 // octets, more than the headers of any packet need: 12 + 60 + 60
)

// encapsulator takes what the host routes to a device and sends it into tunnels. One goroutine runs it.
type encapsulator struct {
	device  *device
	arena   []byte // packets as read, one behind the other, each behind its virtio header
	packets [][]byte
	headers []byte // written for the packets that wait in boxes
	boxes   []*outbox
	fill    func(fd uintptr) bool // fillArena, bound once
	err     error                 // of reading

	super     superpacket // the one in hand
	fragments fragments   // of the one in hand
}

// pieces is a packet that travels as several.
type pieces interface {
	count() int
	size(i int) int
	build(i int, b []byte) (header, payload []byte) // header is appended to b
}

func newEncapsulator(d *device) *encapsulator {
	e := &encapsulator{
		device: d, arena: make([]byte, readOctets+readRoom),
		packets: make([][]byte, 0, readPackets), headers: make([]byte, 0, headerRoom),
	}
	e.fill = e.fillArena
	return e
}

// run forwards until the device is closed.
func (e *encapsulator) run() error {
	for {
		e.packets = e.packets[:0]
		if err := e.device.conn.Read(e.fill); err != nil {
			return err
		}
		if e.err != nil {
			return e.err
		}
		for _, p := range e.packets {
			e.forward(parseVirtio(p), p[virtioLen:])
		}
		e.flush()
	}
}

// fillArena reads packets until there is none left, or enough. It asks to be called again where there was none at all.
func (e *encapsulator) fillArena(fd uintptr) bool {
	for at := 0; at < readOctets && len(e.packets) < readPackets; {
		n, err := rawRead(fd, e.arena[at:at+readRoom])
		if err == errAgain {
			return len(e.packets) > 0
		}
		if err != nil {
			e.err = err
			return true
		}
		if n > virtioLen {
			e.packets = append(e.packets, e.arena[at:at+n])
			at += (n + 7) &^ 7
		}
	}
	return true
}

func (e *encapsulator) forward(v virtioHeader, b []byte) {
	node, ok := e.device.node(b)
	if !ok {
		return
	}
	r, ok := e.device.routes.lookup(node)
	if !ok || r == nowhere {
		e.device.drops.noSession.Add(1)
		return
	}
	if v.kind == gsoNone {
		if v.flags&needsChecksum != 0 && !completeChecksum(b, v) {
			r.tunnel.drops.malformed.Add(1)
			return
		}
		e.single(r, b)
		return
	}
	if !e.super.parse(b, v) {
		r.tunnel.drops.malformed.Add(1)
		return
	}
	e.segments(r)
}

// node returns the address of the mobile node in a packet that the host has routed to the device. There is none in what
// the host says by itself on any interface, such as its multicast listener reports.
func (d *device) node(b []byte) (netip.Addr, bool) {
	if version(b) == 0 {
		return netip.Addr{}, false
	}
	node := source(b)
	if d.side == dataplane.Anchor {
		node = destination(b)
	}
	return node, !node.IsMulticast() && !node.IsLinkLocalUnicast() && !node.IsUnspecified()
}

// single sends one packet.
func (e *encapsulator) single(r *route, b []byte) {
	mtu := r.mtu()
	e.clamp(r, b)
	if len(b) > limit(b, mtu) {
		e.tooBig(r, b, mtu)
		return
	}
	box := e.begin(r, b)
	e.send(box, r, b, e.header(r, b, len(b)), b)
}

// segments sends the super-packet.
func (e *encapsulator) segments(r *route) {
	mtu := r.mtu()
	if e.super.size(0) > limit(e.super.header, mtu) {
		e.tooBigSegments(r, mtu)
		return
	}
	e.sendPieces(r, e.super.header, &e.super)
}

// sendPieces sends a packet as the several that it is made into.
func (e *encapsulator) sendPieces(r *route, whole []byte, p pieces) {
	for i := range p.count() {
		box := e.begin(r, whole)
		front := e.header(r, whole, p.size(i))
		inner, payload := p.build(i, e.headers)
		e.headers = e.headers[:len(e.headers)+len(inner)]
		e.send(box, r, inner, e.headers[len(e.headers)-len(inner)-len(front):], payload)
	}
}

// begin finds the box for a packet and makes sure of room for its headers.
func (e *encapsulator) begin(r *route, inner []byte) *outbox {
	if cap(e.headers)-len(e.headers) < headersOfOne {
		e.flush()
	}
	return e.box(r.tunnel.endpoint.socketFor(inner))
}

// header writes the header in front of an inner packet.
func (e *encapsulator) header(r *route, inner []byte, size int) []byte {
	start := len(e.headers)
	e.headers = appendHeader(e.headers, r.tunnel.id.Encap, r.tx, int(inner[0]>>4), size)
	return e.headers[start:]
}

func (e *encapsulator) send(box *outbox, r *route, inner, head, body []byte) {
	r.tunnel.tx.add(1, len(head)+len(body)-r.head)
	if r.usage != nil {
		r.usage.tx.add(1, len(head)+len(body)-r.head)
	}
	class := trafficClass(inner)
	if !box.add(r.tunnel, class, head, body) {
		box.flush()
		box.add(r.tunnel, class, head, body)
	}
}

// box returns the outbox of a socket.
func (e *encapsulator) box(s *socket) *outbox {
	for _, b := range e.boxes {
		if b.socket == s {
			return b
		}
	}
	e.boxes = slices.DeleteFunc(e.boxes, func(b *outbox) bool { return b.used == 0 && b.socket.closed.Load() })
	b := newOutbox(s)
	e.boxes = append(e.boxes, b)
	return b
}

func (e *encapsulator) flush() {
	for _, b := range e.boxes {
		b.flush()
	}
	e.headers = e.headers[:0]
}
