package aaa

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
)

// Kept is an open session as it is on disk. Whoever knows nothing else of it can send its Stop.
type Kept struct {
	Number  uint64    `json:"-"` // in its name
	Kind    Kind      `json:"kind"`
	Anchor  string    `json:"anchor"`
	Started time.Time // in nanoseconds
	Tunnel  dataplane.TunnelID

	Binding dataplane.SessionID
	Created mobility.Instant

	Used     Usage
	Seen     Usage
	Counted  bool
	Identity []byte // attributes that every record of the session has, as in a packet
}

// The first octet says how a session is written.
const (
	keptBinary = 1
	keptJSON   = '{' // until version 1: the fields by their names
)

// keptCounted is set where traffic was counted.
const keptCounted = 1

// AppendBinary appends the session but for its number: the version, its kind and whether traffic was counted, an octet each; then start and creation in nanoseconds since
// 1970-01-01 UTC, the binding, and the counters where there are any, as variable integers; anchor, and VRF, ends, port and encapsulation of the tunnel, texts
// and addresses behind their lengths; and the attributes.
func (k *Kept) AppendBinary(b []byte) ([]byte, error) {
	var flags byte
	if k.Counted {
		flags |= keptCounted
	}
	b = append(b, keptBinary, byte(k.Kind), flags)
	b = binary.AppendVarint(binary.AppendVarint(b, int64(mobility.At(k.Started))), int64(k.Created))
	b = binary.AppendUvarint(b, uint64(k.Binding))
	if k.Counted {
		for _, n := range []uint64{
			k.Used.RxPackets, k.Used.RxOctets, k.Used.TxPackets, k.Used.TxOctets, k.Seen.RxPackets, k.Seen.RxOctets, k.Seen.TxPackets, k.Seen.TxOctets,
		} {
			b = binary.AppendUvarint(b, n)
		}
	}
	b = appendText(appendText(b, k.Anchor), k.Tunnel.VRF)
	for _, end := range []netip.Addr{k.Tunnel.Local, k.Tunnel.Peer} {
		octets, err := end.MarshalBinary()
		if err != nil {
			return b, err
		}
		b = appendText(b, octets)
	}
	b = append(binary.AppendUvarint(b, uint64(k.Tunnel.Port)), byte(k.Tunnel.Encap))
	return append(b, k.Identity...), nil
}

func appendText[T string | []byte](b []byte, text T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// UnmarshalBinary is the inverse of AppendBinary, and leaves the number as it is. It keeps no reference to b.
func (k *Kept) UnmarshalBinary(b []byte) error {
	switch {
	case len(b) > 0 && b[0] == keptJSON:
		return json.Unmarshal(b, k)
	case len(b) < 3 || b[0] != keptBinary:
		return errors.New("a session is of a newer version, or damaged")
	}
	r := keptReader{rest: b[3:]}
	read := Kept{Number: k.Number, Kind: Kind(b[1]), Counted: b[2]&keptCounted != 0}
	read.Started, read.Created = mobility.Instant(r.signed()).Time(), mobility.Instant(r.signed())
	read.Binding = dataplane.SessionID(r.number())
	if read.Counted {
		read.Used, read.Seen = r.usage(), r.usage()
	}
	read.Anchor, read.Tunnel.VRF = string(r.text()), string(r.text())
	read.Tunnel.Local, read.Tunnel.Peer = r.address(), r.address()
	read.Tunnel.Port, read.Tunnel.Encap = uint16(r.number()), dataplane.Encap(r.octet())
	read.Identity = append([]byte(nil), r.rest...)
	if r.err == nil {
		*k = read
	}
	return r.err
}

// keptReader takes one thing after the other from the front. After an error everything is zero.
type keptReader struct {
	rest []byte
	err  error
}

var errShort = errors.New("a session is cut short")

// drop takes n octets away; n is not positive, or too much, where there are not enough.
func (r *keptReader) drop(n int) []byte {
	if r.err != nil || n < 0 || n > len(r.rest) {
		r.err, r.rest = errors.Join(r.err, errShort), nil
		return nil
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *keptReader) number() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		n = -1
	}
	r.drop(n)
	return v
}

func (r *keptReader) signed() int64 {
	v, n := binary.Varint(r.rest)
	if n <= 0 {
		n = -1
	}
	r.drop(n)
	return v
}

func (r *keptReader) octet() byte {
	if b := r.drop(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *keptReader) text() []byte {
	n := r.number()
	return r.drop(int(min(n, uint64(len(r.rest)+1))))
}

func (r *keptReader) usage() Usage {
	return Usage{r.number(), r.number(), r.number(), r.number()}
}

func (r *keptReader) address() (a netip.Addr) {
	if err := a.UnmarshalBinary(r.text()); err != nil && r.err == nil {
		r.err = fmt.Errorf("an address of a session: %w", err)
	}
	return a
}
