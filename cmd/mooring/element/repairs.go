package element

import (
	"fmt"

	"mooring/dataplane/reconcile"
	"mooring/server/notify"
	"mooring/server/tree"
)

// repaired tells the log and the subscribers what somebody else had removed or changed, and is there again.
func (e *Element) repaired(list []reconcile.Repair) {
	for _, r := range list {
		e.Log.Warn("made again what somebody else had removed or changed", "object", r.Object, "count", r.Count, "noticed", r.Found)
		tellRepair(e.events, r)
	}
}

func tellRepair(log *notify.Log, r reconcile.Repair) {
	def := dataplaneNotification(log, "object-repaired")
	if def == nil {
		return
	}
	log.Add(r.At, def, nil, func(b *tree.Builder) {
		b.Leaf(def.ChildNamed("object"), fmt.Sprint(r.Object))
		b.Uint(def.ChildNamed("count"), uint64(r.Count))
		b.Leaf(def.ChildNamed("noticed"), r.Found.String())
	})
}
