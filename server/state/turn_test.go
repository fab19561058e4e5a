package state

import (
	"testing"
	"unique"

	"mooring/dataplane"
	"mooring/mobility"
)

// A follower of bindings that change faster than it reads has told of all of them after one round, and of the other tables too.
func TestFirstRoundEndsAndTablesTakeTurns(t *testing.T) {
	d := newDomain(t)
	const rows = 200
	ends := unique.Make(mobility.Ends{Local: addr("2001:db8::1"), CareOf: addr("2001:db8::11")})
	change := func() {
		for id := range dataplane.SessionID(rows) {
			d.tables.lma.Put(session(id+1, ends))
		}
	}
	change()
	const lma = "/mooring-pmipv6:pmipv6/lma"
	bindings := d.at(t, lma+"/bindings")
	f := d.state.Follow(append(bindings, d.at(t, lma+"/statistics")...)...)
	defer f.Close()
	if f.Complete() {
		t.Error("complete before anything is told")
	}
	told, others := map[string]bool{}, 0
	for rounds := 0; !f.Complete(); rounds++ {
		if rounds > rows+10 {
			t.Fatalf("not complete after %d reads, with %d of %d rows told", rounds, len(told), rows)
		}
		for _, row := range f.Next(nil) {
			if bindings[0].Owns(row) {
				told[row.Path().String()] = true
			} else {
				others++
			}
		}
		change() // so that there is always more
	}
	if len(told) != rows || others == 0 {
		t.Errorf("complete with %d of %d bindings told, and %d other rows", len(told), rows, others)
	}
	if len(f.Next(nil)) == 0 {
		t.Error("what changed since is not told")
	}
}
