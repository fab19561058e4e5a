package element

import (
	"mooring/mobility"
	"mooring/mobility/engine"
)

// ask puts questions of anchors to RADIUS servers (feature EXT-21).
func (e *Element) ask(questions []engine.Question) {
	for _, q := range questions {
		e.asker.Ask(q.Machine.Name, q.Question, func(answer *mobility.Authorization) { e.engine.Authorized(&q, answer) })
	}
}
