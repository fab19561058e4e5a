package datastore

import (
	"testing"

	"mooring/server/tree"
)

// TestTest: an edit is tried on what the candidate holds, and leaves no trace.
func TestTest(t *testing.T) {
	s := open(t, "", Options{})
	x, y := s.NewSession(admin, 1), s.NewSession(admin, 2)
	set := func(path, value string) tree.Edit {
		p := locate(t, s, path)
		return tree.At(s.schema, p, tree.Merge, tree.NewLeaf(p.Last().Node, value))
	}
	setLeaf(t, x.Candidate(), "/example-system:system/name", "same")
	before := x.Candidate().Root()
	if _, err := x.Candidate().Test(nil, set("/example-system:system/backup", "same")); tagOf(err) != tree.OperationFailed {
		t.Errorf("what the edit and the candidate make together is not valid, but: %v", err)
	}
	if _, err := x.Candidate().Test(nil, set("/example-system:system/backup", "other")); err != nil {
		t.Error(err)
	}
	denied := &tree.Error{Tag: tree.AccessDenied}
	if _, err := x.Candidate().Test(func(tree.Changes) error { return denied }, set("/example-system:system/backup", "other")); tagOf(err) != tree.AccessDenied {
		t.Errorf("an edit that may not be made: %v", err)
	}
	if !x.Candidate().Root().Same(before) {
		t.Error("a test changed the candidate")
	}
	if err := x.Candidate().Discard(); err != nil {
		t.Fatal(err)
	}
	if err := y.Lock(CandidateStore); err != nil {
		t.Fatal(err)
	}
	if _, err := x.Candidate().Test(nil, set("/example-system:system/backup", "other")); tagOf(err) != tree.InUse {
		t.Errorf("a test of an edit that a lock forbids: %v", err)
	}
}
