package netconf

import (
	"context"
	"fmt"
	"strconv"
	"testing"

	"mooring/server/access"
	"mooring/server/datastore"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

func itoa(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

// locate makes the path to a node that stands in no list.
func locate(def *schema.Node) (p schema.Path) {
	for _, n := range def.Ancestors() {
		p = append(p, schema.Step{Node: n})
	}
	return p
}

// leafAt is the edit that gives a leaf a value.
func leafAt(s *schema.Schema, def *schema.Node, value string) tree.Edit {
	return tree.At(s, locate(def), tree.Merge, tree.NewLeaf(def, value))
}

func TestLocks(t *testing.T) {
	f := start(t, "", Limits{})
	a, b := f.dial(admin), f.dial(admin)
	denied := func(c *client) string { return protocol + "lock-denied session-id=" + id(c) }
	steps(t, map[string]*client{"A": a, "B": b}, []step{
		{lockC, success}, {lockC, denied(a)}, {"B: " + lockC, denied(a)}, {"B: " + unlockC, denied(a)},
		{"B: " + edit(top("<name>b</name>")), inUseBy(a)}, {"B: " + discard, inUseBy(a)}, {"B: " + commit, inUseBy(a)},
		{edit(top("<name>a</name>")), success},
		{unlockC, success}, {candidate, ""}, // with the lock goes the change (RFC 6241 section 8.3.5.2)
		{unlockC, protocol + "operation-failed"},
		{edit(top("<name>a</name>")), success},
		{"B: " + lockC, protocol + "lock-denied session-id=0"}, // a candidate with changes belongs to whoever made them
		{"B: " + lockR, success}, {commit, inUseBy(b)}, {lockR, denied(b)},
		{"B: " + unlockR, success}, {commit, success},
		{"<lock><target><startup/></target></lock>", protocol + "unknown-element /nc:rpc/nc:lock/nc:target bad-element=startup"},
		{"<lock/>", protocol + "missing-element [missing-choice] /nc:rpc/nc:lock/nc:target bad-element=target missing-choice=config-target"},
	})
}

// However a session ends, its locks and its changes under them end with it.
func TestLocksEndWithTheSession(t *testing.T) {
	for name, end := range map[string]func(f *fixture, c, other *client){
		"closed": func(f *fixture, c, other *client) { c.must("<close-session/>") },
		"killed": func(f *fixture, c, other *client) {
			other.must("<kill-session><session-id>" + id(c) + "</session-id></kill-session>")
		},
		"dropped": func(f *fixture, c, other *client) { c.conn.Close() },
		"cut off": func(f *fixture, c, other *client) {
			c.conn.Write([]byte("\n#500\n<rpc ")) // in the middle of a message
			c.conn.Close()
		},
		"broken": func(f *fixture, c, other *client) { c.conn.Write([]byte("\n#x\n")) },
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, "", Limits{})
			c, other := f.dial(admin), f.dial(admin)
			c.must(lockC, lockR, edit(top("<name>a</name>")))
			end(f, c, other)
			switch name {
			case "closed", "killed": // at once, so that whoever waited can go on
			default:
				f.until("the locks are free", func() bool { return len(f.store.Locks()) == 0 })
			}
			other.must(lockC, lockR)
			if got := other.traps("candidate"); got != "" {
				t.Errorf("the candidate holds %s", got)
			}
			c.ended()
		})
	}
}

// Without the lock, changes in the candidate are everybody's and stay.
func TestChangesWithoutLockStay(t *testing.T) {
	f := start(t, "", Limits{})
	a, b := f.dial(admin), f.dial(admin)
	a.must(edit(top("<name>a</name>")), "<close-session/>")
	if got := b.traps("candidate"); got != "<name>a</name>" {
		t.Errorf("the candidate holds %s", got)
	}
}

