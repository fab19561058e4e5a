package datastore

import (
	"testing"

	"mooring/server/tree"
)

func tagOf(err error) tree.Tag {
	if errs := tree.Errors(err); len(errs) > 0 {
		return errs[0].Tag
	}
	return ""
}

func TestLocks(t *testing.T) {
	s := open(t, "", Options{})
	a, b := s.NewSession(admin, 7), s.NewSession(admin, 8)
	if err := a.Lock(CandidateStore); err != nil {
		t.Fatal(err)
	}
	if held := s.Locks(); len(held) != 1 || held[CandidateStore].Holder != a || held[CandidateStore].Since.IsZero() {
		t.Errorf("locks that are held: %v", held)
	}
	err := b.Lock(CandidateStore)
	if e := tree.Errors(err); len(e) != 1 || e[0].Tag != tree.LockDenied || e[0].Info[0].Value != "7" {
		t.Errorf("a second lock: %v", err)
	}
	p := locate(t, s, "/example-system:system/name")
	if _, err := b.Candidate().Edit(nil, tree.At(s.schema, p, tree.Merge, tree.NewLeaf(p.Last().Node, "x"))); tagOf(err) != tree.InUse {
		t.Errorf("an edit of a candidate that another session has locked: %v", err)
	}
	if err := b.Candidate().Discard(); tagOf(err) != tree.InUse {
		t.Errorf("discarding a candidate that another session has locked: %v", err)
	}
	if err := b.Unlock(CandidateStore); tagOf(err) != tree.LockDenied {
		t.Errorf("giving back somebody else's lock: %v", err)
	}
	setLeaf(t, a.Candidate(), "/example-system:system/name", "mine")
	if err := a.Unlock(CandidateStore); err != nil {
		t.Fatal(err)
	}
	if got := text(t, a.Candidate().Root()); got != "{}" {
		t.Errorf("unlock kept the changes (RFC 6241 section 8.3.5.2): %s", got)
	}
	setLeaf(t, a.Candidate(), "/example-system:system/name", "dirty")
	if err := b.Lock(CandidateStore); tagOf(err) != tree.LockDenied {
		t.Errorf("locking a candidate with changes: %v", err)
	}
}

func TestClosingASessionGivesBackItsLocks(t *testing.T) {
	s := open(t, "", Options{})
	a, b := s.NewSession(admin, 1), s.NewSession(admin, 2)
	for _, target := range []Target{CandidateStore, RunningStore} {
		if err := a.Lock(target); err != nil {
			t.Fatal(err)
		}
	}
	setLeaf(t, a.Candidate(), "/example-system:system/name", "mine")
	if _, err := b.Private().Commit(t.Context(), CommitOptions{}); tagOf(err) != tree.InUse {
		t.Errorf("a commit while running is locked: %v", err)
	}
	a.Close()
	if got := text(t, b.Candidate().Root()); got != "{}" {
		t.Errorf("the candidate kept the changes of a lost session: %s", got)
	}
	if err := b.Lock(RunningStore); err != nil {
		t.Error(err)
	}
}

// TestCandidateFollowsRunning until it is edited, and then notices what would undo others' commits.
func TestCandidateFollowsRunning(t *testing.T) {
	s := open(t, "", Options{})
	x, y := s.NewSession(admin, 1), s.NewSession(admin, 0)
	commit := func(c *Candidate) error {
		_, err := c.Commit(t.Context(), CommitOptions{})
		return err
	}
	other := y.Private()
	setLeaf(t, other, "/example-system:system/name", "theirs")
	if err := commit(other); err != nil {
		t.Fatal(err)
	}
	if got := text(t, x.Candidate().Root()); got != `{"example-system:system":{"name":"theirs"}}` {
		t.Errorf("an unedited candidate shows %s", got)
	}
	setLeaf(t, x.Candidate(), "/example-system:system/load", "9")
	other = y.Private()
	setLeaf(t, other, "/example-system:system/backup", "spare")
	if err := commit(other); err != nil {
		t.Fatal(err)
	}
	if err := commit(x.Candidate()); err != nil {
		t.Fatalf("changes at different places: %v", err)
	}
	if got := text(t, s.Running().Root); got != `{"example-system:system":{"name":"theirs","backup":"spare","load":9}}` {
		t.Errorf("both changes together: %s", got)
	}
	setLeaf(t, x.Candidate(), "/example-system:system/load", "10")
	other = y.Private()
	setLeaf(t, other, "/example-system:system/load", "11")
	if err := commit(other); err != nil {
		t.Fatal(err)
	}
	err := commit(x.Candidate())
	if errs := tree.Errors(err); len(errs) != 1 || errs[0].AppTag != "conflict" || errs[0].Path.String() != "/example-system:system/load" {
		t.Errorf("changes at one place: %v", err)
	}
}

// TestEditDuringCommit: what one session edits while another commits the shared candidate is not lost.
func TestEditDuringCommit(t *testing.T) {
	var during func()
	s := open(t, "", Options{Pipeline: &Consumers[string]{Translator: func(_ string, c Change) (string, []*tree.Error, error) {
		if during != nil {
			during()
		}
		return "", nil, nil
	}}})
	x, y := s.NewSession(admin, 1), s.NewSession(admin, 2)
	setLeaf(t, x.Candidate(), "/example-system:system/name", "a")
	during = func() { setLeaf(t, y.Candidate(), "/example-system:system/load", "9") }
	if _, err := x.Candidate().Commit(t.Context(), CommitOptions{}); err != nil {
		t.Fatal(err)
	}
	if running, candidate := text(t, s.Running().Root), text(t, y.Candidate().Root()); running != `{"example-system:system":{"name":"a"}}` ||
		candidate != `{"example-system:system":{"name":"a","load":9}}` {
		t.Errorf("running %s, candidate %s", running, candidate)
	}
	during = nil
	if _, err := y.Candidate().Commit(t.Context(), CommitOptions{}); err != nil || text(t, s.Running().Root) != `{"example-system:system":{"name":"a","load":9}}` {
		t.Errorf("the second commit: %v", err)
	}
}

func TestFailedEditChangesNothing(t *testing.T) {
	s := open(t, "", Options{})
	c := s.NewSession(admin, 1).Candidate()
	setLeaf(t, c, "/example-system:system/name", "a")
	before := c.Root()
	name, mail := locate(t, s, "/example-system:system/name"), locate(t, s, "/example-system:user[realm='1'][id='x']/mail")
	_, err := c.Edit(nil,
		tree.At(s.schema, name, tree.Merge, tree.NewLeaf(name.Last().Node, "b")),
		tree.At(s.schema, mail, tree.Delete, nil),
		tree.At(s.schema, name, tree.Create, tree.NewLeaf(name.Last().Node, "c")))
	if errs := tree.Errors(err); len(errs) != 2 || errs[0].Tag != tree.DataMissing || errs[1].Tag != tree.DataExists {
		t.Errorf("want both problems, got %v", err)
	}
	if !c.Root().Same(before) {
		t.Errorf("part of the failed edit stayed: %s", text(t, c.Root()))
	}
	denied := &tree.Error{Tag: tree.AccessDenied}
	if _, err := c.Edit(func(tree.Changes) error { return denied }, tree.At(s.schema, name, tree.Remove, nil)); tagOf(err) != tree.AccessDenied {
		t.Errorf("a refused edit: %v", err)
	}
	if !c.Root().Same(before) {
		t.Error("a refused edit changed the candidate")
	}
}
