package plane

import (
	"context"
	"errors"
	"os"
	"slices"

	"mooring/dataplane"
)

// Use has tunnels carried as the choice says, from now on. What another carrier has of them is taken away, with what leads there, for the
// caller to have it made again (reconcile.Reconciler.Move): their traffic stands still until then. Adoptions of them have to be put again, too.
// (Two carriers at a time would both deliver what arrives, and cannot share a UDP port.)
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
	all = slices.DeleteFunc(all, func(h held) bool { return !p.misplaced(h) })
	var inside []dataplane.Op
	for _, h := range all {
		if _, isTunnel := h.Object.(dataplane.Tunnel); !isTunnel {
			inside = append(inside, dataplane.Op{Delete: true, Object: h.Object})
		}
	}
	errs := p.applyAll(context.Background(), inside)
	for _, h := range all {
		if t, isTunnel := h.Object.(dataplane.Tunnel); isTunnel {
			errs = append(errs, h.by.RemoveTunnel(t.ID))
		}
	}
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