// The candidate follows running until somebody edits it; then it keeps its changes and takes those of others along.
func TestCandidateFollowsRunning(t *testing.T) {
	f := start(t, "", Limits{})
	c := f.dial(admin)
	f.elsewhere("/example-traps:top/name", "gnmi")
	if got := c.traps("candidate"); got != "<name>gnmi</name>" {
		t.Errorf("the candidate holds %s", got)
	}
	c.must(edit(top("<limit>3</limit>")))
	f.elsewhere("/example-traps:top/name", "again")
	c.must(commit)
	if got := c.traps("running"); got != "<name>again</name><limit>3</limit>" {
		t.Errorf("running holds %s", got)
	}
	c.must(edit(top("<name>mine</name>")))
	f.elsewhere("/example-traps:top/name", "theirs")
	if got := said(t, c.rpc(commit)); got != plain+"operation-failed [conflict] /tr:top/tr:name" {
		t.Errorf("a commit over a change of others: %s", got)
	}
	c.must(discard)
}

// elsewhere commits one leaf in the way of another protocol.
func (f *fixture) elsewhere(path, value string) {
	f.t.Helper()
	s := f.server.schema
	def := s.Find(path)
	private := f.store.NewSession(access.User{Name: "other", Origin: access.TLS}, 0).Private()
	if _, err := private.Edit(nil, leafAt(s, def, value)); err != nil {
		f.t.Fatal(err)
	}
	if _, err := private.Commit(context.Background(), datastore.CommitOptions{Via: "gnmi"}); err != nil {
		f.t.Fatal(err)
	}
}

func TestKillSession(t *testing.T) {
	f := start(t, "", Limits{})
	a, b := f.dial(admin), f.dial(admin)
	kill := func(id string) string { return "<kill-session><session-id>" + id + "</session-id></kill-session>" }
	steps(t, map[string]*client{"A": a, "B": b}, []step{
		{kill(id(a)), protocol + "invalid-value bad-element=session-id"},
		{kill("4711"), protocol + "invalid-value bad-element=session-id"},
		{kill("0"), protocol + "invalid-value /nc:rpc/nc:kill-session/nc:session-id"},
		{"<kill-session/>", protocol + "missing-element /nc:rpc/nc:kill-session/nc:session-id bad-element=session-id"},
		{"B: " + edit(top("<name>b</name>")), success}, {"B: " + trial, success},
		{kill(id(b)), success}, {running, ""},
		{kill(id(b)), protocol + "invalid-value bad-element=session-id"},
	})
	b.ended()
}

// Two sessions that kill each other both end, or one of them does.
func TestKillEachOther(t *testing.T) {
	f, addr, ann := reachable(t, Limits{})
	conn, err := login(addr, "ann", ann[1])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for name, dial := range map[string]func() *client{
		"apart":           func() *client { return f.dial(admin) },
		"in a connection": func() *client { return channel(t, conn) },
	} {
		t.Run(name, func(t *testing.T) {
			first := f.server.lastID
			pair := []*client{dial(), dial()}
			for i, c := range pair {
				c.hurry()
				fmt.Fprint(c.out, rpc(1, fmt.Sprintf("<kill-session><session-id>%d</session-id></kill-session>", first+2-uint32(i))))
				c.out.End() // fails where the other's order has been carried out already
			}
			f.until("one is gone and the other is idle", func() bool {
				var left []*session
				for id := first + 1; id <= first+2; id++ {
					if x := f.server.session(id); x != nil {
						left = append(left, x)
					}
				}
				return len(left) == 0 || len(left) == 1 && left[0].count.in.Load() == 1 && left[0].killed.Load() == 0
			})
		})
	}
}

func TestCloseSession(t *testing.T) {
	f := start(t, "", Limits{})
	c := f.dial(admin)
	c.conn.Write([]byte(chunk(rpc(1, "<close-session/>")) + chunk(rpc(2, edit(top("<name>late</name>"))))))
	c.read()
	c.ended()
	if got := f.dial(admin).traps("candidate"); got != "" {
		t.Errorf("what came after close-session was carried out: %s", got)
	}
	if n := f.server.total.dropped.Load(); n != 0 {
		t.Errorf("%d sessions count as dropped", n)
	}
}
