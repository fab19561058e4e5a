package watch

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"mooring/cmd/mooring/client"
)

// Event is something that happened.
type Event struct {
	At      time.Time `json:"time"`
	Kind    string    `json:"event"`
	Machine string    `json:"machine,omitempty"` // "lma lma1"
	Node    string    `json:"node,omitempty"`
	Peer    string    `json:"peer,omitempty"`
	Text    string    `json:"text"`
}

func (m *Model) happened(e Event) {
	m.events = append(m.events, e)
	m.pending++
	if len(m.events) > 2*maxEvents {
		m.events = slices.Delete(m.events, 0, len(m.events)-maxEvents)
		m.pending = min(m.pending, maxEvents)
	}
}

// Drain returns the events that it has not returned before.
func (m *Model) Drain() []Event {
	fresh := slices.Clone(m.events[len(m.events)-m.pending:])
	m.pending = 0
	return fresh
}

func (p *peer) event(at time.Time, kind, text string) Event {
	return Event{At: at, Kind: kind, Machine: p.machine, Peer: p.name, Text: p.name + " " + text}
}

func (b *binding) event(at time.Time, kind, text string) Event {
	return Event{At: at, Kind: kind, Machine: b.machine, Node: b.node, Peer: b.peer, Text: b.node + " " + text}
}

// repaired says that something was made again that somebody else had removed or changed.
func repaired(at time.Time, row *client.Row) Event {
	text := row.Text("object") + " is there again, which somebody else had removed or changed"
	if n := row.Text("count"); n != "1" {
		text += " (" + n + " objects together)"
	}
	return Event{At: at, Kind: "object-repaired", Text: text}
}

// fresh is how old a binding may be that is called new. One that is told of for the first time may have been there all along.
const fresh = 5 * time.Second

// compare tells what happened to a binding; was is nil where nothing was known of it.
func (m *Model) compare(was, is *binding) {
	at := is.changed
	if was == nil {
		if is.created.IsZero() || at.Sub(is.created) > fresh {
			m.happened(is.event(at, "binding-changed", "is "+is.state+where(is)))
			return
		}
		m.happened(is.event(at, "binding-created", "is registered"+where(is)+with(is)))
		return
	}
	if was.peer != is.peer && was.peer != "" {
		m.happened(is.event(at, "handover", "moved from "+was.peer+" to "+is.peer))
	}
	if was.state != is.state && was.state != "" {
		m.happened(is.event(at, "binding-changed", "is "+is.state+", was "+was.state))
	}
	if was.forwarding != is.forwarding && is.forwarding == "failed" {
		m.happened(is.event(at, "forwarding-failed", "is not forwarded for: "+is.reason))
	}
	if was.ipv4 != is.ipv4 || was.ipv6 != is.ipv6 {
		m.happened(is.event(at, "binding-changed", "changed its addresses"+with(is)))
	}
}

func where(b *binding) string {
	if b.peer == "" {
		return ""
	}
	return " at " + b.peer
}

func with(b *binding) string {
	if addresses := strings.TrimSpace(b.ipv4 + " " + b.ipv6); addresses != "" {
		return " with " + addresses
	}
	return ""
}

// heartbeat says how the heartbeats of a path go, where there are any: the answer's delay, or how many were missed.
func heartbeat(r *client.Row, path ...string) string {
	leaf := func(name string) string { return r.Text(append(path[:len(path):len(path)], "heartbeat", name)...) }
	if missed := leaf("missed"); missed != "" && strings.Trim(missed, "0,") != "" {
		return missed + " missed"
	}
	if rtt, err := strconv.ParseUint(leaf("rtt"), 10, 32); err == nil {
		return (time.Duration(rtt) * time.Microsecond).String()
	}
	return none
}
