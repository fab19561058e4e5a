package binding

import "mooring/mobility"

// A refresh replaces a row by one that differs in its times. As garbage, the old ones of a million bindings would cost more than the refreshes themselves. So the
// memory of a row that nobody but the owner has seen is used again, once the owner is done with it.

// private marks an entry whose row nobody but the owner has: see entry.puts.
const private = 1 << 31

// mostReplaced is how many replaced rows wait for Settle. Others are garbage.
const mostReplaced = 1024

// renewals are rows that were private when they were replaced. They belong to the owner.
type renewals struct {
	replaced []*mobility.Binding // that the owner may still look at
	free     []*mobility.Binding
}

// Copy returns a copy of a row to change and to put. For the owner only.
func (t *Table) Copy(b *mobility.Binding) *mobility.Binding {
	var row *mobility.Binding
	if last := len(t.renewals.free) - 1; last >= 0 {
		row, t.renewals.free = t.renewals.free[last], t.renewals.free[:last]
	} else {
		row = new(mobility.Binding)
	}
	*row = *b
	return row
}

// Renew is Put for a row that Copy returned, and that the caller neither keeps nor hands on beyond the next Settle: its memory becomes another row's when it
// has been replaced.
func (t *Table) Renew(b *mobility.Binding) { t.put(b, private) }

// Settle tells the table that the owner is done with all rows that were replaced until now: nothing that it works on, or has others work on, refers to one that
// was put by Renew.
func (t *Table) Settle() {
	r := &t.renewals
	for _, row := range r.replaced {
		*row = mobility.Binding{} // its holding may be garbage, and whoever looks at the row nevertheless shall notice
	}
	r.free = append(r.free, r.replaced...)
	clear(r.replaced)
	r.replaced = r.replaced[:0]
}

// retire takes a row that was replaced, and was private then.
func (r *renewals) retire(row *mobility.Binding) {
	if len(r.replaced)+len(r.free) < mostReplaced {
		r.replaced = append(r.replaced, row)
	}
}

// show returns the row of an entry, which is not the owner's alone from now on. The shard is locked.
func (e *entry) show() *mobility.Binding {
	e.puts &^= private
	return e.row
}
