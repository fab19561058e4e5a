package netconf

import (
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"mooring/server/netconf/framing"
)

// remote is a server that is reached as managers reach it: over SSH.
type remote struct {
	*fixture
	addr string
	key  ssh.AuthMethod // of ann, who may do everything
}

func reach(t *testing.T) *remote {
	t.Helper()
	f, addr, ann := reachable(t, Limits{})
	return &remote{f, addr, ann[1]}
}

// raw is a session whose octets the test writes itself, if it likes.
type raw struct {
	*client
	stdin io.Writer
}

// open begins a session in a connection of its own, before the hello of the client.
func (r *remote) open() *raw {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(time.Minute))
	secure, channels, requests, err := ssh.NewClientConn(conn, r.addr, &ssh.ClientConfig{User: "ann", Auth: []ssh.AuthMethod{r.key}, HostKeyCallback: ssh.FixedHostKey(hostKey().PublicKey())})
	if err != nil {
		r.t.Fatal(err)
	}
	s, err := ssh.NewClient(secure, channels, requests).NewSession()
	if err != nil {
		r.t.Fatal(err)
	}
	in, _ := s.StdinPipe()
	out, _ := s.StdoutPipe()
	if err := s.RequestSubsystem("netconf"); err != nil {
		r.t.Fatal(err)
	}
	x := &raw{&client{t: r.t, conn: conn, in: framing.NewReader(out), out: framing.NewWriter(in)}, in}
	_, text, _ := strings.Cut(x.read(), "<session-id>")
	text, _, _ = strings.Cut(text, "<")
	number, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		r.t.Fatal(err)
	}
	x.id = uint32(number)
	return x
}

// dial begins a session of version 1.1.
func (r *remote) dial() *raw {
	r.t.Helper()
	x := r.open()
	x.send(hello(base11))
	x.in.Upgrade()
	x.client.out.Upgrade()
	return x
}

// write writes octets as they are.
func (x *raw) write(octets string) {
	x.t.Helper()
	if _, err := io.WriteString(x.stdin, octets); err != nil {
		x.t.Fatal(err)
	}
}

// steps runs operations of two sessions, A and B.
func (r *remote) steps(list func(a, b *raw) []step) {
	a, b := r.dial(), r.dial()
	steps(r.t.(*testing.T), map[string]*client{"A": a.client, "B": b.client}, list(a, b))
}

