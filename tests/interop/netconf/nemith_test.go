package netconf

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	nemith "nemith.io/netconf"
	"nemith.io/netconf/rpc"
	"nemith.io/netconf/transport"

	"mooring/server/model"
	"mooring/server/tree/schema"
)

const orchardSpace = "urn:example:orchard"

// orchard is configuration of the tests' module.
func orchard(content string) string {
	return `<orchard xmlns="` + orchardSpace + `" xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0">` + content + `</orchard>`
}

func planted(row string, number int, more string) string {
	return fmt.Sprintf(`<tree><row>%s</row><number>%d</number>%s</tree>`, row, number, more)
}

func edit(content string) rpc.EditConfig {
	return rpc.EditConfig{Target: rpc.Candidate, Config: orchard(content)}
}

func owner(name string) rpc.EditConfig { return edit(`<owner>` + name + `</owner>`) }

// everyTransport runs a test over SSH and over TLS, each with a server of its own.
func everyTransport(t *testing.T, test func(t *testing.T, e *element, connect func(...nemith.SessionOption) *manager)) {
	for name, over := range map[string]func(*testing.T, *element) transport.Transport{"ssh": overSSH, "tls": overTLS} {
		t.Run(name, func(t *testing.T) {
			e := serve(t, append(model.Sources(), schema.Source{Name: "example-orchard", Implement: true}))
			test(t, e, func(options ...nemith.SessionOption) *manager { return manage(t, over(t, e), options...) })
		})
	}
}

func TestNemithSession(t *testing.T) {
	everyTransport(t, func(t *testing.T, _ *element, connect func(...nemith.SessionOption) *manager) {
		one, two, old := connect(), connect(), connect(nemith.WithCapability(nemith.CapNetConf10))
		if ids := []uint64{one.SessionID(), two.SessionID(), old.SessionID()}; !slices.Equal(ids, []uint64{1, 2, 3}) {
			t.Errorf("session-ids %v", ids)
		}
		for _, capability := range []string{nemith.CapNetConf10, nemith.CapNetConf11, ":candidate:1.0", ":confirmed-commit:1.1", ":validate:1.1", ":rollback-on-error:1.0",
			":xpath:1.0", ":partial-lock:1.0", ":notification:1.0", ":interleave:1.0"} {
			if !one.ServerCaps().Has(capability) {
				t.Errorf("%s is not offered", capability)
			}
		}
		if one.ServerCaps().Has(":writable-running:1.0") {
			t.Error("running is offered for writing")
		}
		var tasks sync.WaitGroup // sessions of both versions, and requests of one session, at once
		for i := range 60 {
			m := []*manager{one, two, old}[i%3]
			tasks.Go(func() {
				if got, err := (rpc.GetConfig{Source: rpc.Running}).Exec(t.Context(), m.Session); err != nil || !strings.Contains(string(got), "<nacm") {
					t.Errorf("%s, %v", got, err)
				}
			})
		}
		tasks.Wait()
		check(t, two.Close(t.Context()))
		one.must(text(`<kill-session><session-id>3</session-id></kill-session>`))
		if e := one.refused(text(`<kill-session><session-id>99</session-id></kill-session>`)); e.Tag != nemith.ErrInvalidValue {
			t.Errorf("killing a session that is not there: %v", e)
		}
	})
}

