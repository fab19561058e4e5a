package netconf

import (
	"context"
	"fmt"
	"net"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mooring/server/access"
	"mooring/server/netconf/framing"
	"mooring/server/tree"
)

// subscribe makes a create-subscription.
func subscribe(parameters ...string) string {
	return `<create-subscription xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0">` + strings.Join(parameters, "") + `</create-subscription>`
}

var notificationStart = regexp.MustCompile(`^<\?xml version="1.0" encoding="UTF-8"\?>\n<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"><eventTime>([^<]*)</eventTime>`)

// unwrap returns the time of a notification and what it holds.
func unwrap(t testing.TB, message string) (at time.Time, content string) {
	t.Helper()
	start := notificationStart.FindStringSubmatch(message)
	if start == nil {
		t.Fatalf("no notification: %s", message)
	}
	at, err := time.Parse(time.RFC3339Nano, start[1])
	if err != nil {
		t.Fatal(err)
	}
	return at, strings.TrimSuffix(strings.TrimPrefix(message, start[0]), "</notification>")
}

// told reads a notification.
func (c *client) told() string {
	c.t.Helper()
	message := c.read()
	wellFormed(c.t, message)
	_, content := unwrap(c.t, message)
	return content
}

// tells checks which notifications come next.
func (c *client) tells(want ...string) {
	c.t.Helper()
	for _, want := range want {
		if got := c.told(); got != want {
			c.t.Errorf("notification %s\nwant %s", got, want)
		}
	}
}

// alarm is an event of the tests, and how it is told.
func (f *fixture) alarm(level int) string {
	def := f.store.Schema().Notification("example-traps", "alarm")
	f.events.Add(time.Now(), def, nil, func(b *tree.Builder) {
		b.Uint(def.ChildNamed("level"), uint64(level))
		b.Leaf(def.ChildNamed("text"), "a <text>")
	})
	return fmt.Sprintf(`<alarm xmlns="urn:example:traps"><level>%d</level><text>a &lt;text&gt;</text></alarm>`, level)
}

// escaped is an event of a data node.
func (f *fixture) escaped(item, where string) string {
	def := f.store.Schema().Find("/example-traps:top/item").Notifications[0]
	f.events.Add(time.Now(), def, []string{item}, func(b *tree.Builder) {
		b.Leaf(def.ChildNamed("where"), where)
		b.Leaf(def.ChildNamed("seen-by"), "ann")
		b.Leaf(def.ChildNamed("seen-by"), "bob")
	})
	return top("<item><id>" + item + "</id><escaped><where>" + where + "</where><seen-by>ann</seen-by><seen-by>bob</seen-by></escaped></item>")
}

const (
	replayComplete       = `<replayComplete xmlns="urn:ietf:params:xml:ns:netmod:notification"/>`
	notificationComplete = `<notificationComplete xmlns="urn:ietf:params:xml:ns:netmod:notification"/>`
)

func TestNotifications(t *testing.T) {
	f := start(t, "", Limits{})
	c := f.dial(admin)
	c.must(subscribe("<stream>NETCONF</stream>"))
	c.tells(f.alarm(1), f.alarm(2), f.escaped("a", "b"))
	// interleave: requests are served as before
	f.alarm(3)
	c.tells(`<alarm xmlns="urn:example:traps"><level>3</level><text>a &lt;text&gt;</text></alarm>`)
	c.must(lockC, unlockC)
	if got := c.state("sessions"); !strings.Contains(got, "<out-notifications>4</out-notifications>") {
		t.Errorf("it is not counted what was sent: %s", got)
	}
	if got := said(t, c.rpc(subscribe())); got != protocol+"operation-failed" {
		t.Errorf("a second subscription: %s", got)
	}
	// of its own changes, too
	c.must(edit(top("<name>a</name>")))
	c.send(rpc(99, commit))
	if both := c.read() + c.read(); !strings.Contains(both, "<rpc-reply") || !strings.Contains(both, "<netconf-config-change") {
		t.Errorf("after a commit came %s", both)
	}
}

