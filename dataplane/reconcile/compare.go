package reconcile

import (
	"context"
	"time"

	"mooring/dataplane"
)

const (
	foundPerBatch   = 4  // objects of the host that are compared in a turn, for each of a batch
	checkedPerBatch = 32 // slots of the index in which is looked, in a turn, for what the host has not
)

// comparison reads the host, beside everything else that happens: what becomes of an object after it has begun goes before what was read.
type comparison struct {
	found    chan part // each is taken before the next one is read
	done     chan struct{}
	complete bool // everything was read
}

// part is some of what was read.
type part struct {
	objects []dataplane.Object
	last    bool
	err     error // why it is the last, and not all
}

// parts is nil of no comparison.
func (c *comparison) parts() <-chan part {
	if c == nil {
		return nil
	}
	return c.found
}

func (c *comparison) wait() {
	if c != nil {
		<-c.done
	}
}

// compareSome does a turn of a comparison, and reports whether there was anything to do. None begins while the host is busy with what is wanted.
func (r *Reconciler) compareSome(ctx context.Context, busy bool) bool {
	switch {
	case r.comparing == nil:
		due := r.configured && !busy && !time.Now().Before(r.compareAt)
		if due {
			r.beginComparison(ctx)
		}
		return due
	case r.comparing.complete:
		r.check()
		return true
	}
	select {
	case part := <-r.comparing.parts():
		r.compare(part)
		return true
	default:
		return false
	}
}

// beginComparison has the host be read.
func (r *Reconciler) beginComparison(ctx context.Context) {
	now := time.Now()
	r.comparedAt, r.compareAt = now, now.Add(r.Compare)
	r.mu.Lock()
	r.plan.beginComparison()
	r.mu.Unlock()
	c := &comparison{found: make(chan part), done: make(chan struct{})}
	r.comparing = c
	go func() {
		defer close(c.done)
		c.read(ctx, r.plane, foundPerBatch*r.Batch)
	}()
}

// read hands on what the host has, so many objects at a time.
func (c *comparison) read(ctx context.Context, plane dataplane.Plane, atOnce int) {
	p := part{}
	hand := func() bool {
		select {
		case c.found <- p:
			p.objects = nil
			return true
		case <-ctx.Done():
			return false
		}
	}
	for object, err := range plane.Dump(ctx) {
		if err != nil {
			p.err = err
			break
		}
		if p.objects = append(p.objects, object); len(p.objects) == atOnce && !hand() {
			return
		}
	}
	p.last = true
	hand()
}

// compare takes in a part of what the host has: what is different is made again, what nobody wants is removed.
func (r *Reconciler) compare(p part) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, object := range p.objects {
		r.plan.found(object)
	}
	if p.err != nil {
		r.comparing = nil
		r.compareAt = r.comparedAt.Add(compareRetry)
		r.Log.Warn("cannot compare with the host, will try again", "error", p.err)
		return
	}
	r.comparing.complete = p.last
	r.plan.compared.reading = !p.last
}

// check has some of what is missing be made again, as soon as all that the host has is known.
func (r *Reconciler) check() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.plan.check(checkedPerBatch * r.Batch) {
		return
	}
	r.comparing = nil
	if len(r.plan.compared.absent) > 0 {
		r.compareSoon(time.Now())
	}
	if n := r.plan.compared.differ; n > 0 {
		r.Log.Info("the host differed from the wanted state", "objects", n)
	}
}
