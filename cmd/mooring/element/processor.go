package element

import (
	"context"
	"os"
	"runtime"
	"time"
)

// With one processor, Go runs one goroutine at a time, for up to 10 ms, looks at the network as seldom while another is ready, and may take as long
// until it lets others run beside a system call. What arrives passes through several goroutines. The host's scheduler soon lets run who has waited: where
// some goroutines may run at a time, it is what takes turns. That costs a quarter more for each message, so it is for a while (docs/adr/0500).
const (
	turnsOfHost = 4 // goroutines at a time
	busyFor     = time.Second
)

// Processor has signalling take turns with what takes long where the process has one processor. Its methods may be called concurrently.
type Processor struct{ busy chan struct{} }

// NewProcessor returns a Processor that does nothing before Share.
func NewProcessor() *Processor { return &Processor{make(chan struct{}, 1)} }

// Busy says that something takes long, for the next busyFor at least. It does not block.
func (p *Processor) Busy() {
	select {
	case p.busy <- struct{}{}:
	default:
	}
}

// Share does what Processor is for until ctx ends. Whoever sets GOMAXPROCS wants something else.
func (p *Processor) Share(ctx context.Context) {
	if os.Getenv("GOMAXPROCS") != "" {
		return
	}
	for p.isBusy(ctx, nil) {
		if runtime.GOMAXPROCS(0) > 1 {
			continue
		}
		runtime.GOMAXPROCS(turnsOfHost)
		for p.isBusy(ctx, time.After(busyFor)) {
		}
		runtime.SetDefaultGOMAXPROCS()
	}
}

// isBusy waits for Busy, until over.
func (p *Processor) isBusy(ctx context.Context, over <-chan time.Time) bool {
	select {
	case <-ctx.Done():
	case <-over:
	case <-p.busy:
		return true
	}
	return false
}
