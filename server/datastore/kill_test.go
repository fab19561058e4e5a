package datastore

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"mooring/server/tree"
)

// killAt names the variable that makes this test binary run a part of the scenario and end itself at a step: "PART STEP".
const killAt = "MOORING_TEST_KILL_AT"

func TestMain(m *testing.M) {
	if at := os.Getenv(killAt); at != "" {
		var part, n int
		fmt.Sscan(at, &part, &n)
		step := 0
		stepHook = func(string) error {
			if step++; step == n {
				syscall.Kill(os.Getpid(), syscall.SIGKILL)
			}
			return nil
		}
		if err := scenario(os.Args[len(os.Args)-1], parts[part], func(done string) { fmt.Println(done) }); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// scenario opens a store and goes through some commits; done is told of each that was acknowledged.
func scenario(dir string, part []step, done func(string)) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	s, err := compiled()
	if err != nil {
		return err
	}
	store, err := Open(context.Background(), Options{Schema: s, Dir: root})
	if err != nil {
		return err
	}
	x := store.NewSession(admin, 1)
	for _, c := range part {
		if err := c.make(x); err != nil {
			return fmt.Errorf("commit %s: %w", c.name, err)
		}
		done(c.name)
	}
	return nil
}

// step is a commit of one of the states: one with a question mark is a trial.
type step struct{ name, state string }

// commits are ordinary ones, a trial confirmed by a commit that changes nothing, two in a row confirmed by one that changes
// something, one that outlives a restart and is then confirmed, and one that nobody confirms.
var commits = []step{{"A", "A"}, {"B", "B"}, {"C?", "C"}, {"C", "C"}, {"D?", "D"}, {"E?", "E"}, {"F", "F"}, {"G!", "G"}, {"G", "G"}, {"D??", "D"}}

// parts are the commits, cut where nothing waits to be confirmed that a restart would undo.
var parts = [][]step{commits[:1], commits[1:2], commits[2:4], commits[4:7], commits[7:8], commits[8:9], commits[9:]}

func (c step) make(x *Session) error {
	n, err := tree.DecodeJSON(strings.NewReader(states[c.state]), x.store.schema.Root, tree.DecodeOptions{})
	if err != nil {
		return err
	}
	if err := x.Candidate().Replace(n); err != nil {
		return err
	}
	var o CommitOptions
	_, o.PersistID, _ = x.store.Pending()
	switch {
	case strings.HasSuffix(c.name, "?"):
		o.Confirm = &Confirm{Timeout: time.Hour}
	case strings.HasSuffix(c.name, "!"):
		o.Confirm = &Confirm{Timeout: time.Hour, Persist: "secret", Resume: true}
	}
	_, err = x.Candidate().Commit(context.Background(), o)
	return err
}

var states = map[string]string{
	"":  `{}`,
	"A": `{"example-system:system":{"name":"a"}}`,
	"B": `{"example-system:user":[{"realm":1,"id":"u","note":[{"at":2,"text":"` + strings.Repeat("x", 70_000) + `"},{"at":1,"text":"one"}]}]}`,
	"C": `{"example-system:system":{"name":"c"},"example-system:user":[{"realm":1,"id":"u","note":[{"at":1,"text":"one"},{"at":2,"text":"two"},{"at":0,"text":"nought"}]}]}`,
	"D": `{}`,
	"E": `{"example-system:system":{"name":"e"}}`,
	"F": `{"example-system:system":{"name":"f"}}`,
	"G": `{"example-system:system":{"name":"g"}}`,
}

// allowed says what may run after a crash, by what had been acknowledged last: that, or what was being committed; never a
// trial that was not confirmed, unless it outlives a restart.
var allowed = map[string][]string{"": {"", "A"}, "A": {"A", "B"}, "B": {"B"}, "C?": {"B", "C"}, "C": {"C"}, "D?": {"C"}, "E?": {"C", "F"},
	"F": {"F", "G"}, "G!": {"G"}, "G": {"G"}, "D??": {"G"}}

// TestKillAtEveryStep kills the process before every step that writes, and finds the old or the new configuration, whole.
func TestKillAtEveryStep(t *testing.T) {
	kills, before, last := 0, t.TempDir(), ""
	for part := range parts {
		for n := 1; ; n++ {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(before)); err != nil {
				t.Fatal(err)
			}
			acknowledged, killed := runAndKill(t, dir, part, n)
			told := cmp.Or(acknowledged, last)
			if !killed {
				before, last = dir, told
				break
			}
			kills++
			checkAfterCrash(t, dir, fmt.Sprintf("part %d killed at step %d, after %q", part, n, told), allowed[told])
		}
	}
	checkAfterCrash(t, before, "in the end", allowed[last])
	if kills < 60 {
		t.Errorf("the scenario has only %d steps to be killed at", kills)
	}
}