// The traps that other servers fell into, each by what a client sees of ours over SSH.
func TestTraps(t *testing.T) {
	for name, test := range map[string]func(*remote){
		"01 framing": (*remote).framing, "07 locks": (*remote).locks, "08 confirmed commit": (*remote).confirmedCommit,
		"11 subscribers": (*remote).subscribers, "12 size": (*remote).size,
		"13 the candidate follows running": (*remote).candidateFollows, "14 document types": (*remote).documentTypes, "15 kill-session": (*remote).killSessions,
	} {
		t.Run(name, func(t *testing.T) { test(reach(t)) })
	}
	traps := map[string][]step{
		"02 attributes and prefixes: values mean what the XML in scope says": {
			{`<edit-config><target><candidate/></target><config><x:top xmlns:x="urn:example:traps"><x:item><x:id>1</x:id><x:kind xmlns:tr="urn:ietf:params:xml:ns:netconf:base:1.0">x:dog</x:kind></x:item></x:top></config></edit-config>`, success},
			{candidate, `<item><id>1</id><kind xmlns:tr="urn:example:traps">tr:dog</kind></item>`},
			{edit(top(`<item><id>1</id><kind>tr:dog</kind></item>`)), plain + "invalid-value /tr:top/tr:item[tr:id='1']/tr:kind"},
			{`<edit-config><target><candidate/></target><config><top xmlns="urn:example:traps"><kind/></top></config></edit-config>`, plain + "unknown-element /tr:top bad-element=kind"},
			{`<get-config><source><candidate/></source><filter type="xpath" xmlns:any="urn:example:traps" select="/any:top/any:item[any:id='1']/any:id"/></get-config>`,
				`<data><top xmlns="urn:example:traps"><item><id>1</id></item></top></data>`},
			{`<get-config><source><candidate/></source><filter type="xpath" xmlns:tr="urn:other" select="/tr:top"/></get-config>`, protocol + "invalid-value" + atFilter},
			{edit(top(`<ordered><id>a</id></ordered><ordered><id>b</id></ordered>`)), success},
			{edit(`<q:top xmlns:q="urn:example:traps" xmlns:y="urn:ietf:params:xml:ns:yang:1"><q:ordered y:insert="before" y:key="[q:id='a']"><q:id>b</q:id></q:ordered></q:top>`), success},
			{`<get-config><source><candidate/></source><filter><top xmlns="urn:example:traps"><ordered/></top></filter></get-config>`,
				`<data><top xmlns="urn:example:traps"><ordered><id>b</id></ordered><ordered><id>a</id></ordered></top></data>`},
		},
		"03 validate does not consume the change": {
			{edit(top("<name>a</name>")), success}, {validateC, success}, {commit, success}, {running, "<name>a</name>"},
		},
		"04 tags and paths (RFC 7950 sections 8.3 and 15)": {
			{edit(top("<item><id>1</id><size>0</size></item>")), plain + "invalid-value [size-out-of-range] /tr:top/tr:item[tr:id='1']/tr:size"},
			{edit(top("<item><id>1</id><port>x</port></item>")), plain + "invalid-value /tr:top/tr:item[tr:id='1']/tr:port"},
			{edit(top("<item><size>1</size></item>")), plain + "missing-element /tr:top/tr:item bad-element=id"},
			{edit(top("<none/>")), plain + "unknown-element /tr:top bad-element=none"},
			{edit(top("<missing>x</missing>")), plain + "unknown-element /tr:top bad-element=missing"},
			{edit(top("<state>x</state>")), plain + "unknown-element /tr:top bad-element=state"},
			{edit("<absent xmlns='urn:example:traps'/>"), plain + "unknown-element bad-element=absent"},
			{edit("<top xmlns='urn:nobody'/>"), plain + "unknown-namespace bad-element=top bad-namespace=urn:nobody"},
			{edit("<top/>"), plain + "unknown-element bad-element=top"},
			{edit(top("<extra><colour>red</colour></extra>")), plain + "unknown-element /tr:top/tr:extra bad-element=extra"},
			{edit(top("<name" + opAttr + "'delete'/>")), plain + "data-missing /tr:top/tr:name"},
			{edit(top("<name" + opAttr + "'create'>a</name>")), success},
			{edit(top("<name" + opAttr + "'create'>a</name>")), plain + "data-exists /tr:top/tr:name"},
			{edit(top("<name" + opAttr + "'twist'>a</name>")), plain + "bad-attribute /tr:top/tr:name bad-attribute=operation bad-element=name"},
			{edit(top("<name operation='delete'/>")), plain + "unknown-attribute /tr:top/tr:name bad-attribute=operation bad-element=name"},
			{edit(top("<ordered insert='first'><id>1</id></ordered>")), plain + "unknown-attribute /tr:top/tr:ordered bad-attribute=insert bad-element=ordered"},
			{edit(top("<name xmlns:ex='urn:ex' ex:note='kept by others' xml:lang='en'>a</name>")), success},
			{edit(top("<name" + placed + "'first'>a</name>")), plain + "unknown-attribute /tr:top/tr:name bad-attribute=insert bad-element=name"},
			{edit(top("<ordered" + placed + "'before'><id>1</id></ordered>")), plain + "missing-attribute /tr:top/tr:ordered bad-attribute=key bad-element=ordered"},
			{edit(top("<ordered" + placed + `'before' yang:key="[tr:id='9']" xmlns:tr="urn:example:traps"><id>1</id></ordered>`)),
				plain + "bad-attribute [missing-instance] /tr:top/tr:ordered[tr:id='1'] bad-attribute=key bad-element=ordered"},
			{edit(top("<limit xmlns:wd='urn:ietf:params:xml:ns:netconf:default:1.0' wd:default='x'>1</limit>")),
				plain + "bad-attribute /tr:top/tr:limit bad-attribute=default bad-element=limit"},
			{edit(top("<name>a</name><name>b</name>")), plain + "bad-element /tr:top/tr:name bad-element=name"},
			{edit(top("<item><id>1</id></item><item><id>1</id></item>")), plain + "bad-element /tr:top/tr:item[tr:id='1'] bad-element=item"},
			{"<edit-config><target><candidate/></target><default-operation>none</default-operation><config>" +
				top("<item><id>7</id><port"+opAttr+"'delete'/></item>") + "</config></edit-config>", plain + "data-missing /tr:top/tr:item[tr:id='7']"},
			{discard, success},
			{edit(top(`<item><id>1</id><port>22</port><next>9</next></item><item><id>2</id><port>5</port></item><item><id>3</id><port>5</port></item><strict><id>1</id></strict><few><id>1</id></few><few><id>2</id></few><few><id>3</id></few><few><id>4</id></few>`)), success},
			{commit, strings.Join([]string{
				plain + "data-missing [instance-required] /tr:top/tr:item[tr:id='1']/tr:next",
				plain + "operation-failed [port-taken] /tr:top/tr:item[tr:id='1']/tr:port",
				plain + "operation-failed [data-not-unique] /tr:top/tr:item[tr:id='3'] non-unique=/tr:top/tr:item[tr:id='2']/tr:port non-unique=/tr:top/tr:item[tr:id='3']/tr:port",
				plain + "operation-failed [too-many-elements] /tr:top/tr:few",
				plain + "data-missing /tr:top/tr:strict[tr:id='1']/tr:needed"}, "\n")},
			{running, ""},
		},
		"05 default-operation none changes nothing, replace everything": {
			{edit(top("<name>a</name><limit>3</limit><item><id>1</id><size>1</size></item>") + `<lonely xmlns="urn:example:traps">x</lonely>`), success},
			{edit(top("<name>b</name><item><id>1</id><size>2</size></item>"), none), success},
			{candidate, "<name>a</name><limit>3</limit><item><id>1</id><size>1</size></item>"},
			{edit(top("<item><id>2</id></item>"), none), plain + "data-missing /tr:top/tr:item[tr:id='2']"},
			{edit(top("<item><id>1</id><size"+opAttr+"'replace'>2</size></item>"), none), success},
			{candidate, "<name>a</name><limit>3</limit><item><id>1</id><size>2</size></item>"},
			{edit(top("<name>c</name>"), replaceAll), success},
			{`<get-config><source><candidate/></source></get-config>`, `<data><top xmlns="urn:example:traps"><name>c</name></top></data>`},
			{`<edit-config><target><candidate/></target><config>` + top("<name>d</name>") + `</config><default-operation>none</default-operation></edit-config>`,
				protocol + "bad-element bad-element=default-operation"},
		},
		"06 one case of a choice takes the place of another": {
			{edit(top("<tcp/>")), success}, {edit(top("<udp/>")), success}, {candidate, "<udp/>"}, {commit, success},
			{edit(top("<quic><version>1</version></quic>")), success}, {commit, success}, {running, "<quic><version>1</version></quic>"},
			{edit(top("<tcp/><udp/>")), plain + "bad-element /tr:top bad-element=udp"},
			{candidate, "<quic><version>1</version></quic>"},
		},
		"09 filters": {
			{edit(top("<name>a</name><item><id>1</id><size>1</size></item><item><id>2</id><size>2</size></item>")), success}, {commit, success},
			{`<get-config><source><running/></source><filter/></get-config>`, `<data></data>`},
			{`<get><filter type="subtree"/></get>`, `<data></data>`},
			{`<get-config><source><running/></source><filter><top xmlns="urn:example:traps"><item><size/></item></top></filter></get-config>`,
				`<data><top xmlns="urn:example:traps"><item><id>1</id><size>1</size></item><item><id>2</id><size>2</size></item></top></data>`},
			{`<get-config><source><running/></source><filter><top xmlns="urn:example:traps"><item><id>2</id></item></top></filter></get-config>`,
				`<data><top xmlns="urn:example:traps"><item><id>2</id><size>2</size></item></top></data>`},
			{`<get-config><source><running/></source><filter><top xmlns="urn:example:traps"><item a="1"/></top></filter></get-config>`, `<data></data>`},
			{`<get-config><source><running/></source><filter type="xpath"/></get-config>`, protocol + "missing-attribute" + atFilter + " bad-attribute=select bad-element=filter"},
			{`<get-config><source><running/></source><filter type="xpath" select="1+"/></get-config>`, protocol + "invalid-value" + atFilter},
			{`<get-config><source><running/></source><filter type="regex" select="x"/></get-config>`, protocol + "bad-attribute" + atFilter + " bad-attribute=type bad-element=filter"},
			{`<get-config><source><running/></source><filter type="xpath" select="/tr:top/tr:item[tr:size &gt; 1]/tr:id" xmlns:tr="urn:example:traps"/></get-config>`,
				`<data><top xmlns="urn:example:traps"><item><id>2</id></item></top></data>`},
			{`<get-config><source><running/></source><filter type="xpath" select="count(/tr:top/tr:item)" xmlns:tr="urn:example:traps"/></get-config>`, protocol + "invalid-value" + atFilter},
		},
		"10 what holds on edit holds on commit, and a failing edit leaves nothing behind": {
			{edit(top("<name>b</name><item><id>1</id><size>0</size></item>"), rollback), plain + "invalid-value [size-out-of-range] /tr:top/tr:item[tr:id='1']/tr:size"},
			{candidate, ""},
			{edit(top("<name>b</name><limit"+opAttr+"'delete'/>"), "<error-option>continue-on-error</error-option>"), plain + "data-missing /tr:top/tr:limit"},
			{candidate, ""},
			{edit(top("<few><id>1</id></few><few><id>2</id></few><few><id>3</id></few><few><id>4</id></few>"), testFirst), plain + "operation-failed [too-many-elements] /tr:top/tr:few"},
			{edit(top("<few><id>1</id></few><few><id>2</id></few><few><id>3</id></few>"), testFirst), success}, {commit, success},
			{edit(top("<few><id>4</id></few>"), testOnly), plain + "operation-failed [too-many-elements] /tr:top/tr:few"},
			{edit(top("<few><id>4</id></few>")), success}, {commit, plain + "operation-failed [too-many-elements] /tr:top/tr:few"},
			{validateC, plain + "operation-failed [too-many-elements] /tr:top/tr:few"},
			{running, "<few><id>1</id></few><few><id>2</id></few><few><id>3</id></few>"},
			{discard, success},
			{edit(top("<name>x</name>"), testOnly), success}, {candidate, "<few><id>1</id></few><few><id>2</id></few><few><id>3</id></few>"},
		},
	}
	for name, list := range traps {
		t.Run(name, func(t *testing.T) { reach(t).steps(func(_, _ *raw) []step { return list }) })
	}
}

