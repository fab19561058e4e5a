package gnmi

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"

	"mooring/server/tree/schema"
)

var benchLeaves = []string{"mn-id", "peer", "care-of-address", "hnp", "lifetime", "created", "last-registration", "sequence", "handoff-count", "state"}

// BenchmarkOnce tells ten leaves of each of 100,000 bindings over TLS to a client that only counts.
func BenchmarkOnce(b *testing.B) {
	e := newElement(b)
	const n = 100_000
	for i := range n {
		e.bindings.Put(session(i+1, nil))
	}
	c := e.over("alice", "secret")
	var leaves []string
	for _, name := range benchLeaves {
		leaves = append(leaves, bindings+"/binding/"+name)
	}
	for b.Loop() {
		stream, err := c.Subscribe(b.Context(), grpc.ForceCodecV2(deaf{newCodec()}))
		if err != nil {
			b.Fatal(err)
		}
		stream.Send(subscribe(on(gpb.SubscriptionList_ONCE, leaves...)))
		told := 0
		for ; err == nil; told++ {
			_, err = stream.Recv()
		}
		if !errors.Is(err, io.EOF) || told != n+2 {
			b.Fatal(told, err)
		}
	}
	b.ReportMetric(float64(b.N*n*len(leaves))/b.Elapsed().Seconds(), "leaves/s")
}

// BenchmarkRows writes what BenchmarkOnce does, and sends it nowhere.
func BenchmarkRows(b *testing.B) {
	e := newElement(b)
	const n = 100_000
	for i := range n {
		e.bindings.Put(session(i+1, nil))
	}
	var leaves []schema.Path
	for _, name := range benchLeaves {
		leaves = append(leaves, pattern(b, bindings+"/binding/"+name))
	}
	s, octets := e.server.service, 0
	out := &outbox{send: func(m mem.Buffer) error { octets += m.Len(); m.Free(); return nil }}
	for b.Loop() {
		r := s.reader(adminUser, nil, &notifier{outbox: out, origin: func(schema.Path) string { return "" }, values: valueEncoder{encoding: gpb.Encoding_PROTO}})
		for _, t := range s.tables(leaves, 0) {
			if err := r.rows(b.Context(), t, time.Now()); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(octets)/float64(b.N*n), "B/row")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/row")
}

// deaf decodes nothing.
type deaf struct{ encoding.CodecV2 }

func (deaf) Unmarshal(mem.BufferSlice, any) error { return nil }

// BenchmarkGetOne looks up one of 100,000 bindings.
func BenchmarkGetOne(b *testing.B) {
	e := newElement(b)
	const n = 100_000
	for i := range n {
		e.bindings.Put(session(i+1, nil))
	}
	c := e.local()
	for i := 0; b.Loop(); i++ {
		if _, err := c.Get(b.Context(), &gpb.GetRequest{Path: paths(bindingPath(i%n+1, "")), Encoding: gpb.Encoding_PROTO}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFeed measures what a subscriber keeps of each binding it has been told of.
func BenchmarkFeed(b *testing.B) {
	e := newElement(b)
	const n = 100_000
	for i := range n {
		e.bindings.Put(session(i+1, nil))
	}
	s := e.server.service
	p := pattern(b, bindings)
	for b.Loop() {
		before := inUse()
		f := &feed{reader: s.reader(adminUser, nil, silent{}), user: adminUser, sel: selectionOf([]schema.Path{p}, 0), tables: s.tables([]schema.Path{p}, 0)}
		if err := f.begin(b.Context(), true); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(inUse()-before)/n, "B/row")
		f.close()
	}
}

// BenchmarkSet changes one leaf, durably.
func BenchmarkSet(b *testing.B) {
	e := newElement(b)
	c := e.local()
	for i := 0; b.Loop(); i++ {
		if _, err := c.Set(b.Context(), updates(sys+"/drift", fmt.Sprint(i+1))); err != nil {
			b.Fatal(err)
		}
	}
}
