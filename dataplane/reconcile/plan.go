package reconcile

import (
	"cmp"
	"hash/maphash"
	"slices"
	"time"

	"mooring/dataplane"
	"mooring/dataplane/index"
)

// plan is the wanted state and what is known of its presence on the host. It does no I/O and reads no clock.
type plan struct {
	sessions index.Index[*session]         // by identifier
	refused  map[dataplane.SessionID]error // what the owners were told last of sessions that are not installed
	config   map[any]dataplane.Object      // by key
	former   map[string]dataplane.Adoption // what adoptions were that are to be made different, by interface
	metering metering
	routes   index.Index[*item] // by key
	others   map[any]*item      // by key
	tunnels  map[dataplane.TunnelID]*item
	seed     maphash.Seed
	queues   [queues][ranks][]*item // what waits for its turn, oldest first
	retries  retries                // what failed
	touched  []dataplane.SessionID  // whose outcome may have changed
	compared compared               // with the host
	counts   [states]int            // of the items
	repaired []*item                // that somebody else had taken away
}

// queue is what an item waits for.
type queue uint8

const (
	idle queue = iota
	toMake
	toRemove
	queues
)

func newPlan() *plan {
	return &plan{
		refused: map[dataplane.SessionID]error{},
		config:  map[any]dataplane.Object{},
		former:  map[string]dataplane.Adoption{},
		others:  map[any]*item{},
		tunnels: map[dataplane.TunnelID]*item{},
		seed:    maphash.MakeSeed(),
	}
}

// set adds, replaces or removes a session.
func (p *plan) set(c dataplane.Change) {
	old := p.session(c.ID)
	if delete(p.refused, c.ID); old != nil {
		p.sessions.Delete(p.sessionHash(c.ID), old)
		p.metering.left(old)
	}
	if c.Session == nil {
		p.release(old, nil)
		return
	}
	now := newSession(c.ID, c.Session, p.metering.wanted)
	p.sessions.Put(p.sessionHash(c.ID), now)
	now.items = p.claimAll(now, c.Session)
	p.release(old, now)
	p.touch(c.ID)
}

// claimAll makes the session one that wants all its objects, in the order of expand. Of an anchor's routes, of which there are many, none is made
// an object that nobody has wanted before.
func (p *plan) claimAll(s *session, whole *dataplane.Session) []*item {
	if whole.Side != dataplane.Anchor || whole.Blocked {
		objects := expand(whole, p.metering.wanted)
		items := make([]*item, len(objects))
		for i, object := range objects {
			items[i] = p.claimed(object)
		}
		for i, it := range items {
			p.claim(s, it, objects[i])
		}
		return items
	}
	tunnel := dataplane.Tunnel{ID: whole.Path.Tunnel, MTU: whole.MTU}
	items := append(make([]*item, 0, 1+len(whole.Prefixes)), p.claimed(tunnel))
	p.claim(s, items[0], tunnel)
	for _, prefix := range whole.Prefixes {
		r := route(whole, prefix, p.metering.wanted)
		it := p.claimedRoute(r)
		if items = append(items, it); it.wanted || it.rare != nil {
			p.claim(s, it, r)
			continue
		}
		it.heir = s
		p.begin(it)
	}
	return items
}

// claim makes the session one that wants the object, and the newest where only one can have it.
func (p *plan) claim(s *session, it *item, object dataplane.Object) {
	var was dataplane.Object
	if it.wanted {
		was = it.object()
	}
	if tunnel, ok := object.(dataplane.Tunnel); ok {
		it.use(tunnel, 1)
		p.want(it, was, it.tunnel())
		return
	}
	if heir := it.heir; heir != nil && heir.id != s.id {
		p.disclaim(it, s.id)
		p.touch(heir.id) // it loses it
		it.more().earlier = append(it.more().earlier, heir)
	}
	it.heir = s
	p.want(it, was, object)
}

// release gives up what the old version of a session wanted and the new one does not.
func (p *plan) release(old, now *session) {
	if old == nil {
		return
	}
	tunnel := dataplane.Tunnel{ID: old.form.Value().tunnel, MTU: old.form.Value().mtu}
	for _, it := range old.items {
		was := it.object()
		if len(it.few().users) > 0 {
			it.use(tunnel, -1)
		} else if now == nil || !slices.Contains(now.items, it) {
			p.disclaim(it, old.id)
		}
		p.settle(it, was)
	}
}

