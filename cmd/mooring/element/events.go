package element

import (
	"context"
	"log/slog"

	"mooring/mobility"
	"mooring/mobility/engine"
)

// happened has records made of what happens to nodes, and tells the log and the subscribers what happens to nodes and peers.
func (e *Element) happened(events []engine.Event) {
	e.account(events)
	e.logEvents(events)
	for _, ev := range events {
		e.notifications.add(ev)
	}
}

// logEvents writes down what happens to nodes and peers. Refreshes are the daily business, which only a debug log shows.
func (e *Element) logEvents(events []engine.Event) {
	for _, ev := range events {
		level := slog.LevelInfo
		switch ev.Kind {
		case mobility.BindingRefreshed:
			level = slog.LevelDebug
		case mobility.RegistrationRefused, mobility.RegistrationTimedOut, mobility.EntitlementExceeded:
			level = slog.LevelWarn
		}
		e.Log.Log(context.Background(), level, ev.Kind.String(), eventAttributes(ev)...)
	}
}

func eventAttributes(ev engine.Event) []any {
	list := []any{"machine", ev.Machine.String()}
	if ev.Node != "" {
		list = append(list, "node", ev.Node.String())
	}
	if ev.Peer.IsValid() {
		list = append(list, "peer", ev.Peer.Addr())
	}
	switch ev.Kind {
	case mobility.RegistrationRefused:
		list = append(list, "status", ev.Status)
	case mobility.BindingDeleted:
		list = append(list, "reason", ev.Reason)
	case mobility.EntitlementExceeded, mobility.EntitlementCleared:
		list = append(list, "bindings", ev.Usage.Bindings, "limit", ev.Usage.Limit)
	}
	return list
}
