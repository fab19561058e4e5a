package importer

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mooring/server/ios"
	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/server/tree/xmlio"
)

const running = `{"mooring-pmipv6:pmipv6": {"domain": [{"name": "d", "encap": "gre-ipv4"}], "lma": [{"name": "l", "domain": "d",
	"address": {"ipv4": ["192.0.2.1", "192.0.2.2"]}, "bce": {"maximum": 7, "lifetime": 600},
	"mag": [{"id": "m", "domain": "d", "ipv4-address": "192.0.2.9", "encap": "gre-ipv4"}]}]}}`

const change = `ipv6 mobile pmipv6-lma l domain d
 no bce lifetime
 no address ipv4 192.0.2.1
 no mag m d
 mag m d
  ipv4 address 192.0.2.10
 !
 hnp maximum 2
`

// fake is an element that somebody else may change, too.
type fake struct {
	t       *testing.T
	configs []string // one for each time that it is asked; the last for good
	running string   // what runs when it is to commit; "": what it told last
	told    string
	tries   int
	merged  string
	removed []string
	err     error
}

func (f *fake) Configuration(context.Context) ([]byte, string, error) {
	f.told = f.configs[0]
	if len(f.configs) > 1 {
		f.configs = f.configs[1:]
	}
	return []byte(f.told), f.told, nil
}

func (f *fake) Commit(_ context.Context, transaction string, remove []schema.Path, merge []byte) ([]string, error) {
	if f.tries++; transaction != cmp.Or(f.running, f.told) {
		return nil, ErrSuperseded
	}
	f.merged, f.removed = string(merge), nil
	for _, p := range remove {
		f.removed = append(f.removed, p.String())
	}
	return []string{"a warning"}, f.err
}

func job(t *testing.T, text string, element Element) (*Job, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	return &Job{Dialect: ios.XR, File: "-", Format: "json", Element: element, Stdin: strings.NewReader(text), Stdout: &out, Stderr: new(bytes.Buffer)}, &out
}

