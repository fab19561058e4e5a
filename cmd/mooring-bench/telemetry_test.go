package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// A round with few bindings: both servers tell the same, and each line has what every benchmark's line has.
func TestTelemetry(t *testing.T) {
	cmd := command()
	out := new(bytes.Buffer)
	cmd.SetOut(out)
	cmd.SetErr(t.Output())
	cmd.SetArgs([]string{"telemetry", "--json", "--bindings", "2000", "--many", "3000", "--time", "300ms", "--stopped", "300ms", "--gets", "20", "--cycles", "20"})
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(out.String()) {
		var r Result
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		alone := strings.HasSuffix(r.Name, "-peer") || r.Name == "cycles-2000" // so little work may be one by chance, too
		if r.N <= 0 || r.CPU <= 0 || r.Wall <= 0 || r.Ratio <= 0 || alone && r.Ratio != 1 {
			t.Errorf("%+v", r)
		}
		names = append(names, r.Name)
	}
	want := "once-2000-peer sync4-2000-peer alone-2000-peer refresh-2000-peer stopped-2000-peer once-2000 sync4-2000 alone-2000 refresh-2000 stopped-2000 cycles-2000 " +
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

// Every goal is of a measure that there is, and is missed by whoever takes more.
func TestTelemetryGoals(t *testing.T) {
	o := telemetryOptions{bindings: 128_000, many: 1_000_000, rate: 10_000, length: 15 * time.Second, stopped: time.Minute, gets: 1, cycles: 1000}
	var good, bad []Result
	for n, measures := range map[int][]telemetryMeasure{o.bindings: o.measures(), o.many: o.measuresOfMany()} {
		for _, m := range measures {
			name := fmt.Sprintf("%s-%d", m.name, n)
			good = append(good, Result{Name: name, N: 1})
			bad = append(bad, Result{Name: name, N: 1, CPU: 10, Wall: 10, RSS: 100, longest: time.Second, goroutines: 1, held: 33})
		}
	}
	for verdict, results := range map[string][]Result{"met": good, "MISSED": bad} {
		var out bytes.Buffer
		if err := o.printVerdicts(&out, results); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(out.String(), verdict+"\n"); got != len(telemetryGoals) {
			t.Errorf("%d goals of %d are %s:\n%s", got, len(telemetryGoals), verdict, &out)
		}
	}
	var none bytes.Buffer
	o.stopped = time.Second
	if o.printVerdicts(&none, good) != nil || none.Len() > 0 {
		t.Errorf("there are verdicts on smaller measures:\n%s", &none)
	}
}