func TestNemithConfiguration(t *testing.T) {
	everyTransport(t, func(t *testing.T, e *element, connect func(...nemith.SessionOption) *manager) {
		m := connect()
		m.must(rpc.Lock{Target: rpc.Running}, rpc.Lock{Target: rpc.Candidate},
			rpc.EditConfig{Target: rpc.Candidate, DefaultOperation: rpc.MergeConfig, TestOption: rpc.TestThenSet, ErrorOption: rpc.RollbackOnError,
				Config: orchard(`<owner>ann</owner>` + planted("A", 1, "<kind>pear</kind>") + planted("A", 2, "<kind>apple</kind><height>2.5</height>"))},
			rpc.Validate{Source: rpc.Candidate}, rpc.Commit{}, rpc.Unlock{Target: rpc.Candidate}, rpc.Unlock{Target: rpc.Running})
		one := `<orchard xmlns="` + orchardSpace + `">` + planted("A", 1, "<kind>pear</kind>") + `</orchard>`
		for name, c := range map[string]struct {
			filter rpc.Filter
			want   string
		}{
			"subtree": {rpc.SubtreeFilter(orchard(planted("A", 1, ""))), one},
			"xpath":   {rpc.XPathFilter("/o:orchard/o:tree[o:kind='pear']", map[string]string{"o": orchardSpace}), one},
			"nothing": {rpc.SubtreeFilter(""), ""},
		} {
			if got := m.get(rpc.Running, c.filter); got != c.want {
				t.Errorf("%s: got %s, want %s", name, got, c.want)
			}
		}
		if got, err := (&rpc.Get{Filter: rpc.SubtreeFilter(`<netconf-state xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"><sessions/></netconf-state>`)}).Exec(t.Context(), m.Session); err != nil ||
			!strings.Contains(string(got), "<username>"+user+"</username>") {
			t.Errorf("state: %s, %v", got, err)
		}
		for mode, want := range map[string]string{
			"report-all": `<kind>pear</kind><height>2.5</height>`, "explicit": `<kind>pear</kind></tree>`, "trim": `<kind>apple</kind></tree>`,
			"report-all-tagged": `:default="true">2.5</height>`,
		} {
			if got := m.reply(`<get-config><source><running/></source><filter>` + orchard("") + `</filter><with-defaults xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults">` + mode +
				`</with-defaults></get-config>`); !strings.Contains(got, want) {
				t.Errorf("%s: %s is not in %s", mode, want, got)
			}
		}
		url := rpc.URL("file:///orchard.xml")
		m.must(rpc.CopyConfig{Source: rpc.Running, Target: url}, rpc.EditConfig{Target: rpc.Candidate, Config: orchard(`<owner nc:operation="delete"/>`)}, rpc.Commit{},
			rpc.CopyConfig{Source: url, Target: rpc.Candidate}, rpc.Validate{Source: url}, rpc.Commit{}, text(`<delete-config><target><url>file:///orchard.xml</url></target></delete-config>`))
		if got := m.get(rpc.Running, rpc.SubtreeFilter(orchard("<owner/>"))); !strings.Contains(got, "ann") {
			t.Errorf("from a file came %s", got)
		}
		if _, err := os.Stat(filepath.Join(e.folder, "orchard.xml")); !os.IsNotExist(err) {
			t.Errorf("the file is still there (%v)", err)
		}
	})
}

func TestNemithConfirmedCommit(t *testing.T) {
	everyTransport(t, func(t *testing.T, _ *element, connect func(...nemith.SessionOption) *manager) {
		m, other := connect(), connect()
		is := func(want string) {
			t.Helper()
			if got := other.get(rpc.Running, rpc.SubtreeFilter(orchard("<owner/>"))); got != `<orchard xmlns="`+orchardSpace+`"><owner>`+want+`</owner></orchard>` {
				t.Errorf("running is %s, want %s", got, want)
			}
		}
		trial := rpc.Commit{Confirmed: true, ConfirmTimeout: 300}
		m.must(owner("ann"), rpc.Commit{}, owner("bob"), trial)
		is("bob")
		m.must(rpc.CancelCommit{})
		is("ann")
		m.must(owner("cid"), trial, rpc.Commit{})
		is("cid")
		trial.PersistID = "word"
		m.must(owner("dan"), trial)
		check(t, m.Close(t.Context()))
		if e := other.refused(rpc.CancelCommit{PersistID: "wrong"}); e.Tag != nemith.ErrInvalidValue || e.Type != nemith.ErrTypeProtocol {
			t.Errorf("a wrong persist-id: %+v", e)
		}
		is("dan")
		other.must(rpc.Commit{PersistID: "word"})
		is("dan")

		m = connect() // who goes without confirming goes back
		m.must(owner("eve"), rpc.Commit{Confirmed: true})
		is("eve")
		check(t, m.Close(t.Context()))
		for i := 0; strings.Contains(other.get(rpc.Running, nil), "eve"); i++ {
			if i == 600 {
				t.Fatal("the commit was not rolled back")
			}
			time.Sleep(100 * time.Millisecond)
		}
		is("dan")
	})
}

