package netconf

import (
	"context"
	"io"
	"sync"
	"time"

	"mooring/server/notify"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

const notificationNamespace = "urn:ietf:params:xml:ns:netconf:notification:1.0" // RFC 5277 section 4

// subscriptions are what sends notifications to a session. Each has a goroutine of its own, which writes a message as a whole
// while the session is not writing a reply, and waits for the client as replies do: nobody else waits for it.
type subscriptions struct {
	tasks  sync.WaitGroup
	mu     sync.Mutex // guards what follows
	stream bool       // there is one of create-subscription
	others int        // of establish-subscription; a session has either kind (RFC 8640 section 3)
}

// eventTime is the time of an event: to the microsecond, so that what is replayed from the time of an event begins with it.
func eventTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// message is a notification that begins with the first thing that is written to it (RFC 5277 section 2.2.1). Nothing else is sent by the
// session from then to its end.
type message struct {
	session *session
	ctx     context.Context // when it ends before the message has begun, nothing is sent
	at      time.Time
	w       *tree.XMLWriter // nil: nothing has been written
	void    bool            // nothing is sent
}

// writer begins the message where it has not begun.
func (m *message) writer() *tree.XMLWriter {
	if m.w == nil {
		x := m.session
		x.writing.Lock()
		if m.void = m.ctx.Err() != nil; m.void {
			m.w = tree.NewXMLWriter(io.Discard, notificationNamespace, "")
			return m.w
		}
		m.w = tree.NewXMLWriter(x.out, notificationNamespace, "")
		x.out.Write([]byte(xmlDeclaration + `<notification xmlns="` + notificationNamespace + `"><eventTime>` + eventTime(m.at) + "</eventTime>"))
	}
	return m.w
}

// end sends the message if there is one. The error says that the session has ended.
func (m *message) end() error {
	x := m.session
	if m.w == nil {
		return x.ctx.Err()
	}
	defer x.writing.Unlock()
	if err := x.ctx.Err(); m.void || err != nil {
		return err
	}
	m.w.Flush()
	x.out.Write([]byte("</notification>"))
	if err := x.out.End(); err != nil {
		return err
	}
	x.tally(func(c *counters) { c.notifications.Add(1) })
	return nil
}

// notify sends a notification unless ctx has ended; write writes what it holds. The error says that the session has ended.
func (x *session) notify(ctx context.Context, at time.Time, write func(tree.Writer)) error {
	m := message{session: x, ctx: ctx, at: at}
	write(m.writer())
	return m.end()
}

func (x *session) notifyEvent(ctx context.Context, e *notify.Event) error {
	return x.notify(ctx, e.Time, func(w tree.Writer) {
		walk := tree.Walk{Writer: w}
		walk.Children(e.Root)
	})
}

// notifyEmpty sends a notification that holds nothing.
func (x *session) notifyEmpty(def *schema.Node) error {
	return x.notify(x.ctx, time.Now(), func(w tree.Writer) {
		w.Open(def)
		w.Close()
	})
}

// notifyLoss says how many events of the stream came too fast for the client.
func (x *session) notifyLoss(ctx context.Context, lost uint64) error {
	def := x.server.schema.Notification("mooring-system", "notifications-lost")
	switch {
	case lost == 0:
		return nil
	case def == nil: // a schema that is not ours
		x.server.log.Warn("a subscriber reads too slowly", "session", x.id, "user", x.user.Name, "lost", lost)
		return nil
	}
	return x.notice(ctx, def, func(n *notice) { n.uint("count", lost) })
}

// notice is a notification about a subscription, for its session alone.
type notice struct {
	tree.Builder
	def *schema.Node
}

func (n *notice) uint(leaf string, v uint64) { n.Uint(n.def.ChildNamed(leaf), v) }

func (n *notice) text(leaf, value string) { n.Leaf(n.def.ChildNamed(leaf), value) }

// notice sends a notification that fill fills, unless ctx has ended.
func (x *session) notice(ctx context.Context, def *schema.Node, fill func(*notice)) error {
	n := notice{def: def}
	n.Open(def)
	fill(&n)
	root, _ := n.Close()
	return x.notify(ctx, time.Now(), func(w tree.Writer) {
		walk := tree.Walk{Writer: w}
		walk.Node(root)
	})
}

// subscribe starts what sends notifications. Its first message follows the reply to the request that is being served.
func (x *session) subscribe(send func()) { x.subs.tasks.Go(send) }

// unsubscribe waits for what sends notifications; the session has ended. A client that does not read may hold up a message for
// ever, so that the transport is closed after a while.
func (x *session) unsubscribe() {
	defer time.AfterFunc(x.server.limits.Linger, func() { x.drop(x.done) }).Stop()
	x.subs.tasks.Wait()
}