// A chunk header that is none ends the session; chunks of one octet and requests that do not wait do not.
func (r *remote) framing() {
	for _, header := range []string{"\n#0\n", "\n#01\n", "\n#4294967296\n", "\n#99999999999\n", "\n#-1\n", "\n#x\n", "\n##\n", "#5\n", "\r\n#5\n", "<rpc"} {
		x := r.dial()
		x.write(header)
		x.ended()
	}
	x := r.dial()
	for _, octet := range []byte(rpc(1, discard)) {
		x.write("\n#1\n" + string(octet))
	}
	x.write("\n##\n" + chunk(rpc(2, lockC)) + chunk(rpc(3, unlockC)))
	for id := 1; id <= 3; id++ {
		if got := x.read(); !strings.Contains(got, fmt.Sprintf(`message-id="%d"`, id)) || !strings.Contains(got, success) {
			r.t.Errorf("reply %d is %s", id, got)
		}
	}
	early := r.open() // ncclient may take version 1.1 for agreed before it has said so
	early.write(chunk(hello(base11)))
	early.in.Upgrade()
	early.client.out.Upgrade()
	early.must(discard)
}

// A lock that is given back or lost takes the changes along; one is refused while the candidate has changes; whoever holds it is named.
func (r *remote) locks() {
	r.steps(func(a, b *raw) []step {
		denied := func(c *raw) string { return protocol + "lock-denied session-id=" + id(c.client) }
		return []step{
			{lockC, success}, {"B: " + lockC, denied(a)}, {"B: " + unlockC, denied(a)}, {"B: " + edit(top("<name>b</name>")), inUseBy(a.client)},
			{edit(top("<name>a</name>")), success}, {unlockC, success}, {candidate, ""},
			{edit(top("<name>a</name>")), success}, {"B: " + lockC, protocol + "lock-denied session-id=0"}, {discard, success},
		}
	})
	lost, c := r.dial(), r.dial()
	lost.must(lockC, lockR, edit(top("<name>a</name>")))
	lost.conn.Close()
	r.until("the locks are free", func() bool { return len(r.store.Locks()) == 0 })
	c.must(lockC, lockR)
	if got := c.traps("candidate"); got != "" {
		r.t.Errorf("the candidate holds %s", got)
	}
}