func TestNemithLocks(t *testing.T) {
	everyTransport(t, func(t *testing.T, _ *element, connect func(...nemith.SessionOption) *manager) {
		m, other := connect(), connect()
		m.must(rpc.Lock{Target: rpc.Candidate})
		e := other.refused(rpc.Lock{Target: rpc.Candidate})
		if want := fmt.Sprintf("<session-id>%d</session-id>", m.SessionID()); e.Tag != nemith.ErrLockDenied || string(e.Info) != want {
			t.Errorf("lock-denied is %+v, want %s", e, want)
		}
		if e := other.refused(owner("bob")); e.Tag != nemith.ErrInUse {
			t.Errorf("editing what is locked: %+v", e)
		}
		m.must(owner("ann"), rpc.Commit{}, rpc.Unlock{Target: rpc.Candidate})
		got := m.reply(`<partial-lock xmlns="urn:ietf:params:xml:ns:netconf:partial-lock:1.0" xmlns:o="` + orchardSpace + `"><select>/o:orchard/o:owner</select></partial-lock>`)
		_, after, _ := strings.Cut(got, "<lock-id")
		_, after, _ = strings.Cut(after, ">")
		id, _, found := strings.Cut(after, "<")
		if !found || !strings.Contains(got, "/or:orchard/or:owner") {
			t.Fatalf("partial-lock answers %s", got)
		}
		other.must(owner("bob"))
		if e := other.refused(rpc.Commit{}); e.Tag != nemith.ErrInUse || e.AppTag != "locked" {
			t.Errorf("committing over a partial lock: %+v", e)
		}
		m.must(text(`<partial-unlock xmlns="urn:ietf:params:xml:ns:netconf:partial-lock:1.0"><lock-id>` + id + `</lock-id></partial-unlock>`))
		other.must(rpc.Commit{})
	})
}

func TestNemithErrors(t *testing.T) {
	const application = nemith.ErrType("application") // the client's constant says app
	everyTransport(t, func(t *testing.T, _ *element, connect func(...nemith.SessionOption) *manager) {
		m := connect()
		m.must(edit(planted("A", 1, "<kind>pear</kind>")), rpc.Commit{})
		for _, c := range []struct {
			op   executable
			want nemith.RPCError // without message
		}{
			{edit(planted("A", 300, "")), nemith.RPCError{Type: application, Tag: nemith.ErrInvalidValue, Path: "/or:orchard/or:tree[or:row='A'][or:number='300']/or:number"}},
			{edit(`<tree nc:operation="create"><row>A</row><number>1</number><kind>pear</kind></tree>`),
				nemith.RPCError{Type: application, Tag: nemith.ErrDataExists, Path: "/or:orchard/or:tree[or:row='A'][or:number='1']"}},
			{edit(`<tree nc:operation="delete"><row>Z</row><number>1</number></tree>`),
				nemith.RPCError{Type: application, Tag: nemith.ErrDataMissing, Path: "/or:orchard/or:tree[or:row='Z'][or:number='1']"}},
			{edit(`<shrub/>`), nemith.RPCError{Type: application, Tag: nemith.ErrUnknownElement, Path: "/or:orchard", Info: nemith.RawXML("<bad-element>shrub</bad-element>")}},
			{rpc.EditConfig{Target: rpc.Running, Config: ""}, nemith.RPCError{Type: nemith.ErrTypeProtocol, Tag: nemith.ErrUnknownElement}},
			{text(`<prune xmlns="` + orchardSpace + `"/>`), nemith.RPCError{Type: nemith.ErrTypeProtocol, Tag: nemith.ErrOperationNotSupported, Info: nemith.RawXML("<bad-element>prune</bad-element>")}},
			{rpc.CancelCommit{}, nemith.RPCError{Type: application, Tag: nemith.ErrOperationFailed}},
		} {
			got := m.refused(c.op)
			if got.Message == "" || got.Severity != nemith.SevError {
				t.Errorf("%v: %+v", c.op, got)
			}
			if got.Type != c.want.Type || got.Tag != c.want.Tag || c.want.Path != "" && got.Path != c.want.Path || c.want.Info != nil && string(got.Info) != string(c.want.Info) {
				t.Errorf("%v:\ngot  %#v\nwant %#v", c.op, got, c.want)
			}
		}
		m.must(edit(planted("B", 1, "")))
		if e := m.refused(rpc.Commit{}); e.Tag != nemith.ErrDataMissing && e.Tag != nemith.ErrMissingElement || e.Path != "/or:orchard/or:tree[or:row='B'][or:number='1']/or:kind" {
			t.Errorf("a commit without a mandatory leaf: %+v", e)
		}
	})
}

