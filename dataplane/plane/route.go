package plane

import (
	"fmt"

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

// leadingRoutes returns the operations on routes that a batch begins with: what can be done at once.
func leadingRoutes(batch []dataplane.Op) []routeOp {
	n := 0
	for n < len(batch) && isRoute(batch[n]) {
		n++
	}
	ops := make([]routeOp, n)
	for i := range ops {
		ops[i].remove, ops[i].strays, ops[i].Route = batch[i].Delete, batch[i].Strays, batch[i].Object.(dataplane.Route)
	}
	return ops
}

func isRoute(op dataplane.Op) bool {
	_, ok := op.Object.(dataplane.Route)
	return ok
}

// applyRoutes hands each VRF's part to its host as a whole, and tells carriers before and after.
func (p *Plane) applyRoutes(ops []routeOp, errs []error) {
	parts := map[*netlink.Host][]*routeOp{}
	for i := range ops {
		op := &ops[i]
		if op.err = p.prepare(op); op.err == nil && op.host != nil {
			parts[op.host] = append(parts[op.host], op)
		}
	}
	for host, part := range parts {
		list := make([]netlink.RouteOp, len(part))
		for i, op := range part {
			list[i] = netlink.RouteOp{Delete: op.remove, Prefix: op.Prefix, Index: op.index, Standing: op.Standing, Strays: op.strays}
		}
		for i, err := range host.ApplyRoutes(list) {
			part[i].err = err
		}
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
