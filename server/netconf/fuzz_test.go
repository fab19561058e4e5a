package netconf

import (
	"bytes"
	"strings"
	"testing"

	"mooring/server/netconf/framing"
)

// loopback is a transport with the client's octets in it.
type loopback struct {
	*strings.Reader
	out bytes.Buffer
}

func (l *loopback) Write(p []byte) (int, error) { return l.out.Write(p) }

// FuzzRequest: whatever a message holds, it gets one reply, which is well-formed, and only what was answered by ok or a warning
// can have changed anything.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		rpc(1, edit(top("<name>a</name><item><id>1</id><kind xmlns:x='urn:example:traps'>x:dog</kind></item>"), testFirst, rollback)),
		rpc(1, edit(top("<item"+opAttr+"'replace'><id>1</id></item><tcp/><ordered"+placed+"'first'><id>1</id></ordered>"), none)),
		rpc(1, `<get><filter type="xpath" select="/x:top/x:item[x:id='1']|//x:name" xmlns:x="urn:example:traps"/></get>`),
		rpc(1, `<get-config><source><candidate/></source><filter><top xmlns="urn:example:traps"><item><id>1</id><size/></item></top></filter></get-config>`),
		rpc(1, `<get-schema xmlns="`+monitoringSpace+`"><identifier>example-traps</identifier><format>yang</format></get-schema>`),
		rpc(1, `<copy-config><target><candidate/></target><source><config>`+top("<limit>1</limit>")+`</config></source></copy-config>`),
		rpc(1, `<commit><confirmed/><confirm-timeout>5</confirm-timeout><persist>a</persist></commit>`),
		rpc(1, `<validate><source><config/></source></validate>`), rpc(1, lockC), rpc(1, "<close-session/>"), `<!DOCTYPE a>`,
		rpc(1, getData("operational", xpathFilter("/tr:top/tr:item[tr:id='1']"), "<max-depth>2</max-depth>", "<with-origin/>")),
		rpc(1, editData("candidate", top("<name>a</name>"))), rpc(1, lockParts("/t:top/t:item", "/t:top/t:name")), rpc(1, unlockParts(1)),
		rpc(1, paint("1", "red")), rpc(1, `<greet xmlns="urn:example:traps" xmlns:t="urn:example:traps"><whom>t:dog</whom></greet>`),
		`<n:rpc xmlns:n="urn:ietf:params:xml:ns:netconf:base:1.0" xmlns="urn:x" n:a="b" message-id="&#10;"><n:get/></n:rpc>`,
	} {
		f.Add(seed)
	}
	fix := start(f, `{"example-traps:top": {"name": "before", "item": [{"id": "1"}]}}`, Limits{MessageSize: 1 << 20})
	f.Fuzz(func(t *testing.T, message string) {
		if strings.Contains(message, "]]>]]>") {
			return // two messages
		}
		transport := &loopback{Reader: strings.NewReader(message + "]]>]]>")}
		x := fix.server.newSession(t.Context(), transport, admin, func(<-chan struct{}) {})
		candidate, running := x.store.Candidate().Root(), fix.store.Running().Root
		err := x.next()
		changed := !x.store.Candidate().Root().Equal(candidate) || !fix.store.Running().Root.Equal(running)
		x.store.Candidate().Discard()
		x.store.Close()
		fix.server.leave(x)
		if err != nil {
			if strings.TrimSpace(message) != "" {
				t.Fatalf("%q ends the session: %v", message, err)
			}
			return
		}
		in := framing.NewReader(&transport.out)
		if err := in.Next(); err != nil {
			t.Fatalf("%q has no reply: %v", message, err)
		}
		var reply bytes.Buffer
		if _, err := reply.ReadFrom(in); err != nil {
			t.Fatal(err)
		}
		wellFormed(t, reply.String())
		if changed && !bytes.Contains(reply.Bytes(), []byte("ok/>")) {
			t.Fatalf("%q changed something and is answered by %s", message, reply.String())
		}
		if in.Next() == nil {
			t.Fatalf("%q has two replies", message)
		}
	})
}