// disclaim makes the session none that wants the object any more.
func (p *plan) disclaim(it *item, id dataplane.SessionID) {
	earlier := slices.DeleteFunc(it.few().earlier, func(s *session) bool { return s.id == id })
	if it.heir != nil && it.heir.id == id {
		it.heir = nil
		if last := len(earlier) - 1; last >= 0 {
			it.heir, earlier = earlier[last], earlier[:last]
		}
	}
	if it.rare != nil {
		it.rare.earlier = earlier
		it.tidy()
	}
}

// settle decides whether and in what shape an item is wanted that was this object.
func (p *plan) settle(it *item, was dataplane.Object) {
	switch object, configured := p.config[was.Key()]; {
	case len(it.few().users) > 0:
		p.want(it, was, it.tunnel())
	case it.heir != nil:
		p.want(it, was, it.heir.shape(it))
		p.touch(it.heir.id)
	case configured:
		p.want(it, was, object)
	default:
		p.unwant(it, was)
	}
}

// configure replaces the objects that the configuration wants.
func (p *plan) configure(c dataplane.Config) {
	p.metering.want(c.Meter, p.sessions.Len())
	old := p.config
	p.config = map[any]dataplane.Object{}
	for _, object := range expandConfig(c) {
		it := p.item(object)
		p.config[object.Key()] = object
		p.settle(it, it.object())
		if was, ok := old[object.Key()].(dataplane.Adoption); ok && was != object {
			p.former[was.Device] = was
		}
	}
	for key := range old {
		if _, kept := p.config[key]; !kept {
			it := p.find(key)
			p.settle(it, it.object())
		}
	}
}

// want gives the item that was another object the shape in which it is wanted.
func (p *plan) want(it *item, was, object dataplane.Object) {
	if before := cmp.Or(was, it.few().fixed); before != nil && standing(before) != standing(object) {
		it.stray()
	}
	if it.isRoute() && it.heir != nil {
		it.fix(nil) // the heir knows
	} else {
		it.fix(object)
	}
	if it.wanted && was == object {
		return
	}
	p.begin(it)
}

// begin has the item made that is wanted from now on, or in another shape.
func (p *plan) begin(it *item) {
	it.wanted, it.missed = true, 0
	p.become(it, Pending)
	it.calm()
	p.enqueue(it)
}

// standing is that of a route; of another object, and of none, the zero one.
func standing(o dataplane.Object) dataplane.Standing {
	r, _ := o.(dataplane.Route)
	return r.Standing
}

// unwant has the item removed that was this object.
func (p *plan) unwant(it *item, was dataplane.Object) {
	it.fix(was)
	if !it.wanted {
		return
	}
	it.wanted, it.missed = false, 0
	p.become(it, Pending)
	it.calm()
	p.enqueue(it)
}

// enqueue has the item made or removed at the next opportunity.
func (p *plan) enqueue(it *item) {
	to := toMake
	if !it.wanted {
		to = toRemove
	}
	if it.rare != nil {
		it.rare.retryAt = time.Time{}
		it.tidy()
	}
	if it.queue == to {
		return
	}
	it.queue = to // an entry in the other queue is passed over when its turn comes
	r := it.rank()
	p.queues[to][r] = append(p.queues[to][r], it)
}

// turn takes items off the queues as next does, and reports whether another turn is to come.
func (p *plan) turn(n int) (batch []*item, more bool) {
	p.meterSome(n)
	batch = p.next(n)
	return batch, len(batch) > 0 || p.metering.others > 0
}

// removedShare is the part of a batch that may be removed.
const removedShare = 4

// next takes items off the queues, as many as the host does in the time that it takes for n routes: first what is to be made, lower ranks
// first, then what is to be removed, in reverse. Nobody waits for much that is removed. With an adoption come no tunnels and nothing
// that leads into them: what there is of that goes with it, and is made again afterwards.
func (p *plan) next(n int) (batch []*item) {
	removed := max(1, n/removedShare)
	for r := range ranks {
		if r > rank(dataplane.Adoption{}) && adopts(batch) {
			break
		}
		batch, n = p.pop(batch, n, toMake, r)
	}
	n = min(n, removed)
	for r := ranks - 1; r >= 0; r-- {
		batch, n = p.pop(batch, n, toRemove, r)
	}
	return batch
}