func TestNotificationFilters(t *testing.T) {
	for name, c := range map[string]struct {
		filter string
		passes string // which of alarm 1, alarm 2, and an escape of item a and of item b
	}{
		"none":                  {``, "12ab"},
		"empty":                 {`<filter/>`, ""},
		"a notification":        {`<filter type="subtree"><alarm xmlns="urn:example:traps"/></filter>`, "12"},
		"misplaced":             {`<nc:filter xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:type="subtree"><alarm xmlns="urn:example:traps"/></nc:filter>`, "12"},
		"of another namespace":  {`<filter><alarm xmlns="urn:example:others"/></filter>`, ""},
		"one of two":            {`<filter><lonely xmlns="urn:example:traps"/><alarm xmlns="urn:example:traps"/></filter>`, "12"},
		"content":               {`<filter><alarm xmlns="urn:example:traps"><level>2</level></alarm></filter>`, "2"},
		"content and selection": {`<filter><alarm xmlns="urn:example:traps"><level>1</level><text/></alarm></filter>`, "1"},
		"all of a data node":    {`<filter><top xmlns="urn:example:traps"/></filter>`, "ab"},
		"a key":                 {`<filter><top xmlns="urn:example:traps"><item><id>b</id></item></top></filter>`, "b"},
		"a key and more":        {`<filter><top xmlns="urn:example:traps"><item><id>b</id><escaped><where>z</where></escaped></item></top></filter>`, ""},
		"an entry":              {`<filter><top xmlns="urn:example:traps"><item><escaped><seen-by>bob</seen-by></escaped></item></top></filter>`, "ab"},
		"no such entry":         {`<filter><top xmlns="urn:example:traps"><item><escaped><seen-by>eve</seen-by></escaped></item></top></filter>`, ""},
		"xpath":                 {`<filter type="xpath" xmlns:t="urn:example:traps" select="/t:alarm[t:level > 1]"/>`, "2"},
		"xpath with a value":    {`<filter type="xpath" xmlns:t="urn:example:traps" select="/t:alarm/t:level = 1"/>`, "1"},
		"xpath of a data node":  {`<filter type="xpath" xmlns:t="urn:example:traps" select="/t:top/t:item[t:id='a']/t:escaped"/>`, "a"},
		"xpath of both":         {`<filter type="xpath" xmlns:t="urn:example:traps" select="/t:alarm | //t:escaped"/>`, "12ab"},
		"xpath that costs":      {`<filter type="xpath" select="//*[//*[//*[//*[//*[//*[//*[//*[//*[//*]]]]]]]]]"/>`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, "", Limits{})
			cl := f.dial(admin)
			cl.must(subscribe(c.filter))
			for _, e := range []struct{ name, text string }{{"1", f.alarm(1)}, {"2", f.alarm(2)}, {"a", f.escaped("a", "x")}, {"b", f.escaped("b", "y")}} {
				if strings.Contains(c.passes, e.name) {
					cl.tells(e.text)
				}
			}
			cl.must(lockC) // nothing else came
		})
	}
}

func TestReplay(t *testing.T) {
	f := start(t, "", Limits{})
	c := f.dial(admin)
	begin := "<startTime>" + eventTime(time.Now()) + "</startTime>"
	want := []string{f.alarm(1), f.alarm(2)}
	c.must(subscribe(begin, `<filter><alarm xmlns="urn:example:traps"/></filter>`))
	c.tells(append(want, replayComplete)...)
	c.tells(f.alarm(3))

	other := f.dial(admin)
	f.alarm(4)
	c.tells(`<alarm xmlns="urn:example:traps"><level>4</level><text>a &lt;text&gt;</text></alarm>`)
	end := time.Now().In(time.FixedZone("", 5*3600)).Format(time.RFC3339Nano)
	time.Sleep(time.Millisecond)
	f.alarm(5)
	for range 2 { // after the end of a subscription there can be another one
		other.must(subscribe(begin, "<stopTime>"+end+"</stopTime>", `<filter type="xpath" xmlns:t="urn:example:traps" select="/t:alarm[t:level > 1]"/>`))
		for level := 2; level <= 4; level++ {
			other.tells(fmt.Sprintf(`<alarm xmlns="urn:example:traps"><level>%d</level><text>a &lt;text&gt;</text></alarm>`, level))
		}
		other.tells(replayComplete, notificationComplete)
		other.must(lockC, unlockC)
	}
	other.must(subscribe("<startTime>" + eventTime(time.Now()) + "</startTime>"))
	other.tells(replayComplete)
}

