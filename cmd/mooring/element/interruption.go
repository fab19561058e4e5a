package element

import (
	"slices"
	"time"

	"mooring/dataplane/reconcile"
	"mooring/server/notify"
	"mooring/server/state"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// interrupted reports that traffic of bindings was lost while there was no process, of those whose tunnels the kernel does not go on with, when
// all that is left of them is forwarded again. The log has it last: who reads it there finds it in state, too.
func (e *Element) interrupted() {
	tunnels, _ := e.reconciler.Tunnels()
	var i state.Interruption
	for _, t := range tunnels {
		if t.State == reconcile.Installed && !t.Lasts {
			i.Tunnels, i.Bindings = i.Tunnels+1, i.Bindings+t.Sessions
		}
	}
	if e.bindings.Status().Restored == 0 || i.Tunnels == 0 {
		return
	}
	now := time.Now()
	attributes := []any{"tunnels", i.Tunnels, "bindings", i.Bindings}
	if !e.folder.seen.IsZero() {
		i.Since, i.Duration = e.folder.seen, now.Sub(e.folder.seen).Round(time.Millisecond)
		attributes = append(attributes, "since", i.Since, "for", i.Duration)
	}
	e.interruption.Store(&i)
	tellInterruption(e.events, now, i)
	e.Log.Warn("nothing was forwarded in user space while there was no process", attributes...)
}

func tellInterruption(log *notify.Log, at time.Time, i state.Interruption) {
	def := dataplaneNotification(log, "forwarding-resumed")
	if def == nil {
		return
	}
	log.Add(at, def, nil, func(b *tree.Builder) {
		if !i.Since.IsZero() {
			b.Leaf(def.ChildNamed("since"), state.DateAndTime(i.Since))
			b.Uint(def.ChildNamed("duration"), uint64(i.Duration.Milliseconds()))
		}
		b.Uint(def.ChildNamed("tunnels"), uint64(i.Tunnels))
		b.Uint(def.ChildNamed("bindings"), uint64(i.Bindings))
	})
}

// dataplaneNotification is nil where the feature is off.
func dataplaneNotification(log *notify.Log, name string) *schema.Node {
	defs := log.Schema().Find("/mooring-system:system/dataplane").Notifications
	i := slices.IndexFunc(defs, func(n *schema.Node) bool { return n.Name == name })
	if i < 0 {
		return nil
	}
	return defs[i]
}
