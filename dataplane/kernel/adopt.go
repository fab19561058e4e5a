package kernel

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
)

// PutAdoption implements plane.Adopter.
func (c *Carrier) PutAdoption(o dataplane.Adoption) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.adoptions[o.Device] = o
	for id, t := range c.tunnels {
		if t.isAdopted(o.Device) == o.Covers(id) {
			continue
		}
		// The kernel has no two interfaces with the same addresses: one of ours would be in the way.
		if err := c.dropTunnel(t); err != nil {
			return err
		}
	}
	_, err := c.adoptee(o)
	return err
}

// RemoveAdoption implements plane.Adopter. The interface stays as it is.
func (c *Carrier) RemoveAdoption(key dataplane.AdoptionKey) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.adoptions, string(key))
	for _, t := range c.tunnels {
		if !t.isAdopted(string(key)) {
			continue
		}
		if err := c.dropTunnel(t); err != nil {
			return err
		}
	}
	return nil
}

// Adoptable implements plane.Adopter.
func (c *Carrier) Adoptable(o dataplane.Adoption) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.adoptee(o)
	return err
}

// adoptionOf returns the adoption that a tunnel is to be by.
func (c *Carrier) adoptionOf(id dataplane.TunnelID) (dataplane.Adoption, bool) {
	for _, a := range c.adoptions {
		if a.Covers(id) {
			return a, true
		}
	}
	return dataplane.Adoption{}, false
}

// adoptee finds the interface of an adoption, which is as it has to be.
func (c *Carrier) adoptee(o dataplane.Adoption) (netlink.TunnelDevice, error) {
	host := c.hosts[""]
	if err := c.places[""].lacking(); err != nil {
		return netlink.TunnelDevice{}, err
	}
	kind, err := host.KindOf(o.Device)
	if err != nil {
		return netlink.TunnelDevice{}, err
	}
	found, err := host.Tunnels()
	if err != nil {
		return netlink.TunnelDevice{}, err
	}
	for _, f := range found {
		if f.Name == o.Device {
			return f, c.unfit(o, f)
		}
	}
	return netlink.TunnelDevice{}, fmt.Errorf("interface %s is of kind %s, and has to be of gre, ip6gre, sit or ip6tnl", o.Device, kind)
}

// unfit says how an interface differs from what it has to be, and nil where it does not.
func (c *Carrier) unfit(o dataplane.Adoption, f netlink.TunnelDevice) error {
	id := f.Path.Tunnel
	differs := func(format string, args ...any) error {
		return fmt.Errorf("interface %s %s", f.Name, fmt.Sprintf(format, args...))
	}
	switch {
	case c.Owns(f.Name):
		return differs("is one that this element makes and removes itself: name another")
	case id.Encap == dataplane.EncapUDP:
		return differs("is a tunnel over UDP, which is made when it is needed and not adopted")
	case o.Encap != 0 && o.Encap != id.Encap:
		return differs("is a tunnel of %s, and with this peer %s is used", id.Encap, o.Encap)
	case !o.Covers(id):
		return differs("is a tunnel %s > %s, and has to be %s", id.Local, id.Peer, ends(o))
	case f.Path.Tx.Set || f.Path.Rx.Set:
		return differs("has a key, and has to be without: one key for all nodes tells nothing")
	case f.Narrow:
		return differs("is for one IP version inside, and has to be of mode any")
	case f.Master != 0:
		return differs("is part of another interface, and has to be in the default VRF")
	case f.Group != c.hosts[""].Group():
		return differs("is in group %d, and has to be in %d, by which its traffic is counted", f.Group, c.hosts[""].Group())
	case !f.Up:
		return differs("is down: ip link set %s up", f.Name)
	}
	return nil
}