func TestStreams(t *testing.T) {
	f := start(t, "", Limits{})
	c := f.dial(admin)
	get := func() string {
		return c.rpc(`<get><filter><netconf xmlns="urn:ietf:params:xml:ns:netmod:notification"/></filter></get>`)
	}
	want := regexp.MustCompile(`^<data><netconf xmlns="urn:ietf:params:xml:ns:netmod:notification"><streams><stream><name>NETCONF</name><description>[^<]+</description>` +
		`<replaySupport>true</replaySupport><replayLogCreationTime>[^<]+</replayLogCreationTime></stream></streams></netconf></data>$`)
	if got := get(); !want.MatchString(got) {
		t.Errorf("got %s", got)
	}
	for range 101 {
		f.alarm(1)
	}
	if got := get(); !strings.Contains(got, "<replayLogAgedTime>") {
		t.Errorf("nothing was dropped: %s", got)
	}
	if got := c.rpc(`<get><filter><system xmlns="urn:mooring:yang:mooring-system"><notification-log/></system></filter></get>`); !strings.Contains(
		got, "<events>100</events><maximum>100</maximum><octets>") {
		t.Errorf("got %s", got)
	}
}

func TestBadSubscriptions(t *testing.T) {
	f := start(t, "", Limits{})
	c := f.dial(admin)
	past, future := "2026-01-01T00:00:00Z", eventTime(time.Now().Add(time.Hour))
	for operation, want := range map[string]string{
		subscribe("<stream>NONE</stream>"):                                                        protocol + "invalid-value bad-element=stream",
		subscribe("<stopTime>" + future + "</stopTime>"):                                          protocol + "missing-element bad-element=startTime",
		subscribe("<startTime>" + future + "</startTime>"):                                        protocol + "bad-element bad-element=startTime",
		subscribe("<startTime>"+future+"</startTime>", "<stopTime>"+past+"</stopTime>"):           protocol + "bad-element bad-element=startTime",
		subscribe("<startTime>"+past+"</startTime>", "<stopTime>2025-01-01T00:00:00Z</stopTime>"): protocol + "bad-element bad-element=stopTime",
		subscribe("<startTime>yesterday</startTime>"):                                             protocol + "invalid-value /nc:rpc/ncEvent:create-subscription/ncEvent:startTime",
		subscribe(`<filter type="xpath" select="]"/>`):                                            protocol + "invalid-value /nc:rpc/ncEvent:create-subscription/ncEvent:filter",
		subscribe(`<filter type="xpath"/>`):                                                       protocol + "missing-attribute /nc:rpc/ncEvent:create-subscription/ncEvent:filter bad-attribute=select bad-element=filter",
	} {
		if got := said(t, c.rpc(operation)); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", operation, got, want)
		}
	}
	c.must(subscribe()) // none of them counts
}

// Who may not read an event, or the data node that it is about, is not told (RFC 8341 section 3.4.6).
func TestNotificationAccess(t *testing.T) {
	f := start(t, `{
		"ietf-netconf-acm:nacm": {
			"groups": {"group": [{"name": "guests", "user-name": ["guest"]}]},
			"rule-list": [{"name": "guests", "group": ["guests"], "rule": [
				{"name": "alarms", "module-name": "example-traps", "notification-name": "alarm", "access-operations": "read", "action": "deny"},
				{"name": "a", "path": "/example-traps:top/example-traps:item[example-traps:id='a']", "access-operations": "read", "action": "deny"}]}]}}`, Limits{})
	c, boss := f.dial(guest), f.dial(access.User{Name: "boss", Origin: access.Local, Groups: []string{access.AdminGroup}})
	ours := `<filter><alarm xmlns="urn:example:traps"/><top xmlns="urn:example:traps"/></filter>`
	c.must(subscribe(ours))
	boss.must(subscribe(ours))
	boss.tells(f.alarm(1), f.escaped("a", "x"))
	if got := f.escaped("b", "y"); c.told() != got || boss.told() != got {
		t.Error("the last event is the one that both may know of")
	}
	if got := f.server.access.Denied.Notifications.Load(); got != 1 {
		t.Errorf("%d notifications count as denied, want 1", got)
	}
}

