package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// An anchor with few bindings is killed under load and has them all when it begins again; each line has what every benchmark's line has.
func TestLMA(t *testing.T) {
	cmd := command()
	out := new(bytes.Buffer)
	cmd.SetOut(out)
	cmd.SetErr(t.Output())
	cmd.SetArgs([]string{"lma", "--json", "--bindings", "2000", "--time", "500ms", "--state-dir", t.TempDir()})
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
	if got := strings.Join(names, " "); got != "hold-2000 restart-2000" {
		t.Errorf("lines %s", got)
	}
}

func TestLMAOfNothing(t *testing.T) {
	if _, err := (lmaOptions{}).run(); err == nil {
		t.Error("no bindings are measured")
	}
}