func TestNemithNotifications(t *testing.T) {
	everyTransport(t, func(t *testing.T, _ *element, connect func(...nemith.SessionOption) *manager) {
		m, other := connect(), connect()
		begin := time.Now()
		m.must(&rpc.CreateSubscription{Filter: rpc.SubtreeFilter(`<netconf-config-change xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-notifications"/>`)})
		for _, name := range []string{"ann", "bob"} {
			other.must(owner(name), rpc.Commit{})
			m.notified(fmt.Sprintf("<session-id>%d</session-id>", other.SessionID()))
		}
		check(t, m.Close(t.Context()))

		m, end := connect(), time.Now()
		m.must(&rpc.CreateSubscription{StartTime: &begin, StopTime: &end, Filter: rpc.XPathFilter("/*[local-name() = 'netconf-config-change']", nil)})
		for _, want := range []string{"netconf-config-change", "netconf-config-change", "replayComplete", "notificationComplete"} {
			m.notified(want)
		}

		got := other.reply(`<establish-subscription xmlns="urn:ietf:params:xml:ns:yang:ietf-subscribed-notifications" xmlns:yp="urn:ietf:params:xml:ns:yang:ietf-yang-push">
			<yp:datastore xmlns:ds="urn:ietf:params:xml:ns:yang:ietf-datastores">ds:running</yp:datastore>
			<yp:datastore-subtree-filter>` + orchard("") + `</yp:datastore-subtree-filter><yp:on-change/></establish-subscription>`)
		if !strings.Contains(got, "<id ") {
			t.Fatalf("establish-subscription answers %s", got)
		}
		other.notified("<push-update ")
		m.must(owner("cid"), rpc.Commit{})
		other.notified("/example-orchard:orchard/owner</target>")
	})
}

func TestNemithLargeReply(t *testing.T) {
	const entries = 100_000
	everyTransport(t, func(t *testing.T, _ *element, connect func(...nemith.SessionOption) *manager) {
		m := connect()
		var all strings.Builder
		for i := range entries {
			all.WriteString(planted(fmt.Sprintf("row%06d", i), i%256, "<kind>pear</kind>"))
		}
		m.must(edit(all.String()), rpc.Commit{})
		reply, err := m.Do(t.Context(), nemith.NewRPC(rpc.GetConfig{Source: rpc.Running, Filter: rpc.SubtreeFilter(orchard(""))}))
		check(t, err)
		got, err := io.ReadAll(reply)
		check(t, err)
		check(t, reply.Close())
		if n := strings.Count(string(got), "<tree>"); n != entries || !strings.Contains(string(got), all.String()) {
			t.Errorf("%d entries came back of %d, or they differ", n, entries)
		}
	})
}
