// Package scenario plays text scenarios against the machines of the mobility core and compares what they ask for, word by
// word. It is for tests.
//
// A scenario is a file of steps. A step is a line that starts with "> ", the indented lines that belong to it, and the
// effects that are expected, up to an empty line. Lines that start with "#" say what is going on:
//
//	# A node attaches (RFC 5213 section 5.3.2).
//	> recv from=2001:db8:1::1 pbu seq=1 life=3600s id=mn1@example.com hi=4 att=4 hnp=::/0 ts=0s
//	session 1 anchor ip 2001:db8:ffff::1 - 2001:db8:1::1: 2001:db8:a::/64
//	send 2001:db8:1::1 PBA seq 1 status 0(accepted) lifetime 3600s P ...
//	event binding-created mn1@example.com at 2001:db8:1::1
//
// A line "# LMA-05, LMA-07: TEXT" begins a part that proves these rows of the feature list: each is a test of its own, below that of
// the file. go test -update writes down what the machines say; the difference then wants reading.
package scenario

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"mooring/mobility"
)

var update = flag.Bool("update", false, "write the effects that the machines ask for into the scenarios")

// Start is the time at which every scenario begins.
var Start = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// Step is what a player is asked to do.
type Step struct {
	Now  time.Time
	Verb string
	Args []string
	Body []string // the indented lines
}

// Player plays the steps of one scenario.
type Player interface {
	// Do carries out a step. What it returns beside the effects is printed before them.
	Do(step Step, out *mobility.Effects) (text string, err error)
	Deadline() (time.Time, bool)
	Advance(now time.Time, out *mobility.Effects)
}

// Run plays every testdata/*.txt of the package under test, each with a player of its own.
func Run(t *testing.T, newPlayer func() Player) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios in testdata: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Play(string(text), newPlayer())
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			Compare(t, file, string(text), got)
		})
	}
}

// Compare reports where a scenario as it was played differs from its file, in the test of the row that the difference is a part of; with
// -update, it writes the file.
func Compare(t *testing.T, file, want, got string) {
	t.Helper()
	if *update && got != want {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		want = got
	}
	line := 0
	wanted, is := parts(want), parts(got)
	for i, p := range wanted {
		if i >= len(is) {
			is = append(is, part{})
		}
		difference := func(t *testing.T) {
			if p.text != is[i].text {
				t.Errorf("%s: %s", file, firstDifference(line, p.text, is[i].text))
			}
		}
		for _, row := range p.rows {
			t.Run(row, difference)
		}
		if len(p.rows) == 0 {
			difference(t)
		}
		line += strings.Count(p.text, "\n")
	}
	if len(is) > len(wanted) {
		t.Errorf("%s: want %d parts, got %d", file, len(wanted), len(is))
	}
}

// part is what is between two headings of a scenario.
type part struct {
	rows []string
	text string
}

var heading = regexp.MustCompile(`^# ([A-Z]+-[0-9]{2}(?:, [A-Z]+-[0-9]{2})*)\b[^:]*: `)

// parts splits a scenario.
func parts(text string) []part {
	all := []part{{}}
	for line := range strings.Lines(text) {
		if rows := Rows(line); rows != nil {
			all = append(all, part{rows: rows})
		}
		all[len(all)-1].text += line
	}
	return all
}

// Rows returns the rows of the feature list that the part of a scenario below this line proves, nil where it is no heading.
func Rows(line string) []string {
	if m := heading.FindStringSubmatch(line); m != nil {
		return strings.Split(m[1], ", ")
	}
	return nil
}

// Play plays a scenario and returns it with the effects that the player asked for.
func Play(text string, p Player) (string, error) {
	var out strings.Builder
	now := Start
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for at := 0; at < len(lines); {
		if !strings.HasPrefix(lines[at], "> ") {
			if lines[at] != "" && lines[at][0] != '#' {
				return "", fmt.Errorf("line %d belongs to no step: %s", at+1, lines[at])
			}
			fmt.Fprintln(&out, lines[at])
			at++
			continue
		}
		words := strings.Fields(lines[at][2:])
		step := Step{Verb: words[0], Args: words[1:]}
		fmt.Fprintln(&out, lines[at])
		for at++; at < len(lines) && strings.HasPrefix(lines[at], "  "); at++ {
			fmt.Fprintln(&out, lines[at])
			step.Body = append(step.Body, strings.TrimSpace(lines[at]))
		}
		for at < len(lines) && lines[at] != "" && lines[at][0] != '>' && lines[at][0] != '#' { // what was expected so far
			at++
		}
		var err error
		if now, err = play(&out, now, step, p); err != nil {
			return "", fmt.Errorf("%q: %w", strings.Join(words, " "), err)
		}
	}
	return out.String(), nil
}

func play(out *strings.Builder, now time.Time, step Step, p Player) (time.Time, error) {
	var effects mobility.Effects
	if step.Verb == "advance" {
		d, err := time.ParseDuration(step.Args[0])
		if err != nil {
			return now, err
		}
		return advance(out, now.Add(d), p), nil
	}
	step.Now = now
	text, err := p.Do(step, &effects)
	out.WriteString(text)
	Render(out, &effects)
	return now, err
}

// advance moves the clock from deadline to deadline.
func advance(out *strings.Builder, until time.Time, p Player) time.Time {
	for range 1000 {
		at, ok := p.Deadline()
		if !ok || at.After(until) {
			return until
		}
		var effects mobility.Effects
		p.Advance(at, &effects)
		var text strings.Builder
		Render(&text, &effects)
		if text.Len() > 0 {
			fmt.Fprintf(out, "at %s\n%s", since(at), text.String())
		}
	}
	fmt.Fprintln(out, "the deadlines do not end")
	return until
}

// since shows an instant as the time that has passed since the start of the scenario.
func since(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return "+" + at.Sub(Start).Round(time.Millisecond).String()
}

func firstDifference(before int, want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			context := g[max(0, i-4):i]
			return fmt.Sprintf("line %d, after\n\t%s\nwant\n\t%s\ngot\n\t%s", before+i+1, strings.Join(slices.Clone(context), "\n\t"), w[i], g[i])
		}
	}
	return fmt.Sprintf("want %d lines, got %d", len(w), len(g))
}
