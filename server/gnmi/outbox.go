package gnmi

import (
	"bytes"
	"encoding/binary"
	"sync"

	"google.golang.org/grpc/mem"
)

// outbox gathers messages and sends them together. Each has the five octets before it that gRPC wants there: a zero for "not compressed", and
// the length.
type outbox struct {
	send   func(mem.Buffer) error // takes messages; it may free them later
	octets *[]byte                // nil: nothing is gathered
}

// batch is how many octets of messages are sent together: what gRPC writes at once (newGRPC), with the heads of its frames.
const batch = 64 << 10

// messageHead is the length of what stands before each message.
const messageHead = 5

// begin begins a message of so many octets. The message is appended to what it returns, and end takes all of it back.
func (o *outbox) begin(size int) []byte {
	if o.octets == nil {
		o.octets = batches.Get(0)
	}
	return binary.BigEndian.AppendUint32(append(*o.octets, 0), uint32(size))
}

func (o *outbox) end(b []byte) error {
	*o.octets = b
	if len(b) < batch {
		return nil
	}
	return o.flush()
}

// flush sends what is gathered.
func (o *outbox) flush() error {
	octets := o.octets
	if octets == nil {
		return nil
	}
	o.octets = nil
	if len(*octets) > batch/4 {
		return o.send(mem.NewBuffer(octets, &batches))
	}
	// Little is copied, since many of these may wait for a client who does not read.
	some := mem.SliceBuffer(bytes.Clone(*octets))
	batches.Put(octets)
	return o.send(some)
}

// split yields the messages of which a batch consists.
func split(octets []byte, each func([]byte) error) error {
	for len(octets) > 0 {
		end := messageHead + int(binary.BigEndian.Uint32(octets[1:]))
		if err := each(octets[messageHead:end:end]); err != nil {
			return err
		}
		octets = octets[end:]
	}
	return nil
}

// batches is the memory of batches that have been sent. (The pools of grpc overwrite memory with zeros before they give it out.)
var batches batchPool

type batchPool struct{ pool sync.Pool }

// The room of a batch, whose last message goes beyond the size, and the room that is not worth keeping.
const (
	batchRoom    = batch + 4<<10
	batchTooLong = 2 * batch
)

// Get implements mem.BufferPool.
func (p *batchPool) Get(length int) *[]byte {
	if b, ok := p.pool.Get().(*[]byte); ok && cap(*b) >= length {
		*b = (*b)[:length]
		return b
	}
	b := make([]byte, length, max(length, batchRoom))
	return &b
}

// Put implements mem.BufferPool.
func (p *batchPool) Put(b *[]byte) {
	if cap(*b) <= batchTooLong {
		*b = (*b)[:0]
		p.pool.Put(b)
	}
}
