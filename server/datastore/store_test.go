package datastore

import (
	"errors"
	"os"
	"strings"
	"sync"
	"testing"

	"mooring/server/access"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// compiled is the schema that most tests here work with.
var compiled = sync.OnceValues(func() (*schema.Schema, error) {
	return schema.Compile(os.DirFS("../tree/schema/testdata"),
		schema.Source{Name: "example-types", Implement: true},
		schema.Source{Name: "example-system", Implement: true, Features: []string{"tls"}},
		schema.Source{Name: "example-any", Implement: true})
})

func example(t testing.TB) *schema.Schema {
	t.Helper()
	s, err := compiled()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func open(t testing.TB, dir string, o Options) *Store {
	t.Helper()
	if dir != "" {
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { root.Close() })
		o.Dir = root
	}
	if o.Schema == nil {
		o.Schema = example(t)
	}
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var admin = access.User{Name: "alice", Groups: []string{access.AdminGroup}, Origin: access.SSH}

func setLeaf(t testing.TB, c *Candidate, path, value string) {
	t.Helper()
	s := c.session.store.schema
	p, err := schema.ParsePath(s, path, s.Module)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Edit(nil, tree.At(s, p, tree.Merge, tree.NewLeaf(p.Last().Node, value))); err != nil {
		t.Fatal(err)
	}
}

func text(t testing.TB, n *tree.Node) string {
	t.Helper()
	var b strings.Builder
	if err := tree.WriteJSON(&b, n, ""); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}

func TestCommitSurvivesRestart(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	x := s.NewSession(admin, 1)
	for _, name := range []string{"a", "b", "c"} {
		setLeaf(t, x.Candidate(), "/example-system:system/name", name)
		if _, err := x.Candidate().Commit(t.Context(), CommitOptions{Label: name}); err != nil {
			t.Fatal(err)
		}
	}
	again := open(t, dir, Options{})
	if got := text(t, again.Running().Root); got != `{"example-system:system":{"name":"c"}}` {
		t.Errorf("after restart: %s", got)
	}
	b, err := again.Back(1)
	if err != nil {
		t.Fatal(err)
	}
	if got := text(t, b.Root); got != `{"example-system:system":{"name":"b"}}` || b.Label != "b" {
		t.Errorf("one back: %s %+v", got, b)
	}
}

// startup gives a configuration that is at hand.
func startup(root *tree.Node) func() (*tree.Node, error) {
	return func() (*tree.Node, error) { return root, nil }
}

func TestStartup(t *testing.T) {
	dir := t.TempDir()
	s := example(t)
	named := func(name string) *tree.Node {
		return decode(t, s, []byte(`{"example-system:system": {"name": "`+name+`"}}`))
	}
	is := func(store *Store, name string, id uint64) {
		t.Helper()
		now := store.Running()
		if got := text(t, now.Root); got != `{"example-system:system":{"name":"`+name+`"}}` || now.ID != id {
			t.Errorf("commit %d holds %s, want %s in commit %d", now.ID, got, name, id)
		}
	}
	is(open(t, dir, Options{Schema: s, Startup: startup(named("first"))}), "first", 1)
	is(open(t, dir, Options{Schema: s, Startup: func() (*tree.Node, error) {
		t.Error("the startup configuration was asked for, though there is one already")
		return nil, errors.New("not asked for")
	}}), "first", 1)
	is(open(t, dir, Options{Schema: s, Startup: startup(named("second")), StartupReplace: true}), "second", 2)
	var obeyed told // nothing before the first configuration, which would be that there is none
	open(t, t.TempDir(), Options{Schema: s, Pipeline: &obeyed, Startup: startup(named("first"))})
	if obeyed.times != 1 || len(obeyed.changes) == 0 {
		t.Errorf("configurations were put into force %d times, with %v at last", obeyed.times, obeyed.changes)
	}
	unreadable := errors.New("unreadable")
	_, err := Open(t.Context(), Options{Schema: s, Startup: func() (*tree.Node, error) { return nil, unreadable }})
	if !errors.Is(err, unreadable) {
		t.Errorf("error %v", err)
	}
}
