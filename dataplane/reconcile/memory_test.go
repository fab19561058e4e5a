package reconcile

import (
	"net/netip"
	"runtime"
	"testing"
	"time"

	"mooring/dataplane"
	"mooring/dataplane/index"
)

// A session behind a tunnel takes at most 250 octets of heap with its two routes, of an issue's 1024 for everything that a binding takes; what is left of a burst
// included.
func TestMemoryOfASession(t *testing.T) {
	const n = 20_000
	p := newPlan()
	before := heapOctets()
	for i := range n {
		p.set(dataplane.Change{ID: dataplane.SessionID(i + 1), Session: sessionNumber(i)})
	}
	for batch := p.next(256); len(batch) > 0; batch = p.next(256) {
		for _, it := range batch {
			p.done(it, nil, time.Unix(1, 0), backoff)
		}
		p.report()
	}
	if octets := (heapOctets() - before) / n; octets > 250 {
		t.Errorf("a session takes %d octets", octets)
	}
	if err, known := p.session(1).outcome(); err != nil || !known || p.routes.Len() != 2*n {
		t.Errorf("outcome %v, %v of %d routes", err, known, p.routes.Len())
	}
}

// What a burst took is given back when it is over, although the last of it are few.
func TestMemoryOfABurst(t *testing.T) {
	const n = 4 * muchMemory
	b, p := newInbox(n), newPlan()
	before := heapOctets()
	for i := range n {
		b.put([]dataplane.Change{{ID: dataplane.SessionID(i + 1)}})
	}
	for taken := 0; taken < n; {
		some, _ := b.take(1000, 1000)
		taken += len(some)
	}
	for range n {
		p.enqueue(&item{prefix: index.Pack(netip.MustParsePrefix("10.0.0.0/8")), wanted: true})
	}
	for len(p.next(256)) > 0 {
	}
	if kept := int(heapOctets()) - int(before); kept > n {
		t.Errorf("%d octets are kept of %d changes", kept, n)
	}
	if changes, _ := b.take(1, 1); changes != nil || p.next(1) != nil {
		t.Error("something is left")
	}
}

func sessionNumber(i int) *dataplane.Session {
	return &dataplane.Session{
		ID: dataplane.SessionID(i + 1), Side: dataplane.Anchor,
		Path: dataplane.Path{Tunnel: dataplane.TunnelID{Local: netip.MustParseAddr("192.0.2.1"), Peer: netip.MustParseAddr("192.0.2.2"), Encap: dataplane.EncapIP}},
		Prefixes: []netip.Prefix{
			netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 5: byte(i >> 16), 6: byte(i >> 8), 7: byte(i)}), 64),
			netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32),
		},
	}
}

func heapOctets() uint64 {
	runtime.GC()
	runtime.GC() // what unique no longer needs goes with the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
