package datastore

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// A commit on trial, confirmed or cancelled, costs the change too: among five times as many entries it takes about the same memory.
func TestTrialCostsTheChange(t *testing.T) {
	s := subscribers(t)
	few, many := 400, 2_000 // both too large to be written anew at each commit
	for name, end := range map[string]func(*Session) error{
		"cancelled": func(x *Session) error { return x.Cancel("") },
		"confirmed": func(x *Session) error {
			_, err := x.Candidate().Commit(t.Context(), CommitOptions{})
			return err
		},
	} {
		cost := func(n int) uint64 {
			store := open(t, t.TempDir(), Options{Schema: s, Startup: startup(decode(t, s, population("rich", n)))})
			defer store.Close()
			path, err := schema.ParsePath(s, fmt.Sprintf("/example-subscribers:rich/subscriber[id='user%07d@example.net']/lifetime", n/2), s.Module)
			if err != nil {
				t.Fatal(err)
			}
			session := store.NewSession(admin, 1)
			trial := func(value int) {
				before := store.Running()
				candidate := session.Candidate()
				if changes, err := candidate.Edit(nil, tree.At(s, path, tree.Merge, tree.NewLeaf(path.Last().Node, fmt.Sprint(value)))); err != nil || changes.Empty() {
					t.Fatal(err)
				}
				if _, err := candidate.Commit(t.Context(), CommitOptions{Confirm: &Confirm{Timeout: time.Hour}}); err != nil {
					t.Fatal(err)
				}
				if err := end(session); err != nil {
					t.Fatal(err)
				}
				if kept := store.Running().Root.Same(before.Root); kept != (name == "cancelled") {
					t.Fatalf("%s: the configuration of before stays: %t", name, kept)
				}
			}
			trial(5)
			const times = 5
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for i := range times {
				trial(6 + i)
			}
			runtime.ReadMemStats(&after)
			return (after.TotalAlloc - before.TotalAlloc) / times
		}
		// What grows with the logarithm is a few pages; the configuration itself has 200 octets and more for each entry.
		if a, b := cost(few), cost(many); b > a+uint64(many-few)*20 {
			t.Errorf("%s: %d octets of memory among %d entries, %d among %d", name, a, few, b, many)
		} else {
			t.Log(name, a, b)
		}
	}
}
