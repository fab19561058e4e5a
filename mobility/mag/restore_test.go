package mag

import (
	"fmt"
	"time"

	"mooring/mobility"
	"mooring/mobility/binding"
)

// Advance keeps what has to survive, too.
func (p *player) Advance(now time.Time, out *mobility.Effects) {
	p.Machine.Advance(now, out)
	p.store.Keep(out)
}

// restart is what happens to a gateway that is killed and begins again.
func (p *player) restart(now time.Time, out *mobility.Effects) string {
	last := p.lastID
	p.Machine = New(now, p.cfg, binding.New(), 7)
	p.Restore(now, p.store.Rows(), last, out)
	return fmt.Sprintf("restored %d\n", p.table.Len())
}