// ends are the addresses that an interface may have, for people.
func ends(o dataplane.Adoption) string {
	var texts []string
	for _, id := range o.Tunnels() {
		if text := fmt.Sprintf("%s > %s", id.Local, id.Peer); len(texts) == 0 || texts[len(texts)-1] != text {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, " or ")
}

// adopt has a tunnel be the interface of an adoption. One that is not as it has to be any more is let go.
func (c *Carrier) adopt(a dataplane.Adoption, o dataplane.Tunnel) error {
	path, p := dataplane.Path{Tunnel: o.ID}, c.places[""]
	f, err := c.adoptee(a)
	if err == nil && f.Path != path {
		err = fmt.Errorf("tunnel %s is to be interface %s, which is a tunnel %s", o.ID, f.Name, f.Path)
	}
	t := c.tunnels[o.ID]
	if t != nil && (err != nil || t.devices[path] == nil || t.devices[path].index != f.Index) {
		err = errors.Join(err, c.dropTunnel(t))
		t = nil
	}
	if err != nil {
		return err
	}
	if err := c.ensureTable(p); err != nil {
		return err
	}
	entry, is := p.filter.adoptees[f.Index]
	if !is {
		entry.before = f.Counters
		entry.before.Drops = dataplane.Drops{}
	}
	entry.mtu = adoptedMTU(o.MTU, f.MTU)
	if err := c.guardDevice(p, path, f.Index, entry.mtu); err != nil {
		return err
	}
	if err := p.filter.adopt(f.Index, entry); err != nil {
		return err
	}
	d := adoptedDevice(f, entry)
	if t == nil {
		t = &tunnel{id: o.ID, devices: map[dataplane.Path]*device{}}
	} else {
		old := t.devices[path]
		d.routes, d.sources, d.steered = old.routes, old.sources, old.steered
	}
	t.configured = o.MTU
	d = c.keep(t, path, d)
	c.tunnels[o.ID] = t
	if d.sources > 0 {
		return c.steer(d)
	}
	return nil
}

func adoptedDevice(f netlink.TunnelDevice, entry adoptee) *device {
	return &device{path: dataplane.Path{Tunnel: f.Path.Tunnel}, name: f.Name, index: f.Index, mtu: entry.mtu, down: !f.Up, adopted: true, before: entry.before}
}

// adoptedMTU is what segments are to fit. The MTU of the interface itself is its owner's.
func adoptedMTU(configured, own int) int {
	if configured == 0 {
		return own
	}
	return min(configured, own)
}

// isAdopted reports whether a tunnel, which may be none, is an interface that was adopted: the one of that name, where one is given.
func (t *tunnel) isAdopted(name string) bool {
	if t == nil {
		return false
	}
	d := t.devices[dataplane.Path{Tunnel: t.id}]
	return d != nil && d.adopted && (name == "" || name == d.name)
}

// since is what the interface has carried since it is of use here.
func (d *device) since(now dataplane.Counters) dataplane.Counters {
	if !d.adopted {
		return now
	}
	return now.Since(d.before)
}

// lookAtAdopted notes an interface that was adopted, by this process or an earlier one, and reports whether it was. What has changed since is
// to be put right.
func (c *Carrier) lookAtAdopted(p *place, f netlink.TunnelDevice, known map[dataplane.TunnelID]*tunnel, intact bool) bool {
	entry, is := p.filter.adoptees[f.Index]
	if !is {
		return false
	}
	id, path := f.Path.Tunnel, dataplane.Path{Tunnel: f.Path.Tunnel}
	t := &tunnel{id: id, configured: -1, devices: map[dataplane.Path]*device{}}
	if was, a := known[id], c.adoptions[f.Name]; intact && was.isAdopted(f.Name) && a.Ends != nil && c.unfit(a, f) == nil &&
		adoptedMTU(was.configured, f.MTU) == entry.mtu {
		t.configured = was.configured
	}
	c.keep(t, path, adoptedDevice(f, entry).among(known))
	c.tunnels[id] = t
	return true
}

// leftAdoptions are those of an earlier process that nobody has asked for since.
func (c *Carrier) leftAdoptions() (left []dataplane.Object) {
	for id, t := range c.tunnels {
		if !t.isAdopted("") {
			continue
		}
		name := t.devices[dataplane.Path{Tunnel: id}].name
		if _, known := c.adoptions[name]; !known {
			left = append(left, dataplane.Adoption{Device: name, Encap: id.Encap, Ends: &dataplane.Ends{Local: []netip.Addr{id.Local}, Peer: []netip.Addr{id.Peer}}})
		}
	}
	return left
}
