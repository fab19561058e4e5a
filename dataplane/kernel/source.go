package kernel

import (
	"errors"
	"fmt"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
	"mooring/dataplane/plane"
)

// steering is where a SourceRoute leads.
type steering struct {
	path dataplane.Path // none, when the device that the mark stands for is gone
	mark uint32
}

// sourceChange is a change of a source, from the time when its path is ready.
type sourceChange struct {
	key      dataplane.SourceRouteKey
	old, now steering // no mark: it was not there, or is removed
}

// ApplySources implements plane.Carrier.
func (c *Carrier) ApplySources(ops []plane.SourceOp) []error {
	c.mu.Lock()
	defer c.mu.Unlock()
	errs := make([]error, len(ops))
	for first := 0; first < len(ops); {
		n := distinct(ops[first:])
		c.applySources(ops[first:first+n], errs[first:])
		first += n
	}
	return errs
}

// distinct is how many of the first operations are about different sources.
func distinct(ops []plane.SourceOp) int {
	seen := make(map[dataplane.SourceRouteKey]bool, len(ops))
	for i, op := range ops {
		key := op.Key().(dataplane.SourceRouteKey)
		if seen[key] {
			return i
		}
		seen[key] = true
	}
	return len(ops)
}

// applySources makes one transaction of operations on different sources. Where the kernel refuses it, which does not say why, each gets one of its own.
func (c *Carrier) applySources(ops []plane.SourceOp, errs []error) {
	var changes []sourceChange
	var places []int
	for i, op := range ops {
		change, err := c.sourceChange(op)
		if errs[i] = err; err == nil && change.old != change.now { // else there is nothing to do
			changes, places = append(changes, change), append(places, i)
		}
	}
	if c.changeSources(changes) == nil {
		return
	}
	for i := range changes {
		errs[places[i]] = c.changeSources(changes[i : i+1])
	}
}

// sourceChange makes the path of an operation ready.
func (c *Carrier) sourceChange(op plane.SourceOp) (change sourceChange, err error) {
	change.key = op.Key().(dataplane.SourceRouteKey)
	change.old = c.sources[change.key]
	if op.Remove {
		return change, nil
	}
	if op.VRF != "" {
		return change, fmt.Errorf("link %s is in VRF %s: the kernel's tunnels take what nodes send in the default VRF alone", op.Link, op.VRF)
	}
	d, err := c.device(op.Path, "")
	if err != nil {
		return change, err
	}
	if err := c.withTable(func() error { return c.steer(d) }); err != nil {
		return change, errors.Join(err, c.release(op.Path))
	}
	change.now = steering{op.Path, netlink.MarkOf(d.index)}
	return change, nil
}

// changeSources has the kernel make changes, all or none, and takes note of them.
func (c *Carrier) changeSources(changes []sourceChange) error {
	err := c.withTable(func() error { return c.places[""].filter.change(changes) })
	if removal := len(changes) == 1 && changes[0].now.mark == 0; err != nil && !(removal && isAbsent(err)) {
		for _, change := range changes {
			err = errors.Join(err, c.release(change.now.path))
		}
		return err
	}
	for _, change := range changes { // all of them before one is released
		if change.now.mark == 0 {
			delete(c.sources, change.key)
			continue
		}
		c.sources[change.key] = change.now
		if change.now.path != change.old.path {
			c.tunnels[change.now.path.Tunnel].devices[change.now.path].sources++
		}
	}
	c.changeAnswers(changes)
	var errs []error
	for _, change := range changes {
		if change.now.path != change.old.path || change.now.mark == 0 {
			errs = append(errs, c.loseSource(change.old.path))
		}
	}
	return errors.Join(errs...)
}

// RemoveLink implements plane.Carrier.
func (c *Carrier) RemoveLink(name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var ops []plane.SourceOp
	for key := range c.sources {
		if key.Link == name {
			ops = append(ops, plane.SourceOp{Remove: true, SourceRoute: dataplane.SourceRoute{Link: key.Link, Source: key.Source}})
		}
	}
	errs := make([]error, len(ops))
	c.applySources(ops, errs)
	return errors.Join(errs...)
}
