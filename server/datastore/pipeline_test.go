package datastore

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// part is a consumer that writes down what happens to it.
type part struct {
	name   string
	log    *[]string
	refuse bool
	busy   bool // refuses unless it must not
}

func (p *part) Prepare(_ context.Context, change Change, old, new string) (Prepared, error) {
	if p.refuse || p.busy && !change.Forced {
		*p.log = append(*p.log, p.name+" refuses")
		return nil, &tree.Error{Tag: tree.InUse, Message: p.name + " is busy"}
	}
	*p.log = append(*p.log, p.name+" prepares "+old+" -> "+new)
	return &ready{p}, nil
}

type ready struct{ p *part }

func (r *ready) Apply() { *r.p.log = append(*r.p.log, r.p.name+" applies") }
func (r *ready) Abort() { *r.p.log = append(*r.p.log, r.p.name+" aborts") }

// name is the native configuration of these tests: the name of the system.
func name(_ string, c Change) (string, []*tree.Error, error) {
	system := c.New.ChildNamed("system")
	if system == nil {
		return "-", nil, nil
	}
	v, _ := system.Leaf("name")
	var warnings []*tree.Error
	if v == "odd" {
		warnings = append(warnings, &tree.Error{Warning: true, Message: "an odd name"})
	}
	if v == "untranslatable" {
		return "", nil, errors.New("no such thing")
	}
	return v, warnings, nil
}

func TestConsumers(t *testing.T) {
	var log []string
	first, second, third := &part{name: "first", log: &log}, &part{name: "second", log: &log}, &part{name: "third", log: &log}
	s := open(t, "", Options{Pipeline: &Consumers[string]{Translator: name, List: []Consumer[string]{first, second, third}}})
	x := s.NewSession(admin, 1)
	try := func(value string) (*Result, error) {
		log = nil
		c := x.Private()
		setLeaf(t, c, "/example-system:system/name", value)
		return c.Commit(t.Context(), CommitOptions{})
	}
	want := func(when string, entries ...string) {
		t.Helper()
		if !slices.Equal(log, entries) {
			t.Errorf("%s: %q, want %q", when, log, entries)
		}
	}
	if _, err := try("a"); err != nil {
		t.Fatal(err)
	}
	want("a commit", "first prepares - -> a", "second prepares - -> a", "third prepares - -> a", "first applies", "second applies", "third applies")

	third.refuse = true
	before := s.Running()
	if _, err := try("b"); tagOf(err) != tree.InUse {
		t.Errorf("a refused commit: %v", err)
	}
	want("a refusal", "first prepares a -> b", "second prepares a -> b", "third refuses", "second aborts", "first aborts")
	if s.Running() != before {
		t.Error("a refused commit changed running")
	}
	first.refuse = true
	if _, err := try("b"); len(tree.Errors(err)) != 2 || tree.Errors(err)[1].Message != "third is busy" {
		t.Errorf("two refusals: %v", err)
	}
	want("two refusals", "first refuses", "second prepares a -> b", "third refuses", "second aborts")
	first.refuse = false
	third.refuse = false

	if result, err := try("odd"); err != nil || len(result.Warnings) != 1 {
		t.Errorf("a warning: %+v, %v", result, err)
	}
	want("after a refusal", "first prepares a -> odd", "second prepares a -> odd", "third prepares a -> odd", "first applies", "second applies", "third applies")

	if _, err := try("untranslatable"); err == nil {
		t.Error("what cannot be translated was committed")
	}
	want("no translation")
}

func TestDiskFailureAborts(t *testing.T) {
	var log []string
	dir := t.TempDir()
	s := open(t, dir, Options{Pipeline: &Consumers[string]{Translator: name, List: []Consumer[string]{&part{name: "one", log: &log}}}})
	s.disk.dir.Close() // every write fails from now on
	log = nil
	c := s.NewSession(admin, 1).Private()
	setLeaf(t, c, "/example-system:system/name", "a")
	if _, err := c.Commit(t.Context(), CommitOptions{}); tagOf(err) != tree.OperationFailed {
		t.Errorf("a commit that cannot be written: %v", err)
	}
	if !slices.Equal(log, []string{"one prepares - -> a", "one aborts"}) || s.Running().ID != 0 {
		t.Errorf("%q, running is commit %d", log, s.Running().ID)
	}
}

