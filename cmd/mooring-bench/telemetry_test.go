package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// A round with few bindings: both servers tell the same, and each line has what every benchmark's line has.
func TestTelemetry(t *testing.T) {
	cmd := command()
	out := new(bytes.Buffer)
	cmd.SetOut(out)
	cmd.SetErr(t.Output())
	cmd.SetArgs([]string{"telemetry", "--json", "--bindings", "2000", "--many", "3000", "--time", "300ms", "--stopped", "300ms", "--gets", "20"})
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(out.String()) {
		var r Result
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if r.N <= 0 || r.CPU <= 0 || r.Wall <= 0 || r.Ratio <= 0 || strings.HasSuffix(r.Name, "-peer") != (r.Ratio == 1) {
			t.Errorf("%+v", r)
		}
		names = append(names, r.Name)
	}
	want := "once-2000-peer sync4-2000-peer alone-2000-peer refresh-2000-peer stopped-2000-peer once-2000 sync4-2000 alone-2000 refresh-2000 stopped-2000 " +
		"once-3000-peer get-3000-peer once-3000 get-3000"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("lines %s, want %s", got, want)
	}
}

func TestTelemetryOfNothing(t *testing.T) {
	if _, err := (telemetryOptions{}).run(t.Context(), t.Output()); err == nil {
		t.Error("no bindings are measured")
	}
}
