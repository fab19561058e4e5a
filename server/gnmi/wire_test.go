package gnmi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"slices"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/emptypb"

	"mooring/server/tree/schema"
)

// The stream of grpc's transport takes messages as they are. When this fails after an update of grpc everything still works, at a higher price:
// see ADR 0231.
func TestTransportTakesBatches(t *testing.T) {
	direct := make(chan bool, 1)
	server := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		direct <- transportOf(stream.Context()) != nil
		return nil
	}))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(l)
	defer server.Stop()
	c, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for want, options := range map[bool][]grpc.CallOption{true: nil, false: {grpc.UseCompressor("gzip")}} {
		c.Invoke(t.Context(), "/any/Method", &emptypb.Empty{}, &emptypb.Empty{}, options...) // that nothing is answered is no matter
		if got := <-direct; got != want {
			t.Errorf("with %v, the transport takes batches: %v", options, got)
		}
	}
}

// A client that compresses is told the same as one that does not.
func TestCompressed(t *testing.T) {
	e := newElement(t)
	for i := range 300 {
		e.bindings.Put(session(i+1, nil))
	}
	plain := e.client().watch(t, on(gpb.SubscriptionList_ONCE, bindings))
	zipped := e.client(grpc.WithDefaultCallOptions(grpc.UseCompressor("gzip"))).watch(t, on(gpb.SubscriptionList_ONCE, bindings))
	plain.sync()
	zipped.sync()
	delete(plain.tree, "") // nothing is at the root; what differs are only times that count down
	if a, b := sorted(plain.tree), sorted(zipped.tree); len(a) < 300*10 || !slices.Equal(a, b) {
		t.Errorf("%d leaves are told, and %d compressed", len(a), len(b))
	}
}

// transportStream has the methods that are used of grpc's, and their types.
type transportStream struct {
	grpc.ServerTransportStream
	err error
	got []byte
}

type transportOptions struct{}

func (*transportStream) SendCompress() string { return "" }

func (s *transportStream) Write(_ []byte, data mem.BufferSlice, _ *transportOptions) error {
	s.got = append(s.got, data.Materialize()...)
	return s.err
}

func (*transportStream) SetTrailer(metadata.MD) error { return nil }

func TestErrorsOfTheTransport(t *testing.T) {
	for _, c := range []struct {
		err  error
		code codes.Code
	}{{nil, codes.OK}, {faultf(codes.Canceled, "gone"), codes.Canceled}, {errors.New("the connection is closed"), codes.Unavailable}} {
		stream := &transportStream{err: c.err}
		write := transportOf(grpc.NewContextWithServerTransportStream(t.Context(), stream))
		wantCode(t, write(mem.SliceBuffer("octets")), c.code)
		if string(stream.got) != "octets" {
			t.Errorf("%q was written", stream.got)
		}
	}
	if transportOf(context.Background()) != nil {
		t.Error("no stream takes batches")
	}
}

// Batches are as long as they should be, a flush sends what there is, and messages come out as they went in.
func TestOutbox(t *testing.T) {
	var sent, messages [][]byte
	o := &outbox{send: func(b mem.Buffer) error {
		defer b.Free()
		sent = append(sent, bytes.Clone(b.ReadOnlyData()))
		return split(b.ReadOnlyData(), func(m []byte) error {
			messages = append(messages, bytes.Clone(m))
			return nil
		})
	}}
	var want [][]byte
	for _, size := range []int{0, 1, 100, batch, 2 * batch, 3, batch - 20, 30, batchTooLong + 1, 5} {
		message := bytes.Repeat([]byte{byte(size)}, size)
		want = append(want, message)
		if err := o.end(append(o.begin(size), message...)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the second has nothing to send
		if err := o.flush(); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.EqualFunc(messages, want, bytes.Equal) {
		t.Errorf("%d messages came out of %d, or others", len(messages), len(want))
	}
	if len(sent) != 5 { // what fills a batch, four times, and the rest
		t.Errorf("%d batches", len(sent))
	}
	o.send = func(mem.Buffer) error { return io.ErrClosedPipe }
	if err := o.end(append(o.begin(batch), make([]byte, batch)...)); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("an error of sending is lost: %v", err)
	}
}

// Whoever is told many bindings costs the element the id of each, as text and in the path, and else no memory that grows with their number.
// (Octets are not counted: with the race detector, pools throw away some of what they are given.)
func TestManyRowsLeaveNoGarbage(t *testing.T) {
	e := newElement(t)
	const n = 5000
	for i := range n {
		e.bindings.Put(session(i+1, nil))
	}
	s, p := e.server.service, pattern(t, bindings)
	told := 0
	o := &outbox{send: func(b mem.Buffer) error {
		defer b.Free()
		return split(b.ReadOnlyData(), func([]byte) error { told++; return nil })
	}}
	r := s.reader(adminUser, nil, &notifier{outbox: o, origin: func(schema.Path) string { return "" }, values: valueEncoder{encoding: gpb.Encoding_PROTO}})
	tables := s.tables([]schema.Path{p}, 0)
	tell := func() {
		for _, table := range tables {
			if err := r.rows(t.Context(), table, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		o.flush()
	}
	tell() // what is remembered
	told = 0
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	tell()
	runtime.ReadMemStats(&after)
	if per := float64(after.Mallocs-before.Mallocs) / n; told != n || per > 4.5 {
		t.Errorf("%d bindings are told at %.2f allocations each", told, per)
	}
}
