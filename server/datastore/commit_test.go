package datastore

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"mooring/server/tree"
)

// Access control sees what a commit changes in running, and what it refuses changes nothing.
func TestCommitIsChecked(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	x := s.NewSession(admin, 1)
	setLeaf(t, x.Candidate(), "/example-system:system/name", "a")
	var seen []string
	denied := &tree.Error{Tag: tree.AccessDenied}
	check := func(c tree.Changes) error {
		for ch := range c.All() {
			seen = append(seen, ch.Path.String())
		}
		return denied
	}
	if _, err := x.Candidate().Commit(t.Context(), CommitOptions{Check: check}); tagOf(err) != tree.AccessDenied {
		t.Errorf("a commit that may not be made: %v", err)
	}
	if !slices.Equal(seen, []string{"/example-system:system"}) {
		t.Errorf("the check was shown %q", seen)
	}
	if s.Running().ID != 0 || text(t, x.Candidate().Root()) != states["A"] {
		t.Errorf("commit %d runs, the candidate is %s", s.Running().ID, text(t, x.Candidate().Root()))
	}
}

func TestRollback(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	x := s.NewSession(admin, 1)
	for _, c := range commits[:2] {
		if err := c.make(x); err != nil {
			t.Fatal(err)
		}
	}
	to, err := s.Back(1)
	if err != nil {
		t.Fatal(err)
	}
	result, err := x.Rollback(t.Context(), to, CommitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if now := result.Snapshot; now != s.Running() || now.ID != 3 || now.Via != "rollback" || !strings.Contains(now.Comment, "commit 1") || text(t, now.Root) != states["A"] {
		t.Errorf("%+v runs: %s", now, text(t, now.Root))
	}
	if _, err := s.Back(4); tagOf(err) != tree.InvalidValue {
		t.Errorf("going back beyond the first commit: %v", err)
	}
}

// A candidate of one's own is nobody else's business: no lock of the shared one forbids to edit it.
func TestPrivateCandidateNeedsNoLock(t *testing.T) {
	s := open(t, "", Options{})
	if err := s.NewSession(admin, 1).Lock(CandidateStore); err != nil {
		t.Fatal(err)
	}
	c := s.NewSession(admin, 2).Private()
	setLeaf(t, c, "/example-system:system/name", "a")
	if _, err := c.Commit(t.Context(), CommitOptions{}); err != nil || text(t, s.Running().Root) != states["A"] {
		t.Errorf("%v; %s runs", err, text(t, s.Running().Root))
	}
}

// Memory holds a bounded number of commits; what is older comes from disk.
func TestOldCommitsAreReadFromDisk(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	x := s.NewSession(admin, 1)
	for i := range recentLimit + 2 {
		setLeaf(t, x.Candidate(), "/example-system:system/name", "n"+strings.Repeat("x", i%3))
		if _, err := x.Candidate().Commit(t.Context(), CommitOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.recent) > recentLimit {
		t.Errorf("%d snapshots are kept in memory", len(s.recent))
	}
	old, err := s.At(2)
	if err != nil || text(t, old.Root) != `{"example-system:system":{"name":"nx"}}` || old.ID != 2 || old.User != admin.Name {
		t.Errorf("commit 2 is %+v, %v", old, err)
	}
	if _, err := s.At(s.Running().ID + 1); tagOf(err) != tree.InvalidValue {
		t.Errorf("a commit that was never made: %v", err)
	}
}

// Who waits for the next commit is told of it, and not before.
func TestFollowerWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, "", Options{Schema: example(t)})
		f, _ := s.Follow()
		var told []uint64
		go func() {
			for {
				c, err := f.Next(t.Context())
				if err != nil {
					return
				}
				told = append(told, c.ID)
			}
		}()
		synctest.Wait()
		if len(told) > 0 {
			t.Errorf("told of %d before anything happened", told)
		}
		if err := commits[0].make(s.NewSession(admin, 1)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if !slices.Equal(told, []uint64{1}) {
			t.Errorf("told of %d", told)
		}
	})
}
