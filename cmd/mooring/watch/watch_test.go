package watch

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func compare(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(file, []byte(got), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant, by %s,\n%s", got, file, want)
	}
}

// busy is an element at which a lot has happened.
func busy(t *testing.T) *story {
	s := newStory(t)
	s.begin()
	s.later(2 * time.Second)
	s.counters(120, 119, 5, 1)
	s.traffic(250_000, 1_000)
	s.tell(Bindings, lma1+"/bindings/binding[id=2]", `mn-id "n2@example.net"`, `hoa "198.18.0.3"`, `peer "mag1"`, `state "active"`, `forwarding "pending"`, `created "2026-11-22T10:00:02Z"`)
	s.later(3 * time.Second)
	s.tell(Bindings, lma1+"/bindings/binding[id=1]", `peer "mag2"`)
	s.tell(General, lma1+"/peers/peer[id=mag2]", `oper-status "up"`, `bindings 1`)
	s.later(time.Second)
	s.tell(Bindings, lma1+"/bindings/binding[id=2]", `forwarding "failed"`, `forwarding-error "no such device"`)
	s.tell(Bindings, lma1+"/bindings/binding[id=1]", `state "delete-pending"`)
	s.later(time.Second)
	s.tell(Bindings, lma1+"/bindings/binding[id=1]", ``)
	s.tell(General, "system", `configuration/commit-id "18"`)
	s.tell(General, lma1+"/peers/peer[id=mag2]", ``)
	s.later(61 * time.Second)
	return s
}

// TestRender compares screens of several sizes with golden files: rewrite them with -update, and read what changed.
func TestRender(t *testing.T) {
	for _, size := range [][2]int{{120, 40}, {80, 24}, {40, 24}, {80, 10}} {
		t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
			s := busy(t)
			compare(t, fmt.Sprintf("busy-%dx%d.txt", size[0], size[1]), strings.Join(s.model.Render(s.now, size[0], size[1]), "\n")+"\n")
		})
	}
	s := newStory(t)
	compare(t, "unknown.txt", strings.Join(s.model.Render(s.now, 80, 24), "\n")+"\n")
	s = busy(t)
	s.model.Lost(s.now, errors.New("no element answers at lma1.example.net:9339: connection refused"), s.now.Add(4*time.Second))
	compare(t, "lost.txt", strings.Join(s.model.Render(s.now.Add(time.Second), 80, 24), "\n")+"\n")
}

// TestRenderFits draws screens of all small sizes: no line is too long, and there are not too many.
func TestRenderFits(t *testing.T) {
	s := busy(t)
	s.tell(Bindings, lma1+"/bindings/binding[id=3]", `mn-id "節点節点節点節点@例.example"`, `state "active"`, `created "2026-11-22T10:01:00Z"`)
	for columns := 0; columns < 130; columns += 3 {
		for lines := 0; lines < 45; lines += 2 {
			screen := s.model.Render(s.now, columns, lines)
			if len(screen) > lines {
				t.Fatalf("%d lines on a screen of %dx%d", len(screen), columns, lines)
			}
			for _, line := range screen {
				if textCells(line) > columns {
					t.Fatalf("a screen of %dx%d has %q", columns, lines, line)
				}
			}
		}
	}
}

// TestNamesCannotControlTheTerminal shows names with control characters, which an element that is not ours may tell of.
func TestNamesCannotControlTheTerminal(t *testing.T) {
	s := newStory(t)
	s.begin()
	s.tell(Bindings, lma1+"/bindings/binding[id=9]", `mn-id "\u001b]0;owned\u0007\u009b2J\u202e"`, `state "active"`, `created "2026-11-22T10:00:00Z"`)
	var out bytes.Buffer
	if err := (&Printer{Out: &out}).Print(s.model); err != nil {
		t.Fatal(err)
	}
	for _, text := range append(s.model.Render(s.now, 120, 40), strings.TrimSuffix(out.String(), "\n")) {
		for _, r := range text {
			if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x202e {
				t.Errorf("%q", text)
			}
		}
	}
	if !strings.Contains(out.String(), "?]0;owned??2J?") {
		t.Errorf("printed %q", out.String())
	}
}

// TestPrint compares lines and JSON with golden files.
func TestPrint(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		s := busy(t)
		s.model.Lost(s.now, errors.New("connection refused"), s.now.Add(time.Second))
		s.model.Lost(s.now, errors.New("connection refused"), s.now.Add(2*time.Second)) // which is said once
		s.model.Reset()
		s.later(time.Minute)
		s.begin()
		var out bytes.Buffer
		p := &Printer{Out: &out, JSON: asJSON}
		for range 2 { // the second time there is nothing new
			if err := errors.Join(p.Print(s.model), p.PrintRates(s.model, s.now)); err != nil {
				t.Fatal(err)
			}
		}
		s.later(2 * time.Second)
		s.counters(102, 102, 3, 1)
		if err := p.PrintRates(s.model, s.now); err != nil {
			t.Fatal(err)
		}
		name := "lines.txt"
		if asJSON {
			name = "lines.json"
		}
		compare(t, name, out.String())
	}
}

