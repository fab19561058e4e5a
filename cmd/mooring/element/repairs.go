package element

import (
	"fmt"
	"slices"

	"mooring/dataplane/reconcile"
	"mooring/server/notify"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// repaired tells the log and the subscribers what somebody else had removed or changed, and is there again.
func (e *Element) repaired(list []reconcile.Repair) {
	for _, r := range list {
		e.Log.Warn("made again what somebody else had removed or changed", "object", r.Object, "count", r.Count, "noticed", r.Found)
		tellRepair(e.events, r)
	}
}

func tellRepair(log *notify.Log, r reconcile.Repair) {
	defs := log.Schema().Find("/mooring-system:system/dataplane").Notifications
	i := slices.IndexFunc(defs, func(n *schema.Node) bool { return n.Name == "object-repaired" })
	if i < 0 { // the feature is off
		return
	}
	def := defs[i]
	log.Add(r.At, def, nil, func(b *tree.Builder) {
		b.Leaf(def.ChildNamed("object"), fmt.Sprint(r.Object))
		b.Uint(def.ChildNamed("count"), uint64(r.Count))
		b.Leaf(def.ChildNamed("noticed"), r.Found.String())
	})
}
