package datastore

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mooring/server/access"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

func locate(t testing.TB, s *Store, text string) schema.Path {
	t.Helper()
	p, err := schema.ParsePath(s.schema, text, s.schema.Module)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// trial commits a name that must be confirmed.
func trial(t testing.TB, x *Session, value string, c Confirm, persistID string) error {
	t.Helper()
	setLeaf(t, x.Candidate(), "/example-system:system/name", value)
	_, err := x.Candidate().Commit(t.Context(), CommitOptions{Confirm: &c, PersistID: persistID})
	return err
}

func confirm(t testing.TB, x *Session, persistID string) error {
	t.Helper()
	_, err := x.Candidate().Commit(t.Context(), CommitOptions{PersistID: persistID})
	return err
}

func nameOf(s *Store) string {
	system := s.Running().Root.ChildNamed("system")
	if system == nil {
		return ""
	}
	v, _ := system.Leaf("name")
	return v
}

func bubble(t *testing.T, f func(t *testing.T, s *Store, x *Session)) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, "", Options{Schema: example(t)})
		x := s.NewSession(admin, 1)
		setLeaf(t, x.Candidate(), "/example-system:system/name", "old")
		if err := confirm(t, x, ""); err != nil {
			t.Fatal(err)
		}
		f(t, s, x)
	})
}

