package binding

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"
	"unique"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/wire"
)

func node(n int) mobility.NodeID { return mobility.NAI(fmt.Sprintf("mn%d@example.com", n)) }

func prefix(n int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}), 64)
}

func home(n int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), 8)
}

// model is the table as one would write it without a care for speed.
type model struct {
	rows   map[dataplane.SessionID]*mobility.Binding
	alarms map[dataplane.SessionID]time.Time
}

func (m model) check(t *testing.T, table *Table, nodes, prefixes int) {
	t.Helper()
	if table.Len() != len(m.rows) {
		t.Fatalf("the table counts %d rows, the model %d", table.Len(), len(m.rows))
	}
	for id, want := range m.rows {
		if table.Get(id) != want {
			t.Fatalf("row %d is %+v, want %+v", id, table.Get(id), want)
		}
	}
	for n := range nodes {
		var want []*mobility.Binding
		for _, b := range m.rows {
			if b.Node == node(n) {
				want = append(want, b)
			}
		}
		sortRows(want)
		byID := slices.Collect(table.ByNode(node(n)))
		byOption := slices.Collect(table.ByMNID(wire.MNID{Subtype: wire.IDNAI, ID: []byte(fmt.Sprintf("mn%d@example.com", n))}))
		for _, got := range [][]*mobility.Binding{byID, byOption} {
			if sortRows(got); !slices.Equal(got, want) {
				t.Fatalf("node %d has %v, want %v", n, got, want)
			}
		}
	}
	for n := range prefixes {
		for _, p := range []netip.Prefix{prefix(n), netip.PrefixFrom(home(n).Addr(), 32)} {
			for _, vrf := range vrfs {
				if got, want := table.ByPrefix(vrf, p), m.holder(vrf, p); got != want {
					t.Fatalf("%v of VRF %q is held by %+v, want %+v", p, vrf, got, want)
				}
			}
		}
	}
}

// vrfs are those of the model: each has the same prefixes.
var vrfs = []string{"", "VRF1", "VRF2"}

func (m model) holder(vrf string, p netip.Prefix) *mobility.Binding {
	for _, b := range m.rows {
		if b.Tenant().VRF != vrf {
			continue
		}
		if slices.Contains(b.Prefixes, p) || b.Home.IsValid() && b.Home.Addr() == p.Addr() {
			return b
		}
	}
	return nil
}

func sortRows(rows []*mobility.Binding) {
	slices.SortFunc(rows, func(a, b *mobility.Binding) int { return int(a.ID) - int(b.ID) })
}

// follower keeps a copy of the table from nothing but its mark.
type follower struct {
	mark *Mark
	rows map[dataplane.SessionID]*mobility.Binding
}

func (f *follower) catchUp(t *testing.T) {
	t.Helper()
	for {
		changes := f.mark.Next(nil)
		if len(changes) == 0 {
			return
		}
		seen := map[dataplane.SessionID]bool{}
		for _, c := range changes {
			if seen[c.ID] {
				t.Fatalf("row %d is reported twice in one round", c.ID)
			}
			seen[c.ID] = true
			if c.Binding == nil {
				delete(f.rows, c.ID)
			} else {
				f.rows[c.ID] = c.Binding
			}
		}
	}
}

func TestTableAgreesWithAModel(t *testing.T) {
	const ids, nodes, prefixes = 300, 40, 120
	rnd := rand.New(rand.NewPCG(7, 7))
	table := New()
	m := model{map[dataplane.SessionID]*mobility.Binding{}, map[dataplane.SessionID]time.Time{}}
	followers := []*follower{}
	for step := range 30000 {
		id := dataplane.SessionID(rnd.IntN(ids))
		switch rnd.IntN(10) {
		case 0, 1, 2, 3, 4:
			vrf := vrfs[rnd.IntN(len(vrfs))]
			b := &mobility.Binding{ID: id, Holding: &mobility.Holding{Node: node(rnd.IntN(nodes)), Tenancy: unique.Make(mobility.Tenancy{VRF: vrf})}}
			if old := m.rows[id]; old != nil && rnd.IntN(2) == 0 {
				b = table.Copy(old)
				b.Handovers++
				table.Renew(b)
				m.rows[id] = b
				continue
			} else {
				for range rnd.IntN(3) {
					if p := prefix(rnd.IntN(prefixes)); m.holder(vrf, p) == nil && !slices.Contains(b.Prefixes, p) {
						b.Prefixes = append(b.Prefixes, p)
					}
				}
				if h := home(rnd.IntN(prefixes)); m.holder(vrf, h) == nil {
					b.Home = mobility.HomeOf(h)
				}
			}
			table.Put(b)
			m.rows[id] = b
		case 5, 6:
			table.Delete(id)
			delete(m.rows, id)
		case 7:
			if len(followers) < 4 {
				followers = append(followers, &follower{table.Follow(), map[dataplane.SessionID]*mobility.Binding{}})
			}
		case 8:
			for _, f := range followers {
				if rnd.IntN(3) == 0 {
					f.catchUp(t)
					if !maps.Equal(f.rows, m.rows) {
						t.Fatalf("step %d: a follower sees %d rows, there are %d", step, len(f.rows), len(m.rows))
					}
				}
			}
		case 9:
			if len(followers) > 0 && rnd.IntN(20) == 0 {
				followers[0].mark.Close()
				followers = followers[1:]
			}
		}
		if step%500 == 0 {
			m.check(t, table, nodes, prefixes)
			all := map[dataplane.SessionID]*mobility.Binding{}
			for b := range table.All() {
				all[b.ID] = b
			}
			if !maps.Equal(all, m.rows) {
				t.Fatalf("the walk sees %d rows, there are %d", len(all), len(m.rows))
			}
		}
	}
}

