package element

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// A heap may double before garbage is collected, as usual, while it is small or bindings are being made. Of a large one that does not grow nearly all is bindings,
// which stay, so that it would double for garbage of which there is little: it may grow by a fourteenth. That takes more time: with 128,000 bindings about
// a microsecond of a refresh.
const (
	largeHeap    = 64 << 20 // octets that live
	growthUsual  = 100      // percent
	growthLarge  = 7
	heapInterval = time.Second
)

// TendHeap adjusts how far the heap may grow to what lives in it, until ctx ends. Whoever sets GOGC wants something else.
func TendHeap(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	live, growth := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}, growthUsual
	before := uint64(0)
	ticker := time.NewTicker(heapInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		metrics.Read(live)
		octets := live[0].Value.Uint64()
		if now := growthOf(octets, before); now != growth {
			growth = now
			debug.SetGCPercent(growth)
			if growth == growthLarge {
				debug.FreeOSMemory() // what the burst took
			}
		}
		before = octets
	}
}

// growthOf is by how much a heap may grow in which so many octets live, and lived before.
func growthOf(live, before uint64) int {
	if live < largeHeap || live > before+before/50 {
		return growthUsual
	}
	return growthLarge
}
