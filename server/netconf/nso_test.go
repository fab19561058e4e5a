package netconf

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"mooring/server/access"
	"mooring/server/datastore"
)

const tailfSpace = "http://tail-f.com/yang/netconf-monitoring"

// checkSync reads what NSO compares, by both kinds of filters.
func (c *client) checkSync() string {
	c.t.Helper()
	by := func(filter string) string {
		reply := c.rpc("<get>" + filter + "</get>")
		found := regexp.MustCompile(`^<data><netconf-state xmlns="` + monitoringSpace + `"><datastores><datastore><name>running</name>` +
			`<transaction-id xmlns="` + tailfSpace + `">([^<]+)</transaction-id></datastore></datastores></netconf-state></data>$`).FindStringSubmatch(reply)
		if found == nil {
			c.t.Fatalf("%s\nfinds no transaction-id: %s", filter, reply)
		}
		return found[1]
	}
	id := by(`<filter><netconf-state xmlns="` + monitoringSpace + `"><datastores><datastore><name>running</name><transaction-id xmlns="` +
		tailfSpace + `"/></datastore></datastores></netconf-state></filter>`)
	if other := by(`<filter type="xpath" xmlns:m="` + monitoringSpace + `" xmlns:t="` + tailfSpace +
		`" select="/m:netconf-state/m:datastores/m:datastore[m:name='running']/t:transaction-id"/>`); other != id {
		c.t.Fatalf("by XPath it is %s, by subtree %s", other, id)
	}
	return id
}

// The transaction-id is another one after every change of running and after nothing else.
func TestCheckSync(t *testing.T) {
	f, addr, ann := reachable(t, Limits{})
	conn, err := login(addr, "ann", ann[1])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := channel(t, conn)
	seen := map[string]string{}
	last := ""
	changes := func(what string, want bool, do func()) {
		t.Helper()
		do()
		id := c.checkSync()
		if before, known := seen[id]; known && want {
			t.Errorf("%s: the transaction-id is that of %q", what, before)
		}
		if !want && id != last {
			t.Errorf("%s: the transaction-id has become another one", what)
		}
		seen[id], last = what, id
	}
	must := func(operations ...string) func() { return func() { c.must(operations...) } }
	changes("at start", true, func() {})
	changes("an edit of the candidate", false, must(edit(top("<name>a</name>"))))
	changes("validate", false, must(validateC))
	changes("commit", true, must(commit))
	changes("a commit of nothing", false, must(commit))
	changes("a commit of what is there", false, must(edit(top("<name>a</name>")), commit))
	changes("discard-changes", false, must(edit(top("<name>b</name>")), discard))
	changes("a confirmed commit", true, must(edit(top("<name>b</name>")), trial))
	changes("its confirmation", false, must(commit))
	changes("another", true, must(edit(top("<name>c</name>")), trial))
	changes("its end", true, must("<cancel-commit/>"))
	changes("a commit by another protocol", true, func() { f.elsewhere("/example-traps:top/name", "gnmi") })
	changes("locks", false, must(lockC, unlockC))
}

// It outlives the process.
func TestCheckSyncAfterRestart(t *testing.T) {
	s, rules := compiled()
	dir, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	def := s.Find("/example-traps:top/name")
	for _, value := range []string{"a", "b"} {
		store, err := datastore.Open(t.Context(), datastore.Options{Schema: s, Rules: rules, Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		c := store.NewSession(access.Element, 0).Private()
		if _, err := c.Edit(nil, leafAt(s, def, value)); err != nil {
			t.Fatal(err)
		}
		committed, err := c.Commit(t.Context(), datastore.CommitOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		again, err := datastore.Open(t.Context(), datastore.Options{Schema: s, Rules: rules, Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if before, after := committed.Snapshot.Transaction(), again.Running().Transaction(); before != after {
			t.Errorf("it was %s before the restart and is %s", before, after)
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// NSO looks for the namespace in the hello before it asks.
func TestCheckSyncIsAnnounced(t *testing.T) {
	f := start(t, "", Limits{})
	c := f.connect(admin)
	if got := c.read(); !strings.Contains(got, "<capability>"+tailfSpace+"?module=tailf-netconf-monitoring&amp;revision=") {
		t.Errorf("the hello lacks it: %s", got)
	}
}

// NSO's transaction on a device with a candidate and confirmed commits: it aborts by dropping the connection, and then everything is
// as before.
func TestNSOTransaction(t *testing.T) {
	f, addr, ann := reachable(t, Limits{})
	dial := func() (*ssh.Client, *client) {
		conn, err := login(addr, "ann", ann[1])
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn, channel(t, conn)
	}
	prepare := func(c *client, name string) {
		c.must(lockC, edit(top("<name>"+name+"</name>"), "<default-operation>merge</default-operation>", testFirst, rollback), validateC,
			"<commit><confirmed/><confirm-timeout>100</confirm-timeout></commit>")
	}
	conn, c := dial()
	before := c.checkSync()
	prepare(c, "aborted")
	conn.Close()
	_, other := dial()
	f.until("the commit is undone", func() bool { return other.traps("running") == "" && len(f.store.Locks()) == 0 })
	undone := other.checkSync()
	if undone == before {
		t.Error("the transaction-id hides that something else ran meanwhile")
	}

	conn, c = dial()
	prepare(c, "kept")
	c.must(commit, unlockC)
	kept := c.checkSync()
	conn.Close()
	if got := other.traps("running"); got != "<name>kept</name>" || kept == undone || other.checkSync() != kept {
		t.Errorf("running holds %s", got)
	}

	_, c = dial()
	c.must(lockC, edit(top("<name>dropped</name>"), testFirst, rollback), discard, unlockC)
	if other.checkSync() != kept || other.traps("candidate") != "<name>kept</name>" {
		t.Error("a transaction that was given up left something behind")
	}
}
