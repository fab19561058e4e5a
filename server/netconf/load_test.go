package netconf

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mooring/dataplane"
)

// items makes configuration of n entries, each of more than 300 octets.
func items(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "<item><id>number %d</id><size>%d</size><port>%d</port><secret>%0300d</secret></item>", i, i%100+1, 1000+i, i)
	}
	return b.String()
}

// A change of many entries in one request, of a size beyond the window of SSH channels, and the same back.
func TestManyEntries(t *testing.T) {
	f, addr, ann := reachable(t, Limits{})
	conn, err := login(addr, "ann", ann[1])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := channel(t, conn)
	const n = 7_000
	config := items(n)
	if len(config) < 2<<20 {
		t.Fatalf("%d octets fit the window", len(config))
	}
	c.must(edit(top(config), testFirst), validateC, commit)
	if got := c.traps("running"); strings.Count(got, "<item>") != n {
		t.Errorf("running holds %d entries", strings.Count(got, "<item>"))
	}
	if got := c.rpc(`<get-config><source><running/></source><filter><top xmlns="urn:example:traps"><item><id>number 4711</id></item></top></filter></get-config>`); got !=
		`<data><top xmlns="urn:example:traps"><item><id>number 4711</id><size>12</size><port>5711</port><secret>`+fmt.Sprintf("%0300d", 4711)+`</secret></item></top></data>` {
		t.Errorf("one entry: %s", got)
	}
	if f.store.Running().ID != 2 {
		t.Errorf("running is commit %d", f.store.Running().ID)
	}
}

// A client may write a lot before it reads the replies, which are more than is kept on the way.
func TestReadsWhileWriting(t *testing.T) {
	_, addr, ann := reachable(t, Limits{})
	conn, err := login(addr, "ann", ann[1])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := channel(t, conn)
	const n = 9_000 // 3 MB, and the window of a channel is 2 MiB
	c.must(edit(top(items(n))), commit)
	const requests = 3
	for i := range requests {
		c.send(rpc(2*i, `<get-config><source><running/></source></get-config>`))
		c.send(rpc(2*i+1, edit(top(items(n)))))
	}
	for i := range requests {
		if got := c.read(); strings.Count(got, "<item>") != n || !strings.Contains(got, fmt.Sprintf(`message-id="%d"`, 2*i)) {
			t.Errorf("reply %d has %d octets", i, len(got))
		}
		if got := c.read(); !strings.Contains(got, success) {
			t.Errorf("edit %d: %s", i, got)
		}
	}
}

// What is read ahead comes in order, within bounds, and ends with the transport or the session.
func TestAhead(t *testing.T) {
	from, to := io.Pipe()
	a := newAhead(from)
	var sent atomic.Int64
	content := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(i % 251)
		}
		return b
	}
	const size = 3 * maxAhead
	var writer sync.WaitGroup
	writer.Go(func() {
		for b := content(size); len(b) > 0; {
			n, err := to.Write(b[:min(len(b), 10_000)])
			if err != nil {
				t.Error(err)
			}
			sent.Add(int64(n))
			b = b[n:]
		}
		to.Close()
	})
	got := make([]byte, 1, size)
	if _, err := io.ReadFull(a, got); err != nil {
		t.Fatal(err)
	}
	for sent.Load() < maxAhead/2 { // or until the test's deadline
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(50 * time.Millisecond) // which it has to go too far
	if n := sent.Load(); n > maxAhead+20_000+int64(len(piece{})) {
		t.Errorf("%d octets were read ahead, want at most about %d", n, maxAhead)
	}
	rest, err := io.ReadAll(a)
	if got = append(got, rest...); err != nil || !bytes.Equal(got, content(size)) {
		t.Errorf("%d octets came, %v", len(got), err)
	}
	writer.Wait()

	from, to = io.Pipe()
	a = newAhead(from)
	go to.Write(content(2 * maxAhead))
	a.Read(got[:1])
	a.close()
	if _, err := a.Read(got[:1]); err == nil {
		t.Error("it goes on after its end")
	}
	from.Close()
}

// counting is a transport that has a request and counts the octets of the reply.
type counting struct {
	io.Reader
	octets  int64
	largest int // of what left at once
}

func (c *counting) Write(p []byte) (int, error) {
	c.octets += int64(len(p))
	c.largest = max(c.largest, len(p))
	return len(p), nil
}

