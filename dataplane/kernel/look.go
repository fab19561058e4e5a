package kernel

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
)

// Look implements plane.Carrier.
func (c *Carrier) Look() (objects []dataplane.Object, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.places[""].lacking() != nil {
		return nil, nil
	}
	if err := c.lookAtTunnels(); err != nil {
		return nil, err
	}
	objects = append(objects, c.leftAdoptions()...)
	for _, p := range c.allPlaces() {
		left, err := c.lookAtPolicies(p)
		if err != nil {
			return nil, err
		}
		for _, key := range left {
			objects = append(objects, dataplane.Policy{PolicyKey: key})
		}
	}
	for id, t := range c.tunnels {
		if t.devices[dataplane.Path{Tunnel: id}] != nil {
			objects = append(objects, dataplane.Tunnel{ID: id, MTU: t.configured})
		}
	}
	sources, err := c.lookAtSources()
	return append(objects, sources...), err
}

// Found implements plane.Carrier. Only what an earlier process has left is news: of all else Enter and Leave have told, perhaps since it was
// listed.
func (c *Carrier) Found(at dataplane.VRFPrefix, device string) (dataplane.Path, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.devices[device]
	if d == nil || d.vrf != at.VRF {
		return dataplane.Path{}, false
	}
	if _, known := c.routes.Get(at.VRF, at.Prefix); !known && !c.places[at.VRF].counted {
		c.routes.Put(at.VRF, at.Prefix, d)
		d.routes++
		c.foundCount(at)
	}
	return d.path, true
}

// Tidy implements plane.Carrier. It does what no object stands for: the table of nftables is as it should be, interfaces of paths that
// nothing leads into go, and marks lead where they should.
func (c *Carrier) Tidy() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for _, p := range c.allPlaces() {
		errs = append(errs, c.tidyTable(p))
	}
	errs = append(errs, c.steerAll(), c.tidyMarks(), c.renewAnswers())
	for _, t := range c.tunnels {
		for path, d := range t.devices {
			if err := c.release(path); err != nil {
				errs = append(errs, fmt.Errorf("interface %s: %w", d.name, err))
			}
		}
	}
	if c.receivesInParts() {
		errs = append(errs, c.places[""].host.IgnoreUDPOfGone())
	}
	c.recount() // what the host has refused
	for _, p := range c.allPlaces() {
		p.counted = true
	}
	return errors.Join(errs...)
}

// steerAll has marks lead to all devices that sources lead into.
func (c *Carrier) steerAll() error {
	var errs []error
	for _, t := range c.tunnels {
		for _, d := range t.devices {
			if d.sources > 0 && !d.steered && !d.down {
				errs = append(errs, c.steer(d))
			}
		}
	}
	return errors.Join(errs...)
}

// receivesInParts reports whether there are tunnels over UDP in vrf interfaces.
func (c *Carrier) receivesInParts() bool {
	for id := range c.tunnels {
		if id.Encap == dataplane.EncapUDP && c.hosts[id.VRF].IsPart() {
			return true
		}
	}
	return false
}

// lookAtTunnels finds our interfaces.
func (c *Carrier) lookAtTunnels() error {
	known := c.tunnels
	c.tunnels, c.devices = map[dataplane.TunnelID]*tunnel{}, map[string]*device{}
	for _, p := range c.allPlaces() {
		p.devices = 0
		if err := c.lookAtPlace(p, known); err != nil {
			return err
		}
	}
	return c.lookAtReceivers()
}

// lookAtReceivers has tunnels over UDP be put right that nothing receives packets of.
func (c *Carrier) lookAtReceivers() (err error) {
	open := map[string]func(netip.Addr) bool{} // by VRF
	for id, t := range c.tunnels {
		if id.Encap != dataplane.EncapUDP {
			continue
		}
		if open[id.VRF] == nil {
			if open[id.VRF], err = c.hosts[id.VRF].ReceivesUDP(); err != nil {
				return err
			}
		}
		if !open[id.VRF](id.Local) {
			t.configured = -1
		}
	}
	return nil
}

