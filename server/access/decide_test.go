package access

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/yang"
)

// guarded is a small module that has one of everything that NACM knows, compiled with NACM itself.
var guarded = sync.OnceValues(func() (*schema.Schema, error) {
	files := fstest.MapFS{}
	for _, from := range []fs.FS{yang.FS, os.DirFS("testdata")} {
		err := fs.WalkDir(from, ".", func(name string, d fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(name, ".yang") {
				text, _ := fs.ReadFile(from, name)
				files[name] = &fstest.MapFile{Data: text}
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return schema.Compile(files, schema.Source{Name: "ietf-netconf-acm", Implement: true}, schema.Source{Name: "example-guarded", Implement: true})
})

// ruled is a control with rules for the group staff, whose only member is alice, and the defaults given, as "read write exec".
func ruled(t *testing.T, defaults, rules string) (*schema.Schema, *Control) {
	t.Helper()
	s, err := guarded()
	if err != nil {
		t.Fatal(err)
	}
	d := strings.Fields(defaults)
	root := config(t, s, fmt.Sprintf(`{"ietf-netconf-acm:nacm": {"read-default": "%s", "write-default": "%s", "exec-default": "%s",
		"groups": {"group": [{"name": "staff", "user-name": ["alice"]}]},
		"rule-list": [{"name": "staff", "group": ["staff"], "rule": [%s]}]}}`, d[0], d[1], d[2], rules))
	return s, NewControl(func() *tree.Node { return root })
}

var alice, guest = User{Name: "alice", Origin: SSH}, User{Name: "guest", Origin: SSH}

// verdict is what is compared of decisions, so that tables stay short.
func verdict(permit bool) string {
	if permit {
		return "permit"
	}
	return "deny"
}

// RFC 8341 section 3.4.6.
func TestNotifications(t *testing.T) {
	for _, c := range []struct {
		read, rules string
		user        User
		name, want  string
	}{
		{"permit", ``, guest, "bell", "permit"},
		{"permit", ``, guest, "alarm", "deny"}, // default-deny-all
		{"deny", ``, guest, "bell", "deny"},
		{"deny", ``, Element, "alarm", "permit"},
		{"permit", `{"name": "r", "notification-name": "bell", "action": "deny"}`, alice, "bell", "deny"},
		{"permit", `{"name": "r", "notification-name": "bell", "action": "deny"}`, guest, "bell", "permit"},
		{"permit", `{"name": "r", "notification-name": "alarm", "action": "permit"}`, alice, "alarm", "permit"},
		{"permit", `{"name": "r", "notification-name": "alarm", "action": "deny"}`, alice, "bell", "permit"},
		{"deny", `{"name": "r", "notification-name": "*", "action": "permit"}`, alice, "alarm", "permit"},
		{"deny", `{"name": "r", "module-name": "example-guarded", "action": "permit"}`, alice, "bell", "permit"},
		{"deny", `{"name": "r", "module-name": "ietf-netconf-acm", "action": "permit"}`, alice, "bell", "deny"},
		{"deny", `{"name": "r", "access-operations": "exec", "action": "permit"}`, alice, "bell", "deny"},
	} {
		s, control := ruled(t, c.read+" deny permit", c.rules)
		i := slices.IndexFunc(s.Notifications, func(n *schema.Node) bool { return n.Name == c.name })
		if got := verdict(control.For(c.user).Notification(s.Notifications[i])); got != c.want {
			t.Errorf("read-default %s, rules %s: %s of %s: %s, want %s", c.read, c.rules, c.name, c.user.Name, got, c.want)
		}
		if n := control.Denied.Notifications.Load(); (n == 1) != (c.want == "deny") {
			t.Errorf("read-default %s, rules %s: %d denied notifications counted", c.read, c.rules, n)
		}
	}
}

// RFC 8341 sections 3.4.4 and 3.4.5: operations of a protocol, and actions of a data node.
func TestOperationsAndActions(t *testing.T) {
	const item = "/example-guarded:box/item[id='1']"
	for _, c := range []struct {
		exec, rules string
		user        User
		name, want  string // an rpc, or /ACTION of the item
	}{
		{"permit", ``, guest, "start", "permit"},
		{"deny", ``, guest, "start", "deny"},
		{"permit", ``, guest, "stop", "deny"}, // default-deny-all
		{"deny", `{"name": "r", "rpc-name": "stop", "action": "permit"}`, alice, "stop", "permit"},
		{"permit", `{"name": "r", "rpc-name": "*", "access-operations": "read", "action": "deny"}`, alice, "start", "permit"},
		{"permit", `{"name": "r", "module-name": "example-guarded", "rpc-name": "*", "action": "deny"}`, alice, "start", "deny"},
		{"permit", ``, guest, "/ring", "permit"},
		{"permit", ``, guest, "/burn", "deny"},
		{"deny", ``, guest, "/ring", "deny"},
		{"permit", `{"name": "r", "path": "` + item + `", "action": "deny"}`, alice, "/ring", "deny"},
		{"permit", `{"name": "r", "path": "/example-guarded:box/item[id='2']", "action": "deny"}`, alice, "/ring", "permit"},
		{"deny", `{"name": "r", "path": "` + item + `/burn", "access-operations": "exec", "action": "permit"}`, alice, "/burn", "permit"},
	} {
		s, control := ruled(t, "permit permit "+c.exec, c.rules)
		a := control.For(c.user)
		var err error
		if name, ok := strings.CutPrefix(c.name, "/"); ok {
			at := path(t, s, item)
			err = a.Action(at, at.Last().Node.Action("example-guarded", name))
		} else {
			err = a.Exec("example-guarded", c.name, s.RPC("example-guarded", c.name))
		}
		if got := verdict(err == nil); got != c.want || err != nil && tree.Errors(err)[0].Tag != tree.AccessDenied {
			t.Errorf("exec-default %s, rules %s: %s of %s: %s (%v), want %s", c.exec, c.rules, c.name, c.user.Name, got, err, c.want)
		}
		if n := control.Denied.Operations.Load(); (n == 1) != (c.want == "deny") {
			t.Errorf("exec-default %s, rules %s: %d denied operations counted", c.exec, c.rules, n)
		}
	}
}

// RFC 8341 section 3.2.5: creating, changing and deleting are three rights. The order of entries is a change.
func TestRightsToWrite(t *testing.T) {
	const before = `{"example-guarded:box": {"open": "a", "item": [{"id": 1, "text": "one"}], "word": ["x", "y"]}}`
	edits := map[string]string{
		"create":  `{"example-guarded:box": {"open": "a", "item": [{"id": 1, "text": "one"}, {"id": 2}], "word": ["x", "y"]}}`,
		"update":  `{"example-guarded:box": {"open": "b", "item": [{"id": 1, "text": "one"}], "word": ["x", "y"]}}`,
		"reorder": `{"example-guarded:box": {"open": "a", "item": [{"id": 1, "text": "one"}], "word": ["y", "x"]}}`,
		"delete":  `{"example-guarded:box": {"open": "a", "word": ["x", "y"]}}`,
		"careful": `{"example-guarded:box": {"open": "a", "careful": {"note": "n"}, "item": [{"id": 1, "text": "one"}], "word": ["x", "y"]}}`,
	}
	for _, c := range []struct{ write, rules, permitted string }{
		{"deny", ``, ""},
		{"permit", ``, "create delete reorder update"}, // default-deny-write keeps the careful
		{"deny", `{"name": "r", "path": "/example-guarded:box", "access-operations": "create", "action": "permit"}`, "careful create"},
		{"deny", `{"name": "r", "path": "/example-guarded:box", "access-operations": "update", "action": "permit"}`, "reorder update"},
		{"deny", `{"name": "r", "path": "/example-guarded:box", "access-operations": "delete", "action": "permit"}`, "delete"},
		{"permit", `{"name": "r", "path": "/example-guarded:box/item", "access-operations": "delete", "action": "deny"}`, "create reorder update"},
	} {
		s, control := ruled(t, "permit "+c.write+" permit", c.rules)
		root := config(t, s, before)
		var permitted []string
		for name, after := range edits {
			changes := tree.Diff(root, config(t, s, after))
			if err := control.For(alice).Changes(changes); err == nil {
				permitted = append(permitted, name)
			}
			if err := control.For(Element).Changes(changes); err != nil {
				t.Errorf("the element itself may not %s: %v", name, err)
			}
		}
		slices.Sort(permitted)
		if got := strings.Join(permitted, " "); got != c.permitted {
			t.Errorf("write-default %s, rules %s: permitted %q, want %q", c.write, c.rules, got, c.permitted)
		}
		if n := control.Denied.DataWrites.Load(); n != uint64(len(edits)-len(permitted)) {
			t.Errorf("write-default %s, rules %s: %d denied writes counted", c.write, c.rules, n)
		}
	}
}

// What is refused of one edit is reported up to a bound.
func TestReportOfRefusalsIsBounded(t *testing.T) {
	s, control := ruled(t, "permit deny permit", "")
	var items []string
	for i := range 2 * maxDenied {
		items = append(items, fmt.Sprintf(`{"id": %d}`, i))
	}
	many := config(t, s, `{"example-guarded:box": {"item": [`+strings.Join(items, ",")+`]}}`)
	err := control.For(alice).Changes(tree.Diff(tree.NewRoot(s), many))
	if n := len(tree.Errors(err)); n != maxDenied {
		t.Errorf("%d refusals are reported, want %d", n, maxDenied)
	}
}

// Whom the rules are for: everybody while NACM is on, but neither the element nor a recovery session (RFC 8341 section 3.4), and
// members of groups that the transport names only where that is allowed (section 3.4.4 step 4).
func TestWhomRulesAreFor(t *testing.T) {
	s, err := guarded()
	if err != nil {
		t.Fatal(err)
	}
	box := path(t, s, "/example-guarded:box/open")
	for _, c := range []struct {
		settings string
		user     User
		want     string
	}{
		{`"enable-nacm": true`, User{Name: "guest", Origin: SSH}, "deny"},
		{`"enable-nacm": false`, User{Name: "guest", Origin: SSH}, "permit"},
		{`"enable-nacm": true`, User{Name: "alice", Origin: TLS}, "permit"},
		{`"enable-nacm": true`, User{Name: "carol", Origin: TLS, Groups: []string{"staff"}}, "permit"},
		{`"enable-external-groups": false`, User{Name: "carol", Origin: TLS, Groups: []string{"staff"}}, "deny"},
		{`"enable-external-groups": false`, User{Name: "alice", Origin: TLS}, "permit"},
		{`"enable-nacm": true`, User{Name: "admin", Origin: TLS, Groups: []string{AdminGroup}}, "deny"},
		{`"enable-nacm": true`, User{Name: "admin", Origin: Local, Groups: []string{AdminGroup}}, "permit"},
		{`"enable-nacm": true`, User{Name: "guest", Origin: Local}, "deny"},
		{`"enable-nacm": true`, Element, "permit"},
	} {
		root := config(t, s, `{"ietf-netconf-acm:nacm": {`+c.settings+`, "read-default": "deny",
			"groups": {"group": [{"name": "staff", "user-name": ["alice"]}]},
			"rule-list": [{"name": "l", "group": ["staff"], "rule": [{"name": "r", "module-name": "*", "action": "permit"}]}]}}`)
		control := NewControl(func() *tree.Node { return root })
		if got := verdict(control.For(c.user).Read(box)); got != c.want {
			t.Errorf("%s: %s in %q by %s: %s, want %s", c.settings, c.user.Name, c.user.Groups, c.user.Origin, got, c.want)
		}
	}
}

// A commit that changes NACM counts from the next request on.
func TestNewRulesCount(t *testing.T) {
	s, err := guarded()
	if err != nil {
		t.Fatal(err)
	}
	root := config(t, s, `{"ietf-netconf-acm:nacm": {"read-default": "deny"}}`)
	control := NewControl(func() *tree.Node { return root })
	box := path(t, s, "/example-guarded:box/open")
	if control.For(guest).Read(box) {
		t.Error("read-default deny does not count")
	}
	root = config(t, s, `{"ietf-netconf-acm:nacm": {"read-default": "permit"}}`)
	if !control.For(guest).Read(box) {
		t.Error("read-default permit does not count after a commit")
	}
}

// The path of a rule: what it names, for every entry where keys are left out. One that names what is not in the schema, a key that the
// list does not have, or a value that the key cannot have, matches nothing: permitting too much would be worse.
func TestPathsOfRules(t *testing.T) {
	for _, c := range []struct {
		rule string
		want string // of the nodes below that are permitted
	}{
		{`/example-guarded:box`, "open item1 item2 word items"},
		{`/`, "open item1 item2 word items"},
		{`/example-guarded:box/item`, "item1 item2 items"},
		{`/example-guarded:box/example-guarded:item[example-guarded:id='1']`, "item1"},
		{` /example-guarded:box / item [ id = \"1\" ] / text `, "item1"},
		{`/example-guarded:box/item[id='01']`, "item1"},
		{`/example-guarded:box/item[id=$USER]`, "item2"},
		{`/example-guarded:box/item[id='$USER']`, ""},
		{`/example-guarded:box/item[di='1']`, ""},
		{`/example-guarded:box/item[id='one']`, ""},
		{`/example-guarded:box/open[id='1']`, ""},
		{`/example-guarded:box/word[.='x']`, "word"},
		{`/example-guarded:box/word[.='y']`, ""},
		{`/example-guarded:box/crate`, ""},
		{`/example-other:box`, ""},
		{`/box`, ""},
		{`example-guarded:box`, ""},
		{`/example-guarded:box/item[id='1'`, ""},
		{`/example-guarded:box/item[id='1]`, ""},
		{`/example-guarded:box/item[id]`, ""},
		{`/example-guarded:box/item[id=1]`, ""},
	} {
		s, err := guarded()
		if err != nil {
			t.Fatal(err)
		}
		root := config(t, s, `{"ietf-netconf-acm:nacm": {"read-default": "deny", "groups": {"group": [{"name": "g", "user-name": ["2"]}]},
			"rule-list": [{"name": "l", "group": ["g"], "rule": [{"name": "r", "path": "`+c.rule+`", "action": "permit"}]}]}}`)
		access := NewControl(func() *tree.Node { return root }).For(User{Name: "2", Origin: SSH})
		var permitted []string
		for _, node := range []struct{ name, path string }{{"open", "open"}, {"item1", "item[id='1']/text"}, {"item2", "item[id='2']/text"}, {"word", "word[.='x']"}, {"items", "item"}} {
			if access.Read(path(t, s, "/example-guarded:box/"+node.path)) {
				permitted = append(permitted, node.name)
			}
		}
		if got := strings.Join(permitted, " "); got != c.want {
			t.Errorf("%s: permits %q, want %q", c.rule, got, c.want)
		}
	}
}

// The walk, which looks at each rule once for a whole subtree, lets through what the decision on each path does, whatever the rules are.
func TestReaderAgreesWithRead(t *testing.T) {
	s, err := guarded()
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	pick := func(list ...string) string { return list[rnd.IntN(len(list))] }
	permitted, refused := 0, 0
	for range 500 {
		var rules []string
		for i := range rnd.IntN(5) {
			what := pick(`"path": "/example-guarded:box"`, `"path": "/example-guarded:box/item"`, `"path": "/example-guarded:box/item[id='1']"`,
				`"path": "/example-guarded:box/item[id=$USER]/text"`, `"path": "/example-guarded:box/nothing"`, `"path": "/"`,
				`"module-name": "example-guarded"`, `"module-name": "ietf-netconf-acm"`, `"module-name": "*"`, `"rpc-name": "start"`)
			rules = append(rules, fmt.Sprintf(`{"name": "%d", %s, "access-operations": "%s", "action": "%s"}`, i, what, pick("read", "exec", "*", "create update"), pick("permit", "deny")))
		}
		root := config(t, s, `{"example-guarded:box": {"open": "o", "careful": {"note": "n"}, "item": [{"id": 1, "text": "one"}, {"id": 2, "text": "two"}], "word": ["x"]},
			"ietf-netconf-acm:nacm": {"read-default": "`+pick("permit", "deny")+`", "groups": {"group": [{"name": "g", "user-name": ["2"]}]},
			"rule-list": [{"name": "l", "group": ["g"], "rule": [`+strings.Join(rules, ",")+`]}]}}`)
		access := NewControl(func() *tree.Node { return root }).For(User{Name: "2", Origin: SSH})
		seen := map[string]bool{}
		filter, _ := access.Reader(nil)
		(&tree.Walk{Writer: &collect{}, Filter: &trace{Filter: filter, seen: seen}}).Node(root)
		var walk func(n *tree.Node, at schema.Path, open bool)
		walk = func(n *tree.Node, at schema.Path, open bool) {
			for kid := range n.Children() {
				entries := []*tree.Node{kid}
				if kid.IsList() {
					entries = slices.Collect(kid.Entries())
				}
				for _, e := range entries {
					p := at.Append(e.Schema(), e.Step().Keys...)
					ok := open && access.Read(p)
					if _, there := access.Reader(p); seen[p.String()] != ok || there != ok {
						t.Fatalf("%s: the walk says %v, a walk from there %v, the decision %v; rules %s", p, seen[p.String()], there, ok, rules)
					}
					if ok {
						permitted++
					} else {
						refused++
					}
					walk(e, p, ok)
				}
			}
		}
		walk(root, nil, true)
	}
	if permitted < 1000 || refused < 1000 {
		t.Errorf("%d permitted, %d refused: the rules are too much alike", permitted, refused)
	}
}
