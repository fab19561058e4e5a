package reconcile

import "mooring/dataplane"

// readopt has the tunnels that an adoption is or was about be made again, with what leads into them: now that the host was told of it,
// each is another interface, and what led into the one that it was is gone with that.
func (p *plan) readopt(a dataplane.Adoption) {
	was, changed := p.former[a.Device]
	delete(p.former, a.Device)
	for it := range p.all {
		id, ok := tunnelOf(it.object())
		if ok && it.wanted && (a.Covers(id) || changed && was.Covers(id)) {
			p.become(it, Pending)
			it.calm()
			p.enqueue(it)
		}
	}
}

// tunnelOf names the tunnel that an object is, or leads into.
func tunnelOf(o dataplane.Object) (dataplane.TunnelID, bool) {
	if t, ok := o.(dataplane.Tunnel); ok {
		return t.ID, true
	}
	path, ok := dataplane.PathOf(o)
	return path.Tunnel, ok
}
