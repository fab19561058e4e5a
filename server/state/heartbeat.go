package state

import (
	"slices"
	"time"

	"mooring/mobility/heartbeat"
	"mooring/server/tree/schema"
)

// heartbeatNodes are the leaves that tell of the heartbeats on a path.
type heartbeatNodes struct {
	RestartCounter *schema.Node `yang:"restart-counter,optional"`
	Heartbeat      struct {
		Self              *schema.Node `yang:"."`
		DiscontinuityTime *schema.Node `yang:"discontinuity-time"`
		RequestsSent      *schema.Node `yang:"requests-sent"`
		ResponsesReceived *schema.Node `yang:"responses-received"`
		RequestsReceived  *schema.Node `yang:"requests-received"`
		Missed            *schema.Node `yang:"missed"`
		RTT               *schema.Node `yang:"rtt"`
		LastResponse      *schema.Node `yang:"last-response"`
	} `yang:"heartbeat,optional"`
}

// renderHeartbeat writes what the heartbeats on a path have told; nothing where there were none.
func (n *heartbeatNodes) renderHeartbeat(s *Sink, h heartbeat.State) {
	if h.Stated {
		s.Uint(n.RestartCounter, uint64(h.RestartCounter))
	}
	if n.Heartbeat.Self == nil || h.Sent == 0 && h.Requests == 0 {
		return
	}
	s.Open(n.Heartbeat.Self)
	s.Since(n.Heartbeat.DiscontinuityTime, h.Began, h.Began)
	s.Uint(n.Heartbeat.RequestsSent, h.Sent)
	s.Uint(n.Heartbeat.ResponsesReceived, h.Responses)
	s.Uint(n.Heartbeat.RequestsReceived, h.Requests)
	s.Uint(n.Heartbeat.Missed, uint64(h.Missed))
	if !h.LastResponse.IsZero() {
		s.Uint(n.Heartbeat.RTT, uint64(h.RoundTrip/time.Microsecond))
	}
	s.Time(n.Heartbeat.LastResponse, h.LastResponse)
	s.Close()
}

// better is the health of two paths to one peer: one that works is enough.
func better(a, b heartbeat.Health) heartbeat.Health {
	switch {
	case a == heartbeat.Up || b == heartbeat.Up:
		return heartbeat.Up
	case a == heartbeat.Down || b == heartbeat.Down:
		return heartbeat.Down
	}
	return heartbeat.Unknown
}

// later is the later of two instants.
func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// present leaves out the definitions that belong to features that the element lacks.
func present(defs ...*schema.Node) []*schema.Node {
	return slices.DeleteFunc(defs, func(def *schema.Node) bool { return def == nil })
}
