package reconcile

import (
	"context"
	"time"

	"mooring/dataplane"
)

// watch passes on what happens on the host until ctx ends.
func (r *Reconciler) watch(ctx context.Context, events chan<- dataplane.Event) {
	for ctx.Err() == nil {
		for event, err := range r.plane.Watch(ctx) {
			if err != nil {
				if ctx.Err() == nil {
					r.Log.Warn("cannot watch the host, will try again", "error", err)
				}
				break
			}
			if event.Kind == dataplane.LinkUp || event.Kind == dataplane.LinkDown {
				r.Links(event)
			}
			select {
			case events <- event:
			case <-ctx.Done():
			}
		}
		select {
		case events <- dataplane.Event{Kind: dataplane.Overrun}: // what happens until the next Watch is not seen
		case <-ctx.Done():
		}
		select {
		case <-time.After(compareRetry):
		case <-ctx.Done():
		}
	}
}

func (r *Reconciler) drain(events <-chan dataplane.Event) {
	for {
		select {
		case event := <-events:
			r.handle(event)
		default:
			return
		}
	}
}

func (r *Reconciler) handle(event dataplane.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch event.Kind {
	case dataplane.LinkUp:
		r.plan.linkChanged(event.Link)
	case dataplane.ObjectLost:
		r.plan.lost(event.Key, time.Now(), backoff)
	case dataplane.Overrun:
		if soon := time.Now().Add(compareRetry / 2); r.compareAt.After(soon) {
			r.compareAt = soon
		}
	}
}
