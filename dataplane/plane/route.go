package plane

import (
	"fmt"
	"slices"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
)

// routeOp is an operation on a route.
type routeOp struct {
	remove, strays bool
	dataplane.Route

	host    *netlink.Host
	carrier Carrier // of its path; nil for none
	index   int     // of the device; 0 for none
	err     error
}

// leadingRoutes returns the operations on routes that a batch begins with: what can be done at once. They are overwritten by the next.
func (p *Plane) leadingRoutes(batch []dataplane.Op) []routeOp {
	ops := p.routeOps[:0]
	for _, op := range batch {
		r, ok := op.Object.(dataplane.Route)
		if !ok {
			break
		}
		ops = append(ops, routeOp{remove: op.Delete, strays: op.Strays, Route: r})
	}
	p.routeOps = ops
	return ops
}

// applyRoutes hands each VRF's part to its host as a whole, and tells carriers before and after.
func (p *Plane) applyRoutes(ops []routeOp, errs []error) {
	var hosts []*netlink.Host
	for i := range ops {
		op := &ops[i]
		if op.err = p.prepare(op); op.err == nil && op.host != nil && !slices.Contains(hosts, op.host) {
			hosts = append(hosts, op.host)
		}
	}
	for _, host := range hosts {
		p.applyAt(host, ops)
	}
	for i := range ops {
		if errs[i] = ops[i].err; errs[i] == nil {
			errs[i] = p.settle(&ops[i])
		}
	}
	for _, c := range p.carriers {
		if m, ok := c.(Meter); ok {
			m.Settled()
		}
	}
}

// applyAt hands a host what is to be done there.
func (p *Plane) applyAt(host *netlink.Host, ops []routeOp) {
	list, part := p.handed[:0], p.places[:0]
	for i := range ops {
		if op := &ops[i]; op.err == nil && op.host == host {
			list = append(list, netlink.RouteOp{Delete: op.remove, Prefix: op.Prefix, Index: op.index, Standing: op.Standing, Strays: op.strays})
			part = append(part, i)
		}
	}
	p.handed, p.places = list, part
	for i, err := range host.ApplyRoutes(list) {
		ops[part[i]].err = err
	}
}

// prepare finds out where a route leads, and makes that ready.
func (p *Plane) prepare(op *routeOp) (err error) {
	if op.remove {
		op.host = p.hosts[op.VRF] // with the VRF, its routes are gone
		return nil
	}
	if op.host, err = p.host(op.VRF); err != nil {
		return err
	}
	path, tunnelled := dataplane.PathOf(op.Route)
	if !tunnelled {
		if op.Via.Link != "" {
			op.index, err = op.host.LinkIndex(op.Via.Link)
		}
		return err
	}
	if path.Tunnel.VRF == op.VRF && op.Prefix.Contains(path.Tunnel.Peer) {
		return fmt.Errorf("the tunnel's own packets to %s would be led into it", path.Tunnel.Peer)
	}
	op.carrier = p.choice.Of(path.Tunnel)
	op.index, err = op.carrier.Lead(op.VRF, path)
	return err
}

// settle tells carriers of a change that the host has made.
func (p *Plane) settle(op *routeOp) error {
	if op.carrier != nil {
		if m, ok := op.carrier.(Meter); ok {
			m.Account(op.VRFPrefix, op.Owner)
		}
		if err := op.carrier.Enter(op.VRFPrefix, op.Via.Path); err != nil {
			return err
		}
	}
	return p.others(op.carrier, func(c Carrier) error { return c.Leave(op.VRFPrefix, !op.remove) })
}
