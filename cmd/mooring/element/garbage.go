package element

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// As Go has it, a heap may double before garbage is collected. Of ours nearly all is bindings, which stay, so that it would double for garbage of which there is
// little. It may grow by a few MiB, or a share of what lives in it, and by more while so much memory is asked for that what lives would else be looked through
// faster than at a certain pace: that takes an eighth of a processor at most.
const (
	searchPace   = 128e6 // octets looked through in a second
	growthUsual  = 100   // percent
	growthLeast  = 20    // of a very large heap; half of that, of one that is just large, where the program itself weighs as much
	largeHeap    = 64 << 20
	leastRoom    = 4 << 20 // octets that any heap may grow by
	heapInterval = 100 * time.Millisecond
	releaseEvery = 10 // intervals
	freeShare    = 16 // of what lives, the part that may lie free before it is given back
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
	for round := 1; ; round++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		metrics.Read(heap)
		live, before := heap[heapLive].Value.Uint64(), allocated
		allocated = heap[heapAllocated].Value.Uint64()
		now := growthOf(live, allocated-before)
		if now > growth || now < growth-growth/8 { // not for every little, since all goroutines stand still meanwhile
			growth = now
			debug.SetGCPercent(growth)
		}
		if round%releaseEvery == 0 && now == leastGrowth(live) && tooFree(live, heap[heapFree].Value.Uint64()) {
			debug.FreeOSMemory() // what bindings took while they were made
		}
	}
}

// growthOf is by how much a heap may grow, in percent, in which so many octets live, when so many were asked for in the last heapInterval.
func growthOf(live, asked uint64) int {
	pace := searchPace * heapInterval.Seconds()
	return int(min(growthUsual, max(float64(leastGrowth(live)), 100*float64(asked)/pace)))
}

func leastGrowth(live uint64) int {
	live = max(live, 1)
	share := growthLeast / 2
	if live > largeHeap {
		share = growthLeast - int(growthLeast/2*largeHeap/live)
	}
	return max(share, int(min(growthUsual, 100*leastRoom/live)))
}

// tooFree says whether so much of the heap lies free that it is worth looking through what lives to give it back.
func tooFree(live, free uint64) bool { return free > live/freeShare }
