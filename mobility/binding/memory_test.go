package binding

import (
	"runtime"
	"testing"
)

// A row with a home network prefix and a home address takes at most 425 octets of heap in the table, all its indexes included, of the 1024 that a binding may take in all.
func TestMemoryOfARow(t *testing.T) {
	const n = 20_000
	before := heapInUse()
	table := fill(New(), n)
	if octets := (heapInUse() - before) / n; octets > 425 {
		t.Errorf("a row takes %d octets", octets)
	}
	runtime.KeepAlive(table)
}
