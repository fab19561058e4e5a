package reconcile

import (
	"container/heap"
	"errors"
	"slices"
	"time"

	"mooring/dataplane"
)

// State says how far an object is.
type State uint8

// The states of an object.
const (
	Pending   State = iota // not tried yet in its present shape
	Installed              // the host has it
	Failed                 // the host refused it; it is tried again
	states
)

func (s State) String() string {
	switch s {
	case Installed:
		return "installed"
	case Failed:
		return "failed"
	}
	return "pending"
}

const (
	patience  = 3           // an object that was taken away this often is put back at once, after that with delays
	leftAlone = time.Minute // a loss after this much peace is the first one again
)

var errTakenAway = errors.New("somebody else keeps removing or changing it")

// done notes what the host made of an item. wait says how long to wait after so many failures in a row. What became of an item that has
// changed meanwhile does not matter: its turn comes again.
func (p *plan) done(it *item, err error, now time.Time, wait func(tries int) time.Duration) {
	if it.queue != idle {
		return
	}
	p.compared.disturbed = p.compared.disturbed || p.compared.reading
	wasFailed := it.few().tries > 0
	if a, ok := it.few().fixed.(dataplane.Adoption); ok && !wasFailed {
		defer p.readopt(a)
	}
	if it.heir != nil {
		p.touch(it.heir.id)
	}
	switch {
	case err != nil:
		it.more().tries++
		p.fail(it, err, now, wait(it.rare.tries))
	case it.wanted:
		p.enter(it, Installed, nil, now)
		it.settled()
		it.seen = p.compared.round + 1
		if it.missed != 0 {
			p.repaired = append(p.repaired, it)
		}
		if wasFailed && it.rank() < rank(dataplane.Route{}) {
			p.retryAll() // what leans on it may have failed for its sake
		}
	default:
		if it.missed != 0 {
			p.repaired = append(p.repaired, it)
		}
		p.forget(it)
	}
}

func (p *plan) fail(it *item, err error, now time.Time, wait time.Duration) {
	if errors.Is(err, dataplane.ErrNoLink) {
		it.missed = 0 // it went with its interface
	}
	p.enter(it, Failed, err, now)
	it.rare.retryAt = now.Add(wait)
	heap.Push(&p.retries, retry{it.rare.retryAt, it})
}

func (p *plan) enter(it *item, state State, err error, now time.Time) {
	p.counts[it.state]--
	it.enter(state, err, now)
	p.counts[state]++
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// due queues what is to be tried again by now.
func (p *plan) due(now time.Time) {
	for len(p.retries) > 0 && !p.retries[0].at.After(now) {
		if r := heap.Pop(&p.retries).(retry); r.valid() {
			p.enqueue(r.item)
		}
	}
}

// nextRetry says when something is to be tried again.
func (p *plan) nextRetry() (time.Time, bool) {
	for len(p.retries) > 0 {
		if p.retries[0].valid() {
			return p.retries[0].at, true
		}
		heap.Pop(&p.retries)
	}
	return time.Time{}, false
}

func (p *plan) retryAll() {
	for _, r := range p.retries {
		if r.valid() {
			p.enqueue(r.item)
		}
	}
	p.retries = nil
}

// retryVRFs queues the VRFs that the host has refused: an interface that is gone may have had the name or the table.
func (p *plan) retryVRFs() {
	for _, object := range p.config {
		if it := p.find(object.Key()); rank(object) == rank(dataplane.VRF{}) && it.state == Failed {
			p.enqueue(it)
		}
	}
}

// lost notes that somebody removed or changed an object.
func (p *plan) lost(key any, now time.Time, wait func(tries int) time.Duration) {
	it := p.find(key)
	if it == nil || !it.wanted || it.state != Installed {
		return
	}
	r := it.more()
	if now.Sub(it.sinceTime()) > leftAlone {
		r.losses = 0
	}
	if r.losses++; r.losses <= patience {
		p.again(it, Notified)
		return
	}
	it.missed = Notified
	p.fail(it, errTakenAway, now, wait(r.losses-patience))
}

// again queues an object that the host no longer has as it is wanted.
func (p *plan) again(it *item, noticed Finding) {
	it.missed = noticed
	p.become(it, Pending)
	p.enqueue(it)
}

// linkChanged queues everything on an interface: what the host dropped with it silently, and what had to wait for it.
func (p *plan) linkChanged(name string) {
	for it := range p.all {
		if it.wanted && it.link() == name {
			p.enqueue(it)
		}
	}
}

// muchMemory is more than an ordinary step needs, in sessions. What a start took is not kept.
const muchMemory = 8192

// report returns the results that the owners of sessions have not heard of.
func (p *plan) report() []dataplane.Result {
	var results []dataplane.Result
	for _, id := range p.touched {
		s := p.session(id)
		if s == nil {
			continue
		}
		err, known := s.outcome()
		if !known || s.reported && text(p.refused[id]) == text(err) {
			continue
		}
		s.reported = true
		if delete(p.refused, id); err != nil {
			p.refused[id] = err
		}
		results = append(results, dataplane.Result{ID: id, Err: err})
	}
	if p.touched = p.touched[:0]; cap(p.touched) > muchMemory {
		p.touched = nil
	}
	return results
}

// retry is an item and the time of its next try. It is valid while the item still waits for that very time.
type retry struct {
	at   time.Time
	item *item
}

func (r retry) valid() bool { return r.item.state == Failed && r.item.few().retryAt.Equal(r.at) }

// triesInOrder is how often the host may refuse what only waits for something else, as routes do for an interface that is being set up.
const triesInOrder = 3

// hopeful reports whether something has been refused so seldom that it may only have come too early.
func (h retries) hopeful() bool {
	return slices.ContainsFunc(h, func(r retry) bool { return r.valid() && r.item.few().tries < triesInOrder })
}

// retries is a heap, the earliest first.
type retries []retry

func (h retries) Len() int           { return len(h) }
func (h retries) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h retries) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *retries) Push(x any)        { *h = append(*h, x.(retry)) }
func (h *retries) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
