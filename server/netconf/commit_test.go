package netconf

import (
	"context"
	"errors"
	"testing"
	"time"

	"mooring/server/datastore"
	"mooring/server/tree"
)

// inUseBy is what others get while a commit of c waits to be confirmed.
func inUseBy(c *client) string { return plain + "in-use session-id=" + id(c) }

func id(c *client) string { return itoa(c.id) }

func TestConfirmedCommit(t *testing.T) {
	persistent := `<commit><confirmed/><persist>token</persist></commit>`
	for name, list := range map[string][]step{
		"the session confirms": {
			{edit(top("<name>a</name>")), success}, {trial, success}, {running, "<name>a</name>"}, {commit, success}, {running, "<name>a</name>"},
			{"<cancel-commit/>", plain + "operation-failed"}, {running, "<name>a</name>"},
		},
		"it cancels": {
			{edit(top("<name>a</name>")), success}, {trial, success}, {"<cancel-commit/>", success}, {running, ""},
		},
		"another session can do neither without the token": {
			{edit(top("<name>a</name>")), success}, {persistent, success},
			{"B: <commit><persist-id>wrong</persist-id></commit>", protocol + "invalid-value bad-element=persist-id"},
			{"B: <cancel-commit><persist-id>wrong</persist-id></cancel-commit>", protocol + "invalid-value bad-element=persist-id"},
			{"B: <cancel-commit/>", protocol + "invalid-value bad-element=persist-id"},
			{"B: <commit><persist-id>token</persist-id></commit>", success}, {running, "<name>a</name>"},
			{"B: <commit><persist-id>token</persist-id></commit>", protocol + "invalid-value bad-element=persist-id"},
		},
		"another session cancels with the token": {
			{edit(top("<name>a</name>")), success}, {persistent, success},
			{"B: <cancel-commit><persist-id>token</persist-id></cancel-commit>", success}, {running, ""},
		},
		"a second one extends the first and goes back to where that began": {
			{edit(top("<name>a</name>")), success}, {commit, success},
			{edit(top("<name>b</name>")), success}, {trial, success},
			{edit(top("<name>c</name>")), success}, {trial, success}, {running, "<name>c</name>"},
			{"<cancel-commit/>", success}, {running, "<name>a</name>"},
		},
		"one that fails arms nothing": {
			{edit(top("<strict><id>1</id></strict>")), success}, {trial, plain + "data-missing /tr:top/tr:strict[tr:id='1']/tr:needed"},
			{"<cancel-commit/>", plain + "operation-failed"}, {running, ""},
		},
		"what it cannot mean": {
			{edit(top("<name>a</name>")), success},
			{"<commit><persist>token</persist></commit>", protocol + "missing-element bad-element=confirmed"},
			{"<commit><confirmed/><persist/></commit>", protocol + "invalid-value bad-element=persist"},
			{"<commit><confirmed/><confirm-timeout>0</confirm-timeout></commit>", protocol + "invalid-value /nc:rpc/nc:commit/nc:confirm-timeout"},
			{"<commit><persist-id>token</persist-id></commit>", protocol + "invalid-value bad-element=persist-id"},
			{running, ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, "", Limits{})
			steps(t, map[string]*client{"A": f.dial(admin), "B": f.dial(admin)}, list)
		})
	}
}

// What a client says of a commit stands in the history (mooring-system).
func TestCommitsAreLabelled(t *testing.T) {
	f := start(t, "", Limits{})
	c := f.dial(admin)
	say := func(more string) string {
		return "<commit>" + more + `<label xmlns="urn:mooring:yang:mooring-system">monday</label><comment xmlns="urn:mooring:yang:mooring-system">as agreed</comment></commit>`
	}
	c.must(edit(top("<name>a</name>")), say(""), edit(top("<name>b</name>")), say("<confirmed/>"), commit)
	if now := f.store.Running(); now.ID != 2 || now.Label != "monday" || now.Comment != "as agreed" {
		t.Errorf("the commit is %+v", now)
	}
	if got := said(t, c.rpc(`<commit><label xmlns="urn:mooring:yang:mooring-system"/></commit>`)); got != protocol+"invalid-value /nc:rpc/nc:commit/ms:label" {
		t.Errorf("an empty label: %s", got)
	}
}

// While a commit of a session waits to be confirmed, others can neither commit nor lock running.
func TestOthersWaitForTheConfirmation(t *testing.T) {
	f := start(t, "", Limits{})
	a, b := f.dial(admin), f.dial(admin)
	a.must(edit(top("<name>a</name>")), trial)
	b.must(edit(top("<name>b</name>")))
	if got := said(t, b.rpc(commit)); got != inUseBy(a) {
		t.Errorf("a commit of another session: %s", got)
	}
	if got := said(t, b.rpc(lockR)); got != protocol+"lock-denied session-id="+id(a) {
		t.Errorf("a lock of running: %s", got)
	}
}

// A commit that is not confirmed in time is undone by the clock; losing the session undoes one without persist, and leaves one
// with it.
func TestUnconfirmedCommitIsUndone(t *testing.T) {
	t.Parallel()
	f := start(t, "", Limits{})
	a, b := f.dial(admin), f.dial(admin)
	a.must(edit(top("<name>a</name>")), `<commit><confirmed/><confirm-timeout>1</confirm-timeout></commit>`)
	f.until("the commit is undone", func() bool { return b.traps("running") == "" })

	a.must(edit(top("<name>b</name>")), trial)
	a.conn.Close()
	f.until("the commit is undone", func() bool { return b.traps("running") == "" })

	c := f.dial(admin)
	c.must(edit(top("<name>c</name>")), `<commit><confirmed/><persist>token</persist></commit>`)
	c.must("<close-session/>")
	if got := b.traps("running"); got != "<name>c</name>" {
		t.Errorf("a persistent commit went with its session: %s", got)
	}
	b.must("<commit><persist-id>token</persist-id></commit>")
}

