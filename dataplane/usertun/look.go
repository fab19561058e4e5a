package usertun

import (
	"fmt"
	"slices"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
)

// mend makes devices again that somebody deleted, brings up those that somebody took down, and gives them the settings that they had. The host then
// shows what they lost; those that had lost nothing but settings are returned.
func (c *Carrier) mend() (altered []*device, err error) {
	if len(c.anchors)+len(c.access) == 0 {
		return nil, nil
	}
	for _, a := range c.fast {
		up, err := a.host.Devices()
		if err != nil {
			return nil, err
		}
		for _, d := range c.devices() {
			is, ready := up[d.name]
			ready = ready && !d.dead.Load()
			if d.fast != a || ready && a.host.Kept(is, d.settings()) {
				continue
			}
			if err := c.mendDevice(d); err != nil {
				return nil, fmt.Errorf("make device %s again: %w", d.name, err)
			}
			if ready {
				altered = append(altered, d)
			}
		}
	}
	return altered, nil
}

func (c *Carrier) mendDevice(d *device) error {
	if !d.dead.Load() {
		if err := d.up(); !netlink.IsGone(err) { // who reads it may not know yet that it is
			return err
		}
	}
	again, err := c.openDevice(d.side, d.vrf, d.alias)
	if err != nil {
		return err
	}
	for prefix, r := range d.routes.all() {
		again.insert(prefix, r)
	}
	d.empty()
	d.close()
	if d.side == dataplane.Anchor {
		c.anchors[d.vrf] = again
		return nil
	}
	for link, old := range c.access {
		if old == d {
			c.access[link] = again
		}
	}
	return nil
}

// Look implements plane.Carrier.
func (c *Carrier) Look() (objects []dataplane.Object, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	altered, err := c.mend()
	if err != nil {
		return nil, err
	}
	for id, t := range c.tunnels {
		t.altered = t.altered || slices.ContainsFunc(*t.sinks.Load(), func(d *device) bool { return slices.Contains(altered, d) })
		mtu := int(t.configured.Load())
		if t.altered {
			mtu = -1 // which nobody wants: so it is put again, and told of
		}
		objects = append(objects, dataplane.Tunnel{ID: id, MTU: mtu})
	}
	for name, d := range c.access {
		for prefix, r := range d.routes.all() {
			objects = append(objects, dataplane.SourceRoute{Link: name, Source: prefix, Path: r.path()})
		}
	}
	return objects, nil
}

// Found implements plane.Carrier.
func (c *Carrier) Found(at dataplane.VRFPrefix, device string) (path dataplane.Path, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.anchors[at.VRF]
	if d == nil || d.name != device {
		return path, false
	}
	r, ok := d.routes.get(at.Prefix)
	if !ok || r == nowhere {
		return path, false
	}
	return r.path(), true
}

// Tidy implements plane.Carrier.
func (c *Carrier) Tidy() error { return nil }