// adopts reports whether an adoption is the last of what is to be made.
func adopts(batch []*item) bool {
	return len(batch) > 0 && batch[len(batch)-1].rank() == rank(dataplane.Adoption{})
}

// removing reports whether something waits to be removed.
func (p *plan) removing() bool {
	return slices.ContainsFunc(p.queues[toRemove][:], func(waiting []*item) bool { return len(waiting) > 0 })
}

// pop adds items of a queue to a batch that has room for n routes, and returns what room is left.
func (p *plan) pop(batch []*item, n int, from queue, r int) ([]*item, int) {
	q := p.queues[from][r]
	for len(q) > 0 && n > 0 {
		it := q[0]
		q[0], q = nil, q[1:]
		if it.queue == from {
			it.queue = idle
			batch = append(batch, it)
			n -= effort(r)
		}
	}
	if len(q) == 0 {
		q = nil // of a burst the memory is not kept
	}
	p.queues[from][r] = q
	return batch, n
}

// item returns the item of an object, a new one where there is none.
func (p *plan) item(object dataplane.Object) *item {
	if r, ok := object.(dataplane.Route); ok {
		key := dataplane.RouteKey(r.VRFPrefix)
		it := p.route(key)
		if it == nil {
			it = newItem(object)
			p.putRoute(key, it)
		}
		return it
	}
	key := object.Key()
	it := p.others[key]
	if it == nil {
		it = newItem(object)
		p.others[key] = it
		p.counts[it.state]++
		if tunnel, ok := object.(dataplane.Tunnel); ok {
			p.tunnels[tunnel.ID] = it
		}
	}
	return it
}

// claimed is item for a session that claims the object at once: that of a route has to know no more than its prefix.
func (p *plan) claimed(object dataplane.Object) *item {
	switch o := object.(type) {
	case dataplane.Route:
		return p.claimedRoute(o)
	case dataplane.Tunnel:
		if it := p.tunnels[o.ID]; it != nil {
			return it
		}
	}
	return p.item(object)
}

func (p *plan) claimedRoute(r dataplane.Route) *item {
	key := dataplane.RouteKey(r.VRFPrefix)
	it := p.route(key)
	if it == nil {
		it = &item{prefix: index.Pack(r.Prefix)}
		p.putRoute(key, it)
	}
	return it
}

func (p *plan) putRoute(key dataplane.RouteKey, it *item) {
	p.routes.Put(p.hash(key), it)
	p.counts[it.state]++
}

// find returns the item with a key, or nil.
func (p *plan) find(key any) *item {
	if r, ok := key.(dataplane.RouteKey); ok {
		return p.route(r)
	}
	return p.others[key]
}

func (p *plan) route(key dataplane.RouteKey) *item {
	prefix := index.Pack(key.Prefix)
	return p.routes.Find(p.hash(key), func(it *item) bool { return it.prefix == prefix && it.routeKey().VRF == key.VRF })
}

// session returns the session with an identifier, or nil.
func (p *plan) session(id dataplane.SessionID) *session {
	return p.sessions.Find(p.sessionHash(id), func(s *session) bool { return s.id == id })
}

func (p *plan) sessionHash(id dataplane.SessionID) uint32 {
	return uint32(maphash.Comparable(p.seed, id))
}

func (p *plan) hash(key dataplane.RouteKey) uint32 { return uint32(maphash.Comparable(p.seed, key)) }

// all yields every item. The plan does not change meanwhile.
func (p *plan) all(yield func(*item) bool) {
	for it := range p.routes.All() {
		if !yield(it) {
			return
		}
	}
	for _, it := range p.others {
		if !yield(it) {
			return
		}
	}
}

// forget drops an item that is neither wanted nor on the host.
func (p *plan) forget(it *item) {
	p.counts[it.state]--
	if it.isRoute() {
		p.routes.Delete(p.hash(it.routeKey()), it)
		return
	}
	delete(p.others, it.rare.fixed.Key())
	if tunnel, ok := it.rare.fixed.(dataplane.Tunnel); ok {
		delete(p.tunnels, tunnel.ID)
	}
}

func (p *plan) become(it *item, s State) {
	p.counts[it.state]--
	p.counts[s]++
	it.state = s
}

func (p *plan) touch(ids ...dataplane.SessionID) { p.touched = append(p.touched, ids...) }