func (c *Carrier) lookAtPlace(p *place, known map[dataplane.TunnelID]*tunnel) error {
	found, err := p.host.Tunnels()
	if err != nil {
		return err
	}
	marks, err := p.host.Marks()
	if err != nil {
		return err
	}
	if err := p.filter.lookAtAdopted(found); err != nil {
		return err
	}
	if !p.counted { // what an earlier process has had is known then
		if err := p.filter.lookAtLanes(); err != nil {
			return err
		}
	}
	intact, err := p.filter.intact()
	if err != nil && !isAbsent(err) {
		return err
	}
	if err == nil && !intact && !p.counted {
		if intact, err = p.filter.renew(); err != nil {
			c.log.Warn("the rules of an earlier process cannot be replaced, our nftables table is made again", "table", tableName, "vrf", p.vrf, "error", err)
			err = nil
		}
	}
	p.broken = !intact
	if intact {
		if err := p.filter.lookAtDevices(found); err != nil {
			return err
		}
	}
	if p.answers != nil {
		p.answers.led = marks[netlink.Loopback] == netlink.MarkComplete
		delete(marks, netlink.Loopback)
	}
	for _, f := range found {
		if c.lookAtAdopted(p, f, known, intact) {
			delete(marks, f.Index)
			continue
		}
		path, ours := c.ours(f, known)
		if !ours {
			continue
		}
		id := path.Tunnel
		t := c.tunnels[id]
		if t == nil {
			t = &tunnel{id: id, devices: map[dataplane.Path]*device{}}
			c.tunnels[id] = t
		}
		n, gone := parseAlias(f.Alias)
		d := &device{path: path, name: f.Name, index: f.Index, mtu: segmentsOf(n, f.MTU), vrf: p.vrf}
		d.steered = marks[f.Index] == netlink.MarkComplete && (!intact || p.filter.leads(f.Index))
		placed := c.inVRF(d, f, path)
		if was := d.madeAs(known); was != nil && c.places[was.vrf] == p {
			placed = placed && d.vrf == was.vrf // or somebody has put it into another one
			d.vrf, d.made = was.vrf, was.made
		}
		d.down = !f.Up || !placed
		c.keep(t, path, d.among(known))
		delete(marks, f.Index)
		if path == (dataplane.Path{Tunnel: id}) {
			c.meter.found(id, gone)
		}
		if !intact || d.down || n < 0 || isResized(n, f) || d.made != (netlink.Settings{}) && !f.Has(d.made) || f.Group != c.hosts[d.vrf].Group() {
			t.configured = -1 // which nobody wants: it is put right
		} else if t.configured == 0 {
			t.configured = n
		}
	}
	if intact {
		err = c.removeStrayMarks(p)
	}
	for index := range marks { // of devices that are gone
		err = errors.Join(err, p.host.UnsteerMark(index))
	}
	return err
}

// removeStrayMarks has no mark stand for an interface that it does not lead to.
func (c *Carrier) removeStrayMarks(p *place) (err error) {
	stray := maps.Clone(p.filter.marked)
	for _, d := range c.devices {
		if d.steered || d.adopted {
			delete(stray, d.index)
		}
	}
	for index := range stray {
		err = errors.Join(err, p.filter.removePath(index))
	}
	return err
}

// among returns the device that is known for the path, as it is by now: routes hold on to it. One with another index, or in another VRF, is
// another one: what led into that does not lead anywhere any more.
func (d *device) among(known map[dataplane.TunnelID]*tunnel) *device {
	old := d.madeAs(known)
	if old == nil || old.vrf != d.vrf {
		return d
	}
	d.routes = old.routes
	*old = *d
	return old
}

// madeAs returns the device that is known for the path and has this index; nil for none.
func (d *device) madeAs(known map[dataplane.TunnelID]*tunnel) *device {
	t := known[d.path.Tunnel]
	if t == nil || t.devices[d.path] == nil || t.devices[d.path].index != d.index {
		return nil
	}
	return t.devices[d.path]
}

// inVRF finds out the VRF that an interface is in, and whether both this and that of its outer packets are VRFs of ours.
func (c *Carrier) inVRF(d *device, f netlink.TunnelDevice, path dataplane.Path) bool {
	if f.Outer != c.hosts[path.Tunnel.VRF].DeviceIndex() {
		return false
	}
	for vrf, h := range c.hosts {
		if f.Master != 0 && f.Master == h.DeviceIndex() {
			d.vrf = vrf
			return true
		}
	}
	return f.Master == 0
}

func (c *Carrier) lookAtSources() (objects []dataplane.Object, err error) {
	sources, err := c.places[""].filter.sources()
	if err != nil && len(c.tunnels) > 0 { // a host without nftables has none
		return nil, err
	}
	byMark := map[uint32]*device{}
	for _, d := range c.devices {
		byMark[netlink.MarkOf(d.index)], byMark[netlink.EarlierMarkOf(d.index)] = d, d
	}
	c.sources = map[dataplane.SourceRouteKey]steering{}
	for _, s := range sources {
		var path dataplane.Path // none differs from what anybody wants
		d := byMark[s.mark]
		if d != nil {
			path = d.path
		}
		c.sources[s.SourceRouteKey] = steering{path, s.mark}
		if d != nil {
			if d.sources++; (!d.steered || s.mark != netlink.MarkOf(d.index)) && !d.down { // what is marked goes astray until Tidy
				path = dataplane.Path{}
			}
		}
		objects = append(objects, dataplane.SourceRoute{Link: s.Link, Source: s.Source, Path: path})
	}
	news, err := c.lookAtAnswers()
	if !news {
		return objects, err
	}
	for i, o := range objects { // nor is all there that is for these, until Tidy
		if s := o.(dataplane.SourceRoute); asks(s.Key().(dataplane.SourceRouteKey)) {
			s.Path = dataplane.Path{}
			objects[i] = s
		}
	}
	return objects, nil
}
