package netconf

import (
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