// until waits for something that another session brings about.
func (f *fixture) until(what string, so func() bool) {
	f.t.Helper()
	for range 3000 {
		if so() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	f.t.Fatalf("it never came about that %s", what)
}

// The sequence of a manager that treats the element as fully transactional: lock, edit, validate, confirmed commit, and then
// either the confirming commit or a dropped connection.
func TestTransactionOfAManager(t *testing.T) {
	f := start(t, `{"example-traps:top": {"name": "before"}}`, Limits{})
	for _, confirms := range []bool{false, true} {
		m := f.dial(admin)
		before := f.store.Running().ID
		m.must(lockC, lockR, discard, edit(top("<name>after</name><item><id>1</id></item>"), testFirst, rollback), validateC,
			"<commit><confirmed/><confirm-timeout>120</confirm-timeout></commit>")
		if now := f.store.Running(); now.ID == before || now.User != "root" || now.Via != "netconf" {
			t.Errorf("the commit is %d by %s via %s", now.ID, now.User, now.Via)
		}
		watcher := f.dial(admin)
		if got := watcher.traps("running"); got != "<name>after</name><item><id>1</id></item>" {
			t.Errorf("on trial: %s", got)
		}
		want := "<name>before</name>"
		if confirms {
			m.must(commit, unlockR, unlockC, "<close-session/>")
			want = "<name>after</name><item><id>1</id></item>"
		}
		m.conn.Close()
		f.until("running is right and unlocked", func() bool { return watcher.traps("running") == want && len(f.store.Locks()) == 0 })
		if got := watcher.traps("candidate"); got != want {
			t.Errorf("the candidate kept %s", got)
		}
	}
}

// Warnings come beside no <ok/> (RFC 6241 section 4.3), and only where validity is the question.
func TestWarnings(t *testing.T) {
	f := start(t, "", Limits{})
	name := f.server.schema.Find("/example-traps:top/name")
	f.hooks.warn = func(c datastore.Change) []*tree.Error {
		if c.New.ChildNamed("top") == nil {
			return nil
		}
		return []*tree.Error{{Tag: tree.InvalidValue, AppTag: "W-REF", Warning: true, Path: locate(name), Message: "nobody knows this name"}}
	}
	warning := plain + "invalid-value [W-REF] warning /tr:top/tr:name"
	steps(t, map[string]*client{"A": f.dial(admin)}, []step{
		{edit(top("<name>a</name>"), testOnly), warning}, {edit(top("<name>a</name>"), testFirst), success}, {validateC, warning},
		{commit, warning}, {running, "<name>a</name>"},
	})
}

// What a consumer refuses is refused, and changes nothing.
func TestRefusedByAConsumer(t *testing.T) {
	f := start(t, "", Limits{})
	c := f.dial(admin)
	f.hooks.prepare = func(context.Context) error {
		return errors.Join(&tree.Error{Tag: tree.InUse, AppTag: "E-BUSY", Message: "addresses are in use"}, errors.New("something else"))
	}
	steps(t, map[string]*client{"A": c}, []step{
		{edit(top("<name>a</name>")), success}, {commit, plain + "in-use [E-BUSY]\n" + plain + "operation-failed"},
		{running, ""}, {candidate, "<name>a</name>"},
	})
}

func TestCopyAndValidateOthers(t *testing.T) {
	copyTo := func(source string) string {
		return "<copy-config><target><candidate/></target><source>" + source + "</source></copy-config>"
	}
	inline := func(content string) string { return "<config>" + top(content) + "</config>" }
	steps(t, map[string]*client{"A": start(t, "", Limits{}).dial(admin)}, []step{
		{edit(top("<name>a</name>")), success}, {commit, success}, {edit(top("<limit>9</limit>")), success},
		{copyTo("<running/>"), success}, {candidate, "<name>a</name>"},
		{copyTo(inline("<limit>3</limit>")), success}, {candidate, "<limit>3</limit>"},
		{copyTo("<candidate/>"), protocol + "invalid-value bad-element=source"},
		{copyTo(inline("<limit>x</limit>")), plain + "invalid-value /tr:top/tr:limit"}, {candidate, "<limit>3</limit>"},
		{copyTo(""), protocol + "missing-element [missing-choice] /nc:rpc/nc:copy-config/nc:source bad-element=source missing-choice=config-source"},
		{"<copy-config><target><running/></target><source><candidate/></source></copy-config>", protocol + "unknown-element /nc:rpc/nc:copy-config/nc:target bad-element=running"},
		{"<validate><source><running/></source></validate>", success},
		{"<validate><source>" + inline("<name>x</name>") + "</source></validate>", success},
		{"<validate><source>" + inline("<strict><id>1</id></strict>") + "</source></validate>", plain + "data-missing /tr:top/tr:strict[tr:id='1']/tr:needed"},
		{candidate, "<limit>3</limit>"}, {running, "<name>a</name>"},
		{"<delete-config><target/></delete-config>", protocol + "missing-element [missing-choice] /nc:rpc/nc:delete-config/nc:target bad-element=target missing-choice=config-target"},
	})
}
