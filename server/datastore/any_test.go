package datastore

import (
	"strings"
	"testing"

	"mooring/server/tree"
	"mooring/server/tree/validate"
)

// TestAnydataSurvives: what is in an anydata, and in an anyxml that JSON cannot say, comes back after a restart, by a rollback and from
// the history; writing it again is no change.
func TestAnydataSurvives(t *testing.T) {
	s := example(t)
	rules, err := validate.Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	store := open(t, dir, Options{Rules: rules})
	x := store.NewSession(admin, 1)
	var states []string
	for _, holder := range []string{
		`{"kind":"a","data":{"example-system:system":{"name":"in","load":7}}}`,
		`{"kind":"xml","data":"<x xmlns=\"urn:strange\" a=\"1\"/>","xml":"mixed <b xmlns=\"urn:b\">content</b>"}`,
		`{"kind":"xml","data":{},"xml":[true,null,{"a":1.0}]}`,
		`{"kind":"xml","data":{},"xml":"plain & simple"}`,
	} {
		if err := x.Candidate().Replace(decode(t, s, []byte(`{"example-any:holder":`+holder+`}`))); err != nil {
			t.Fatal(err)
		}
		if _, err := x.Candidate().Commit(t.Context(), CommitOptions{}); err != nil {
			t.Fatal(err)
		}
		states = append(states, text(t, store.Running().Root))
		before := store.Running()
		if err := x.Candidate().Replace(decode(t, s, []byte(`{"example-any:holder":`+holder+`}`))); err != nil {
			t.Fatal(err)
		}
		if result, err := x.Candidate().Commit(t.Context(), CommitOptions{}); err != nil || result.Snapshot != before {
			t.Errorf("the same again: %v, commit %d", err, result.Snapshot.ID)
		}
		again := open(t, dir, Options{Rules: rules})
		if !again.Running().Root.Equal(before.Root) {
			t.Errorf("after a restart: %s\nwant %s", text(t, again.Running().Root), text(t, before.Root))
		}
	}
	again := open(t, dir, Options{Rules: rules})
	for back := range states {
		snapshot, err := again.Back(back)
		if want := states[len(states)-1-back]; err != nil || text(t, snapshot.Root) != want {
			t.Errorf("%d back: %v, want %s", back, err, want)
		}
	}
	if result, err := x.Rollback(t.Context(), mustBack(t, store, 2), CommitOptions{}); err != nil || text(t, result.Snapshot.Root) != states[1] {
		t.Errorf("rolled back: %v", err)
	}
}

func mustBack(t testing.TB, s *Store, n int) *Snapshot {
	t.Helper()
	b, err := s.Back(n)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestConstraintsOfAnydata: it can be mandatory, and have must and when (RFC 7950 section 7.10.1).
func TestConstraintsOfAnydata(t *testing.T) {
	s := example(t)
	rules, err := validate.Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	for holder, want := range map[string]tree.Tag{
		`{"kind":"a"}`:                     tree.DataMissing,
		`{"data":{}}`:                      tree.OperationFailed,
		`{"kind":"a","data":{}}`:           "",
		`{"kind":"a","data":{},"xml":"x"}`: tree.UnknownElement,
		`{"kind":"xml","data":{},"xml":"<a>for<b/>bidden</a>"}`: tree.OperationFailed,
		`{"kind":"xml","data":{},"xml":"<forbidden/>"}`:         "",
	} {
		root := decode(t, s, []byte(`{"example-any:holder":`+holder+`}`))
		errs := tree.Errors(rules.Check(tree.Diff(nil, root)))
		switch {
		case want == "" && len(errs) > 0, want != "" && (len(errs) != 1 || errs[0].Tag != want):
			t.Errorf("%s: %v, want %q", holder, errs, want)
		case want != "" && !strings.HasPrefix(errs[0].Path.String(), "/example-any:holder/"):
			t.Errorf("%s: at %s", holder, errs[0].Path)
		}
	}
}
