package mag

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/binding"
)

// store keeps what has to survive, as the engine does.
func (p *player) store(out *mobility.Effects) {
	if p.stored == nil {
		p.stored = map[dataplane.SessionID]*mobility.Binding{}
	}
	for _, change := range out.Store {
		if change.New == nil {
			delete(p.stored, change.Old.ID)
		} else {
			p.stored[change.New.ID] = change.New
		}
	}
}

// Advance keeps what has to survive, too.
func (p *player) Advance(now time.Time, out *mobility.Effects) {
	p.Machine.Advance(now, out)
	p.store(out)
}

// restart is what happens to a gateway that is killed and begins again.
func (p *player) restart(now time.Time, out *mobility.Effects) string {
	var rows []*mobility.Binding
	for _, id := range slices.Sorted(maps.Keys(p.stored)) {
		row := *p.stored[id]
		rows = append(rows, &row)
	}
	last := p.lastID
	p.Machine = New(now, p.cfg, binding.New(), 7)
	p.Restore(now, rows, last, out)
	return fmt.Sprintf("restored %d\n", p.table.Len())
}
