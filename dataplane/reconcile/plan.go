package reconcile

import (
	"fmt"
	"slices"
	"time"

	"mooring/dataplane"
)

// plan is the wanted state and what is known of its presence on the host. It does no I/O and reads no clock.
type plan struct {
	sessions map[dataplane.SessionID]*session
	config   map[any]dataplane.Object     // by key
	metered  bool                         // sessions are counted each by itself
	items    map[any]*item                // by key
	tunnels  map[dataplane.TunnelID]*item // those of the items
	queues   [queues][ranks][]*item       // what waits for its turn, oldest first
	retries  retries                      // what failed
	touched  []dataplane.SessionID        // whose outcome may have changed
	round    uint64                       // of comparison
}

// queue is what an item waits for.
type queue uint8

const (
	idle queue = iota
	toMake
	toRemove
	queues
)

// session is what a binding wants, and what its owner was told about it last.
type session struct {
	*dataplane.Session
	objects  []dataplane.Object
	items    []*item // of the objects
	reported bool
	err      error // of the last report
}

// item is one object that is wanted, or still to be removed.
type item struct {
	key    any
	object dataplane.Object // as wanted, or as it is to be removed
	wanted bool
	queue  queue
	users  []users               // of a tunnel: the sessions that use it
	claims []dataplane.SessionID // of anything else: the sessions that want it. The newest, at the end, has it
	seen   uint64                // round of the comparison that last found it on the host
	losses int                   // how often somebody took it away since it was last left alone
	status
}

// users counts the sessions that want a tunnel in one shape.
type users struct {
	tunnel   dataplane.Tunnel
	sessions int
}

// status is what became of an item.
type status struct {
	state   State
	err     error
	since   time.Time // of state and err
	tries   int       // failed ones in a row
	retryAt time.Time // of a failed one
}

func newPlan() *plan {
	return &plan{
		sessions: map[dataplane.SessionID]*session{},
		config:   map[any]dataplane.Object{},
		items:    map[any]*item{},
		tunnels:  map[dataplane.TunnelID]*item{},
	}
}

// set adds, replaces or removes a session.
func (p *plan) set(c dataplane.Change) {
	old := p.sessions[c.ID]
	if c.Session == nil {
		delete(p.sessions, c.ID)
		p.release(c.ID, old, nil)
		return
	}
	now := &session{Session: c.Session, objects: expand(c.Session, p.metered)}
	p.sessions[c.ID] = now
	for _, object := range now.objects {
		now.items = append(now.items, p.item(object))
	}
	for i, it := range now.items {
		p.claim(c.ID, it, now.objects[i])
	}
	p.release(c.ID, old, now)
	p.touch(c.ID)
}

// claim makes the session one that wants the object, and the newest where only one can have it.
func (p *plan) claim(id dataplane.SessionID, it *item, object dataplane.Object) {
	if tunnel, ok := object.(dataplane.Tunnel); ok {
		it.use(tunnel, 1)
	} else if last := len(it.claims) - 1; last < 0 || it.claims[last] != id {
		it.claims = without(it.claims, id)
		p.touch(it.claims...) // they lose it
		it.claims = append(it.claims, id)
	}
	p.settle(it)
}

// release gives up what the old version of a session wanted and the new one does not.
func (p *plan) release(id dataplane.SessionID, old, now *session) {
	if old == nil {
		return
	}
	for i, it := range old.items {
		if tunnel, ok := old.objects[i].(dataplane.Tunnel); ok {
			it.use(tunnel, -1)
		} else if now == nil || !slices.Contains(now.items, it) {
			it.claims = without(it.claims, id)
		}
		p.settle(it)
	}
}

// settle decides whether and in what shape an item is wanted.
func (p *plan) settle(it *item) {
	if len(it.users) > 0 {
		p.want(it, it.tunnel())
		return
	}
	if n := len(it.claims); n > 0 {
		heir := it.claims[n-1]
		p.want(it, p.sessions[heir].shape(it))
		p.touch(heir)
		return
	}
	if object, ok := p.config[it.key]; ok {
		p.want(it, object)
		return
	}
	p.unwant(it)
}

// use adds n sessions to those that want the tunnel in this shape.
func (it *item) use(tunnel dataplane.Tunnel, n int) {
	i := slices.IndexFunc(it.users, func(u users) bool { return u.tunnel == tunnel })
	if i < 0 {
		i, it.users = len(it.users), append(it.users, users{tunnel: tunnel})
	}
	if it.users[i].sessions += n; it.users[i].sessions == 0 {
		it.users = slices.Delete(it.users, i, i+1)
	}
}