func TestCommit(t *testing.T) {
	e := &fake{t: t, configs: []string{running}}
	j, out := job(t, change, e)
	if err := j.Import(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	const l = "/mooring-pmipv6:pmipv6/lma[name='l']"
	if got, want := strings.Join(e.removed, " "), l+"/bce/lifetime "+l+"/address/ipv4 "+l+"/mag[id='m'][domain='d']"; got != want {
		t.Errorf("removed\n%s, want\n%s", got, want)
	}
	for _, want := range []string{`"ipv4":["192.0.2.2"]`, `"ipv4-address":"192.0.2.10"`, `"maximum":2`} {
		if !strings.Contains(e.merged, want) {
			t.Errorf("%s lacks %s", e.merged, want)
		}
	}
	if !strings.Contains(out.String(), "% Warning: a warning\ncommitted\n") {
		t.Errorf("it says\n%s", out)
	}
}

// Who changed something else does no harm; who changed the same is not run over.
func TestConflict(t *testing.T) {
	for theirs, conflict := range map[string]bool{
		strings.Replace(running, `"lifetime": 600`, `"lifetime": 900`, 1): true,
		strings.Replace(running, `"maximum": 7`, `"maximum": 8`, 1):       false,
	} {
		e := &fake{t: t, configs: []string{running, theirs}}
		j, _ := job(t, change, e)
		if err := j.Import(t.Context()); errors.Is(err, errChanged) != conflict || (e.merged == "") != conflict {
			t.Errorf("conflict %t: %v, sent %q", conflict, err, e.merged)
		}
	}
}

// What others commit between reading and committing is neither lost nor taken for what was read: the change is made again on top of
// it, each value of a leaf-list by itself.
func TestCommitOnTop(t *testing.T) {
	theirs := strings.NewReplacer(`"192.0.2.2"]`, `"192.0.2.2", "192.0.2.3"]`).Replace(running)
	e := &fake{t: t, configs: []string{running, running, theirs}, running: theirs}
	j, out := job(t, change, e)
	if err := j.Import(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if e.tries != 2 || !strings.Contains(e.merged, `"ipv4":["192.0.2.2","192.0.2.3"]`) {
		t.Errorf("after %d tries, %s is merged", e.tries, e.merged)
	}

	e = &fake{t: t, configs: []string{running}, running: "never what it tells"}
	j, out = job(t, change, e)
	if err := j.Import(t.Context()); !errors.Is(err, ErrSuperseded) || e.tries != attempts || strings.Contains(out.String(), "\ncommitted") {
		t.Errorf("after %d tries: %v\n%s", e.tries, err, out)
	}
}

// Of an element that goes away while it commits, nobody says that nothing was committed.
func TestCommitUnanswered(t *testing.T) {
	e := &fake{t: t, configs: []string{running}, err: ErrUnanswered}
	j, out := job(t, change, e)
	if err := j.Import(t.Context()); !errors.Is(err, ErrUnanswered) || strings.Contains(err.Error(), "nothing was") || strings.Contains(out.String(), "\ncommitted") {
		t.Errorf("%v\n%s", err, out)
	}
}

// What the element says of a commit is passed on, and nothing is said to be committed.
func TestCommitRefused(t *testing.T) {
	e := &fake{t: t, configs: []string{running}, err: errors.New("no bindings today")}
	j, out := job(t, change, e)
	if err := j.Import(t.Context()); !errors.Is(err, e.err) || strings.Contains(out.String(), "committed") {
		t.Errorf("%v\n%s", err, out)
	}
}

// The edit-config makes of a configuration what the text makes of it.
func TestEditConfig(t *testing.T) {
	g, whole, err := grammar()
	if err != nil {
		t.Fatal(err)
	}
	base, err := decode([]byte(running), whole, "base")
	if err != nil {
		t.Fatal(err)
	}
	r := g.Import(change, ios.Options{Dialect: ios.XR, Base: base})
	want, err := merged(base, r)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := writeEditConfig(&text, whole, r); err != nil {
		t.Fatal(err)
	}
	x := xmlio.NewReader(&text, xmlio.Limits{})
	for _, name := range []string{"rpc", "edit-config", "target", "candidate", "", "", "config"} { // "": one is closed
		el, err := x.Next()
		if err != nil || (el == nil) != (name == "") || el != nil && el.Name.Local != name {
			t.Fatalf("%v (%v), want %q", el, err, name)
		}
	}
	edit, err := tree.DecodeEdit(x, whole.Root, tree.Merge, tree.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := tree.Apply(base, edit)
	if err != nil {
		t.Fatal(err)
	}
	if !got.Equal(want) {
		var a, b bytes.Buffer
		tree.WriteJSON(&a, got, " ")
		tree.WriteJSON(&b, want, " ")
		t.Errorf("the edit gives\n%s\nwant\n%s", &a, &b)
	}
}

// What JSON cannot say is told: that something goes which the text has not set itself. An edit-config says it.
func TestRemovalsInJSON(t *testing.T) {
	onto := filepath.Join(t.TempDir(), "running.json")
	if err := os.WriteFile(onto, []byte(running), 0o600); err != nil {
		t.Fatal(err)
	}
	const lma, told = "ipv6 mobile pmipv6-lma l domain d\n", "the JSON does not say that /mooring-pmipv6:pmipv6/lma[name='l']/bce/lifetime is removed"
	for _, c := range []struct {
		text, onto, format string
		told               bool
	}{
		{lma + " no bce lifetime\n", "", "json", true},
		{lma + " bce lifetime 300\n no bce lifetime\n", "", "json", false},
		{lma + " bce lifetime 300\n no bce lifetime\n", onto, "json", true},
		{lma + " no bce delete-wait-time\n", onto, "json", false},
		{lma + " no bce lifetime\n", onto, "netconf", false},
	} {
		j, _ := job(t, c.text, nil)
		j.Onto, j.Format = c.onto, c.format
		if err := j.Import(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := j.Stderr.(*bytes.Buffer).String(); strings.Contains(got, told) != c.told || !c.told && strings.Contains(got, "the JSON") {
			t.Errorf("%q onto %q as %s: it says\n%s", c.text, c.onto, c.format, got)
		}
	}
}

// A file is written when all is well, and only its owner may read it.
func TestOut(t *testing.T) {
	name := filepath.Join(t.TempDir(), "out")
	j, _ := job(t, "hnp maximum 2\n", nil)
	j.Out = name
	if err := j.Import(t.Context()); err == nil {
		t.Error("a command outside of its mode is taken")
	}
	if _, err := os.Stat(name); !os.IsNotExist(err) {
		t.Errorf("a file was written: %v", err)
	}
	j, out := job(t, "vrf v\n", nil)
	j.Out, j.JSON = name, true
	if err := j.Import(t.Context()); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	var report ios.Report
	if err := json.Unmarshal(out.Bytes(), &report); err != nil || len(report.Items) == 0 || report.Items[0].Text != "vrf v" {
		t.Errorf("the report is %s (%v)", out, err)
	}
}
