package attach

import (
	"sync"
	"time"
)

// queue holds what the loop has to do. Putting never waits: who puts may be what the loop waits for. So it is as long as what is asked
// of the loop while it waits.
type queue struct {
	ready chan struct{} // receives when there is something
	mu    sync.Mutex
	steps []func(now time.Time)
}

func newQueue() queue { return queue{ready: make(chan struct{}, 1)} }

func (q *queue) put(step func(now time.Time)) {
	q.mu.Lock()
	q.steps = append(q.steps, step)
	q.mu.Unlock()
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

func (q *queue) take() []func(now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	steps := q.steps
	q.steps = nil
	return steps
}
