package reconcile

import (
	"maps"
	"slices"

	"mooring/dataplane"
)

// Move has hand give tunnels to other carriers, and whatever hand takes away with them be made again: moves names the tunnels. Nothing of it is a
// repair. Run does nothing from then on until the Configure that is to follow, so that what a commit changes is done together, as Preview says. Before
// the first Configure, when there is nothing to hand over, it does not wait.
func (r *Reconciler) Move(moves func(dataplane.TunnelID) bool, hand func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = r.told
	hand()
	if n := r.plan.move(moves); n > 0 {
		r.Log.Info("other carriers have tunnels, which are made again with what leads into them", "objects", n)
	}
}

// move has made again what is another carrier's from now on, and the adoptions of it, which are judged anew; it returns how much that is. What was
// read of the host before is of no use any more.
func (p *plan) move(moves func(dataplane.TunnelID) bool) (n int) {
	for it := range p.all {
		it.seen = p.compared.round + 1
	}
	for _, object := range p.config {
		if a, ok := object.(dataplane.Adoption); ok && slices.ContainsFunc(a.Tunnels(), moves) {
			n += p.anew(p.find(a.Key()))
		}
	}
	return n + p.remake(moves)
}

// remake has tunnels be made again, with what leads into them, and returns how much that is.
func (p *plan) remake(which func(dataplane.TunnelID) bool) (n int) {
	for _, id := range slices.SortedFunc(maps.Keys(p.tunnels), compareTunnels) {
		if which(id) {
			n += p.anew(p.tunnels[id])
		}
	}
	for s := range p.sessions.All() {
		if f := s.form.Value(); f.blocked || !which(f.tunnel) {
			continue
		}
		for _, it := range s.items {
			if it.heir != s {
				continue
			}
			if _, leads := dataplane.PathOf(it.object()); leads {
				n += p.anew(it)
			}
		}
	}
	return n
}

// anew has an item be made again that is wanted, and returns 1 then. One that somebody has taken away is still missed.
func (p *plan) anew(it *item) int {
	if !it.wanted {
		return 0
	}
	p.become(it, Pending)
	it.calm()
	p.enqueue(it)
	return 1
}
