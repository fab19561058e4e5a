package client

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
)

// elems reads a/b[k=v]/c.
func elems(text string) (list []*gpb.PathElem) {
	for part := range strings.SplitSeq(text, "/") {
		name, predicates, _ := strings.Cut(part, "[")
		e := &gpb.PathElem{Name: name}
		for p := range strings.FieldsFuncSeq(predicates, func(r rune) bool { return r == '[' || r == ']' }) {
			key, value, _ := strings.Cut(p, "=")
			if e.Key == nil {
				e.Key = map[string]string{}
			}
			e.Key[key] = value
		}
		list = append(list, e)
	}
	return list
}

// told makes a notification of "path value" lines below a prefix; a line without value is a deletion.
func told(prefix string, lines ...string) *gpb.Notification {
	n := &gpb.Notification{Prefix: &gpb.Path{}}
	if prefix != "" {
		n.Prefix.Elem = elems(prefix)
	}
	for _, line := range lines {
		path, value, set := strings.Cut(line, " ")
		p := &gpb.Path{Elem: elems(path)}
		if !set {
			n.Delete = append(n.Delete, p)
			continue
		}
		n.Update = append(n.Update, &gpb.Update{Path: p, Val: &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: []byte(value)}}})
	}
	return n
}

func paths(rows []*Row) (list []string) {
	for _, r := range rows {
		list = append(list, r.Path)
	}
	return list
}

func TestRowsFollowNotifications(t *testing.T) {
	rows := NewRows(Whole("s/peer", "s/pool/ipv4"))
	for _, step := range []struct {
		told      *gpb.Notification
		set, gone string // rows that the change names
		all       string // that there are then, as JSON
	}{
		{told("s/peer[id=a]", `id "a"`, `up true`), "/s/peer[id=a]", "", `{"path":"/s/peer[id=a]","value":{"id":"a","up":true}}`},
		{told("s/peer[id=a]/path[at=2]", `at 2`, `n/rx "7"`), "/s/peer[id=a]", "", `{"path":"/s/peer[id=a]","value":{"id":"a","path":[{"at":2,"n":{"rx":"7"}}],"up":true}}`},
		{told("s/peer[id=a]", `path[at=1]/at 1`, `up`), "/s/peer[id=a]", "", `{"path":"/s/peer[id=a]","value":{"id":"a","path":[{"at":2,"n":{"rx":"7"}},{"at":1}]}}`},
		{told("s/peer[id=a]/path[at=2]", `n/rx`), "/s/peer[id=a]", "", `{"path":"/s/peer[id=a]","value":{"id":"a","path":[{"at":2,"n":{}},{"at":1}]}}`},
		{told("", `s/peer[id=a]/path[at=2]`), "/s/peer[id=a]", "", `{"path":"/s/peer[id=a]","value":{"id":"a","path":[{"at":1}]}}`},
		{told("m:s", `m:peer[id=b]/id "b"`, `m:pool/ipv4/free "1"`, `other/leaf 1`), "/s/peer[id=b] /s/pool/ipv4", "",
			`{"path":"/s/peer[id=a]","value":{"id":"a","path":[{"at":1}]}} {"path":"/s/peer[id=b]","value":{"id":"b"}} {"path":"/s/pool/ipv4","value":{"free":"1"}}`},
		{told("", `s/peer[id=a]`), "", "/s/peer[id=a]", `{"path":"/s/peer[id=b]","value":{"id":"b"}} {"path":"/s/pool/ipv4","value":{"free":"1"}}`},
		{told("", `s/peer[id=never]/id`, `s/peer[id=never]`), "", "", `{"path":"/s/peer[id=b]","value":{"id":"b"}} {"path":"/s/pool/ipv4","value":{"free":"1"}}`},
		{told("", `s`), "", "/s/peer[id=b] /s/pool/ipv4", ``},
	} {
		change := rows.Take(step.told)
		if set, gone := strings.Join(paths(change.Set), " "), strings.Join(paths(change.Gone), " "); set != step.set || gone != step.gone {
			t.Errorf("%v: set %q, gone %q; want %q, %q", step.told, set, gone, step.set, step.gone)
		}
		var all []string
		for _, r := range rows.All() {
			text, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, string(text))
		}
		if got := strings.Join(all, " "); got != step.all {
			t.Errorf("%v: rows\n%s, want\n%s", step.told, got, step.all)
		}
	}
}

func TestRowTexts(t *testing.T) {
	rows := NewRows(Whole("s/lma/tunnel"))
	rows.Take(told("s/lma[name=l1]/tunnel[id=t]", `hnp ["2001:db8::/64","2001:db8:1::/64"]`, `mtu 1460`, `n/drops/a "1"`, `n/drops/b "2"`, `path[at=1]/at "1"`, `path[at=2]/at "2"`))
	r := rows.All()[0]
	for _, c := range []struct{ got, want string }{
		{r.Text("hnp"), "2001:db8::/64,2001:db8:1::/64"},
		{r.Text("mtu"), "1460"},
		{r.Text("n", "drops", "b"), "2"},
		{r.Text("path", "at"), "1,2"},
		{r.Text("none"), ""},
		{r.Text("n"), ""},
		{r.Key("lma", "name"), "l1"},
		{r.Key("mag", "name"), ""},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
	children := r.Children("n", "drops")
	if slices.Sort(children); !slices.Equal(children, []string{"1", "2"}) || r.Children("no", "such") != nil {
		t.Errorf("children %q", children)
	}
}

// Leaves are named by the keys of the entries that they are in, and keys are none of their own.
func TestRowLeaves(t *testing.T) {
	rows := NewRows(Parts("s/lma", "pba", "up"))
	rows.Take(told("s/lma[name=l1]/pba", `sent "3"`, `by-status[status=0]/status 0`, `by-status[status=0]/count "2"`, `hnp ["a","b"]`, `by-status[status=160]/status 160`, `by-status[status=160]/count "1"`,
		`bound[address=::1][port=830]/port 830`, `bound[address=::1][port=830]/address "::1"`, `bound[address=::1][port=830]/up true`))
	rows.Take(told("s/lma[name=l1]", `up true`))
	var got []string
	for _, l := range rows.All()[0].Leaves() {
		got = append(got, strings.Join(l.Name, " ")+"="+l.Text)
	}
	want := []string{"pba bound ::1 830 up=true", "pba by-status 0 count=2", "pba by-status 160 count=1", "pba hnp=a,b", "pba sent=3", "up=true"}
	if !slices.Equal(got, want) {
		t.Errorf("leaves %q, want %q", got, want)
	}
}

// BenchmarkRows takes in a binding as an element tells of it, and prints it as JSON.
func BenchmarkRows(b *testing.B) {
	leaves := make([]string, 25)
	for i := range leaves {
		leaves[i] = "leaf-" + string(rune('a'+i)) + ` "2001:db8:100::/64"`
	}
	rows := NewRows(Whole("pmipv6/lma/bindings/binding", "pmipv6/mag/bindings/binding"))
	n := told("pmipv6/lma[name=lma]/bindings/binding[id=1]", leaves...)
	b.ReportAllocs()
	for b.Loop() {
		rows.Take(n)
		if _, err := json.Marshal(rows.All()[0]); err != nil {
			b.Fatal(err)
		}
	}
}
