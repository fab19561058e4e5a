package gnmi

import (
	"sync"

	"google.golang.org/grpc/encoding"
	protocodec "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// encoded is a message in octets. Who sends it gives it away.
type encoded struct{ octets *[]byte }

// codec sends what is encoded already as it is, and leaves everything else to the codec of grpc.
type codec struct{ encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2(protocodec.Name)} }

// Marshal implements encoding.CodecV2.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	if m, ok := v.(encoded); ok {
		return mem.BufferSlice{mem.NewBuffer(m.octets, &messages)}, nil
	}
	return c.CodecV2.Marshal(v)
}

// messages is the memory of encoded messages that have been sent. (The pools of grpc overwrite memory with zeros before they give it out.)
var messages messagePool

type messagePool struct{ pool sync.Pool }

// The size of most of what is pooled, which grpc does not give back when it is smaller than 1 KiB; and the size of what is not worth keeping.
const (
	messageSize    = 2 << 10
	messageTooLong = 64 << 10
)

// Get implements mem.BufferPool.
func (p *messagePool) Get(length int) *[]byte {
	if b, ok := p.pool.Get().(*[]byte); ok && cap(*b) >= length {
		*b = (*b)[:length]
		return b
	}
	b := make([]byte, length, max(length, messageSize))
	return &b
}

// Put implements mem.BufferPool.
func (p *messagePool) Put(b *[]byte) {
	if cap(*b) <= messageTooLong {
		p.pool.Put(b)
	}
}
