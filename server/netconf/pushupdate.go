package netconf

import (
	"slices"
	"strconv"
	"time"

	"mooring/server/netconf/filter"
	"mooring/server/netconf/push"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// record is an update record in the making: a push-update or a push-change-update, which begins with the first thing that is in it.
type record struct {
	of  *pushSubscription
	def *schema.Node
	message
}

func (s *pushSubscription) record(name string) *record {
	return &record{of: s, def: s.session.server.schema.Notification(yangPush, name), message: message{session: s.session, ctx: s.ctx, at: time.Now()}}
}

// begin begins the record with the container of that name open.
func (r *record) begin(container string) tree.Writer {
	r.of.resume() // that the session has ended is found out by end
	w := r.writer()
	w.Open(r.def)
	w.Leaf(r.def.ChildNamed("id"), strconv.FormatUint(uint64(r.of.id), 10), false)
	w.Open(r.def.ChildNamed(container))
	return w
}

// finish ends the container and the record, and sends it.
func (r *record) finish(incomplete bool) error {
	r.w.Close()
	if incomplete {
		r.w.Leaf(r.def.ChildNamed("incomplete-update"), "", false)
	}
	r.w.Close()
	err := r.end()
	if err == nil && !r.void {
		r.of.sent.Add(1)
	}
	return err
}

// tellAll sends a push-update: everything that is selected (RFC 8641 section 3.7). Where that cannot be found out, the subscription is
// suspended. The error says that the session has ended.
func (s *pushSubscription) tellAll(read filter.Read) (told bool, err error) {
	r := s.record("push-update")
	w := &late{begin: func() tree.Writer { return r.begin("datastore-contents") }}
	failed := read.Write(s.session.ctx, w)
	if isProblem(failed) && r.w == nil {
		return false, s.fail(failed)
	}
	if failed != nil {
		s.session.server.log.Error("an update is incomplete", "subscription", s.id, "error", failed)
	}
	w.start() // nothing is selected: that is told, too (section 3.9)
	return true, r.finish(failed != nil)
}

// tellChanges sends a push-change-update with what has changed, unless nothing has. patches counts those sent since the last push-update.
// told is false, and nothing counts as told, when it cannot be found out; then the subscription is suspended.
func (s *pushSubscription) tellChanges(t *push.Tracker, excluded []string, patches *uint32) (told bool, err error) {
	r := s.record("push-change-update")
	var patch *push.Patch
	failed := t.Tell(s.session.ctx, r.at, func(e *filter.Edit) {
		switch {
		case slices.Contains(excluded, string(e.Op)):
			return
		case patch == nil:
			patch = push.NewPatch(r.begin("datastore-changes"), r.def.ChildNamed("datastore-changes").ChildNamed("yang-patch"), *patches)
		}
		patch.Edit(e)
	})
	switch {
	case failed != nil:
		return false, s.fail(failed)
	case patch == nil:
		s.excluded.Add(1)
		return false, s.resume()
	}
	patch.End()
	*patches++ // and begins again with 0 after the greatest number
	return true, r.finish(false)
}

// fail suspends the subscription because the filter asks for more than can be evaluated.
func (s *pushSubscription) fail(why error) error {
	s.session.server.log.Warn("a subscription cannot be served", "subscription", s.id, "session", s.session.id, "error", why)
	return s.suspend(subscribed + ":insufficient-resources")
}

// late begins what it writes to with the first thing that is written. It does not mark what is there by default.
type late struct {
	begin func() tree.Writer
	to    tree.Writer // nil: not begun
}

func (w *late) start() tree.Writer {
	if w.to == nil {
		w.to = w.begin()
	}
	return w.to
}

// Open implements tree.Writer.
func (w *late) Open(def *schema.Node) { w.start().Open(def) }

// Close implements tree.Writer.
func (w *late) Close() { w.to.Close() }

// Leaf implements tree.Writer.
func (w *late) Leaf(def *schema.Node, value string, _ bool) { w.start().Leaf(def, value, false) }