// A commit on trial is undone when its session is lost, stays with persist, is extended by another one, and arms nothing where it fails.
func (r *remote) confirmedCommit() {
	r.steps(func(a, b *raw) []step {
		return []step{
			{edit(top("<name>a</name>")), success}, {"<commit><confirmed/><persist>token</persist></commit>", success},
			{"B: <commit><persist-id>wrong</persist-id></commit>", protocol + "invalid-value bad-element=persist-id"},
			{"B: <cancel-commit><persist-id>wrong</persist-id></cancel-commit>", protocol + "invalid-value bad-element=persist-id"},
			{"B: <commit><persist-id>token</persist-id></commit>", success},
			{edit(top("<name>b</name>")), success}, {trial, success}, {"B: " + commit, inUseBy(a.client)},
			{edit(top("<name>c</name>")), success}, {trial, success}, {"<cancel-commit/>", success}, {running, "<name>a</name>"},
			{edit(top("<strict><id>1</id></strict>")), success}, {trial, plain + "data-missing /tr:top/tr:strict[tr:id='1']/tr:needed"},
			{"<cancel-commit/>", plain + "operation-failed"}, {discard, success}, {running, "<name>a</name>"},
		}
	})
	lost, c := r.dial(), r.dial()
	lost.must(edit(top("<name>lost</name>")), trial)
	if got := c.traps("running"); got != "<name>lost</name>" {
		r.t.Errorf("on trial: %s", got)
	}
	lost.conn.Close()
	r.until("the commit is undone", func() bool { return c.traps("running") == "<name>a</name>" })
	lost = r.dial()
	lost.must(edit(top("<name>kept</name>")), "<commit><confirmed/><persist>token</persist></commit>")
	lost.conn.Close()
	r.until("the session is gone", func() bool { return r.server.session(lost.id) == nil })
	c.must("<commit><persist-id>token</persist-id></commit>")
	if got := c.traps("running"); got != "<name>kept</name>" {
		r.t.Errorf("after it was confirmed: %s", got)
	}
}

