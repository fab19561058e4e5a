package gnmi

import (
	"context"
	"time"
)

// follow serves a STREAM: everything, that this was all, and then what becomes of it. One goroutine tells all; others only wake it.
func (x *subscriber) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wake := make(chan struct{}, 1)
	feeds := x.feeds()
	for _, f := range feeds {
		defer f.close()
		if err := f.begin(ctx, x.list.GetUpdatesOnly()); err != nil {
			return err
		}
	}
	if err := x.sync(); err != nil {
		return err
	}
	now := time.Now()
	for _, f := range feeds {
		f.schedule(now)
		if f.follower != nil {
			go forward(ctx, f.follower.Wait, wake)
		}
	}
	commits, _ := x.options.Store.Follow()
	go forward(ctx, func(ctx context.Context) error {
		_, err := commits.Next(ctx)
		return err
	}, wake)
	return x.live(ctx, feeds, wake)
}

// pace is how often something is said to have changed at most: what changes all the time is then told in larger portions, which costs a
// fraction.
const pace = 50 * time.Millisecond

// forward signals wake when wait returns, until that fails.
func forward(ctx context.Context, wait func(context.Context) error, wake chan<- struct{}) {
	for wait(ctx) == nil {
		select {
		case wake <- struct{}{}:
		default: // it is awake already
		}
		select {
		case <-time.After(pace):
		case <-ctx.Done():
		}
	}
}

// live tells what becomes of what has been told. Feeds take turns, so that one in which something changes all the time does not keep the
// others waiting.
func (x *subscriber) live(ctx context.Context, feeds []*feed, wake <-chan struct{}) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		more, next := false, time.Time{}
		for _, f := range feeds {
			unfinished, err := f.turn(ctx)
			if err != nil {
				return err
			}
			more = more || unfinished
			if due := f.due(); !due.IsZero() && (next.IsZero() || due.Before(next)) {
				next = due
			}
		}
		if more {
			continue
		}
		if err := x.outbox.flush(); err != nil {
			return err
		}
		var alarm <-chan time.Time
		if !next.IsZero() {
			timer.Reset(time.Until(next))
			alarm = timer.C
		}
		select {
		case <-wake:
		case <-alarm:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// feeds makes a feed of all that is to be followed in the same manner.
func (x *subscriber) feeds() (list []*feed) {
	byManner := map[manner]*feed{}
	var items = map[manner][]*subscription{}
	for _, sub := range x.list.items {
		if byManner[sub.manner] == nil {
			byManner[sub.manner] = &feed{reader: x.newReader(), user: x.user, manner: sub.manner}
			list = append(list, byManner[sub.manner])
		}
		items[sub.manner] = append(items[sub.manner], sub)
	}
	for _, f := range list {
		patterns := patternsOf(items[f.manner])
		f.sel = selectionOf(patterns, x.list.depth)
		if x.list.config {
			f.commits, f.config = x.options.Store.Follow()
			f.committed = x.committed
		} else {
			f.tables = x.tables(patterns, x.list.depth)
		}
	}
	return list
}
