package gnmi

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// The page for operators has the limits that hold.
func TestLimitsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/gnmi.md")
	if err != nil {
		t.Fatal(err)
	}
	l := Limits{}.withDefaults()
	for _, row := range []string{
		fmt.Sprintf("| connections over TCP | %d |", l.Connections),
		fmt.Sprintf("| subscriptions | %d, of one user %d |", l.Streams, l.StreamsPerUser),
		fmt.Sprintf("| paths of a Get or Subscribe | %d |", l.Paths),
		fmt.Sprintf("| operations of a Set | %d |", l.Operations),
		fmt.Sprintf("| a request | %d MiB |", l.Receive>>20),
		fmt.Sprintf("| the answer to a Get | %d MiB, roughly |", l.Get>>20),
		fmt.Sprintf("| sample and heartbeat intervals | %v at least |", l.SampleInterval),
		fmt.Sprintf("| a reader who does not read | %v |", l.Stall),
	} {
		if !strings.Contains(string(page), row) {
			t.Errorf("the page lacks %q", row)
		}
	}
}
