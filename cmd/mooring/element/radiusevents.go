package element

import (
	"time"

	"mooring/mobility/aaa"
	"mooring/server/notify"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// radiusEvents tells of RADIUS servers (mooring-system-events).
type radiusEvents struct {
	log  *notify.Log
	defs map[string]*schema.Node
}

func newRadiusEvents(log *notify.Log) radiusEvents {
	r := radiusEvents{log, map[string]*schema.Node{}}
	if radius := log.Schema().Find("/mooring-system:system/aaa/radius"); radius != nil {
		for _, def := range radius.Notifications {
			r.defs[def.Name] = def
		}
	}
	return r
}

// accounting says that a server takes records, or does not, and how many wait for any.
func (r radiusEvents) accounting(server string, up bool, queued int) {
	r.tell(upOrDown("accounting-server", up), func(b *tree.Builder, def *schema.Node) {
		b.Leaf(def.ChildNamed("server"), server)
		b.Uint(def.ChildNamed("queued"), uint64(max(0, queued)))
	})
}

// room says how full the queue of records is.
func (r radiusEvents) room(room aaa.Room, queued int) {
	r.tell("accounting-queue", func(b *tree.Builder, def *schema.Node) {
		b.Leaf(def.ChildNamed("room"), room.String())
		b.Uint(def.ChildNamed("queued"), uint64(max(0, queued)))
	})
}

// authorization says that a server answers questions about nodes, or does not.
func (r radiusEvents) authorization(server string, up bool) {
	r.tell(upOrDown("authorization-server", up), func(b *tree.Builder, def *schema.Node) { b.Leaf(def.ChildNamed("server"), server) })
}

func upOrDown(name string, up bool) string {
	if up {
		return name + "-up"
	}
	return name + "-down"
}

// tell says nothing where the schema has no such notification.
func (r radiusEvents) tell(name string, fill func(*tree.Builder, *schema.Node)) {
	if def := r.defs[name]; def != nil {
		r.log.Add(time.Now(), def, nil, func(b *tree.Builder) { fill(b, def) })
	}
}
