package gnmi

import (
	"context"
	"reflect"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	protocodec "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
)

// wireOf returns what sends batches to the client of an RPC; to each message of a binding, grpc would add a frame of its own and a hundred octets
// of garbage.
//
// A batch goes to the transport as it is. grpc exports no way to do so, only the stream that can: see ADR 0231. Where that has changed, or messages
// are compressed, grpc is given one message after the other.
func wireOf(stream grpc.ServerStream) func(mem.Buffer) error {
	if write := transportOf(stream.Context()); write != nil {
		return write
	}
	return func(b mem.Buffer) error {
		defer b.Free()
		return split(b.ReadOnlyData(), func(message []byte) error { return stream.SendMsg(encoded(append([]byte(nil), message...))) })
	}
}

// transportOf returns the method Write of the transport's stream, as a function; nil if there is none that takes messages as they are.
func transportOf(ctx context.Context) func(mem.Buffer) error {
	stream := grpc.ServerTransportStreamFromContext(ctx)
	compressed, ok := stream.(interface{ SendCompress() string })
	if !ok || compressed.SendCompress() != "" {
		return nil
	}
	write := reflect.ValueOf(stream).MethodByName("Write") // of (header []byte, data mem.BufferSlice, options *WriteOptions) error
	if !write.IsValid() || write.Type().NumIn() != 3 || write.Type().NumOut() != 1 || write.Type().In(2).Kind() != reflect.Pointer ||
		write.Type().In(0) != reflect.TypeFor[[]byte]() || write.Type().In(1) != reflect.TypeFor[mem.BufferSlice]() || write.Type().Out(0) != reflect.TypeFor[error]() {
		return nil
	}
	in := []reflect.Value{reflect.Zero(write.Type().In(0)), {}, reflect.New(write.Type().In(2).Elem())}
	return func(b mem.Buffer) error {
		defer b.Free()
		in[1] = reflect.ValueOf(mem.BufferSlice{b})
		err, _ := write.Call(in)[0].Interface().(error)
		if _, ok := status.FromError(err); !ok {
			return status.Error(codes.Unavailable, err.Error()) // the connection has ended
		}
		return err
	}
}

// encoded is a message in octets.
type encoded []byte

// codec sends what is encoded already as it is, and leaves everything else to the codec of grpc.
type codec struct{ encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2(protocodec.Name)} }

// Marshal implements encoding.CodecV2.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	if m, ok := v.(encoded); ok {
		return mem.BufferSlice{mem.SliceBuffer(m)}, nil
	}
	return c.CodecV2.Marshal(v)
}
