package aaa

import (
	"cmp"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"
	"unique"

	"mooring/dataplane"
	"mooring/mobility"
)

// nobodyCounts is a dataplane without counters.
type nobodyCounts struct{}

func (nobodyCounts) Node(string, dataplane.SessionID) (u Usage, ok bool) { return u, false }
func (nobodyCounts) Tunnel(dataplane.TunnelID) (u Usage, ok bool)        { return u, false }

func manyBindings(n int) []*mobility.Binding {
	ends := unique.Make(mobility.Ends{Tunnel: dataplane.TunnelID{
		Local: netip.MustParseAddr("192.0.2.1"), Peer: netip.MustParseAddr("192.0.2.2"), Encap: dataplane.EncapIP,
	}})
	rows := make([]*mobility.Binding, n)
	for i := range rows {
		rows[i] = &mobility.Binding{
			ID: dataplane.SessionID(i + 1), Ends: ends,
			Holding: &mobility.Holding{Node: mobility.NAI(fmt.Sprintf("n%d@example.com", i)), Created: mobility.At(time.Unix(1_800_000_000, 0))},
		}
	}
	return rows
}

func heapInUse() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// A session of a node takes at most 120 octets of heap beside its binding, also in a ledger that goes on with what another has left.
func TestMemoryOfASession(t *testing.T) {
	const n = 20_000
	rows, at := manyBindings(n), time.Unix(1_800_000_000, 0)
	begin := func(open []*Kept) *Ledger {
		l := NewLedger(nobodyCounts{}, at, 0, open)
		l.Configure(at, []Anchor{{Name: "lma"}}, &Changes{})
		return l
	}
	before := heapInUse()
	l, c := begin(nil), &Changes{}
	for _, b := range rows {
		l.Event(at, "lma", &mobility.Event{Kind: mobility.BindingCreated, Binding: b}, c)
		c.Reset()
	}
	if octets := (heapInUse() - before) / n; octets > 120 {
		t.Errorf("a session takes %d octets", octets)
	}
	bare := heapInUse() // with the first ledger, which is garbage afterwards
	l = begin(kept(l))
	if l.Compare(at, "lma", slices.Values(rows), 0, c); !c.Empty() {
		t.Fatalf("sessions of the same bindings give %d records, and %d are written again", len(c.Records), len(c.Open))
	}
	if more := (heapInUse() - bare) / n; more > 10 {
		t.Errorf("a session that goes on takes %d octets more than one that began", more)
	}
	runtime.KeepAlive(rows)
	runtime.KeepAlive(l)
}

// kept is what a ledger leaves on disk, in its order there.
func kept(l *Ledger) (open []*Kept) {
	for s := range l.Sessions {
		k := s.Kept()
		open = append(open, &k)
	}
	slices.SortFunc(open, func(x, y *Kept) int { return cmp.Compare(x.Number, y.Number) })
	return open
}

// The name of a session, of which each record has two, is one piece of memory.
func TestSessionName(t *testing.T) {
	birth := time.Unix(0x6b49d200, 0)
	for number, want := range map[uint64]string{
		0: "6B49D200-00000000", 1: "6B49D200-00000001", 0xfedcba98: "6B49D200-FEDCBA98", 0x1_2345_6789: "6B49D200-123456789", 1<<64 - 1: "6B49D200-FFFFFFFFFFFFFFFF",
	} {
		name := SessionName(birth, number)
		if back, ok := SessionNumber(birth, name); name != want || back != number || !ok {
			t.Errorf("%x has the name %s, which is of %x, %v; want %s", number, name, back, ok, want)
		}
	}
	if n := testing.AllocsPerRun(100, func() { _ = len(SessionName(birth, 77)) }); n > 1 {
		t.Errorf("a name takes %v pieces of memory", n)
	}
}
