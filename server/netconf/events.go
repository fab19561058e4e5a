package netconf

import (
	"slices"
	"strings"
	"time"

	"mooring/server/notify"
	"mooring/server/state"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// sessionEvents is the module of events about sessions (RFC 6470).
const sessionEvents = "ietf-netconf-notifications"

// announce adds an event about a session; fill, unless nil, says more of it.
func (x *session) announce(name string, fill func(def *schema.Node, b *tree.Builder)) {
	events, def := x.server.events, x.server.schema.Notification(sessionEvents, name)
	if events == nil {
		return
	}
	events.Add(time.Now(), def, nil, func(b *tree.Builder) {
		notify.Client(b, def, x.user, x.id)
		if fill != nil {
			fill(def, b)
		}
	})
}

func (x *session) announceStart() { x.announce("netconf-session-start", nil) }

// announceEnd says why the session has ended; err is what ended it if the client did not.
func (x *session) announceEnd(err error) {
	x.announce("netconf-session-end", func(def *schema.Node, b *tree.Builder) {
		reason, killer := "dropped", x.killed.Load()
		switch _, bad := err.(*badHello); {
		case x.closing:
			reason = "closed"
		case killer != 0:
			reason = "killed"
			b.Uint(def.ChildNamed("killed-by"), uint64(killer))
		case bad:
			reason = "bad-hello"
		}
		b.Leaf(def.ChildNamed("termination-reason"), reason)
	})
}

// announceCapabilities adds an event when the server can do something else than before (RFC 6470 section 2.2), and one when the
// YANG library says so, too (RFC 8525 section 4).
func (s *Server) announceCapabilities(before, now []string) {
	def := s.schema.Notification(sessionEvents, "netconf-capability-change")
	if s.events == nil || def == nil || slices.Equal(before, now) {
		return
	}
	s.events.Add(time.Now(), def, nil, func(b *tree.Builder) {
		by := def.ChildNamed("changed-by")
		b.Open(by)
		b.Leaf(by.ChildNamed("server"), "")
		b.Close()
		for _, c := range now {
			switch {
			case slices.Contains(before, c):
			case slices.ContainsFunc(before, func(old string) bool { return capabilityName(old) == capabilityName(c) }):
				b.Leaf(def.ChildNamed("modified-capability"), c)
			default:
				b.Leaf(def.ChildNamed("added-capability"), c)
			}
		}
		for _, c := range before {
			if !slices.ContainsFunc(now, func(new string) bool { return capabilityName(new) == capabilityName(c) }) {
				b.Leaf(def.ChildNamed("deleted-capability"), c)
			}
		}
	})
	if def := s.schema.Notification("ietf-yang-library", "yang-library-update"); def != nil {
		s.events.Add(time.Now(), def, nil, func(b *tree.Builder) { b.Leaf(def.ChildNamed("content-id"), s.library.id()) })
	}
}

// capabilityName is a capability without its parameters.
func capabilityName(c string) string {
	name, _, _ := strings.Cut(c, "?")
	return name
}

const streamDescription = "events of the element, its configuration and its sessions"

// mountStreams mounts /netconf/streams (RFC 5277 section 3.2.5.1).
func (s *Server) mountStreams() error {
	if s.events == nil {
		return nil
	}
	s.events.Mount(s.state)
	s.mountSubscriptions()
	def := s.schema.Find("/" + manageEvent + ":netconf/streams/stream")
	s.mount(def, func(out *state.Out) {
		size, row := s.events.Size(), out.Row(stream)
		row.Text(def.ChildNamed("description"), streamDescription)
		row.Bool(def.ChildNamed("replaySupport"), true)
		row.Time(def.ChildNamed("replayLogCreationTime"), size.Created)
		row.Time(def.ChildNamed("replayLogAgedTime"), size.Aged)
	})
	return nil
}