// A follower pays for what it did not see only once a row, and deleted rows go when everybody has seen them.
func TestFollowCoalescesAndForgets(t *testing.T) {
	table := New()
	table.Put(&mobility.Binding{ID: 5, Holding: &mobility.Holding{Node: node(5)}})
	mark := table.Follow()
	<-mark.Ready()
	if got := mark.Next(nil); len(got) != 1 || got[0].ID != 5 {
		t.Fatalf("first round: %v", got)
	}
	for range 1000 {
		for id := range dataplane.SessionID(100) {
			table.Put(&mobility.Binding{ID: id, Holding: &mobility.Holding{Node: node(int(id))}})
		}
	}
	table.Delete(5)
	<-mark.Ready()
	changes := map[dataplane.SessionID]int{}
	for got := mark.Next(nil); len(got) > 0; got = mark.Next(nil) {
		for _, c := range got {
			changes[c.ID]++
			if (c.Binding == nil) != (c.ID == 5) {
				t.Errorf("row %d is reported as %v", c.ID, c.Binding)
			}
		}
	}
	if len(changes) != 100 {
		t.Errorf("100 rows changed, %d were reported", len(changes))
	}
	for id, n := range changes {
		if n != 1 {
			t.Errorf("row %d was reported %d times", id, n)
		}
	}
	if n := table.shardOf(5).rows.Len(); n != 1 {
		t.Errorf("the shard of the deleted row holds %d entries, want the one that is left", n)
	}
	slow := table.Follow()
	table.Delete(6)
	if table.shardOf(6).find(6) == nil {
		t.Error("a deleted row was forgotten before its followers saw it")
	}
	slow.Close()
	mark.Close()
	if table.shardOf(6).find(6) != nil {
		t.Error("a deleted row outlived the last follower")
	}
}

// A row that changes again before anybody has seen the first change keeps its place; afterwards it is the newest.
func TestOrderOfChanges(t *testing.T) {
	table := New()
	mark := table.Follow()
	const first, second = shardCount, 2 * shardCount // of one shard
	put := func(ids ...dataplane.SessionID) {
		for _, id := range ids {
			table.Put(&mobility.Binding{ID: id, Holding: &mobility.Holding{Node: node(int(id))}})
		}
	}
	for _, step := range []struct{ put, want []dataplane.SessionID }{
		{[]dataplane.SessionID{first, second, first}, []dataplane.SessionID{first, second}},
		{[]dataplane.SessionID{first}, []dataplane.SessionID{first}},
		{[]dataplane.SessionID{second, first, second}, []dataplane.SessionID{second, first}},
	} {
		put(step.put...)
		var got []dataplane.SessionID
		for _, c := range mark.Next(nil) {
			if c.Binding != table.Get(c.ID) {
				t.Errorf("row %d is not seen as it is", c.ID)
			}
			got = append(got, c.ID)
		}
		if !slices.Equal(got, step.want) {
			t.Errorf("after %v: %v, want %v", step.put, got, step.want)
		}
	}
}

func TestAlarmsAgreeWithAModel(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 9))
	table := New()
	m := model{map[dataplane.SessionID]*mobility.Binding{}, map[dataplane.SessionID]time.Time{}}
	now := time.Unix(1735689600, 0)
	for range 50000 {
		id := dataplane.SessionID(rnd.IntN(50))
		switch rnd.IntN(6) {
		case 0:
			b := &mobility.Binding{ID: id, Holding: &mobility.Holding{Node: node(int(id))}}
			table.Put(b)
			m.rows[id] = b
		case 1, 2:
			at := now.Add(time.Duration(rnd.IntN(1000)) * time.Millisecond)
			if rnd.IntN(10) == 0 {
				at = time.Time{}
			}
			table.SetAlarm(id, at)
			if m.rows[id] != nil {
				m.alarms[id] = at
			}
		case 3:
			table.Delete(id)
			delete(m.rows, id)
			delete(m.alarms, id)
		default:
			now = now.Add(time.Duration(rnd.IntN(50)) * time.Millisecond)
			m.checkRings(t, table, now)
		}
	}
}

