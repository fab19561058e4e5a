package action

import (
	"os"
	"slices"
	"strings"
	"testing"

	"mooring/server/access"
	"mooring/server/datastore"
	"mooring/server/model"
	"mooring/server/state"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

var (
	root  = access.User{Name: "root", Groups: []string{access.AdminGroup}, Origin: access.Local}
	guest = access.User{Name: "guest", Origin: access.SSH}
)

// element is a store of our own model, and who carries out operations on it.
type element struct {
	t        *testing.T
	schema   *schema.Schema
	store    *datastore.Store
	state    *state.State
	registry Registry
}

func start(t *testing.T) *element {
	s, err := model.Schema()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	store, err := datastore.Open(t.Context(), datastore.Options{Schema: s, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	e := &element{t: t, schema: s, store: store, state: state.New(s, 0)}
	e.registry.History(store, e.state)
	return e
}

// decode reads what stands in a node of the schema.
func (e *element) decode(def *schema.Node, json string) *tree.Node {
	e.t.Helper()
	n, err := tree.DecodeJSON(strings.NewReader(json), def, tree.DecodeOptions{State: true})
	if err != nil {
		e.t.Fatal(err)
	}
	return n
}

// commit makes a configuration run.
func (e *element) commit(json string, o datastore.CommitOptions) {
	e.t.Helper()
	c := e.store.NewSession(root, 0).Private()
	if err := c.Replace(e.decode(e.schema.Root, json)); err != nil {
		e.t.Fatal(err)
	}
	if _, err := c.Commit(e.t.Context(), o); err != nil {
		e.t.Fatal(err)
	}
}

// run runs an action of the configuration and returns its output as JSON.
func (e *element) run(u access.User, name, input string) (string, error) {
	e.t.Helper()
	def := e.schema.Find(configuration)
	act := def.Action("mooring-system", name)
	running := func() *tree.Node { return e.store.Running().Root }
	out, err := e.registry.Run(e.t.Context(), &Call{
		Session: e.store.NewSession(u, 0), Access: access.NewControl(running).For(u), Def: act,
		Path: schema.Path{{Node: def.Parent}, {Node: def}}, Input: e.decode(act.Input, input),
	}, running())
	if err != nil {
		return "", err
	}
	return string(tree.AppendJSON(nil, out, def.Module)), nil
}

func (e *element) running() string {
	return string(tree.AppendJSON(nil, e.store.Running().Root, nil))
}

// hash is a password hash of the right form.
func hash(digit string) string { return "$6$salt$" + strings.Repeat(digit, 86) }

var (
	one = `{"mooring-system:system": {"host-name": "one.example", "user": [{"name": "ann", "password": "` + hash("1") + `"}]}}`
	two = `{"mooring-system:system": {"host-name": "two.example", "user": [{"name": "ann", "password": "` + hash("2") + `"}, {"name": "bob", "password": "` + hash("3") + `"}]}}`
)

func TestRollback(t *testing.T) {
	e := start(t)
	e.commit(one, datastore.CommitOptions{Label: "first"})
	e.commit(two, datastore.CommitOptions{Comment: "more users", Via: "gnmi"})
	before := e.running()
	for _, step := range []struct{ input, want, host string }{
		{`{"back": 1}`, `{"commit-id":"3"}`, "one.example"},
		{`{"back": 1, "label": "again"}`, `{"commit-id":"4"}`, "two.example"},
		{`{"commit": "1"}`, `{"commit-id":"5"}`, "one.example"},
		{`{"commit": "4"}`, `{"commit-id":"6"}`, "two.example"},
		{`{"commit": "6"}`, `{"commit-id":"6"}`, "two.example"}, // what runs
	} {
		if got, err := e.run(root, "rollback", step.input); err != nil || got != step.want || !strings.Contains(e.running(), step.host) {
			t.Fatalf("%s: %s, %v; %s runs", step.input, got, err, e.running())
		}
	}
	if e.running() != before {
		t.Errorf("%s runs, and was %s", e.running(), before)
	}
	for input, want := range map[string]tree.Tag{`{"back": 9}`: tree.InvalidValue, `{"commit": "77"}`: tree.InvalidValue, `{"commit": "x"}`: tree.InvalidValue, `{}`: tree.MissingElement} {
		if _, err := e.run(root, "rollback", input); err == nil || tree.Errors(err)[0].Tag != want {
			t.Errorf("%s: %v", input, err)
		}
	}
	if _, err := e.run(guest, "rollback", `{"back": 1}`); err == nil || tree.Errors(err)[0].Tag != tree.AccessDenied {
		t.Errorf("somebody who may do nothing: %v", err)
	}
	want := []string{`6 root rollback "" "rollback to commit 4"`, `5 root rollback "" "rollback to commit 1"`, `4 root rollback "again" "rollback to commit 2"`,
		`3 root rollback "" "rollback to commit 1"`, `2 root gnmi "" "more users"`, `1 root  "first" ""`}
	if got := e.history(); !slices.Equal(got, want) {
		t.Errorf("the history is %q", got)
	}
}

// history renders the list of commits.
func (e *element) history() (lines []string) {
	def := e.schema.Find(configuration + "/commit")
	r := state.NewRenderer()
	for _, v := range e.state.At(schema.Path{{Node: def.Parent.Parent}, {Node: def.Parent}, {Node: def}}) {
		for row, err := range v.Rows(e.t.Context()) {
			if err != nil {
				e.t.Fatal(err)
			}
			n := r.Render(row, e.store.Running().Time)
			leaf := func(name string) string { v, _ := n.Leaf(name); return v }
			if leaf("time") == "" {
				e.t.Errorf("commit %s has no time", leaf("id"))
			}
			lines = append(lines, leaf("id")+" "+leaf("user")+" "+leaf("via")+` "`+leaf("label")+`" "`+leaf("comment")+`"`)
		}
	}
	return lines
}

// Differences show what the user may read, and no secrets at all.
func TestCompare(t *testing.T) {
	e := start(t)
	e.commit(one, datastore.CommitOptions{})
	e.commit(two, datastore.CommitOptions{})
	const (
		host  = `{"path":"/mooring-system:system/host-name","operation":"modify","old":"\"one.example\"","new":"\"two.example\""}`
		back  = `{"path":"/mooring-system:system/host-name","operation":"modify","old":"\"two.example\"","new":"\"one.example\""}`
		word  = `{"path":"/mooring-system:system/user[name='ann']/password","operation":"modify"}`
		bob   = `{"path":"/mooring-system:system/user[name='bob']","operation":"create","new":"{\"mooring-system:name\":\"bob\"}"}`
		noBob = `{"path":"/mooring-system:system/user[name='bob']","operation":"delete","old":"{\"mooring-system:name\":\"bob\"}"}`
	)
	for input, want := range map[string]string{
		`{}`:                       `{"change":[` + host + `,` + word + `,` + bob + `]}`,
		`{"from": "1"}`:            `{"change":[` + host + `,` + word + `,` + bob + `]}`,
		`{"from": "2", "to": "1"}`: `{"change":[` + back + `,` + word + `,` + noBob + `]}`,
		`{"from": "2"}`:            `{}`,
	} {
		if got, err := e.run(root, "compare", input); err != nil || got != want {
			t.Errorf("%s\ngot  %s, %v\nwant %s", input, got, err, want)
		}
	}
	if _, err := e.run(root, "compare", `{"from": "9"}`); err == nil || tree.Errors(err)[0].Tag != tree.InvalidValue {
		t.Errorf("a commit that is none: %v", err)
	}
	e.commit(strings.TrimSuffix(two, "}")+`, "ietf-netconf-acm:nacm": {"groups": {"group": [{"name": "g", "user-name": ["guest"]}]}, "rule-list": [{"name": "1", "group": ["g"],
		"rule": [{"name": "1", "path": "/mooring-system:system/user", "access-operations": "read", "action": "deny"}]}]}}`, datastore.CommitOptions{})
	if got, err := e.run(guest, "compare", `{"from": "1", "to": "2"}`); err != nil || got != `{"change":[`+host+`]}` {
		t.Errorf("who may not read users: %s, %v", got, err)
	}
}
