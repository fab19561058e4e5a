package reconcile

import (
	"maps"
	"slices"
	"time"

	"mooring/dataplane"
)

// Step is an operation that a Reconciler would have its plane carry out.
type Step struct {
	dataplane.Op
	Changes bool // the host has the object in another shape
}

// Kind says what a step does: make, change or remove.
func (s Step) Kind() string {
	switch {
	case s.Delete:
		return "remove"
	case s.Changes:
		return "change"
	}
	return "make"
}

// Preview returns what Move(moves), Want(changes) and Configure(c) would make of the host, in order: every step that Run would hand to the plane, as
// long as the host refuses none, and nobody else changes anything. Nothing happens. moves may be nil: there is no Move.
func (r *Reconciler) Preview(c dataplane.Config, changes []dataplane.Change, moves func(dataplane.TunnelID) bool) []Step {
	r.mu.Lock()
	p := r.plan.clone()
	r.mu.Unlock()
	there := map[*item]bool{}
	for it := range p.all {
		if it.state == Installed {
			there[it] = true
		}
	}
	if moves != nil {
		p.move(moves)
	}
	box := newInbox(r.Backlog)
	box.put(changes)
	box.configure(c)
	return p.steps(&box, r.Batch, there)
}

// steps carries out a plan in the mind, with what is in an inbox. What is new is taken in before a batch is chosen, and while the host is at one, as in Run.
func (p *plan) steps(b *inbox, batch int, there map[*item]bool) (list []Step) {
	for {
		took, _ := p.takeIn(b, batch)
		items, more := p.turn(batch)
		if !took && !more {
			return list
		}
		for _, it := range items {
			list = append(list, Step{Op: it.op(), Changes: it.wanted && there[it]})
			there[it] = it.wanted
		}
		if len(items) > 0 {
			p.takeIn(b, batch)
		}
		for _, it := range items {
			p.done(it, nil, time.Time{}, func(int) time.Duration { return 0 })
		}
	}
}

// clone returns a plan that can be changed without this one noticing. What waits for its turn waits in both; what was refused is not due.
func (p *plan) clone() *plan {
	twin := newPlan()
	twin.metering, twin.config, twin.counts, twin.seed = p.metering, maps.Clone(p.config), p.counts, p.seed
	twin.refused, twin.former = maps.Clone(p.refused), maps.Clone(p.former)
	sessions := make(map[*session]*session, p.sessions.Len())
	twin.sessions = p.sessions.Twin(func(s *session) *session {
		other := *s
		other.items = slices.Clone(s.items)
		sessions[s] = &other
		return &other
	})
	items := map[*item]*item{}
	twin.routes = p.routes.Twin(func(it *item) *item {
		items[it] = it.clone(sessions)
		return items[it]
	})
	for _, it := range p.others {
		other := it.clone(sessions)
		items[it] = other
		twin.others[it.rare.fixed.Key()] = other
		if tunnel, ok := it.rare.fixed.(dataplane.Tunnel); ok {
			twin.tunnels[tunnel.ID] = other
		}
	}
	for s := range twin.sessions.All() {
		for i, it := range s.items {
			s.items[i] = items[it]
		}
	}
	for to := range p.queues {
		for _, list := range p.queues[to] {
			for _, it := range list {
				if it != nil && it.queue == queue(to) && items[it] != nil {
					twin.enqueue(items[it])
				}
			}
		}
	}
	return twin
}

// clone copies an item, idle, for other sessions.
func (it *item) clone(sessions map[*session]*session) *item {
	other := *it
	other.queue, other.heir = idle, sessions[it.heir]
	if it.rare != nil {
		few := *it.rare
		few.users, few.earlier = slices.Clone(few.users), slices.Clone(few.earlier)
		for i, s := range few.earlier {
			few.earlier[i] = sessions[s]
		}
		other.rare = &few
	}
	return &other
}
