package datastore

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"testing"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// told is a Pipeline that takes down what it is told of changes.
type told struct {
	changes []string // of the last one
	times   int
}

func (p *told) Translate(c Change) ([]*tree.Error, error) { return nil, nil }

func (p *told) Prepare(_ context.Context, c Change) (Prepared, []*tree.Error, error) {
	p.changes = changedPaths(c.Changes)
	p.times++
	return none{}, nil, nil
}

func changedPaths(changes tree.Changes) (list []string) {
	for ch := range changes.All() {
		list = append(list, ch.Path.String())
	}
	return list
}

// TestCommitComparesNoTrees puts another tree into a candidate than its edits made: one that shares nothing with running, and differs from
// it in a leaf that no edit touched. Everybody is told of what was edited, and of nothing else, so nobody compares the two.
func TestCommitComparesNoTrees(t *testing.T) {
	s := subscribers(t)
	pipeline := &told{}
	text := population("rich", 200)
	store := open(t, t.TempDir(), Options{Schema: s, Pipeline: pipeline, Startup: startup(decode(t, s, text))})
	defer store.Close()
	leaf := func(id int, value string) tree.Edit {
		path, err := schema.ParsePath(s, fmt.Sprintf("/example-subscribers:rich/subscriber[id='user%07d@example.net']/lifetime", id), s.Module)
		if err != nil {
			t.Fatal(err)
		}
		return tree.At(s, path, tree.Merge, tree.NewLeaf(path.Last().Node, value))
	}
	want := []string{"/example-subscribers:rich/subscriber[id='user0000007@example.net']/lifetime"}
	session := store.NewSession(admin, 1)
	candidate := session.Candidate()
	if _, err := candidate.Edit(nil, leaf(7, "77")); err != nil {
		t.Fatal(err)
	}
	other, err := tree.Apply(decode(t, s, text), leaf(7, "77"), leaf(100, "78"))
	if err != nil {
		t.Fatal(err)
	}
	store.shared.changes.New = other
	if len(changedPaths(tree.Diff(store.Running().Root, other))) != 2 {
		t.Fatal("the test tests nothing: the trees do not differ elsewhere")
	}

	before := store.Running()
	follower, _ := store.Follow()
	var checked, noted []string
	check := func(c tree.Changes) error { checked = changedPaths(c); return nil }
	result, err := candidate.Commit(t.Context(), CommitOptions{Check: check, Confirm: &Confirm{}})
	if err != nil {
		t.Fatal(err)
	}
	commit, _ := follower.Peek()
	record, err := store.disk.readRecord(result.Snapshot.ID, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range record.Changes {
		noted = append(noted, c.Path)
	}
	for who, got := range map[string][]string{"access control": checked, "the pipeline": pipeline.changes, "the history": noted, "the client": changedPaths(result.Changes),
		"who follows": changedPaths(commit.Changes), "who asks for the way": changedPaths(store.Between(before, result.Snapshot))} {
		if !slices.Equal(got, want) {
			t.Errorf("%s is told of %q, want %q", who, got, want)
		}
	}
	if err := session.Cancel(""); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(pipeline.changes, want) || store.Running().Root != before.Root {
		t.Errorf("the unconfirmed commit is undone by changing %q, want %q", pipeline.changes, want)
	}
}

// TestReplaceCostsTheChange replaces everything by nearly the same, in all the ways that clients have, after another edit: the
// commit costs what differs from running, however many entries came along.
func TestReplaceCostsTheChange(t *testing.T) {
	s := subscribers(t)
	top := s.Find("/example-subscribers:rich")
	at := schema.Path{{Node: top}}
	for name, edits := range map[string]func(all *tree.Node) [][]tree.Edit{
		"copy-config": func(all *tree.Node) [][]tree.Edit { return [][]tree.Edit{{{Op: tree.Replace, Node: all}}} },
		"operation=replace": func(all *tree.Node) [][]tree.Edit {
			return [][]tree.Edit{{tree.At(s, at, tree.Replace, all.Child(top))}}
		},
		"gNMI union_replace": func(all *tree.Node) [][]tree.Edit {
			return [][]tree.Edit{{{Op: tree.Replace, Node: tree.NewRoot(s)}, tree.At(s, at, tree.Merge, all.Child(top))}}
		},
		"gNMI delete, update": func(all *tree.Node) [][]tree.Edit {
			return [][]tree.Edit{{tree.At(s, at, tree.Remove, nil), {Op: tree.Merge, Node: all}}}
		},
		"delete, then create": func(all *tree.Node) [][]tree.Edit {
			return [][]tree.Edit{{tree.At(s, at, tree.Delete, nil)}, {tree.At(s, at, tree.Create, all.Child(top))}}
		},
		"delete, then merge /": func(all *tree.Node) [][]tree.Edit {
			return [][]tree.Edit{{tree.At(s, at, tree.Delete, nil)}, {{Op: tree.Merge, Node: all}}}
		},
	} {
		cost := func(n int) uint64 {
			text := population("rich", n)
			store := open(t, t.TempDir(), Options{Schema: s, Startup: startup(decode(t, s, text))})
			defer store.Close()
			candidate := store.NewSession(admin, 1).Candidate()
			path, err := schema.ParsePath(s, fmt.Sprintf("/example-subscribers:rich/subscriber[id='user%07d@example.net']/lifetime", n/2), s.Module)
			if err != nil {
				t.Fatal(err)
			}
			all, err := tree.Apply(decode(t, s, text), tree.At(s, path, tree.Merge, tree.NewLeaf(path.Last().Node, "9")))
			if err != nil {
				t.Fatal(err)
			}
			one := tree.At(s, path.Parent().Append(s.Find("/example-subscribers:rich/subscriber/label")), tree.Remove, nil)
			for _, step := range append([][]tree.Edit{{one}}, edits(all)...) {
				if _, err := candidate.Edit(nil, step...); err != nil {
					t.Fatal(err)
				}
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			result, err := candidate.Commit(t.Context(), CommitOptions{})
			runtime.ReadMemStats(&after)
			if err != nil || result.Changes.Len() != 1 {
				t.Fatalf("%s: %d changes, %v", name, result.Changes.Len(), err)
			}
			if !result.Snapshot.Root.Equal(all) {
				t.Errorf("%s: running is not what was sent", name)
			}
			return after.Mallocs - before.Mallocs
		}
		if few, many := cost(400), cost(2_000); many > few+200 {
			t.Errorf("%s: the commit takes %d allocations among 400 entries, %d among 2000", name, few, many)
		}
	}
}
