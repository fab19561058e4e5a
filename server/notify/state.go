package notify

import (
	"context"

	"mooring/server/state"
)

// Mount mounts what the log says of itself: notification-log of mooring-system. A schema without that has none.
func (l *Log) Mount(s *state.State) {
	def := l.schema.Find("/mooring-system:system/notification-log")
	if def == nil {
		return
	}
	s.Mount(state.Table{Node: def, Parts: def.Children, Read: func(_ context.Context, _ state.Keys, out *state.Out) error {
		size, row := l.Size(), out.Row()
		row.Uint(def.ChildNamed("events"), uint64(size.Events))
		row.Uint(def.ChildNamed("maximum"), uint64(size.Limits.Events))
		row.Uint(def.ChildNamed("octets"), uint64(size.Octets))
		row.Uint(def.ChildNamed("maximum-octets"), uint64(size.Limits.Octets))
		return nil
	}})
}
