package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// What packages say in a machine is told as go test -json tells it, however it is cut, and of a package that is broken off nothing
// has ended.
func TestEvents(t *testing.T) {
	const said = "the machine\n=== 000-a\n\x16=== RUN   TestX\nno heading: === 001-b\n\x16--- PASS: TestX (0.01s)\n\x16PASS\n" +
		"=== 001-b\n\x16=== RUN   TestY\n\x16--- FAIL: TestY (0.00s)\n\x16FAIL\n=== 002-c\n\x16=== RUN   TestZ\npanic"
	const want = "pass m/a TestX; pass m/a ; fail m/b TestY; fail m/b "
	for _, size := range []int{1, 7, len(said)} {
		var to strings.Builder
		e := events{to: &to, packages: map[string]string{"=== 000-a": "m/a", "=== 001-b": "m/b", "=== 002-c": "m/c"}}
		for rest := said; rest != ""; rest = rest[min(size, len(rest)):] {
			if _, err := e.Write([]byte(rest[:min(size, len(rest))])); err != nil {
				t.Fatal(err)
			}
		}
		if err := e.end(); err != nil {
			t.Fatal(err)
		}
		told, ok := strings.CutPrefix(to.String(), "the machine\n")
		if !ok {
			t.Errorf("what comes before the tests is not there: %s", told)
		}
		var ends []string
		for line := range strings.Lines(told) {
			var event struct{ Action, Package, Test string }
			if err := json.Unmarshal([]byte(line), &event); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			if event.Action == "pass" || event.Action == "fail" {
				ends = append(ends, event.Action+" "+event.Package+" "+event.Test)
			}
		}
		if is := strings.Join(ends, "; "); is != want {
			t.Errorf("in pieces of %d the ends are %s, want %s", size, is, want)
		}
	}
}