func (m model) checkRings(t *testing.T, table *Table, now time.Time) {
	t.Helper()
	if at, ok := table.NextAlarm(); ok {
		for id, due := range m.alarms {
			if !due.IsZero() && due.Before(at) {
				t.Fatalf("the next alarm is said to be at %v, row %d is due at %v", at, id, due)
			}
		}
	}
	for b := table.PopAlarm(now); b != nil; b = table.PopAlarm(now) {
		due, ok := m.alarms[b.ID]
		if !ok || due.IsZero() || due.After(now) {
			t.Fatalf("row %d rings at %v, its alarm is %v", b.ID, now, due)
		}
		delete(m.alarms, b.ID)
	}
	for id, due := range m.alarms {
		if !due.IsZero() && !due.After(now) {
			t.Fatalf("row %d is due at %v and does not ring at %v", id, due, now)
		}
	}
}

// A refresh moves the alarm and replaces the row: two allocations of the row's own would be one too many.
func TestRefreshAllocatesNothingOfItsOwn(t *testing.T) {
	table := fill(New(), 1000)
	row := *table.Get(500)
	at := row.Expires.Time()
	id := row.Node.MNID()
	if n := testing.AllocsPerRun(100, func() {
		for b := range table.ByMNID(id) {
			table.Put(b)
			at = at.Add(time.Second)
			table.SetAlarm(b.ID, at)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func fill(table *Table, n int) *Table {
	expires := time.Unix(1735689600, 0).Add(time.Hour)
	for i := range n {
		id := dataplane.SessionID(i + 1)
		held := mobility.Holding{Node: node(i), LinkID: mobility.LinkID(fmt.Sprintf("\x02\x00%04d", i%10000)), Prefixes: []netip.Prefix{prefix(i)}, Home: mobility.HomeOf(home(i))}
		table.Put(&mobility.Binding{ID: id, Expires: mobility.At(expires), Holding: held.Gather()})
		table.SetAlarm(id, expires.Add(time.Duration(i)*time.Millisecond))
	}
	return table
}

// BenchmarkMillion reports what a million bindings with a home network prefix and a home address cost: octets of memory each, a
// walk over all, a full synchronisation of a follower, and a refresh.
func BenchmarkMillion(b *testing.B) {
	const n = 1_000_000
	before := heapInUse()
	table := fill(New(), n)
	perBinding := float64(heapInUse()-before) / n
	b.Run("walk", func(b *testing.B) {
		for b.Loop() {
			seen := 0
			for range table.All() {
				seen++
			}
			if seen != n {
				b.Fatalf("saw %d", seen)
			}
		}
		b.ReportMetric(perBinding, "B/binding")
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
	})
	b.Run("sync", func(b *testing.B) {
		var buf []Change
		for b.Loop() {
			mark, seen := table.Follow(), 0
			for buf = mark.Next(buf[:0]); len(buf) > 0; buf = mark.Next(buf[:0]) {
				seen += len(buf)
			}
			mark.Close()
			if seen != n {
				b.Fatalf("saw %d", seen)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
	})
	b.Run("refresh", func(b *testing.B) {
		b.ReportAllocs()
		rnd := rand.New(rand.NewPCG(1, 2))
		for b.Loop() {
			row := *table.Get(dataplane.SessionID(rnd.IntN(n) + 1))
			row.Sequence++
			row.Expires += mobility.Instant(time.Second)
			table.Put(&row)
			table.SetAlarm(row.ID, row.Expires.Time())
		}
	})
}

func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// What the owner remembers of its last look-up is nothing that an observer forgets at the same time. (The race detector sees it.)
func TestDeletedRowsAreForgottenByObservers(t *testing.T) {
	table := New()
	mark := table.Follow()
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			mark.Next(nil)
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	for i := range 3000 {
		id := dataplane.SessionID(i + 1)
		table.Put(row(i, id))
		table.Delete(id)
		table.Put(row(i+1, id+1)) // of another shard
		table.Delete(id + 1)
	}
	close(stop)
	<-done
	if n := table.Len(); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}

func row(i int, id dataplane.SessionID) *mobility.Binding {
	return &mobility.Binding{ID: id, Holding: &mobility.Holding{Node: node(i), Prefixes: []netip.Prefix{prefix(i)}}}
}