// A subscriber who does not read loses events, and delays nobody.
func TestSlowSubscriber(t *testing.T) {
	f := start(t, "", Limits{})
	slow, c := f.dial(admin), f.dial(admin)
	slow.must(subscribe(`<filter><alarm xmlns="urn:example:traps"/><notifications-lost xmlns="urn:mooring:yang:mooring-system"/></filter>`))
	x := f.server.session(slow.id)
	const events = 20_000 // beyond what sockets buffer
	for i := range events {
		f.alarm(i)
	}
	for i := range 20 {
		c.must(edit(top(fmt.Sprintf("<name>%d</name>", i))), commit)
	}
	sent := x.count.notifications.Load()
	if sent == events {
		t.Error("everything was sent: the test proves nothing")
	}
	seen, lost := 0, 0
	for {
		text := slow.told()
		var n int
		switch {
		case strings.Contains(text, "<notifications-lost"):
			fmt.Sscanf(text, `<notifications-lost xmlns="urn:mooring:yang:mooring-system"><count>%d</count>`, &n)
			lost += n
			continue
		case !strings.Contains(text, "<alarm"):
			t.Fatalf("it is told %s", text)
		}
		fmt.Sscanf(text, `<alarm xmlns="urn:example:traps"><level>%d</level>`, &n)
		if n < seen {
			t.Fatalf("%d comes after %d", n, seen)
		}
		if seen = n; n == events-1 {
			break
		}
	}
	if lost == 0 {
		t.Error("it is not told what it lost")
	}
	if all := f.server.session(slow.id).count.notifications.Load(); int(all)+lost < events {
		t.Errorf("%d messages came and %d events were lost, of %d", all, lost, events)
	}
	slow.must(lockC)
}

// A subscription whose client is gone leaves nothing behind, whatever its goroutine is doing.
func TestSubscriptionsEndWithTheSession(t *testing.T) {
	f := start(t, "", Limits{})
	for name, end := range map[string]func(c *client){
		"closed":  func(c *client) { c.must("<close-session/>"); c.ended() },
		"lost":    func(c *client) { c.conn.Close() },
		"no more": func(c *client) { c.conn.(*net.TCPConn).CloseWrite() },
		"killed": func(c *client) {
			f.dial(admin).must("<kill-session><session-id>" + id(c) + "</session-id></kill-session>")
		},
	} {
		for _, blocked := range []bool{false, true} {
			if blocked && name == "closed" {
				continue // the reply would wait, too
			}
			t.Run(fmt.Sprint(name, " ", blocked), func(t *testing.T) {
				c := f.dial(admin)
				c.must(subscribe(`<filter><alarm xmlns="urn:example:traps"/></filter>`))
				if blocked {
					const events = 20_000
					for range events {
						f.alarm(1)
					}
					if n := f.server.session(c.id).count.notifications.Load(); n == events {
						t.Error("everything was sent: the test proves nothing")
					}
				}
				end(c)
				f.until("the subscription ends", func() bool { return goroutines("streamSubscription") == 0 })
				f.until("the session has ended", func() bool { return f.server.session(c.id) == nil })
			})
		}
	}
}

// goroutines counts the goroutines that are in a function of that name.
func goroutines(name string) int {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	n := 0
	for stack := range strings.SplitSeq(string(stacks), "\n\n") {
		if strings.Contains(stack, name) {
			n++
		}
	}
	return n
}

