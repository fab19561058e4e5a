package usertun

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

const (
	joinLookBack = 16    // packets that are searched for one to extend
	joinPieces   = 64    // of one super-packet
	joinOctets   = 65535 // of one super-packet
)

// joiner collects packets for the host. Segments of one flow that follow each other become one super-packet, which costs
// the host as much as a single one. Order within a flow is kept.
type joiner struct {
	held []held
	used int
}

// held is a packet, perhaps with segments that continue it.
type held struct {
	device   *device
	first    []byte // whole packet; its header is the one of the super-packet
	ip       int    // length of the IP header; 0 where nothing can be joined
	header   int    // length of IP and transport header
	protocol uint8
	closed   bool
	checked  bool // the first packet's checksum is right
	segment  int  // payload of the first packet
	size     int  // of everything
	nextSeq  uint32
	offload  virtioHeader // of a packet that came unfinished
	virtio   [virtioLen]byte
	pieces   []unix.Iovec
}

// add takes a packet for the device. It must stay until flush, and may be changed.
func (j *joiner) add(d *device, b []byte) {
	p := held{device: d, first: b}
	p.parse()
	if p.ip == 0 {
		j.fence(&p)
	} else if h := j.find(&p); h != nil && h.join(&p) {
		return
	}
	j.hold(p)
}

// addUnfinished takes a packet that the host has to finish, and that nothing is joined to.
func (j *joiner) addUnfinished(d *device, b []byte, v virtioHeader) {
	p := held{device: d, first: b, offload: v}
	j.fence(&p)
	j.hold(p)
}

func (j *joiner) hold(p held) {
	if j.used == len(j.held) {
		j.held = append(j.held, held{})
	}
	h := &j.held[j.used]
	j.used++
	p.pieces = append(h.pieces[:0], unix.Iovec{}, piece(p.first))
	*h = p
}

// find returns the newest packet of the same flow.
func (j *joiner) find(p *held) *held {
	for i := j.used - 1; i >= max(0, j.used-joinLookBack); i-- {
		h := &j.held[i]
		if h.device == p.device && h.ip == p.ip && h.protocol == p.protocol && h.sameFlow(p) {
			return h
		}
	}
	return nil
}

// fence keeps what comes after p from being joined to what came before it from the same node: p may be of any flow.
func (j *joiner) fence(p *held) {
	from, to := 12, 20
	if p.first[0]>>4 == 6 {
		from, to = 8, 40
	}
	for i := j.used - 1; i >= max(0, j.used-joinLookBack); i-- {
		h := &j.held[i]
		if h.first[0]>>4 == p.first[0]>>4 && string(h.first[from:to]) == string(p.first[from:to]) {
			h.closed = true
		}
	}
}

// sameFlow compares addresses and ports, which stand next to each other where there are no IP options.
func (h *held) sameFlow(p *held) bool {
	from, to := 12, 24
	if h.ip == header6 {
		from, to = 8, 44
	}
	return string(h.first[from:to]) == string(p.first[from:to])
}

// parse finds out whether a packet can be part of a super-packet.
func (p *held) parse() {
	b := p.first
	p.ip, p.protocol = transportOf(b)
	n := len(b) - p.ip
	switch {
	case p.protocol == protoTCP && n > tcpLeast:
		p.header = p.ip + int(b[p.ip+12]>>4)*4
		flags := b[p.ip+tcpFlags]
		p.nextSeq = be.Uint32(b[p.ip+tcpSeq:]) + uint32(len(b)-p.header)
		p.closed = flags&tcpPSH != 0
		if flags&^tcpPSH != tcpACK || p.header < p.ip+tcpLeast {
			p.header = len(b)
		}
	case p.protocol == protoUDP && n > udpLen && p.device.uso:
		p.header = p.ip + udpLen
		if b[p.ip+udpChecksum] == 0 && b[p.ip+udpChecksum+1] == 0 || int(be.Uint16(b[p.ip+4:])) != n {
			p.header = len(b)
		}
	default:
		p.ip = 0
		return
	}
	p.segment, p.size = len(b)-p.header, len(b)
	p.closed = p.closed || p.segment <= 0
}

// join adds p to the end of h, if it continues it.
func (h *held) join(p *held) bool {
	if h.closed || p.segment <= 0 || p.segment > h.segment || h.header != p.header ||
		h.size+p.segment > joinOctets || len(h.pieces) > joinPieces || !h.sameHeader(p) || !h.check() || !p.check() {
		return false
	}
	h.pieces = append(h.pieces, piece(p.first[p.header:]))
	h.size += p.segment
	h.nextSeq = p.nextSeq
	if h.protocol == protoTCP {
		h.first[h.ip+tcpFlags] |= p.first[p.ip+tcpFlags] & tcpPSH
	}
	h.closed = p.closed || p.segment < h.segment
	return true
}

// sameHeader compares everything that segmentation would make the same again.
func (h *held) sameHeader(p *held) bool {
	a, b := h.first, p.first
	if h.ip == header4 {
		if a[1] != b[1] || a[6] != b[6] || a[8] != b[8] { // TOS, DF, TTL
			return false
		}
		if id := be.Uint16(a[4:]) + uint16(len(h.pieces)-1); a[6]&0x40 == 0 && be.Uint16(b[4:]) != id {
			return false // without DF the identification matters (RFC 6864)
		}
	} else if string(a[:4]) != string(b[:4]) || a[7] != b[7] { // class, flow label, hop limit
		return false
	}
	if h.protocol == protoUDP {
		return true
	}
	x, y := a[h.ip:h.header], b[h.ip:h.header]
	return be.Uint32(y[tcpSeq:]) == h.nextSeq && string(x[8:13]) == string(y[8:13]) && // acknowledgement, length
		string(x[14:16]) == string(y[14:16]) && string(x[18:]) == string(y[18:]) // window, urgent pointer and options
}

// check verifies the checksum of a packet that is to be joined: the host will take it for granted.
func (p *held) check() bool {
	if !p.checked {
		transport := p.first[p.ip:]
		p.checked = whole(sum(transport, pseudoHeader(p.first, int(p.protocol), len(transport))))
		p.closed = p.closed || !p.checked
	}
	return p.checked
}

// flush hands everything to the host.
func (j *joiner) flush() {
	for i := range j.used {
		j.held[i].write()
	}
	j.used = 0
}

func (h *held) write() {
	v := h.offload
	if len(h.pieces) > 2 {
		v = h.complete()
	}
	v.put(h.virtio[:])
	h.pieces[0] = piece(h.virtio[:])
	h.device.write(h.pieces)
}

// complete gives a super-packet the header it needs.
func (h *held) complete() virtioHeader {
	v := virtioHeader{
		flags: needsChecksum, headerLen: uint16(h.header), segment: uint16(h.segment),
		checksumStart: uint16(h.ip), checksumOff: tcpChecksum,
	}
	b := h.first
	switch {
	case h.protocol == protoUDP:
		v.kind, v.checksumOff = gsoUDP, udpChecksum
		be.PutUint16(b[h.ip+4:], uint16(h.size-h.ip))
	case h.ip == header4:
		v.kind = gsoTCP4
	default:
		v.kind = gsoTCP6
	}
	if h.ip == header4 {
		be.PutUint16(b[2:], uint16(h.size))
		binary.NativeEndian.PutUint16(b[10:], 0)
		putChecksum(b[10:], sum(b[:header4], 0))
	} else {
		be.PutUint16(b[4:], uint16(h.size-header6))
	}
	putPartial(b[h.ip+int(v.checksumOff):], pseudoHeader(b, int(h.protocol), h.size-h.ip))
	return v
}
