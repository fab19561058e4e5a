package datastore

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mooring/server/tree"
)

// restart opens what a store has left on disk, as a new process would.
func restart(t *testing.T, dir string, s *Store, o Options) *Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, dir, o)
}

// resumable runs f with a store on disk in which "new" waits a minute to be confirmed with "secret", in place of "old".
func resumable(t *testing.T, f func(t *testing.T, dir string, s *Store)) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		s := open(t, dir, Options{})
		x := s.NewSession(admin, 1)
		setLeaf(t, x.Candidate(), "/example-system:system/name", "old")
		if err := confirm(t, x, ""); err != nil {
			t.Fatal(err)
		}
		if err := trial(t, x, "new", Confirm{Timeout: time.Minute, Persist: "secret", Resume: true}, ""); err != nil {
			t.Fatal(err)
		}
		f(t, dir, s)
	})
}

func TestResumedCommitIsConfirmed(t *testing.T) {
	resumable(t, func(t *testing.T, dir string, s *Store) {
		s = restart(t, dir, s, Options{})
		owner, persist, _ := s.Pending()
		if nameOf(s) != "new" || persist != "secret" || owner == nil || owner.User.Name != admin.Name || s.Running().Persist != "secret" {
			t.Fatalf("after a restart %q runs and waits for %q of %v", nameOf(s), persist, owner)
		}
		x := s.NewSession(admin, 7)
		if err := confirm(t, x, "wrong"); tagOf(err) != tree.InvalidValue {
			t.Errorf("a wrong persist-id: %v", err)
		}
		if err := confirm(t, x, "secret"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if s = restart(t, dir, s, Options{}); nameOf(s) != "new" {
			t.Errorf("after it was confirmed and a restart %q runs", nameOf(s))
		}
	})
}

func TestResumedCommitIsCancelled(t *testing.T) {
	resumable(t, func(t *testing.T, dir string, s *Store) {
		s = restart(t, dir, s, Options{})
		if err := s.NewSession(admin, 7).Cancel("secret"); err != nil {
			t.Fatal(err)
		}
		if nameOf(s) != "old" {
			t.Errorf("%q runs", nameOf(s))
		}
	})
}

// The time that passes while nothing runs counts.
func TestResumedCommitRunsOutOfTime(t *testing.T) {
	resumable(t, func(t *testing.T, dir string, s *Store) {
		time.Sleep(20 * time.Second)
		s = restart(t, dir, s, Options{})
		time.Sleep(39 * time.Second)
		synctest.Wait()
		if nameOf(s) != "new" {
			t.Errorf("a second before its end %q runs", nameOf(s))
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if nameOf(s) != "old" {
			t.Errorf("after its end %q runs", nameOf(s))
		}
	})
}

func TestCommitRunsOutOfTimeWhileNothingRuns(t *testing.T) {
	resumable(t, func(t *testing.T, dir string, s *Store) {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(61 * time.Second)
		s = open(t, dir, Options{})
		if owner, _, _ := s.Pending(); nameOf(s) != "old" || owner != nil {
			t.Errorf("%q runs, %v waits", nameOf(s), owner)
		}
		if got := s.Running().Comment; !strings.Contains(got, "not confirmed in time") {
			t.Errorf("the history says %q", got)
		}
	})
}

func TestExtendedCommitIsResumed(t *testing.T) {
	resumable(t, func(t *testing.T, dir string, s *Store) {
		s = restart(t, dir, s, Options{})
		if err := trial(t, s.NewSession(admin, 7), "newer", Confirm{Timeout: time.Hour, Persist: "other", Resume: true}, "secret"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		s = restart(t, dir, s, Options{})
		if _, persist, _ := s.Pending(); nameOf(s) != "newer" || persist != "other" {
			t.Errorf("%q runs and waits for %q", nameOf(s), persist)
		}
		if err := s.NewSession(admin, 8).Cancel("other"); err != nil || nameOf(s) != "old" {
			t.Errorf("cancelled: %v, and %q runs", err, nameOf(s))
		}
	})
}

// An extension that fails leaves the time and the persist text as they were, for the next start too.
func TestFailedExtensionIsNotResumed(t *testing.T) {
	resumable(t, func(t *testing.T, dir string, s *Store) {
		s.disk.step = func(name string) error {
			if strings.HasPrefix(name, "rename config/history/") {
				return errors.New("no more")
			}
			return nil
		}
		if err := trial(t, s.NewSession(admin, 2), "newer", Confirm{Timeout: time.Hour, Persist: "other", Resume: true}, "secret"); err == nil {
			t.Fatal("it did not fail")
		}
		s = open(t, dir, Options{}) // as after a crash
		if _, persist, deadline := s.Pending(); nameOf(s) != "new" || persist != "secret" || time.Until(deadline) != time.Minute {
			t.Errorf("%q runs and waits for %q until %v", nameOf(s), persist, deadline)
		}
	})
}

// refusing refuses configurations in which the name is new.
type refusing struct{ none }

func (refusing) Prepare(ctx context.Context, c Change) (Prepared, []*tree.Error, error) {
	if system := c.New.ChildNamed("system"); system != nil {
		if name, _ := system.Leaf("name"); name == "new" {
			return nil, nil, errors.New("no name like that")
		}
	}
	return none{}.Prepare(ctx, c)
}

func TestResumedCommitThatCannotBeginIsUndone(t *testing.T) {
	resumable(t, func(t *testing.T, dir string, s *Store) {
		s = restart(t, dir, s, Options{Pipeline: refusing{}})
		if owner, _, _ := s.Pending(); nameOf(s) != "old" || owner != nil {
			t.Errorf("%q runs, %v waits", nameOf(s), owner)
		}
	})
}

// Without Resume, or without a persist text, a restart undoes.
func TestCommitThatDoesNotOutliveARestart(t *testing.T) {
	for _, c := range []Confirm{{Timeout: time.Minute}, {Timeout: time.Minute, Persist: "secret"}, {Timeout: time.Minute, Resume: true}} {
		synctest.Test(t, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir, Options{})
			if err := trial(t, s.NewSession(admin, 1), "new", c, ""); err != nil {
				t.Fatal(err)
			}
			s = restart(t, dir, s, Options{})
			if owner, _, _ := s.Pending(); nameOf(s) != "" || owner != nil {
				t.Errorf("%+v: %q runs, %v waits", c, nameOf(s), owner)
			}
		})
	}
}

func TestTimeLeft(t *testing.T) {
	began := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	n := newNote(&Snapshot{ID: 3}, Confirm{Timeout: time.Minute, Persist: "secret", Resume: true}, began)
	for _, c := range []struct{ passed, want time.Duration }{
		{0, time.Minute}, {59 * time.Second, time.Second}, {time.Minute, 0}, {time.Hour, time.Minute - time.Hour},
		{-time.Hour, time.Minute}, // the clock was set back
	} {
		if got := n.left(began.Add(c.passed)); got != c.want {
			t.Errorf("after %v: %v, want %v", c.passed, got, c.want)
		}
	}
}
