package datastore

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// killAt names the variable that makes this test binary run the scenario and end itself at a step.
const killAt = "MOORING_TEST_KILL_AT"

func TestMain(m *testing.M) {
	if at := os.Getenv(killAt); at != "" {
		n, _ := strconv.Atoi(at)
		step := 0
		stepHook = func(string) {
			if step++; step == n {
				syscall.Kill(os.Getpid(), syscall.SIGKILL)
			}
		}
		if err := scenario(os.Args[len(os.Args)-1], func(done string) { fmt.Println(done) }); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// scenario commits, commits more, tries and confirms, and tries without confirming.
func scenario(dir string, done func(string)) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	s, err := schema.Compile(os.DirFS("../tree/schema/testdata"), schema.Source{Name: "example-types", Implement: true},
		schema.Source{Name: "example-system", Implement: true, Features: []string{"tls"}})
	if err != nil {
		return err
	}
	store, err := Open(context.Background(), Options{Schema: s, Dir: root})
	if err != nil {
		return err
	}
	x := store.NewSession(admin, 1)
	commit := func(name, config string, o CommitOptions) error {
		n, err := tree.DecodeJSON(strings.NewReader(config), s.Root, tree.DecodeOptions{})
		if err != nil {
			return err
		}
		if err := x.Candidate().Replace(n); err != nil {
			return err
		}
		if _, err := x.Candidate().Commit(context.Background(), o); err != nil {
			return err
		}
		done(name)
		return nil
	}
	trial := CommitOptions{Confirm: &Confirm{Timeout: time.Hour}}
	for _, c := range []struct {
		name, config string
		options      CommitOptions
	}{
		{"A", states["A"], CommitOptions{}},
		{"B", states["B"], CommitOptions{}},
		{"C?", states["C"], trial},
		{"C", states["C"], CommitOptions{}}, // the confirming commit changes nothing
		{"D?", states["D"], trial},
	} {
		if err := commit(c.name, c.config, c.options); err != nil {
			return fmt.Errorf("commit %s: %w", c.name, err)
		}
	}
	return nil
}

var states = map[string]string{
	"":  `{}`,
	"A": `{"example-system:system":{"name":"a"}}`,
	"B": `{"example-system:user":[{"realm":1,"id":"u","note":[{"at":2,"text":"` + strings.Repeat("x", 70_000) + `"},{"at":1,"text":"one"}]}]}`,
	"C": `{"example-system:system":{"name":"c"},"example-system:user":[{"realm":1,"id":"u","note":[{"at":1,"text":"one"},{"at":2,"text":"two"},{"at":0,"text":"nought"}]}]}`,
	"D": `{}`,
}

// allowed says what may run after a crash, by what had been acknowledged last: that, or what was being committed; never a
// trial that was not confirmed.
var allowed = map[string][]string{"": {"", "A"}, "A": {"A", "B"}, "B": {"B"}, "C?": {"B", "C"}, "C": {"C"}, "D?": {"C"}}

// TestKillAtEveryStep kills the process before every step that writes, and finds the old or the new configuration, whole.
func TestKillAtEveryStep(t *testing.T) {
	kills := 0
	for n := 1; ; n++ {
		dir := t.TempDir()
		cmd := exec.CommandContext(t.Context(), os.Args[0], dir)
		cmd.Env = append(os.Environ(), killAt+"="+strconv.Itoa(n))
		out, err := cmd.Output()
		killed := cmd.ProcessState != nil && cmd.ProcessState.Sys().(syscall.WaitStatus).Signaled()
		if err != nil && !killed {
			t.Fatalf("step %d: %v", n, err)
		}
		lines := strings.Fields(string(out))
		last := ""
		if len(lines) > 0 {
			last = lines[len(lines)-1]
		}
		checkAfterCrash(t, dir, fmt.Sprintf("killed at step %d, after %q", n, last), allowed[last])
		if !killed {
			break
		}
		kills++
	}
	if kills < 40 {
		t.Errorf("the scenario has only %d steps to be killed at", kills)
	}
}

func checkAfterCrash(t *testing.T, dir, when string, allowed []string) {
	t.Helper()
	s := open(t, dir, Options{})
	got := text(t, s.Running().Root)
	if !slices.ContainsFunc(allowed, func(name string) bool { return states[name] == got }) {
		t.Fatalf("%s: %.200s is running, want one of %q", when, got, allowed)
	}
	x := s.NewSession(admin, 1)
	setLeaf(t, x.Candidate(), "/example-system:system/name", "after")
	if _, err := x.Candidate().Commit(t.Context(), CommitOptions{}); err != nil {
		t.Fatalf("%s: the next commit: %v", when, err)
	}
	want := text(t, s.Running().Root)
	again := open(t, dir, Options{})
	if got := text(t, again.Running().Root); got != want {
		t.Fatalf("%s: after the next commit and a restart %.200s is running, want %.200s", when, got, want)
	}
	for id := range again.Running().ID {
		if _, err := again.At(id); err != nil {
			t.Errorf("%s: commit %d: %v", when, id, err)
		}
	}
}

// TestOrderOfWriting keeps the steps in the order that makes them safe when power fails.
func TestOrderOfWriting(t *testing.T) {
	var steps []string
	stepHook = func(s string) { steps = append(steps, s) }
	defer func() { stepHook = func(string) {} }()
	s := open(t, t.TempDir(), Options{})
	x := s.NewSession(admin, 1)
	setLeaf(t, x.Candidate(), "/example-system:system/name", "a")
	if _, err := x.Candidate().Commit(t.Context(), CommitOptions{}); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"create config/history/00000001.json.new", "write config/history/00000001.json.new", "sync config/history/00000001.json.new",
		"rename config/history/00000001.json.new", "sync folder of config/history/00000001.json",
		"create config/running.json.new", "write config/running.json.new", "sync config/running.json.new",
		"rename config/running.json.new", "sync folder of config/running.json",
		"remove config/pending.json",
	}
	if !slices.Equal(steps, want) {
		t.Errorf("steps:\n%s\nwant:\n%s", strings.Join(steps, "\n"), strings.Join(want, "\n"))
	}
}
