package usertun

import (
	"errors"
	"fmt"
	"maps"

	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
)

// Attach implements plane.Carrier. In a VRF that has become another one, sockets and devices are made anew.
func (c *Carrier) Attach(vrf string, host *netlink.Host) error {
	var unwanted error
	switch {
	case c.UserSpaceOnly:
		unwanted = errors.New("not wanted")
	case host.IsPart(): // its programs know one routing table
		unwanted = errors.New("the VRF is a vrf interface of the kernel")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.fast[vrf]; old != nil && old.host == host {
		return nil
	}
	old := c.fast[vrf]
	c.fast[vrf] = newAccelerator(host, c.Log, unwanted)
	if old == nil {
		return nil
	}
	c.meters.keep(old)
	old.close()
	return errors.Join(c.reopenEndpoints(vrf), c.reopenDevices(vrf))
}

func (c *Carrier) reopenEndpoints(vrf string) (err error) {
	for key, old := range c.endpoints {
		if key.vrf != vrf {
			continue
		}
		old.close()
		delete(c.endpoints, key)
		for _, t := range c.tunnels {
			if t.endpoint == old {
				err = errors.Join(err, c.reopenTunnel(t))
			}
		}
	}
	return err
}

// reopenTunnel makes a tunnel again, with the routes that lead into it. What cannot be made is missed at the next comparison.
func (c *Carrier) reopenTunnel(old *tunnel) error {
	delete(c.tunnels, old.id)
	c.meters.past(old)
	again, err := c.openTunnel(old.id)
	if err != nil {
		return err
	}
	again.configured.Store(old.configured.Load())
	for _, d := range c.devices() {
		for prefix, r := range maps.Collect(d.routes.all()) {
			if r.tunnel == old {
				d.insert(prefix, again.route(r.tx, r.rx, r.usage))
			}
		}
	}
	return again.lookUpPath()
}

func (c *Carrier) reopenDevices(vrf string) (err error) {
	for _, d := range c.devices() {
		if d.vrf == vrf {
			d.dead.Store(true)
			err = errors.Join(err, c.mendDevice(d))
		}
	}
	return err
}

// Detach implements plane.Carrier.
func (c *Carrier) Detach(vrf string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range c.tunnels {
		if id.VRF == vrf {
			return fmt.Errorf("tunnel %s is still in it", id)
		}
	}
	if d := c.anchors[vrf]; d != nil {
		for prefix, r := range d.routes.all() {
			if r != nowhere {
				return fmt.Errorf("a route for %s is still in it", prefix)
			}
		}
		d.dead.Store(true)
		d.empty()
		d.close()
		delete(c.anchors, vrf)
	}
	c.elsewhere.DeleteVRF(vrf)
	if a := c.fast[vrf]; a != nil {
		c.meters.keep(a)
		a.close()
		delete(c.fast, vrf)
	}
	return nil
}

// oneVRF says why a path cannot lead to a VRF: packets that come by it could be meant for another one.
func (c *Carrier) oneVRF(vrf string, path dataplane.Path) error {
	for other, d := range c.anchors {
		if other != vrf && c.tunnels[path.Tunnel].keys[keyUse{d, path.Rx}] > 0 {
			return fmt.Errorf("VRF %q has this path already; only keys could tell what is for which", other)
		}
	}
	return nil
}

// bind makes a socket one of a VRF, where that is a vrf interface.
func bind(fd int, device string) error {
	if device == "" {
		return nil
	}
	if err := unix.BindToDevice(fd, device); err != nil {
		return fmt.Errorf("bind to vrf interface %s: %w", device, err)
	}
	return nil
}
