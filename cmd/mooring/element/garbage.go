package element

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// A small heap may double before garbage is collected, as usual. Of a large one nearly all is bindings, which stay, so that it would double for garbage of which
// there is little. It may grow by so much that what lives in it is looked through at a certain pace, however fast memory is asked for: that takes an eighth of a
// processor at most.
const (
	largeHeap    = 64 << 20 // octets that live
	searchPace   = 128e6    // octets looked through in a second
	growthUsual  = 100      // percent
	growthLeast  = 20       // of a very large heap; half of that, of one that is just large, where the program itself weighs as much
	heapInterval = time.Second
)

// What TendHeap looks at (runtime/metrics).
const (
	heapLive = iota
	heapAllocated
	heapFree
)

// TendHeap adjusts how far the heap may grow to what lives in it, until ctx ends. Whoever sets GOGC wants something else.
func TendHeap(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	heap := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/heap/allocs:bytes"}, {Name: "/memory/classes/heap/free:bytes"}}
	metrics.Read(heap)
	growth, allocated := growthUsual, heap[heapAllocated].Value.Uint64()
	ticker := time.NewTicker(heapInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		metrics.Read(heap)
		live, before := heap[heapLive].Value.Uint64(), allocated
		allocated = heap[heapAllocated].Value.Uint64()
		if now := growthOf(live, allocated-before); now != growth {
			growth = now
			debug.SetGCPercent(growth)
		}
		if growth == leastGrowth(live) && heap[heapFree].Value.Uint64() > live/8 {
			debug.FreeOSMemory() // what bindings took while they were made
		}
	}
}

// growthOf is by how much a heap may grow, in percent, in which so many octets live, when so many were asked for in the last heapInterval.
func growthOf(live, asked uint64) int {
	if live < largeHeap {
		return growthUsual
	}
	pace := searchPace * heapInterval.Seconds()
	return int(min(growthUsual, max(float64(leastGrowth(live)), 100*float64(asked)/pace)))
}

func leastGrowth(live uint64) int {
	if live < largeHeap {
		return growthUsual
	}
	return growthLeast - int(growthLeast/2*largeHeap/live)
}
