package transport

import (
	"mooring/mobility"
	"mooring/mobility/wire"
)

const (
	// batchSize is how many messages one system call moves at most. More gains nothing: the call is then less than a tenth of
	// what a message costs.
	batchSize = 64

	// roomSize is the longest Mobility Header: Header Len is one octet (RFC 6275 section 6.1.1).
	roomSize = (255 + 1) * 8
)

// Batch is messages that arrived together at one address.
type Batch struct {
	In    []mobility.Inbound // in the order of their arrival
	slots []slot
	home  chan<- *Batch // where it is filled again; nil: nowhere
}

// slot is the memory of one message.
type slot struct {
	octets  [roomSize]byte
	decoder wire.Decoder
}

func newBatch(size int, home chan<- *Batch) *Batch {
	return &Batch{In: make([]mobility.Inbound, 0, size), slots: make([]slot, size), home: home}
}

// Release gives the batch back. Nothing of it may be used afterwards.
func (b *Batch) Release() {
	if b.home != nil {
		b.home <- b
	}
}

// take adds the message whose first octets are in the next slot; length is what it had on the wire.
func (b *Batch) take(from, to mobility.Endpoint, codePoint uint8, length int) *mobility.Inbound {
	i := len(b.In)
	b.In = b.In[:i+1]
	in, s := &b.In[i], &b.slots[i]
	*in = mobility.Inbound{From: from, To: to, CodePoint: codePoint, Octets: s.octets[:min(length, roomSize)]}
	if length > roomSize {
		// More than any Mobility Header has, and what the checksum is about is gone.
		in.Err = &wire.DecodeError{Kind: wire.KindTooLong, Offset: atLength}
		return in
	}
	if in.Err = wire.VerifyChecksum(from.Addr.Addr(), to.Addr.Addr(), in.Octets); in.Err != nil {
		return in
	}
	if in.Message, in.Err = s.decoder.Decode(in.Octets); in.Err != nil {
		in.Message = nil
		return in
	}
	if in.Err = foreign(in.Message); in.Err != nil {
		in.Message = nil
		return in
	}
	in.Octets = in.Octets[:(int(in.Octets[atLength])+1)*8]
	return in
}

// foreign refuses a message of a type that is registered, but of no protocol that we speak: to its sender that is as unknown as any other (RFC 6275
// section 9.2). A revocation of an unknown kind is for the machines to refuse.
func foreign(m wire.Message) error {
	if o, ok := m.(*wire.Opaque); ok && o.MHType != wire.TypeBindingRevocation {
		return &wire.DecodeError{Kind: wire.KindType, Offset: atType, Type: o.MHType}
	}
	return nil
}

// The Mobility Header (RFC 6275 section 6.1.1).
const (
	atLength = 1
	atType   = 2
)
