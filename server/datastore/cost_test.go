package datastore

import (
	"fmt"
	"testing"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// TestCommitCostsTheChange and not the configuration: among five times as many entries, to edit, commit and return takes about the same, for
// each kind of rule and for what is removed, by an edit or by a condition.
func TestCommitCostsTheChange(t *testing.T) {
	s := subscribers(t)
	few, many := 400, 2_000 // both too large to be written anew at each commit
	for _, c := range []struct {
		leaf, value string
		op          tree.Op
	}{
		{"lifetime", "5", tree.Merge}, {"of", "net-0", tree.Merge}, {"serial", "123456", tree.Merge},
		{"service", "ipv4", tree.Merge}, // takes dual-only away
		{"label", "", tree.Remove}, {"label", "", tree.Delete},
	} {
		cost := func(n int) float64 {
			store := open(t, t.TempDir(), Options{Schema: s, Startup: startup(decode(t, s, population("rich", n)))})
			defer store.Close()
			path, err := schema.ParsePath(s, fmt.Sprintf("/example-subscribers:rich/subscriber[id='user%07d@example.net']/%s", n/2, c.leaf), s.Module)
			if err != nil {
				t.Fatal(err)
			}
			session := store.NewSession(admin, 1)
			return testing.AllocsPerRun(5, func() {
				before := store.Running()
				candidate := session.Candidate()
				if changes, err := candidate.Edit(nil, tree.At(s, path, c.op, tree.NewLeaf(path.Last().Node, c.value))); err != nil || changes.Empty() {
					t.Fatal(err)
				}
				if _, err := candidate.Commit(t.Context(), CommitOptions{}); err != nil {
					t.Fatal(err)
				}
				if _, err := session.Rollback(t.Context(), before, CommitOptions{}); err != nil {
					t.Fatal(err)
				}
			})
		}
		if a, b := cost(few), cost(many); b > a+100 {
			t.Errorf("%s of %s: %v allocations among %d entries, %v among %d", c.op, c.leaf, a, few, b, many)
		}
	}
}
