package element

import (
	"time"

	"mooring/dataplane/reconcile"
)

// interrupted reports that traffic of bindings was lost while there was no process, of those whose tunnels the kernel does not go on with, when
// all that is left of them is forwarded again.
func (e *Element) interrupted() {
	tunnels, _ := e.reconciler.Tunnels()
	stopped, sessions := 0, 0
	for _, t := range tunnels {
		if t.State == reconcile.Installed && !t.Lasts {
			stopped, sessions = stopped+1, sessions+t.Sessions
		}
	}
	if e.bindings.Status().Restored == 0 || stopped == 0 {
		return
	}
	attributes := []any{"tunnels", stopped, "bindings", sessions}
	if !e.folder.seen.IsZero() {
		attributes = append(attributes, "since", e.folder.seen, "for", time.Since(e.folder.seen).Round(time.Millisecond))
	}
	e.Log.Warn("nothing was forwarded in user space while there was no process", attributes...)
}