// tunnel returns the shape that suits every user: the smallest of the MTUs they ask for.
func (it *item) tunnel() dataplane.Tunnel {
	best := it.users[0].tunnel
	for _, u := range it.users[1:] {
		if best.MTU == 0 || u.tunnel.MTU != 0 && u.tunnel.MTU < best.MTU {
			best = u.tunnel
		}
	}
	return best
}

func (it *item) sessions() (n int) {
	for _, u := range it.users {
		n += u.sessions
	}
	return n
}

// configure replaces the objects that the configuration wants.
func (p *plan) configure(c dataplane.Config) {
	if c.Meter != p.metered {
		p.metered = c.Meter
		for id, s := range p.sessions {
			p.set(dataplane.Change{ID: id, Session: s.Session})
		}
	}
	old := p.config
	p.config = map[any]dataplane.Object{}
	for _, object := range expandConfig(c) {
		it := p.item(object)
		p.config[it.key] = object
		p.settle(it)
	}
	for key := range old {
		if _, kept := p.config[key]; !kept {
			p.settle(p.items[key])
		}
	}
}

// want gives the item the shape it is wanted in.
func (p *plan) want(it *item, object dataplane.Object) {
	if it.wanted && it.object == object {
		return
	}
	it.wanted, it.object, it.state, it.tries = true, object, Pending, 0
	p.enqueue(it)
}

// unwant has the item removed.
func (p *plan) unwant(it *item) {
	if !it.wanted {
		return
	}
	it.wanted, it.state, it.tries = false, Pending, 0
	p.enqueue(it)
}

// enqueue has the item made or removed at the next opportunity.
func (p *plan) enqueue(it *item) {
	to := toMake
	if !it.wanted {
		to = toRemove
	}
	it.retryAt = time.Time{}
	if it.queue == to {
		return
	}
	it.queue = to // an entry in the other queue is passed over when its turn comes
	r := rank(it.object)
	p.queues[to][r] = append(p.queues[to][r], it)
}

// next takes up to n items off the queues: first what is to be made, lower ranks first, then what is to be removed, in
// reverse.
func (p *plan) next(n int) []*item {
	var batch []*item
	for r := range ranks {
		batch = p.pop(batch, n, toMake, r)
	}
	for r := ranks - 1; r >= 0; r-- {
		batch = p.pop(batch, n, toRemove, r)
	}
	return batch
}

func (p *plan) pop(batch []*item, n int, from queue, r int) []*item {
	q := p.queues[from][r]
	for len(q) > 0 && len(batch) < n {
		it := q[0]
		q[0], q = nil, q[1:]
		if it.queue == from {
			it.queue = idle
			batch = append(batch, it)
		}
	}
	p.queues[from][r] = q
	return batch
}

func (p *plan) item(object dataplane.Object) *item {
	key := object.Key()
	it := p.items[key]
	if it == nil {
		it = &item{key: key, object: object}
		p.items[key] = it
		if tunnel, ok := object.(dataplane.Tunnel); ok {
			p.tunnels[tunnel.ID] = it
		}
	}
	return it
}

// forget drops an item that is neither wanted nor on the host.
func (p *plan) forget(it *item) {
	delete(p.items, it.key)
	if tunnel, ok := it.object.(dataplane.Tunnel); ok {
		delete(p.tunnels, tunnel.ID)
	}
}

func (p *plan) touch(ids ...dataplane.SessionID) { p.touched = append(p.touched, ids...) }

// shape returns the item as the session wants it.
func (s *session) shape(it *item) dataplane.Object { return s.objects[slices.Index(s.items, it)] }

// outcome says whether everything the session wants is installed. It is not known yet while the first try is outstanding.
// The tunnel is not asked: no route into it is installed before it is.
func (p *plan) outcome(id dataplane.SessionID, s *session) (err error, known bool) {
	known = true
	for i, it := range s.items {
		if _, ok := it.object.(dataplane.Tunnel); ok {
			continue
		}
		switch newest := it.claims[len(it.claims)-1]; {
		case newest != id:
			return fmt.Errorf("%s: a newer session (%d) has it", s.objects[i], newest), true
		case it.state == Failed:
			return fmt.Errorf("%s: %w", s.objects[i], it.err), true
		case it.state == Pending:
			known = false
		}
	}
	return nil, known
}

func without(ids []dataplane.SessionID, id dataplane.SessionID) []dataplane.SessionID {
	if i := slices.Index(ids, id); i >= 0 {
		return slices.Delete(ids, i, i+1)
	}
	return ids
}
