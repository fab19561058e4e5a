package reconcile

import (
	"context"
	"time"

	"mooring/dataplane"
)

// watch passes on what happens on the host until ctx ends.
func (r *Reconciler) watch(ctx context.Context, events chan<- dataplane.Event) {
	for ctx.Err() == nil {
		blind := true // to what happened before
		for event, err := range r.plane.Watch(ctx) {
			if blind && err == nil {
				blind = false
				r.pass(ctx, events, dataplane.Event{Kind: dataplane.Overrun})
			}
			if err != nil {
				if ctx.Err() == nil {
					r.Log.Warn("cannot watch the host, will try again", "error", err)
				}
				break
			}
			if event.Kind == dataplane.LinkUp || event.Kind == dataplane.LinkDown {
				r.Links(event)
			}
			r.pass(ctx, events, event)
		}
		select {
		case <-time.After(compareRetry):
		case <-ctx.Done():
		}
	}
}

func (r *Reconciler) pass(ctx context.Context, events chan<- dataplane.Event, event dataplane.Event) {
	select {
	case events <- event:
	case <-ctx.Done():
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
	case dataplane.LinkDown:
		r.plan.retryVRFs()
	case dataplane.ObjectLost:
		r.plan.lost(event.Key, time.Now(), backoff)
	case dataplane.Overrun:
		r.compareSoon(time.Now())
	}
}

// compareSoon has the host be compared when what goes on there has had a moment to end, and not all the time.
func (r *Reconciler) compareSoon(now time.Time) {
	soon := now.Add(compareDelay)
	if next := r.comparedAt.Add(compareRetry / 2); next.After(soon) {
		soon = next
	}
	if r.compareAt.After(soon) {
		r.compareAt = soon
	}
}
