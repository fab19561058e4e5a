package element

import (
	"time"

	"mooring/mobility"
	"mooring/mobility/aaa/client"
	"mooring/mobility/engine"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// openAuthorization makes what asks RADIUS servers about nodes. told are the notifications about servers, by name.
func (e *Element) openAuthorization(told map[string]*schema.Node) {
	e.asker = client.NewAsker(client.AskerOptions{
		Log: e.Log, Dial: client.Dialer{Enter: e.plane.InVRF}.Dial,
		Changed: func(server string, up bool) {
			name := "authorization-server-down"
			if up {
				name = "authorization-server-up"
			}
			if def := told[name]; def != nil {
				e.events.Add(time.Now(), def, nil, func(b *tree.Builder) { b.Leaf(def.ChildNamed("server"), server) })
			}
		},
	})
}

// ask puts questions of anchors to RADIUS servers (feature EXT-21).
func (e *Element) ask(questions []engine.Question) {
	for _, q := range questions {
		e.asker.Ask(q.Machine.Name, q.Question, func(answer *mobility.Authorization) { e.engine.Authorized(&q, answer) })
	}
}
