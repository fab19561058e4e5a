package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"mooring/dataplane/netns"
)

// An anchor with few bindings is killed under load and has them all when it begins again; each line has what every benchmark's line has.
func TestLMA(t *testing.T) {
	for _, each := range [][]string{{"echo register refresh flood flood-10 flood-spoofed hold restart"}, {"echo register account refresh flood flood-10 flood-spoofed hold restart", "--accounting"}} {
		t.Run(each[0], func(t *testing.T) { testLMA(t, each[0], each[1:]...) })
	}
}

func testLMA(t *testing.T, lines string, flags ...string) {
	cmd := command()
	out := new(bytes.Buffer)
	cmd.SetOut(out)
	cmd.SetErr(t.Output())
	cmd.SetArgs(append([]string{"lma", "--json", "--bindings", "2000", "--time", "500ms", "--state-dir", t.TempDir()}, flags...))
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(out.String()) {
		var r Result
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if r.N <= 0 || r.CPU <= 0 || r.Wall <= 0 || r.Ratio <= 0 || r.RSS <= 0 {
			t.Errorf("%+v", r)
		}
		names = append(names, r.Name)
	}
	if got := strings.Join(names, " "); got != lines {
		t.Errorf("lines %s", got)
	}
}

func TestLMAOfNothing(t *testing.T) {
	if _, err := (lmaOptions{}).run(); err == nil {
		t.Error("no bindings are measured")
	}
}

// An anchor that is killed while nodes are being registered has, when it begins again, each node that got an answer, with the prefix that the answer had.
func TestLMAKilledWhileRegistering(t *testing.T) {
	h, err := netns.NewHost("lma")
	must(t, err)
	defer h.Close()
	o := lmaOptions{bindings: 1_000_000, stateDir: t.TempDir()}
	all, err := processors()
	must(t, err)
	p, err := startLMA(h, "anchor", o, all)
	must(t, err)
	gateway, err := newAskingMAG(h, magAddress, lmaSecret)
	must(t, err)
	defer gateway.conn.Close()
	_, err = gateway.untilAnswered(time.Minute, 1)
	must(t, err)
	for range 3 {
		killed := make(chan struct{})
		time.AfterFunc(300*time.Millisecond, func() { p.kill(); close(killed) })
		gateway.untilKilled(o.bindings)
		<-killed
		asked, answered := gateway.node, len(gateway.has)
		gateway.node = 0
		p, err = startLMA(h, "anchor", o, all)
		must(t, err)
		_, err = gateway.untilAnswered(time.Minute, 1)
		must(t, err)
		counted, err := p.count()
		must(t, err)
		if counted.Bindings < answered || counted.Initial != 0 {
			t.Fatalf("%d bindings after the restart, %d nodes had got answers", counted.Bindings, answered)
		}
		must(t, gateway.ask(asked, o.bindings))
		counted, err = p.count()
		must(t, err)
		if int(counted.Initial) > asked-answered || gateway.different > 0 {
			t.Fatalf("%d nodes of %d got answers, then %d had to be registered anew and %d got other prefixes", answered, asked, counted.Initial, gateway.different)
		}
		t.Logf("%d asked, %d answered, %d had to be registered anew", asked, answered, counted.Initial)
	}
	p.kill()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
