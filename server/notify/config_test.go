package notify

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mooring/server/access"
	"mooring/server/datastore"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// followed opens a store whose events are in the log.
func followed(t testing.TB, pipeline datastore.Pipeline) (*datastore.Store, *Log) {
	l := NewLog(element(t), Limits{})
	store, err := datastore.Open(t.Context(), datastore.Options{Schema: l.schema, Confirmations: l.Confirmation, Pipeline: pipeline})
	if err != nil {
		t.Fatal(err)
	}
	stop := l.Follow(store)
	t.Cleanup(func() {
		stop()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store, l
}

// next waits for an event.
func next(t testing.TB, r *Reader) string {
	for {
		e, _, woken := r.Next()
		if e != nil {
			return text(t, e)
		}
		select {
		case <-woken:
		case <-time.After(30 * time.Second):
			t.Fatal("no event came")
		}
	}
}

var operator = access.User{Name: "ann", Groups: []string{access.AdminGroup}, Origin: access.SSH, Remote: "192.0.2.7:40000"}

const system = `{"mooring-system:system": `

func put(t testing.TB, c *datastore.Candidate, json string) {
	root, err := tree.DecodeJSON(strings.NewReader(json), c.Root().Schema(), tree.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Edit(nil, tree.Edit{Op: tree.Replace, Node: root}); err != nil {
		t.Fatal(err)
	}
}

func commit(t testing.TB, c *datastore.Candidate, o datastore.CommitOptions) {
	if _, err := c.Commit(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}

const (
	changeBy = `<netconf-config-change xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-notifications"><changed-by>%s</changed-by><datastore>running</datastore>%s</netconf-config-change>`
	ann      = `<username>ann</username><session-id>5</session-id><source-host>192.0.2.7</source-host>`
	changed  = `<edit><target xmlns:ms="urn:mooring:yang:mooring-system">%s</target><operation>%s</operation></edit>`
)

func TestConfigChange(t *testing.T) {
	store, l := followed(t, nil)
	r := l.Read()
	x := store.NewSession(operator, 5)
	for _, step := range []struct{ config, want string }{
		{`{"host-name": "a"}}`, fmt.Sprintf(changed, "/ms:system", "create")},
		{`{"host-name": "b"}}`, fmt.Sprintf(changed, "/ms:system/ms:host-name", "replace")},
		{`{"host-name": "b", "gnmi": {"port": 1}}}`, fmt.Sprintf(changed, "/ms:system/ms:gnmi", "create")},
		{`{"gnmi": {"port": 2}}}`, fmt.Sprintf(changed, "/ms:system/ms:host-name", "delete") + fmt.Sprintf(changed, "/ms:system/ms:gnmi/ms:port", "replace")},
	} {
		put(t, x.Candidate(), system+step.config)
		commit(t, x.Candidate(), datastore.CommitOptions{})
		if got, want := next(t, r), fmt.Sprintf(changeBy, ann, step.want); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", step.config, got, want)
		}
	}
}

// A change of everything is told in few words.
func TestLargeConfigChange(t *testing.T) {
	store, l := followed(t, nil)
	r := l.Read()
	x := store.NewSession(access.Element, 0)
	many := func(name string) string {
		var users []string
		for i := range maxEdits + 1 {
			users = append(users, fmt.Sprintf(`{"name": "%s%03d"}`, name, i))
		}
		return system + `{"user": [` + strings.Join(users, ",") + `]}}`
	}
	for _, step := range []struct{ name, op string }{{"a", "create"}, {"b", "merge"}} {
		c := x.Private()
		put(t, c, many(step.name))
		commit(t, c, datastore.CommitOptions{})
		if got, want := next(t, r), fmt.Sprintf(changeBy, "<server/>", fmt.Sprintf(changed, "/ms:system", step.op)); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestConfirmedCommit(t *testing.T) {
	store, l := followed(t, nil)
	r := l.Read()
	x := store.NewSession(operator, 5)
	trial := func(name string, c *datastore.Confirm) {
		put(t, x.Candidate(), system+`{"host-name": "`+name+`"}}`)
		commit(t, x.Candidate(), datastore.CommitOptions{Confirm: c})
	}
	trial("a", &datastore.Confirm{Timeout: time.Minute})
	trial("b", &datastore.Confirm{Timeout: 2 * time.Minute})
	commit(t, x.Candidate(), datastore.CommitOptions{})
	trial("c", &datastore.Confirm{})
	if err := x.Cancel(""); err != nil {
		t.Fatal(err)
	}
	trial("d", &datastore.Confirm{Timeout: time.Nanosecond})
	var got []string
	for len(got) < 7 {
		e := next(t, r)
		if !strings.HasPrefix(e, "<netconf-confirmed-commit") {
			continue
		}
		e = strings.TrimPrefix(e, `<netconf-confirmed-commit xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-notifications">`)
		got = append(got, strings.ReplaceAll(strings.TrimSuffix(e, "</netconf-confirmed-commit>"), ann, "ann "))
	}
	step := func(name string, timeout int) string {
		if timeout == 0 {
			return "ann <confirm-event>" + name + "</confirm-event>"
		}
		return fmt.Sprintf("ann <confirm-event>%s</confirm-event><timeout>%d</timeout>", name, timeout)
	}
	want := []string{step("start", 60), step("extend", 120), step("complete", 0), step("start", 600), step("cancel", 0),
		"ann <confirm-event>start</confirm-event><timeout>0</timeout>", "<confirm-event>timeout</confirm-event>"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// warns warns of every change.
type warns struct{ *tree.Error }

func (w warns) Translate(datastore.Change) ([]*tree.Error, error) { return []*tree.Error{w.Error}, nil }

func (w warns) Prepare(context.Context, datastore.Change) (datastore.Prepared, []*tree.Error, error) {
	return w, []*tree.Error{w.Error}, nil
}

func (warns) Apply() {}
func (warns) Abort() {}

func TestConfigWarning(t *testing.T) {
	def := element(t).Find("/mooring-system:system")
	store, l := followed(t, warns{&tree.Error{AppTag: "W-REF", Warning: true, Path: schema.Path{{Node: def}}, Message: "it leads nowhere"}})
	r := l.Read()
	x := store.NewSession(operator, 5)
	put(t, x.Candidate(), system+`{"host-name": "a"}}`)
	commit(t, x.Candidate(), datastore.CommitOptions{})
	next(t, r)
	const want = `<config-warning xmlns="urn:mooring:yang:mooring-system"><path>/mooring-system:system</path><code>W-REF</code><text>it leads nowhere</text></config-warning>`
	if got := next(t, r); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Who waits for a commit to be told goes on when it, or a later one, has been; when nobody tells any more; and when he gives up.
func TestAwait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l Log
		l.Await(t.Context(), 1) // nobody tells
		waiting := func(ctx context.Context, commit uint64) (still func() bool) {
			gone := make(chan struct{})
			go func() {
				l.Await(ctx, commit)
				close(gone)
			}()
			return func() bool {
				synctest.Wait()
				select {
				case <-gone:
					return false
				default:
					return true
				}
			}
		}
		l.tell(4, true)
		ctx, giveUp := context.WithCancel(t.Context())
		five, seven, impatient := waiting(ctx, 5), waiting(t.Context(), 7), waiting(ctx, 7)
		if waiting(t.Context(), 4)() || !five() || !seven() {
			t.Error("who waits for commit 4 goes on when it has been told, and nobody else")
		}
		l.tell(6, true)
		if five() || !seven() || !impatient() {
			t.Error("who waits for commit 5 goes on when 6 has been told, and nobody else")
		}
		giveUp()
		if impatient() || !seven() {
			t.Error("who gives up goes on, and nobody else")
		}
		l.tell(0, false)
		if seven() {
			t.Error("somebody waits for what nobody tells")
		}
	})
}
