package datastore

import (
	"testing"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// A commit that comes while nodes are chosen has them chosen again.
func TestPartsAreChosenOfWhatRuns(t *testing.T) {
	s := open(t, "", Options{})
	a, b := s.NewSession(admin, 1), s.NewSession(admin, 2)
	name := locate(t, s, "/example-system:system/name")
	var chosenOf []*tree.Node
	lock, err := a.LockParts([]string{"name"}, func(running *tree.Node) ([]schema.Path, error) {
		if chosenOf = append(chosenOf, running); len(chosenOf) == 1 {
			c := b.Private()
			setLeaf(t, c, "/example-system:system/name", "between")
			if _, err := c.Commit(t.Context(), CommitOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		return []schema.Path{name}, nil
	})
	if err != nil || len(chosenOf) != 2 || chosenOf[1] != s.Running().Root {
		t.Fatalf("chosen %d times: %v", len(chosenOf), err)
	}
	if held := s.PartialLocks(); len(held) != 1 || held[0].ID != lock.ID || held[0].Holder != a || held[0].Select[0] != "name" {
		t.Errorf("locks that are held: %v", held)
	}
	c := b.Private()
	setLeaf(t, c, "/example-system:system/name", "after")
	if _, err := c.Commit(t.Context(), CommitOptions{}); tagOf(err) != tree.InUse {
		t.Errorf("a commit over the lock: %v", err)
	}
	if got := nameOf(s); got != "between" {
		t.Errorf("%q runs", got)
	}
}

// What one client can make the others carry is bounded.
func TestPartialLocksAreBounded(t *testing.T) {
	s := open(t, "", Options{})
	x := s.NewSession(admin, 1)
	name := locate(t, s, "/example-system:system/name")
	choose := func(n int) func(*tree.Node) ([]schema.Path, error) {
		return func(*tree.Node) ([]schema.Path, error) { return make([]schema.Path, n), nil }
	}
	if _, err := x.LockParts(nil, choose(maxLockedNodes+1)); tagOf(err) != tree.ResourceDenied {
		t.Errorf("too many nodes: %v", err)
	}
	one := func(*tree.Node) ([]schema.Path, error) { return []schema.Path{name}, nil }
	for range maxPartialLocks {
		if _, err := x.LockParts(nil, one); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := x.LockParts(nil, one); tagOf(err) != tree.ResourceDenied {
		t.Errorf("too many locks: %v", err)
	}
	x.Close()
	if held := s.PartialLocks(); len(held) != 0 {
		t.Errorf("%d locks outlive their session", len(held))
	}
}
