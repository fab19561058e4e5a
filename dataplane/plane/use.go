package plane

import (
	"context"
	"errors"
	"os"

	"mooring/dataplane"
)

// Use has tunnels carried as the choice says, from now on. What another carrier has of them is taken away, and whoever watches is told
// of it, so that it is made again: their traffic stands still until then. (Two carriers at a time would both deliver what arrives, and
// cannot share a UDP port.)
func (p *Plane) Use(choice Choice) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing.Err() != nil {
		return os.ErrClosed
	}
	p.choice = choice
	all, err := p.collect()
	if err != nil {
		return err
	}
	var inside, tunnels []dataplane.Object // what is misplaced
	for _, h := range all {
		if _, isTunnel := h.Object.(dataplane.Tunnel); p.misplaced(h) && isTunnel {
			tunnels = append(tunnels, h.Object)
		} else if p.misplaced(h) {
			inside = append(inside, h.Object)
		}
	}
	for _, o := range p.adoptions { // to be judged anew
		p.watchers.lost([]dataplane.Object{o})
	}
	p.watchers.lost(append(tunnels[:len(tunnels):len(tunnels)], inside...))
	var errs []error
	var batch []dataplane.Op
	for _, o := range append(inside, tunnels...) {
		batch = append(batch, dataplane.Op{Delete: true, Object: o})
	}
	errs = append(errs, p.applyAll(context.Background(), batch)...)
	for _, l := range p.links {
		errs = append(errs, p.putLink(l))
		errs = append(errs, p.others(choice.Rest, func(c Carrier) error { return c.ReleaseUplink(l.Name) }))
	}
	return errors.Join(errs...)
}

// misplaced reports whether a carrier has what is another's.
func (p *Plane) misplaced(h held) bool {
	id, ok := tunnelOf(h.Object)
	return ok && p.choice.Of(id) != h.by
}

// tunnelOf names the tunnel that an object is, or leads into.
func tunnelOf(o dataplane.Object) (dataplane.TunnelID, bool) {
	if t, ok := o.(dataplane.Tunnel); ok {
		return t.ID, true
	}
	path, ok := dataplane.PathOf(o)
	return path.Tunnel, ok
}
