package client

import (
	"context"
	"sync"
	"time"

	"mooring/mobility/aaa"
	"mooring/mobility/aaa/spool"
)

const (
	travellers = 64   // records of a lane under way at once
	inWindow   = 1024 // records of a lane in memory
	diskRetry  = time.Second

	// What a server has is taken out of the spool when there is so much of it, after so long, or when nothing is under way.
	together = 256
	gather   = 100 * time.Millisecond
)

// lane sends what waits in one lane.
type lane struct {
	route
	client  *Client
	cfg     aaa.Lane
	wake    chan struct{}
	results chan result

	// The loop's own.
	window  *window
	more    bool // there may be more in the spool than in the window
	travel  int
	resume  time.Time // nothing is sent before
	careful bool      // the last that was heard is that no server takes a record: one at a time finds out
	// answered are records that servers have and that are still in the spool: they wait for others, or could not be taken out, as on a full disk, which is
	// then stuck. again is when they are to be taken out.
	answered []spool.Entry
	again    time.Time
	stuck    bool
	running  sync.WaitGroup
}

// result is what became of a record.
type result struct {
	entry   spool.Entry
	taken   bool
	refused bool      // it was sent, and not taken
	retry   time.Time // of one that was not taken
}

// run sends until ctx ends.
func (l *lane) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	defer l.close()
	defer l.running.Wait()
	for ctx.Err() == nil {
		l.fill()
		l.launch(ctx)
		timer.Reset(l.sleep())
		select {
		case <-ctx.Done():
		case <-l.wake:
			l.more = true
		case r := <-l.results:
			l.conclude(r)
		case <-timer.C:
			l.remove()
		}
	}
	l.remove()
}

// sleep is how long there is nothing to do if nothing happens.
func (l *lane) sleep() time.Duration {
	sleep := time.Hour
	if wait := time.Until(l.resume); wait > 0 {
		sleep = wait
	}
	if len(l.answered) > 0 {
		sleep = min(sleep, max(0, time.Until(l.again)))
	}
	return sleep
}

// fill reads on in the spool.
func (l *lane) fill() {
	if room := inWindow - len(l.window.slots) - len(l.answered); l.more && room >= inWindow/2 {
		entries, err := l.client.Queue.Next(l.cfg.Name, l.window.last, room, nil)
		if err != nil {
			l.client.Log.Error("accounting records cannot be read, will try again", "lane", l.cfg.Name, "error", err)
			l.resume = time.Now().Add(diskRetry)
			return
		}
		l.more = len(entries) == room
		l.window.add(entries)
	}
}

// launch sends what may be sent.
func (l *lane) launch(ctx context.Context) {
	if time.Now().Before(l.resume) {
		return
	}
	for most := l.most(); l.travel < most; {
		e, ok := l.window.take()
		if !ok {
			return
		}
		l.travel++
		l.running.Go(func() {
			r := l.deliver(ctx, e)
			select {
			case l.results <- r:
			case <-ctx.Done():
			}
		})
	}
}

// most is how many records may be under way.
func (l *lane) most() int {
	if l.careful {
		return 1
	}
	return travellers
}

// conclude takes in a result, and whatever others there are: to take many records out of the spool costs little more than one.
func (l *lane) conclude(r result) {
	var taken []spool.Entry
	for more := true; more; {
		l.travel--
		if r.taken {
			taken = append(taken, r.entry)
		} else {
			l.window.back(r.entry.Number, r.refused)
			l.resume, l.careful = r.retry, true
		}
		select {
		case r = <-l.results:
		default:
			more = false
		}
	}
	if len(taken) > 0 {
		l.resume, l.careful = time.Time{}, false // a server answers
		l.window.done(taken)
		if len(l.answered) == 0 {
			l.again = time.Now().Add(gather)
		}
		l.answered = append(l.answered, taken...)
	}
	if l.travel == 0 || len(l.answered) >= together {
		l.remove()
	}
	if len(taken) > 0 {
		l.client.taken(taken)
	}
}

// remove takes what servers have out of the spool. What it cannot is sent again by the next process.
func (l *lane) remove() {
	if len(l.answered) == 0 {
		return
	}
	if err := l.client.Queue.Remove(l.cfg.Name, l.answered); err != nil {
		if !l.stuck {
			l.client.Log.Error("accounting records that servers have stay on disk, will try again", "lane", l.cfg.Name, "error", err)
		}
		l.again, l.stuck = time.Now().Add(diskRetry), true
		return
	}
	l.answered, l.stuck = nil, false
}

// deliver offers a record to one server after another.
func (l *lane) deliver(ctx context.Context, e spool.Entry) result {
	r := result{entry: e}
	if len(l.cfg.Targets) == 0 {
		r.retry = time.Now().Add(time.Hour) // until the configuration names some
	}
	for i := range l.cfg.Targets {
		if ctx.Err() != nil {
			break
		}
		sent, err := l.offer(ctx, i, &e)
		if sent && err == nil {
			return result{entry: e, taken: true}
		}
		r.refused = r.refused || sent
		if at := l.retry(i, time.Now()); r.retry.IsZero() || at.Before(r.retry) {
			r.retry = at
		}
	}
	if ctx.Err() == nil {
		l.client.failed(&e.Record)
	}
	return r
}

// offer sends a record to a server, unless that is passed over. It has taken the record if there is no error.
func (l *lane) offer(ctx context.Context, i int, e *spool.Entry) (sent bool, err error) {
	now := time.Now()
	if !l.admits(i, now) {
		return false, nil
	}
	_, err = l.send(ctx, i, func(id byte, secret []byte) ([]byte, error) { return request(id, now, &e.Record, secret) }, func() { l.client.repeated(&e.Record) })
	return true, err
}
