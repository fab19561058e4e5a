package gnmi

import (
	"fmt"
	"maps"
	"slices"
	"testing"
)

// elsewhere are the statements that cannot be asked of a running element from outside, and why.
var elsewhere = map[int]string{
	28: "the limit of an answer is 64 MiB: some 100,000 bindings, or another limit, which only the server's own tests can set",
	67: "bindings have to change thousands of times a second: TestConformGNMI67StoppedReader does that in its own process",
	75: "the element has to be killed: TestGNMI75KilledWhilePending of cmd/mooring does that",
}

// TestConformStatements asks an element that runs for the statements of the checklist of gNMI, by their numbers, over TLS.
func TestConformStatements(t *testing.T) {
	r := runElement(t)
	asked := map[int][]func(*testing.T){}
	for _, x := range slices.Concat(reading, writing, subscriptions, extending) {
		asked[x.number] = append(asked[x.number], func(t *testing.T) { x.check(t, r.operator(t)) })
	}
	for _, courses := range []map[int]course{sessions, readings, writings, streams, trials} {
		for number, c := range courses {
			asked[number] = append(asked[number], func(t *testing.T) { c(t, r, r.operator(t)) })
		}
	}
	for number := 1; number <= 80; number++ {
		if _, not := elsewhere[number]; not == (asked[number] != nil) {
			t.Errorf("statement %d is asked for %d times, and elsewhere: %t", number, len(asked[number]), not)
		}
	}
	for _, number := range slices.Sorted(maps.Keys(asked)) {
		t.Run(fmt.Sprintf("GNMI%02d", number), func(t *testing.T) {
			for _, ask := range asked[number] {
				ask(t)
			}
		})
	}
}

// course is what takes more than one exchange.
type course func(*testing.T, *running, *conformer)
