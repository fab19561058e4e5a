package reconcile

import "mooring/dataplane"

// compared is how far the comparison with the host is. What was put there since it began is not judged by it: that was read before, perhaps.
type compared struct {
	reading   bool           // the host is being read
	round     uint32         // of the newest, or only one that there was; even
	disturbed bool           // the host was changed while it was read: a list may lack what others around it were removed
	differ    int            // objects
	from      int            // slot of the index of routes that is checked next
	slots     int            // of that index when it was begun with
	absent    map[*item]bool // from a list that was disturbed
	before    map[*item]bool // from the one before
}

func (p *plan) beginComparison() {
	c := &p.compared
	*c = compared{reading: true, round: c.round + 2, before: c.absent, absent: map[*item]bool{}}
}

// found compares an object of the host with the wanted one.
func (p *plan) found(object dataplane.Object) {
	r, isRoute := object.(dataplane.Route)
	var it *item
	if isRoute {
		it = p.route(dataplane.RouteKey(r.VRFPrefix))
	} else {
		it = p.find(object.Key())
	}
	if it == nil {
		it = p.item(object)
		if _, changed := object.(dataplane.Setting); changed {
			it.missed = Compared
		}
		p.enqueue(it) // nobody wants it
		p.compared.differ++
	}
	if it.seen == p.compared.round+1 {
		return
	}
	it.seen = p.compared.round
	same := false
	if isRoute {
		known := it.route()
		if known.Standing != r.Standing {
			it.stray()
		}
		same = sameOnHost(known, r)
	} else {
		same = it.object() == object
	}
	if it.wanted && it.state == Installed && !same {
		p.again(it, Compared)
		p.compared.differ++
	}
}

// sameOnHost compares what a host holds of two routes.
func sameOnHost(a, b dataplane.Route) bool {
	a.Owner, b.Owner = 0, 0
	return a == b
}

// check queues some of what a complete comparison has not found, and reports whether that was the last of it.
func (p *plan) check(slots int) (done bool) {
	c := &p.compared
	if now := p.routes.Slots(); now != c.slots {
		c.from, c.slots = 0, now // everything is elsewhere now
	}
	if c.from = p.routes.Walk(c.from, slots, p.checkItem); c.from > 0 {
		return false
	}
	for _, it := range p.others {
		p.checkItem(it)
	}
	return true
}

// checkItem queues what is missing. Where others were removed meanwhile, two lists have to agree on it.
func (p *plan) checkItem(it *item) {
	c := &p.compared
	switch {
	case !it.wanted || it.state != Installed || it.seen >= c.round:
	case c.disturbed && !c.before[it]:
		c.absent[it] = true
	default:
		p.again(it, Compared)
		c.differ++
	}
}
