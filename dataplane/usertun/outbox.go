package usertun

import (
	"errors"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	outMessages = 64    // that go to the host at once
	outSegments = 64    // of one message: UDP_MAX_SEGMENTS of kernels before 6.8
	outPieces   = 2     // of one segment: headers that we wrote, and payload where it was read
	outOctets   = 65400 // of one message: what an outer packet can carry, with some air
	lookBack    = 8     // messages that are searched for one to extend
)

// outbox collects what one goroutine sends by one socket. Packets of one size that go into one tunnel travel as segments of
// one message where the socket can do that: the host then handles them as one.
type outbox struct {
	socket   *socket
	segments int // of a message
	headers  []mmsghdr
	messages []outMessage
	used     int
}

// outMessage is a message that is being filled. Its packets are all of the size of the first; only the last may be smaller.
type outMessage struct {
	tunnel  *tunnel
	class   uint8
	closed  bool
	size    int // of a packet
	packets int
	octets  int
	pieces  []unix.Iovec
	control control
}

// control holds the ancillary data of a message: traffic class, then segment size.
type control [2 * controlLen]byte

const controlLen = 24 // CMSG_SPACE(4)

func newOutbox(s *socket) *outbox {
	o := &outbox{socket: s, segments: 1, headers: make([]mmsghdr, outMessages), messages: make([]outMessage, outMessages)}
	if s.segments {
		o.segments = outSegments
	}
	for i := range o.messages {
		o.messages[i].pieces = make([]unix.Iovec, 0, o.segments*outPieces)
	}
	return o
}

// add takes a packet of the tunnel. The octets must stay until flush. The caller flushes when it returns false, and tries
// again.
func (o *outbox) add(t *tunnel, class uint8, head, body []byte) bool {
	size := len(head) + len(body)
	m := o.open(t, class, size)
	if m == nil {
		if o.used == outMessages {
			return false
		}
		m = &o.messages[o.used]
		o.used++
		m.tunnel, m.class, m.size, m.packets, m.octets, m.pieces = t, class, size, 0, 0, m.pieces[:0]
	}
	if len(head) > 0 {
		m.pieces = append(m.pieces, piece(head))
	}
	m.pieces = append(m.pieces, piece(body))
	m.packets++
	m.octets += size
	m.closed = size < m.size || m.packets == o.segments
	return true
}

// open finds a message that a packet can be added to. It looks no further than the newest of the tunnel, so that packets
// of one flow stay in order.
func (o *outbox) open(t *tunnel, class uint8, size int) *outMessage {
	for i := o.used - 1; i >= max(0, o.used-lookBack); i-- {
		m := &o.messages[i]
		if m.tunnel != t || m.class != class {
			continue
		}
		if m.closed || size > m.size || m.octets+size > outOctets || !t.segmentable(m.size) {
			return nil
		}
		return m
	}
	return nil
}

// flush sends everything. What the host refuses is counted at its tunnel.
func (o *outbox) flush() {
	if o.used == 0 {
		return
	}
	for i := range o.used {
		o.prepare(i)
	}
	for next := 0; next < o.used; {
		n, err := o.socket.send(o.headers[next:o.used])
		next += n
		if err != nil {
			o.refused(&o.messages[next], err)
			next++
		}
	}
	runtime.KeepAlive(o)
	o.used = 0
}

func (o *outbox) prepare(i int) {
	m, h := &o.messages[i], &o.headers[i].Msghdr
	name := m.tunnel.sockaddr.Load()
	h.Name, h.Namelen = (*byte)(unsafe.Pointer(&name.raw)), name.length
	h.Iov = &m.pieces[0]
	h.SetIovlen(len(m.pieces))
	n := 0
	if m.class != 0 {
		n += m.control.put(n, o.socket.classLevel, o.socket.classType, 4, uint32(m.class))
	}
	if m.packets > 1 {
		n += m.control.put(n, unix.SOL_UDP, unix.UDP_SEGMENT, 2, uint32(m.size))
	}
	h.Control = nil
	if n > 0 {
		h.Control = &m.control[0]
	}
	h.SetControllen(n)
}

// put writes one control message of size octets and returns the room it takes.
func (c *control) put(at int, level, kind, size int, value uint32) int {
	h := (*unix.Cmsghdr)(unsafe.Pointer(&c[at]))
	h.Level, h.Type = int32(level), int32(kind)
	h.SetLen(unix.CmsgLen(size))
	data := unsafe.Pointer(&c[at+unix.CmsgLen(0)])
	if size == 2 {
		*(*uint16)(data) = uint16(value)
	} else {
		*(*uint32)(data) = value
	}
	return unix.CmsgSpace(size)
}

// refused deals with a message that the host would not send: its packets are tried once more, one by one.
func (o *outbox) refused(m *outMessage, err error) {
	switch {
	case errors.Is(err, unix.EIO):
		o.segments = 1 // the interface cannot complete the checksums of segments
	case errors.Is(err, unix.EMSGSIZE), errors.Is(err, unix.EINVAL):
		if m.tunnel.fits(m.size) {
			m.tunnel.pathChanged()
		}
	}
	var all []byte
	for _, p := range m.pieces {
		all = append(all, unsafe.Slice(p.Base, p.Len)...)
	}
	var class control
	n := 0
	if m.class != 0 {
		n = class.put(0, o.socket.classLevel, o.socket.classType, 4, uint32(m.class))
	}
	for len(all) > 0 {
		size := min(m.size, len(all))
		if o.socket.sendOne(m.tunnel.sockaddr.Load(), all[:size], class[:n]) != nil {
			m.tunnel.drops.send.Add(1)
		}
		all = all[size:]
	}
}
