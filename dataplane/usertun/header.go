package usertun

import (
	"errors"

	"mooring/dataplane"
)

// Headers between the outer IP (and UDP) header and the inner packet.
const (
	greKey       = 0x2000 // RFC 2890 section 2
	greSequence  = 0x1000
	greChecksum  = 0x8000 // RFC 2784 section 2.1
	greForbidden = 0x4c07 // routing (RFC 1701), bits that a receiver must not ignore, version

	etherIPv4 = 0x0800
	etherIPv6 = 0x86dd

	tlvLen = 4 // RFC 5845 section 7.2
)

// headerLen is the length of the header in front of the inner packet on a path of this encapsulation.
func headerLen(e dataplane.Encap, key dataplane.Key) int {
	switch {
	case e == dataplane.EncapGRE && key.Set:
		return 8
	case e == dataplane.EncapGRE:
		return 4
	case e == dataplane.EncapUDP && key.Set:
		return tlvLen + 8 // a key needs GRE, and GRE behind UDP needs the TLV header
	}
	return 0
}

// outerLen is the length of everything before that header.
func outerLen(id dataplane.TunnelID) int {
	n := header4
	if id.Peer.Is6() {
		n = header6
	}
	if id.Encap == dataplane.EncapUDP {
		n += 8
	}
	return n
}

// appendHeader appends the header in front of an inner packet of the given version and size.
func appendHeader(b []byte, e dataplane.Encap, key dataplane.Key, version, size int) []byte {
	n := headerLen(e, key)
	if n == 0 {
		return b
	}
	if e == dataplane.EncapUDP {
		b = append(b, 0, protoGRE)
		b = be.AppendUint16(b, uint16(n-tlvLen+size))
	}
	flags, ether := uint16(0), uint16(etherIPv4)
	if key.Set {
		flags = greKey
	}
	if version == 6 {
		ether = etherIPv6
	}
	b = be.AppendUint16(b, flags)
	b = be.AppendUint16(b, ether)
	if key.Set {
		b = be.AppendUint32(b, key.Value)
	}
	return b
}

var (
	errTLV = errors.New("TLV header that makes no sense (RFC 5845 section 7)")
	errGRE = errors.New("GRE header that makes no sense (RFC 2784)")
	errIP  = errors.New("not a whole IP packet")
)

// strip takes off the header that appendHeader puts on, and returns the inner packet, which is part of b.
func strip(e dataplane.Encap, b []byte) (inner []byte, key dataplane.Key, err error) {
	switch {
	case e == dataplane.EncapGRE:
		b, key, err = stripGRE(b)
	case e == dataplane.EncapUDP && len(b) > 0 && b[0]>>4 == 0:
		b, key, err = stripTLV(b)
	}
	if err != nil {
		return nil, key, err
	}
	inner, ok := trim(b)
	if !ok {
		return nil, key, errIP
	}
	return inner, key, nil
}

func stripTLV(b []byte) ([]byte, dataplane.Key, error) {
	if len(b) < tlvLen || int(be.Uint16(b[2:])) != len(b)-tlvLen {
		return nil, dataplane.Key{}, errTLV
	}
	switch b[1] {
	case protoGRE:
		return stripGRE(b[tlvLen:])
	case protoIPv4, protoIPv6:
		return b[tlvLen:], dataplane.Key{}, nil
	}
	return nil, dataplane.Key{}, errTLV
}

func stripGRE(b []byte) (inner []byte, key dataplane.Key, err error) {
	if len(b) < 4 {
		return nil, key, errGRE
	}
	flags, ether := be.Uint16(b), be.Uint16(b[2:])
	if flags&greForbidden != 0 || ether != etherIPv4 && ether != etherIPv6 {
		return nil, key, errGRE
	}
	n := 4
	for _, optional := range []uint16{greChecksum, greKey, greSequence} { // in the order in which they stand
		if flags&optional == 0 {
			continue
		}
		if n += 4; len(b) < n {
			return nil, key, errGRE
		}
		if optional == greKey {
			key = dataplane.Key{Value: be.Uint32(b[n-4:]), Set: true}
		}
	}
	if flags&greChecksum != 0 && !whole(sum(b, 0)) {
		return nil, key, errGRE
	}
	return b[n:], key, nil
}