// Replies leave as they are made: all the memory that a long one takes in its course, though it is given back at once, is far less
// than its octets.
func TestRepliesAreStreamed(t *testing.T) {
	f := start(t, "", Limits{})
	c := f.dial(admin)
	serve := func(request string) (reply int64, allocated uint64) {
		request = rpc(1, request) + "]]>]]>"
		for round := range 4 { // the first finds everything that is kept for later, and others may be at work in one
			transport := &counting{Reader: strings.NewReader(request)}
			x := f.server.newSession(t.Context(), transport, admin, func(<-chan struct{}) {})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if err := x.next(); err != nil {
				t.Fatal(err)
			}
			runtime.ReadMemStats(&after)
			x.store.Close()
			f.server.leave(x)
			reply = transport.octets
			if took := after.TotalAlloc - before.TotalAlloc; round < 2 || took < allocated {
				allocated = took
			}
			if transport.largest > 128<<10 {
				t.Errorf("%d octets leave at once", transport.largest)
			}
		}
		return reply, allocated
	}
	for name, request := range map[string]string{
		"all":     `<get-config><source><running/></source></get-config>`,
		"subtree": `<get-config><source><running/></source><filter><top xmlns="urn:example:traps"><item><secret/></item></top></filter></get-config>`,
		"XPath":   `<get-config><source><running/></source><filter type="xpath" xmlns:t="urn:example:traps" select="/t:top/t:item/t:secret"/></get-config>`,
		"get":     `<get><filter><top xmlns="urn:example:traps"/></filter></get>`,
		"get-data": `<get-data xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-nmda" xmlns:ds="urn:ietf:params:xml:ns:yang:ietf-datastores"><datastore>ds:operational</datastore>` +
			`<subtree-filter><top xmlns="urn:example:traps"/></subtree-filter></get-data>`,
	} {
		c.must(edit(top(items(100)), replaceAll), commit)
		_, short := serve(request)
		c.must(edit(top(items(5_000)), replaceAll), commit)
		octets, long := serve(request)
		if octets < 1<<20 {
			t.Errorf("%s: a reply of %d octets proves nothing", name, octets)
		}
		if long > short+uint64(octets)/4 {
			t.Errorf("%s: a reply of %d octets takes %d octets of memory, a short one %d", name, octets, long, short)
		}
	}
}

// A client that asks for a lot and does not read it holds up nobody, and is gone when it is killed.
func TestSlowReader(t *testing.T) {
	f := start(t, "", Limits{})
	slow, c := f.dial(admin), f.dial(admin)
	c.must(edit(top(items(5_000))), commit)
	for i := range 20 { // beyond what sockets buffer
		slow.send(rpc(i, `<get-config><source><running/></source></get-config>`))
	}
	c.must(edit(top("<name>a</name>")), commit, lockC, unlockC)
	if got := f.dial(admin).rpc(`<get-config><source><running/></source><filter><top xmlns="urn:example:traps"><name/></top></filter></get-config>`); !strings.Contains(
		got, "<name>a</name>") {
		t.Errorf("got %s", got)
	}
	if n := f.server.session(slow.id).count.in.Load(); n == 20 {
		t.Error("the session went through all its requests: the test proves nothing")
	}
	c.must("<kill-session><session-id>" + id(slow) + "</session-id></kill-session>")
	if f.server.session(slow.id) != nil {
		t.Error("the session lives")
	}
}

// A client that asks for state and does not read it holds up neither those whose state it is nor commits.
func TestSlowReaderOfState(t *testing.T) {
	d := startDomain(t, `{`+anchorConfig+`}`)
	const bindings, requests = 5_000, 20
	for id := range bindings {
		d.table.Put(bound(id+1, 0))
	}
	slow, c := d.dial(admin), d.dial(admin)
	for i := range requests { // beyond what sockets buffer
		slow.send(rpc(i, `<get><filter><pmipv6 `+lmaSpace+`/></filter></get>`))
	}
	x := d.server.session(slow.id)
	d.until("it is being answered", func() bool { return x.count.in.Load() > 0 })
	for id := range bindings {
		d.table.Put(bound(id+1, 1))
		d.table.Delete(dataplane.SessionID(id + 1))
	}
	c.must(edit(top("<name>a</name>")), commit, lockC, unlockC)
	if got := c.rpc(`<get><filter><pmipv6 ` + lmaSpace + `><lma><name>lma1</name><bindings/></lma></pmipv6></filter></get>`); strings.Contains(got, "<binding>") {
		t.Error("bindings that are gone are shown")
	}
	if n := x.count.in.Load(); n == requests {
		t.Error("the session went through all its requests: the test proves nothing")
	}
}

// Sessions that take turns by the lock lose no change of each other.
func TestManySessions(t *testing.T) {
	f := start(t, `{"example-traps:top": {"item": [{"id": "counter", "port": 1000}]}}`, Limits{})
	const sessions, turns = 8, 20
	var tasks sync.WaitGroup
	for range sessions {
		c := f.dial(admin)
		tasks.Go(func() {
			for range turns {
				for c.rpc(lockC) != success {
					time.Sleep(time.Millisecond)
				}
				_, text, _ := strings.Cut(c.traps("candidate"), "<port>")
				port, _, _ := strings.Cut(text, "<")
				n, err := strconv.Atoi(port)
				if err != nil {
					t.Errorf("the counter is %q", port)
					return
				}
				for _, op := range []string{edit(top(fmt.Sprintf("<item><id>counter</id><port>%d</port></item>", n+1)), testFirst), commit, unlockC} {
					if got := c.rpc(op); got != success {
						t.Errorf("%s: %s", op, got)
						return
					}
				}
			}
		})
	}
	tasks.Wait()
	want := fmt.Sprintf("<item><id>counter</id><port>%d</port></item>", 1000+sessions*turns)
	if got := f.dial(admin).traps("running"); got != want {
		t.Errorf("running holds %s, want %s", got, want)
	}
}
