package reconcile

import "mooring/dataplane"

// readopt has the tunnels that an adoption is or was about be made again, with what leads into them: now that the host was told of it,
// each is another interface, and what led into the one that it was is gone with that.
func (p *plan) readopt(a dataplane.Adoption) {
	was, changed := p.former[a.Device]
	delete(p.former, a.Device)
	p.remake(func(id dataplane.TunnelID) bool { return a.Covers(id) || changed && was.Covers(id) })
}