// What the server says of sessions (RFC 6470).
func TestSessionEvents(t *testing.T) {
	f := start(t, "", Limits{})
	c := f.dial(admin)
	c.must(subscribe())
	far := access.User{Name: "far", Groups: []string{access.AdminGroup}, Origin: access.Local, Remote: "192.0.2.7:40000"}
	event := func(name string, id uint32, more string) string {
		return fmt.Sprintf(`<netconf-session-%s xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-notifications"><username>far</username><session-id>%d</session-id><source-host>192.0.2.7</source-host>%s</netconf-session-%[1]s>`,
			name, id, more)
	}
	reason := func(text string) string { return "<termination-reason>" + text + "</termination-reason>" }
	x := f.dial(far)
	c.tells(event("start", x.id, ""))
	x.must("<close-session/>")
	c.tells(event("end", x.id, reason("closed")))
	x = f.dial(far)
	x.conn.Close()
	c.tells(event("start", x.id, ""), event("end", x.id, reason("dropped")))
	x = f.dial(far)
	c.tells(event("start", x.id, ""))
	c.send(rpc(9, "<kill-session><session-id>"+id(x)+"</session-id></kill-session>"))
	if reply, told := c.read(), ""; !strings.Contains(reply, "<rpc-reply") {
		_, told = unwrap(t, reply)
		if told != event("end", x.id, "<killed-by>"+id(c)+"</killed-by>"+reason("killed")) {
			t.Errorf("told %s", told)
		}
		c.read()
	} else {
		c.tells(event("end", x.id, "<killed-by>"+id(c)+"</killed-by>"+reason("killed")))
	}
	x = f.connect(far)
	x.send("<hello/>")
	c.tells(event("end", x.id, reason("bad-hello")))
}

// A stop time in the future ends the subscription and not the session.
func TestStopTime(t *testing.T) {
	f := start(t, "", Limits{}) // outside of the bubble, in which nothing may be left
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer ours.Close()
		x := f.server.newSession(context.Background(), theirs, admin, func(<-chan struct{}) { theirs.Close() })
		go x.run()
		c := &client{t: t, in: framing.NewReader(ours), out: framing.NewWriter(ours), id: x.id}
		c.read()
		c.send(hello(base10))
		begin := time.Now()
		stop := begin.Add(time.Hour)
		c.must(subscribe("<startTime>"+eventTime(begin)+"</startTime>", "<stopTime>"+eventTime(stop)+"</stopTime>", "<filter/>"))
		c.tells(replayComplete)
		at, content := unwrap(t, c.read())
		if content != notificationComplete || !time.Now().Equal(stop) || !at.Equal(stop) {
			t.Errorf("after %v came %s", time.Since(begin), content)
		}
		c.must("<close-session/>")
	})
}

// The same over SSH.
func TestNotificationsOverSSH(t *testing.T) {
	f, addr, ann := reachable(t, Limits{})
	conn, err := login(addr, "ann", ann[1])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c, other := channel(t, conn), channel(t, conn)
	c.must(subscribe(`<filter><netconf-config-change xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-notifications"/></filter>`))
	other.must(edit(top("<name>a</name>")), commit)
	if got := c.told(); !strings.Contains(got, `<username>ann</username>`) || !strings.Contains(got, `<source-host>127.0.0.1</source-host>`) ||
		!strings.Contains(got, `<edit><target xmlns:tr="urn:example:traps">/tr:top</target><operation>create</operation></edit>`) {
		t.Errorf("it is told %s", got)
	}
	other.must("<close-session/>")
	c.must(lockC, unlockC, "<close-session/>")
	f.until("the subscription ends", func() bool { return goroutines("streamSubscription") == 0 })
}

// Whoever subscribes after a commit was answered is not told of it, however busy the element is.
func TestSubscriptionBeginsAfterWhatWasAnswered(t *testing.T) {
	f := start(t, "", Limits{})
	many := [2]string{items(500), strings.ReplaceAll(items(500), "number", "nummer")} // it takes a while to find out what changes
	for i := range 4 {
		c := f.dial(admin)
		c.must(edit(top(many[i%2]), replaceAll), commit)
		if i < 2 {
			c.must(subscribe())
		} else {
			c.established(establish())
		}
		c.tells(f.alarm(i))
		c.conn.Close()
	}
}
