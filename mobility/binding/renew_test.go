package binding

import (
	"math/rand/v2"
	"testing"

	"mooring/dataplane"
	"mooring/mobility"
)

// Whoever got a row has it as it was, however often it is renewed; what nobody got is used again.
func TestRenewedRowsStayForThoseWhoSawThem(t *testing.T) {
	const ids = 200
	rnd := rand.New(rand.NewPCG(3, 3))
	table, marks := New(), []*Mark{}
	held := map[*mobility.Binding]mobility.Binding{} // what observers got
	keep := func(b *mobility.Binding) {
		if was, known := held[b]; !known {
			held[b] = *b
		} else if was != *b {
			t.Fatalf("a row that was seen as %+v has become %+v", was, *b)
		}
	}
	for id := range dataplane.SessionID(ids) {
		table.Put(&mobility.Binding{ID: id, Holding: &mobility.Holding{Node: node(int(id))}})
	}
	current := make([]uint32, ids)
	for step := range 50_000 {
		id := dataplane.SessionID(rnd.IntN(ids))
		switch rnd.IntN(40) {
		case 0:
			keep(table.Get(id))
		case 1:
			if len(marks) < 2 {
				marks = append(marks, table.Follow())
			}
			for _, m := range marks {
				for _, c := range m.Next(nil) {
					keep(c.Binding)
				}
			}
		case 2:
			if len(marks) > 0 && rnd.IntN(4) == 0 {
				marks[0].Close()
				marks = marks[1:]
			}
		case 3:
			if step%50 == 0 {
				for b := range table.All() {
					keep(b)
				}
			}
		case 4:
			table.Settle()
		default:
			for old := range table.ByNode(node(int(id))) {
				b := table.Copy(old)
				b.Handovers++
				if old.ID != id || old.Handovers != current[id] {
					t.Fatalf("row %d is %+v", id, old)
				}
				current[id]++
				table.Renew(b)
			}
		}
		if step%5_000 == 0 {
			for b, was := range held {
				if *b != was {
					t.Fatalf("a row that was seen as %+v has become %+v", was, *b)
				}
			}
		}
	}
}

// A renewal that nobody hears of takes no memory.
func TestRenewalsTakeNoMemory(t *testing.T) {
	table := New()
	for id := range dataplane.SessionID(100) {
		table.Put(&mobility.Binding{ID: id, Holding: &mobility.Holding{Node: node(int(id))}})
	}
	renew := func() {
		for id := range dataplane.SessionID(100) {
			table.Renew(table.Copy(table.at(table.shardOf(id).entry(id).number).row))
		}
		table.Settle()
	}
	renew() // the rows that were put are everybody's
	if n := testing.AllocsPerRun(20, renew); n > 0 {
		t.Errorf("100 renewals took %v allocations", n)
	}
	for range table.All() {
	}
	renew() // into the memory of the last ones
	for round, want := range []float64{100, 0} {
		if n := allocations(renew); n != want {
			t.Errorf("somebody saw all rows: round %d of 100 renewals after that took %v allocations, want %v", round+2, n, want)
		}
	}
}

// allocations counts those of one call.
func allocations(f func()) float64 {
	first := true
	return testing.AllocsPerRun(1, func() {
		if !first {
			f()
		}
		first = false
	})
}
