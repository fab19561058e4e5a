package usertun

import "encoding/binary"

// The header that a TUN device puts in front of a packet when it has offloads: virtio_net_hdr of the VIRTIO specification
// 1.2, section 5.1.6, in the byte order of this machine.
const virtioLen = 10

const (
	needsChecksum = 1 // flag: the sum of the pseudo-header stands in place of the checksum

	gsoNone = 0
	gsoTCP4 = 1
	gsoTCP6 = 4
	gsoUDP  = 5
	gsoECN  = 0x80 // beside TCP: the first segment alone carries CWR
)

type virtioHeader struct {
	flags, kind                                    uint8
	headerLen, segment, checksumStart, checksumOff uint16
}

func parseVirtio(b []byte) virtioHeader {
	_ = b[virtioLen-1]
	n := binary.NativeEndian
	return virtioHeader{b[0], b[1], n.Uint16(b[2:]), n.Uint16(b[4:]), n.Uint16(b[6:]), n.Uint16(b[8:])}
}

func (h virtioHeader) put(b []byte) {
	_ = b[virtioLen-1]
	n := binary.NativeEndian
	b[0], b[1] = h.flags, h.kind
	n.PutUint16(b[2:], h.headerLen)
	n.PutUint16(b[4:], h.segment)
	n.PutUint16(b[6:], h.checksumStart)
	n.PutUint16(b[8:], h.checksumOff)
}
