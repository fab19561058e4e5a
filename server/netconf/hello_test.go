package netconf

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"mooring/server/netconf/framing"
)

func TestHello(t *testing.T) {
	f := start(t, "", Limits{})
	c := f.connect(admin)
	got := strings.TrimPrefix(c.read(), xmlDeclaration)
	wellFormed(t, got)
	for _, want := range []string{
		"<capability>urn:ietf:params:netconf:base:1.0</capability><capability>urn:ietf:params:netconf:base:1.1</capability>",
		"<capability>urn:ietf:params:netconf:capability:candidate:1.0</capability>",
		"<capability>urn:ietf:params:netconf:capability:confirmed-commit:1.1</capability>",
		"<capability>urn:ietf:params:netconf:capability:validate:1.1</capability>",
		"<capability>urn:ietf:params:netconf:capability:rollback-on-error:1.0</capability>",
		"<capability>urn:ietf:params:netconf:capability:xpath:1.0</capability>",
		"<capability>urn:ietf:params:netconf:capability:partial-lock:1.0</capability>",
		"<capability>urn:ietf:params:netconf:capability:notification:1.0</capability>",
		"<capability>urn:ietf:params:netconf:capability:interleave:1.0</capability>",
		"with-defaults:1.0?basic-mode=explicit&amp;also-supported=report-all,report-all-tagged,trim</capability>",
		"yang-library:1.0?revision=2019-01-04&amp;module-set-id=" + f.server.library.id() + "</capability>",
		"<capability>urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring?module=ietf-netconf-monitoring&amp;revision=2010-10-04</capability>",
		"<capability>urn:ietf:params:xml:ns:netconf:base:1.0?module=ietf-netconf&amp;revision=2011-06-01&amp;features=candidate,",
		fmt.Sprintf("<session-id>%d</session-id></hello>", c.id),
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the hello lacks %s", want)
		}
	}
	for _, unwanted := range []string{"writable-running", "startup", ":url:", "mooring-pmipv6", "ietf-inet-types"} {
		if strings.Contains(got, unwanted) {
			t.Errorf("the hello names %s", unwanted)
		}
	}
}

// Sessions count up from 1, and a client that talks of an older version is understood in it.
func TestVersions(t *testing.T) {
	f := start(t, "", Limits{})
	for i, c := range []struct {
		offers         string
		chunked, clash bool
	}{
		{offers: base10},
		{offers: base11, chunked: true},
		{offers: base10 + "</capability><capability>\n " + base11 + " ", chunked: true},
		{offers: base11, chunked: true, clash: true}, // the client takes version 1.1 for agreed on when it says hello
	} {
		x := f.connect(admin)
		if x.id != uint32(i+1) {
			t.Errorf("session %d comes as number %d", x.id, i+1)
		}
		x.read()
		if c.clash {
			x.out.Upgrade()
		}
		x.send(hello(c.offers))
		if c.chunked {
			x.in.Upgrade()
			x.out.Upgrade()
		}
		x.must(discard)
	}
}

func TestBadHello(t *testing.T) {
	const base = `xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"`
	list := map[string]string{
		"no version":       hello("urn:ietf:params:netconf:base:2.0"),
		"no namespace":     strings.Replace(hello(base10), base, "", 1),
		"no hello":         `<rpc ` + base + ` message-id="1"><close-session/></rpc>`,
		"session-id":       strings.Replace(hello(base10), "</hello>", "<session-id>1</session-id></hello>", 1),
		"not well-formed":  strings.Replace(hello(base10), "</hello>", "</hallo>", 1),
		"document type":    "<!DOCTYPE hello>" + hello(base10),
		"nothing":          "",
		"elements in text": hello("<a/>"),
		"too large":        hello(strings.Repeat("x", maxHelloSize)),
	}
	f := start(t, "", Limits{})
	for name, text := range list {
		t.Run(name, func(t *testing.T) {
			c := f.connect(admin)
			c.t = t
			c.read()
			io.WriteString(c.conn, text+"]]>]]>") // the server may close before it has read all
			c.ended()
		})
	}
	f.until("all are counted", func() bool { return f.server.total.badHellos.Load() == uint64(len(list)) })
	if got := f.dial(admin).rpc(`<get><filter type="xpath" select="//x:in-bad-hellos" xmlns:x="urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"/></get>`); !strings.Contains(
		got, fmt.Sprintf("<in-bad-hellos>%d</in-bad-hellos>", len(list))) {
		t.Errorf("state says %s", got)
	}
}

// Whoever says nothing is not waited for.
func TestNoHello(t *testing.T) {
	t.Parallel()
	const patience = time.Second
	f := start(t, "", Limits{HelloTimeout: patience})
	silent, talking := f.connect(admin), f.dial(admin)
	silent.read()
	silent.ended()
	time.Sleep(patience)
	talking.must(discard) // a session that has said hello may take its time
}

// Requests in chunks of any size, and several at once, get their replies in order.
func TestPipelining(t *testing.T) {
	f := start(t, "", Limits{})
	c := f.dial(admin)
	var stream strings.Builder
	for i := range 50 {
		for _, octet := range []byte(rpc(i, discard)) {
			fmt.Fprintf(&stream, "\n#1\n%c", octet)
		}
		stream.WriteString("\n##\n" + chunk(rpc(1000+i, discard)))
	}
	if _, err := io.WriteString(c.conn, stream.String()); err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		for _, id := range []int{i, 1000 + i} {
			if got := c.read(); !strings.Contains(got, fmt.Sprintf(`message-id="%d"><ok/>`, id)) {
				t.Fatalf("reply %d: %s", id, got)
			}
		}
	}
}

// Where the next message begins cannot be known after a broken frame: the session ends, and nothing of the message is done.
func TestBrokenFrames(t *testing.T) {
	f := start(t, "", Limits{})
	for _, frame := range []string{"\n#0\n", "\n#01\nx", "\n#4294967296\n", "\n#-1\n", "#5\n", "\n##\n", "\n#5\nxxxxxx", "<rpc/>]]>]]>",
		"\n#10\n" + rpc(1, edit(top("<name>a</name>")))} {
		c := f.dial(admin)
		io.WriteString(c.conn, frame)
		c.ended()
	}
	if got := f.dial(admin).traps("candidate"); got != "" {
		t.Errorf("something was done: %s", got)
	}
}

// The server may be the first to speak version 1.1, so its own hello must not be in chunks.
func TestOwnHelloIsOfVersion10(t *testing.T) {
	c := start(t, "", Limits{}).connect(admin)
	begin := make([]byte, len(xmlDeclaration))
	if _, err := io.ReadFull(c.conn, begin); err != nil || string(begin) != xmlDeclaration {
		t.Errorf("the hello begins with %q, %v", begin, err)
	}
	c.in = framing.NewReader(c.conn)
	c.read()
}