func TestUnconfirmedCommitIsUndone(t *testing.T) {
	bubble(t, func(t *testing.T, s *Store, x *Session) {
		if err := trial(t, x, "new", Confirm{}, ""); err != nil {
			t.Fatal(err)
		}
		time.Sleep(defaultConfirmTimeout - time.Second)
		synctest.Wait()
		if got := nameOf(s); got != "new" {
			t.Errorf("before the time is over %q runs", got)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := nameOf(s); got != "old" {
			t.Errorf("after the time is over %q runs", got)
		}
		if s.Running().ID != 3 || s.Running().User != access.Element.Name {
			t.Errorf("the roll-back is commit %d of %s", s.Running().ID, s.Running().User)
		}
	})
}

func TestConfirmedCommitStays(t *testing.T) {
	bubble(t, func(t *testing.T, s *Store, x *Session) {
		if err := trial(t, x, "new", Confirm{Timeout: time.Minute}, ""); err != nil {
			t.Fatal(err)
		}
		id := s.Running().ID
		if err := confirm(t, x, ""); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := nameOf(s); got != "new" || s.Running().ID != id {
			t.Errorf("%q runs as commit %d", got, s.Running().ID)
		}
	})
}

// TestSecondTrialExtends the time and keeps the first backup (RFC 6241 section 8.4.1).
func TestSecondTrialExtends(t *testing.T) {
	bubble(t, func(t *testing.T, s *Store, x *Session) {
		for _, value := range []string{"one", "two"} {
			if err := trial(t, x, value, Confirm{Timeout: time.Minute}, ""); err != nil {
				t.Fatal(err)
			}
			time.Sleep(50 * time.Second)
			synctest.Wait()
		}
		if got := nameOf(s); got != "two" {
			t.Fatalf("after 100 s in two steps of 50 %q runs", got)
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if got := nameOf(s); got != "old" {
			t.Errorf("in the end %q runs, want what ran before the first trial", got)
		}
	})
}

func TestLosingTheSessionUndoes(t *testing.T) {
	bubble(t, func(t *testing.T, s *Store, x *Session) {
		if err := trial(t, x, "new", Confirm{Timeout: time.Minute}, ""); err != nil {
			t.Fatal(err)
		}
		x.Close()
		if got := nameOf(s); got != "old" {
			t.Errorf("%q runs after the session was lost", got)
		}
	})
}

func TestPersist(t *testing.T) {
	bubble(t, func(t *testing.T, s *Store, x *Session) {
		if err := trial(t, x, "new", Confirm{Timeout: time.Minute, Persist: "secret"}, ""); err != nil {
			t.Fatal(err)
		}
		x.Close()
		if got := nameOf(s); got != "new" {
			t.Fatalf("with persist the commit does not outlive its session: %q runs", got)
		}
		y := s.NewSession(admin, 2)
		if err := confirm(t, y, "wrong"); tagOf(err) != tree.InvalidValue {
			t.Errorf("a wrong persist-id: %v", err)
		}
		if err := confirm(t, y, ""); tagOf(err) != tree.InUse {
			t.Errorf("a commit of another session without persist-id: %v", err)
		}
		if err := y.Cancel(""); tagOf(err) != tree.InvalidValue {
			t.Errorf("cancel without persist-id: %v", err)
		}
		if err := confirm(t, y, "secret"); err != nil {
			t.Fatal(err)
		}
		if err := y.Cancel("secret"); tagOf(err) != tree.OperationFailed {
			t.Errorf("cancel after the confirmation: %v", err)
		}
		if got := nameOf(s); got != "new" {
			t.Errorf("%q runs", got)
		}
	})
}

func TestCancel(t *testing.T) {
	bubble(t, func(t *testing.T, s *Store, x *Session) {
		if err := trial(t, x, "new", Confirm{}, ""); err != nil {
			t.Fatal(err)
		}
		if err := s.NewSession(admin, 2).Cancel(""); err == nil {
			t.Error("another session cancelled")
		}
		if err := x.Cancel(""); err != nil {
			t.Fatal(err)
		}
		if got := nameOf(s); got != "old" {
			t.Errorf("%q runs", got)
		}
	})
}

// TestFailedTrialArmsNothing: a commit that does not validate has no roll-back to wait for.
func TestFailedTrialArmsNothing(t *testing.T) {
	bubble(t, func(t *testing.T, s *Store, x *Session) {
		setLeaf(t, x.Candidate(), "/example-system:system/backup", "old")
		if _, err := x.Candidate().Commit(t.Context(), CommitOptions{Confirm: &Confirm{}}); err == nil {
			t.Fatal("name and backup are the same, and the commit went through")
		}
		if owner, _, _ := s.Pending(); owner != nil {
			t.Error("a failed commit waits to be confirmed")
		}
	})
}

func TestFollower(t *testing.T) {
	s := open(t, "", Options{})
	x := s.NewSession(admin, 1)
	f, now := s.Follow()
	if now.ID != 0 {
		t.Fatalf("following begins at commit %d", now.ID)
	}
	load := func(n int) {
		setLeaf(t, x.Candidate(), "/example-system:system/limit", schema.Number{Magnitude: uint64(n)}.String())
		if _, err := x.Candidate().Commit(t.Context(), CommitOptions{Via: "test"}); err != nil {
			t.Fatal(err)
		}
	}
	load(2)
	load(3)
	for want := uint64(1); want <= 2; want++ {
		c, err := f.Next(t.Context())
		if err != nil || c.ID != want || c.Merged != 0 || c.Changes.Len() != 1 || c.User != "alice" || c.Via != "test" {
			t.Errorf("commit %d: %+v, %v", want, c, err)
		}
	}
	for i := range 2 * recentLimit {
		load(10 + i)
	}
	total := 0
	for f.seen != s.Running() {
		c, err := f.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		total += 1 + c.Merged
	}
	if total != 2*recentLimit {
		t.Errorf("a slow follower was told of %d commits, want %d", total, 2*recentLimit)
	}
}

// TestExtendedWhileTimeRunsOut: the time of a trial ends while the commit that extends it is on its way, so that the roll-back
// comes just after it.
func TestExtendedWhileTimeRunsOut(t *testing.T) {
	bubble(t, func(t *testing.T, s *Store, x *Session) {
		if err := trial(t, x, "one", Confirm{Timeout: time.Minute}, ""); err != nil {
			t.Fatal(err)
		}
		first := s.pending
		if err := trial(t, x, "two", Confirm{Timeout: time.Minute}, ""); err != nil {
			t.Fatal(err)
		}
		s.giveUp(first, Confirmation{Step: ConfirmTimeout}, "not confirmed in time")
		if got := nameOf(s); got != "two" {
			t.Errorf("%q runs", got)
		}
		time.Sleep(time.Minute + time.Second)
		synctest.Wait()
		if got := nameOf(s); got != "old" {
			t.Errorf("in the end %q runs", got)
		}
	})
}

// TestUndoIsTriedAgain: a disk that is full when the time is over does not leave an unconfirmed commit in force for good.
func TestUndoIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var full atomic.Bool
		hook(t, func(string) error {
			if full.Load() {
				return errors.New("no space")
			}
			return nil
		})
		s := open(t, t.TempDir(), Options{Schema: example(t)})
		x := s.NewSession(admin, 1)
		if err := trial(t, x, "new", Confirm{Timeout: time.Minute}, ""); err != nil {
			t.Fatal(err)
		}
		full.Store(true)
		time.Sleep(time.Minute + time.Second)
		synctest.Wait()
		if got := nameOf(s); got != "new" {
			t.Fatalf("what cannot be written was put into force: %q runs", got)
		}
		full.Store(false)
		time.Sleep(revertAgain)
		synctest.Wait()
		if got := nameOf(s); got != "" {
			t.Errorf("with room on the disk again %q runs", got)
		}
	})
}

// While a trial waits, nobody else commits: not by guessing a persist-id, and not without one.
func TestOnlyItsOwnerConfirms(t *testing.T) {
	bubble(t, func(t *testing.T, s *Store, x *Session) {
		if err := confirm(t, x, "anything"); tagOf(err) != tree.InvalidValue {
			t.Errorf("a persist-id while nothing waits: %v", err)
		}
		if err := trial(t, x, "new", Confirm{Timeout: time.Minute}, ""); err != nil {
			t.Fatal(err)
		}
		y := s.NewSession(admin, 2)
		if err := confirm(t, y, ""); tagOf(err) != tree.InUse {
			t.Errorf("another session: %v", err)
		}
		if err := confirm(t, y, "guess"); tagOf(err) != tree.InvalidValue {
			t.Errorf("another session with a persist-id: %v", err)
		}
		if err := confirm(t, x, "guess"); tagOf(err) != tree.InvalidValue {
			t.Errorf("its owner with a persist-id that was never given: %v", err)
		}
		if err := confirm(t, x, ""); err != nil {
			t.Error(err)
		}
	})
}
