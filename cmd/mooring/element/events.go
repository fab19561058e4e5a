package element

import (
	"context"
	"log/slog"
	"time"

	"mooring/mobility"
	"mooring/mobility/engine"
	"mooring/server/state"
)

// happened has records made of what happens to nodes, and tells the log and the subscribers what happens to nodes and peers.
func (e *Element) happened(events []engine.Event) {
	e.account(events)
	e.logEvents(events)
	for _, ev := range events {
		e.notifications.add(ev)
	}
}

// logEvents writes down what happens to nodes and peers. Refreshes are the daily business, which only a debug log shows. Of refusals, and of requests
// without an answer, a flood is no more than some lines a minute.
func (e *Element) logEvents(events []engine.Event) {
	for _, ev := range events {
		unwritten := 0
		if ev.Kind == mobility.RegistrationRefused || ev.Kind == mobility.RegistrationTimedOut || ev.Kind == mobility.AuthorizationFailed {
			var write bool
			if unwritten, write = e.complaints.next(ev); !write {
				continue
			}
		}
		level := slog.LevelInfo
		switch ev.Kind {
		case mobility.BindingRefreshed:
			level = slog.LevelDebug
		case mobility.RegistrationRefused, mobility.RegistrationTimedOut, mobility.AuthorizationFailed, mobility.EntitlementExceeded, mobility.Unauthentic, mobility.PoolHigh, mobility.PoolExhausted,
			mobility.FloodBegun:
			level = slog.LevelWarn
		}
		attributes := eventAttributes(ev)
		if unwritten > 0 {
			attributes = append(attributes, "unwritten", unwritten)
		}
		e.Log.Log(context.Background(), level, ev.Kind.String(), attributes...)
	}
}

// complaints are what of refusals was written down within a minute, by machine. One goroutine uses it; the zero value is ready for use.
type complaints map[engine.Name]*written

type written struct {
	since     time.Time
	lines     int
	unwritten int // since the last line
}

// mostComplaints are written down of a machine in a minute: enough to see who is refused and why, whoever sends however much.
const mostComplaints = 20

// next says whether an event is to be written down, and how many were not since the last one that was.
func (c *complaints) next(ev engine.Event) (unwritten int, write bool) {
	if *c == nil {
		*c = complaints{}
	}
	w := (*c)[ev.Machine]
	if w == nil {
		w = &written{since: ev.At}
		(*c)[ev.Machine] = w
	}
	if ev.At.Sub(w.since) >= time.Minute {
		w.since, w.lines = ev.At, 0
	}
	if w.lines == mostComplaints {
		w.unwritten++
		return 0, false
	}
	w.lines++
	unwritten, w.unwritten = w.unwritten, 0
	return unwritten, true
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
	case mobility.TunnelEstablished, mobility.TunnelReleased:
		list = append(list, "tunnel", state.TunnelID(ev.Path.Tunnel))
	case mobility.PoolHigh, mobility.PoolExhausted:
		list = append(list, "network", ev.Pool.Network, "start-address", ev.Pool.Start, "used", ev.Pool.Used, "total", ev.Pool.Total)
	case mobility.Unauthentic:
		list = append(list, "count", ev.Failure.Count)
	case mobility.FloodBegun:
		list = append(appendFlooded(list, ev.Flood), "messages-per-second", ev.Flood.Rate)
	case mobility.FloodEnded:
		list = appendFlooded(list, ev.Flood)
	case mobility.EntitlementExceeded, mobility.EntitlementCleared:
		list = append(list, "bindings", ev.Usage.Bindings, "limit", ev.Usage.Limit)
	}
	return list
}

// appendFlooded tells where an anchor is flooded, if that is not simply itself.
func appendFlooded(list []any, f *mobility.FloodEvent) []any {
	if f.VRF != "" {
		list = append(list, "vrf", f.VRF)
	}
	if f.Customer != "" {
		list = append(list, "customer", f.Customer)
	}
	return list
}