func TestInvalidCommitListsEverything(t *testing.T) {
	s := open(t, "", Options{})
	c := s.NewSession(admin, 1).Private()
	setLeaf(t, c, "/example-system:system/name", "same")
	setLeaf(t, c, "/example-system:system/backup", "same")
	setLeaf(t, c, "/example-system:user[realm='1'][id='a']/friend", "nobody")
	_, err := c.Commit(t.Context(), CommitOptions{})
	errs := tree.Errors(err)
	if len(errs) != 2 || errs[0].AppTag != "same-name" || errs[1].AppTag != "instance-required" {
		t.Errorf("want the must and the leafref, got %v", err)
	}
	if s.Running().ID != 0 {
		t.Error("an invalid commit went through")
	}
}

func TestCommitOfNothing(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	x := s.NewSession(admin, 1)
	setLeaf(t, x.Candidate(), "/example-system:system/name", "a")
	first, err := x.Candidate().Commit(t.Context(), CommitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	setLeaf(t, x.Candidate(), "/example-system:system/name", "a")
	second, err := x.Candidate().Commit(t.Context(), CommitOptions{})
	if err != nil || second.Snapshot != first.Snapshot {
		t.Errorf("a commit without a change made commit %d, %v", second.Snapshot.ID, err)
	}
}

// Who has something in use may refuse a commit, but neither a roll-back nor the end of an unconfirmed commit.
func TestForcedChanges(t *testing.T) {
	var log []string
	p := &part{name: "part", log: &log}
	s := open(t, "", Options{Pipeline: &Consumers[string]{Translator: name, List: []Consumer[string]{p}}})
	x := s.NewSession(admin, 1)
	commit := func(value string, o CommitOptions) error {
		c := x.Private()
		setLeaf(t, c, "/example-system:system/name", value)
		_, err := c.Commit(t.Context(), o)
		return err
	}
	if err := commit("a", CommitOptions{}); err != nil {
		t.Fatal(err)
	}
	first := s.Running()
	if err := commit("b", CommitOptions{Confirm: &Confirm{}}); err != nil {
		t.Fatal(err)
	}
	p.busy = true
	if err := commit("c", CommitOptions{}); tagOf(err) != tree.InUse {
		t.Errorf("a commit: %v", err)
	}
	if err := x.Cancel(""); err != nil || s.Running().Root != first.Root {
		t.Errorf("the end of an unconfirmed commit: %v", err)
	}
	empty, err := s.At(0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.Rollback(t.Context(), empty, CommitOptions{}); err != nil {
		t.Errorf("a roll-back: %v", err)
	}
	if err := commit("d", CommitOptions{}); tagOf(err) != tree.InUse {
		t.Errorf("a commit after a roll-back: %v", err)
	}
}

// TestWarningsAreLogged when they come with a commit, and again when the element starts with them.
func TestWarningsAreLogged(t *testing.T) {
	var log bytes.Buffer
	warn := func(_ string, c Change) (string, []*tree.Error, error) {
		at := schema.Path{{Node: c.New.Schema().ChildNamed("system")}}
		return "", []*tree.Error{{Warning: true, AppTag: "W-REF", Path: at, Message: "it leads nowhere"}}, nil
	}
	const want = `level=WARN msg=configuration code=W-REF path=/example-system:system warning="it leads nowhere"`
	dir := t.TempDir()
	reopen := func() *Store {
		return open(t, dir, Options{Pipeline: &Consumers[string]{Translator: warn}, Log: slog.New(slog.NewTextHandler(&log, nil))})
	}
	s := reopen()
	c := s.NewSession(admin, 1).Private()
	setLeaf(t, c, "/example-system:system/name", "a")
	log.Reset()
	if _, err := c.Commit(t.Context(), CommitOptions{}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), want) {
		t.Errorf("the log of a commit is %q", log.String())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	log.Reset()
	reopen()
	if !strings.Contains(log.String(), want) {
		t.Errorf("the log of a start is %q", log.String())
	}
}
