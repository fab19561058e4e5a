package accountant

import (
	"time"

	"mooring/mobility"
	"mooring/mobility/engine"
)

// Event is what happened to a binding of an anchor.
type Event struct {
	At     time.Time
	Anchor string
	*mobility.Event
}

// EventsOf returns those of an engine's events that concern bindings of anchors. They refer to the others.
func EventsOf(events []engine.Event) []Event {
	list := make([]Event, 0, len(events))
	for i := range events {
		if ev := &events[i]; ev.Machine.Role == engine.RoleLMA && ev.Binding != nil {
			list = append(list, Event{At: ev.At, Anchor: ev.Machine.Name, Event: &ev.Event})
		}
	}
	return list
}