// runAndKill says which commit of a part was acknowledged last, and whether there was a step n to be killed at.
func runAndKill(t *testing.T, dir string, part, n int) (acknowledged string, killed bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], dir)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %d", killAt, part, n))
	out, err := cmd.Output()
	killed = cmd.ProcessState != nil && cmd.ProcessState.Sys().(syscall.WaitStatus).Signaled()
	if err != nil && !killed {
		t.Fatalf("part %d, step %d: %v", part, n, err)
	}
	if lines := strings.Fields(string(out)); len(lines) > 0 {
		acknowledged = lines[len(lines)-1]
	}
	return acknowledged, killed
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
	_, persist, _ := s.Pending()
	if _, err := x.Candidate().Commit(t.Context(), CommitOptions{PersistID: persist}); err != nil {
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
	hook(t, func(s string) error {
		steps = append(steps, s)
		return nil
	})
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

// hook sets stepHook for one test.
func hook(t *testing.T, f func(string) error) {
	was := stepHook
	stepHook = f
	t.Cleanup(func() { stepHook = was })
}

// TestFailAtEveryStep lets the disk refuse every step of every commit in turn. A commit that fails has changed nothing: neither
// what runs nor what would run after a crash. Where it does not matter the commit stands, and the next pass goes on from there.
func TestFailAtEveryStep(t *testing.T) {
	refused, borne := 0, make([]int, len(commits))
	for passes, hit := 0, true; hit; passes++ {
		hit = false
		dir := t.TempDir()
		s := open(t, dir, Options{})
		x := s.NewSession(admin, 1)
		last := ""
		for i, c := range commits {
			for step := borne[i] + 1; ; step++ {
				before, failed, count := s.Running(), "", 0
				s.disk.step = func(name string) error {
					if count++; count == step {
						failed = name
						return fmt.Errorf("%s: no more", name)
					}
					return nil
				}
				err := c.make(x)
				if err != nil {
					refused++
					if s.Running() != before {
						t.Fatalf("commit %s failed at %q, and %s runs", c.name, failed, text(t, s.Running().Root))
					}
					wantAfterCrash(t, dir, fmt.Sprintf("commit %s failed at %q", c.name, failed), allowed[last][0])
					continue
				}
				if last = c.name; failed != "" {
					hit, borne[i] = true, step
					wantAfterCrash(t, dir, fmt.Sprintf("commit %s bore with a failure at %q", c.name, failed), allowed[last][0])
				}
				break
			}
		}
		checkAfterCrash(t, dir, fmt.Sprintf("after pass %d", passes), allowed[last])
		if passes == 0 && refused < 40 {
			t.Errorf("only %d commits failed", refused)
		}
	}
}

// wantAfterCrash opens a copy of what is on disk now.
func wantAfterCrash(t *testing.T, dir, when, state string) {
	t.Helper()
	crashed := t.TempDir()
	if err := os.CopyFS(crashed, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if got := text(t, open(t, crashed, Options{}).Running().Root); got != states[state] {
		t.Fatalf("%s: after a crash %.200s runs, want %s", when, got, state)
	}
}
