package reconcile_test

import (
	"context"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"mooring/dataplane"
	"mooring/dataplane/fake"
	"mooring/dataplane/reconcile"
)

// batchPlane counts what it is handed.
type batchPlane struct {
	*fake.Plane
	batches atomic.Int64
}

func (p *batchPlane) Apply(ctx context.Context, ops []dataplane.Op) []error {
	p.batches.Add(1)
	return p.Plane.Apply(ctx, ops)
}

// With one processor, whoever else has something to do has it between batches, and need not wait until the scheduler takes it away: that is 10 ms,
// in which thousands of batches pass here.
func TestOthersHaveTheOnlyProcessorBetweenBatches(t *testing.T) {
	const batches, atOnce = 2000, 64
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	plane := &batchPlane{Plane: fake.New()}
	var prefixes []netip.Prefix
	for n := range batches * 2 {
		prefixes = append(prefixes, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}), 32))
	}
	ctx, stop := context.WithCancel(t.Context())
	r := reconcile.New(plane, reconcile.Options{Batch: 2})
	r.Want([]dataplane.Change{{ID: 1, Session: &dataplane.Session{ID: 1, Side: dataplane.Anchor, Path: dataplane.Path{Tunnel: tunnel1}, Prefixes: prefixes}}})
	var running sync.WaitGroup
	running.Go(func() { r.Run(ctx) })
	defer running.Wait()
	defer stop()
	most, last := int64(0), int64(0)
	for last < batches {
		runtime.Gosched()
		now := plane.batches.Load()
		most, last = max(most, now-last), now
	}
	if most > atOnce {
		t.Errorf("%d batches while another goroutine was ready, want %d at most", most, atOnce)
	}
}
