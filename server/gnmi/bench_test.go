package gnmi

import (
	"fmt"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"mooring/server/tree/schema"
)

// BenchmarkOnce tells 10,000 bindings to a client that decodes them, over TLS.
func BenchmarkOnce(b *testing.B) {
	e := newElement(b)
	const n = 10_000
	for i := range n {
		e.bindings.Put(session(i+1, nil))
	}
	c := e.over("alice", "secret")
	leaves := 0
	for b.Loop() {
		stream, err := c.Subscribe(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		stream.Send(subscribe(on(gpb.SubscriptionList_ONCE, bindings)))
		for {
			m, err := stream.Recv()
			if err != nil {
				b.Fatal(err)
			}
			if m.GetSyncResponse() {
				break
			}
			leaves += len(m.GetUpdate().GetUpdate())
		}
	}
	b.ReportMetric(float64(leaves)/b.Elapsed().Seconds(), "leaves/s")
}

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