// A subscriber who does not read delays nobody, and is told what it lost.
func (r *remote) subscribers() {
	slow, c := r.dial(), r.dial()
	slow.must(subscribe(`<filter><alarm xmlns="urn:example:traps"/><notifications-lost xmlns="urn:mooring:yang:mooring-system"/></filter>`))
	const events = 40_000 // more than the window of a channel and the sockets hold
	for i := range events {
		r.alarm(i)
	}
	c.must(edit(top(items(1000))), commit, edit(top("<name>a</name>")), trial, commit)
	if r.server.session(slow.id).count.notifications.Load() == events {
		r.t.Error("everything was sent: the test proves nothing")
	}
	for range events {
		if strings.Contains(slow.told(), "<notifications-lost") {
			return
		}
	}
	r.t.Error("it is not told what it lost")
}

// Requests and replies are larger than what SSH keeps on the way, and are not limited in time.
func (r *remote) size() {
	c := r.dial()
	config := items(7_000)
	if len(config) < 2<<20 {
		r.t.Fatalf("%d octets fit the window", len(config))
	}
	c.must(edit(top(config), testFirst), validateC, commit)
	if got := c.traps("running"); strings.Count(got, "<item>") != 7_000 {
		r.t.Errorf("running holds %d entries", strings.Count(got, "<item>"))
	}
}

// The candidate follows running until somebody edits it, and then takes the changes of others along that are not its own.
func (r *remote) candidateFollows() {
	c := r.dial()
	r.elsewhere("/example-traps:top/name", "gnmi")
	if got := c.traps("candidate"); got != "<name>gnmi</name>" {
		r.t.Errorf("the candidate holds %s", got)
	}
	c.must(edit(top("<limit>3</limit>")))
	r.elsewhere("/example-traps:top/name", "again")
	c.must(commit)
	if got := c.traps("running"); got != "<name>again</name><limit>3</limit>" {
		r.t.Errorf("running holds %s", got)
	}
}

// A document type is refused wherever it stands.
func (r *remote) documentTypes() {
	const bomb = `<!DOCTYPE rpc [<!ENTITY a "x"><!ENTITY b "&a;&a;&a;&a;">]>`
	c := r.dial()
	for _, message := range []string{bomb + rpc(1, edit(top("<name>&b;</name>"))), `<!DOCTYPE rpc SYSTEM "file:///etc/passwd">` + rpc(1, commit), rpc(1, edit(top("<name>&b;</name>")))} {
		c.send(message)
		_, text, _ := strings.Cut(c.read(), "<rpc-error>")
		if got := said(r.t, "<rpc-error>"+strings.TrimSuffix(text, "</rpc-reply>")); got != "rpc malformed-message" {
			r.t.Errorf("%s: %s", message, got)
		}
	}
	if got := c.traps("candidate"); got != "" {
		r.t.Errorf("the candidate holds %s", got)
	}
	x := r.open()
	x.send(`<!DOCTYPE hello>` + hello(base11))
	x.ended()
}

// A session can kill others that there are, and not itself.
func (r *remote) killSessions() {
	kill := func(id string) string { return "<kill-session><session-id>" + id + "</session-id></kill-session>" }
	const bad = protocol + "invalid-value bad-element=session-id"
	var victim *raw
	r.steps(func(a, b *raw) []step {
		victim = b
		return []step{
			{kill(id(a.client)), bad}, {kill("4711"), bad}, {"B: " + lockC, success},
			{kill(id(b.client)), success}, {lockC, success}, {kill(id(b.client)), bad},
		}
	})
	victim.ended()
}