func TestMeter(t *testing.T) {
	var m meter
	m.read(start, counts{updates: 100})
	if m.rate != (counts{}) {
		t.Errorf("a rate of one reading: %v", m.rate)
	}
	m.read(start.Add(2*time.Second), counts{updates: 130, drops: 1})
	if m.rate != (counts{updates: 15, drops: 0.5}) {
		t.Errorf("rates %v", m.rate)
	}
	m.read(start.Add(2*time.Second), counts{updates: 999}) // of the same time
	m.read(start.Add(3*time.Second), counts{updates: 5})   // began anew
	if m.rate != (counts{}) {
		t.Errorf("after the counters began anew: %v", m.rate)
	}
	m.read(start.Add(4*time.Second), counts{updates: 6})
	if m.rate != (counts{updates: 1}) {
		t.Errorf("then: %v", m.rate)
	}
}

// TestManyBindingsAreBounded registers more nodes than are kept: the ones that changed last stay.
func TestManyBindingsAreBounded(t *testing.T) {
	s := newStory(t)
	s.begin()
	for i := range maxBindings + 100 {
		s.later(time.Millisecond)
		s.tell(Bindings, fmt.Sprintf("%s/bindings/binding[id=%d]", lma1, i+2), fmt.Sprintf(`mn-id "n%d@example.net"`, i+2), `state "active"`)
	}
	if len(s.model.bindings) != maxBindings || len(s.model.recent) != maxBindings || len(s.rows[Bindings].All()) != maxBindings {
		t.Errorf("%d bindings, %d in order, %d rows", len(s.model.bindings), len(s.model.recent), len(s.rows[Bindings].All()))
	}
	if newest := s.model.recent[0].node; newest != fmt.Sprintf("n%d@example.net", maxBindings+101) {
		t.Errorf("the newest is %s", newest)
	}
	if !slices.IsSortedFunc(s.model.recent, func(a, b *binding) int { return b.changed.Compare(a.changed) }) {
		t.Error("the newest is not always first")
	}
	if len(s.model.events) > 2*maxEvents {
		t.Errorf("%d events", len(s.model.events))
	}
	if got := len(s.model.Drain()); got != maxEvents && got > 2*maxEvents {
		t.Errorf("%d events to be told", got)
	}
}

// TestHeartbeats shows them as soon as the element has some.
func TestHeartbeats(t *testing.T) {
	s := newStory(t)
	s.begin()
	const path = "path[address=2001:db8::11]/heartbeat/"
	for _, c := range []struct{ leaf, want string }{{path + "rtt 1500", "1.5ms"}, {path + "missed 0", "1.5ms"}, {path + "missed 2", "2 missed"}} {
		s.tell(General, lma1+"/peers/peer[id=mag1]", c.leaf)
		if screen := strings.Join(s.model.Render(s.now, 120, 40), "\n"); !strings.Contains(screen, c.want) {
			t.Errorf("%s: no %q in\n%s", c.leaf, c.want, screen)
		}
	}
}

// TestGatewaysCountTheirWays tells of the ways of a MAG, of its counters, and of the ways again: the bindings are those of its ways.
func TestGatewaysCountTheirWays(t *testing.T) {
	s := newStory(t)
	way := func(bindings string) {
		s.tell(General, mag1+"/paths/path[lma=lma1][link=2001:db8::11]", `lma "lma1"`, `bindings `+bindings)
	}
	way("3")
	s.tell(General, mag1+"/statistics", leaf("pbu/sent", 1))
	if got := s.model.Total(); got != 3 {
		t.Errorf("%d bindings, want 3", got)
	}
	way("4")
	s.later(time.Second)
	s.tell(General, mag1+"/statistics", leaf("pbu/sent", 2))
	if got := s.model.Total(); got != 4 {
		t.Errorf("%d bindings, want 4", got)
	}
	s.tell(General, mag1+"/paths/path[lma=lma1][link=2001:db8::11]", ``)
	if got := s.model.Total(); got != 0 {
		t.Errorf("%d bindings, want none", got)
	}
}

func TestFrame(t *testing.T) {
	if got := frame([]string{"a", "b"}); got != "\x1b[Ha\x1b[K\r\nb\x1b[K\x1b[J" {
		t.Errorf("%q", got)
	}
}
