package kernel

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
)

// tunnel is a dataplane.Tunnel and the interfaces of the paths through it. That of the path without keys is there as long as the tunnel.
type tunnel struct {
	id         dataplane.TunnelID
	configured int // MTU; -1 when it is not known what was asked for
	devices    map[dataplane.Path]*device
}

// device is the interface of a path.
type device struct {
	path            dataplane.Path
	name            string
	index           int
	mtu             int    // that the segments of TCP are to fit, in octets
	vrf             string // that it is in, or the one of its namespace
	routes, sources int    // that lead into it
	steered         bool
	led             bool               // a route into it is being made
	down            bool               // nothing can be led into it until its tunnel is put right
	made            netlink.Settings   // the zero ones of an earlier process's
	adopted         bool               // it is somebody else's
	before          dataplane.Counters // what it had carried when it was adopted
}

// nameOf names the interface of a path. The name proves that an interface is ours: nobody else would give just this one to an interface
// with just these addresses and keys. So nothing has to be remembered anywhere about what was made.
func nameOf(p dataplane.Path) string {
	sum := sha256.Sum256([]byte(p.String()))
	return dataplane.TunnelPrefix + strings.ToLower(base32.HexEncoding.EncodeToString(sum[:10])[:dataplane.TunnelDigits])
}

// aliasOf tells people, and later processes, what an interface is for, and what its tunnel had carried by interfaces that are gone.
func aliasOf(p dataplane.Path, configured int, gone dataplane.Counters) string {
	what := p.String()
	end := fmt.Sprintf(" mtu %d", configured)
	if gone != (dataplane.Counters{}) {
		end += fmt.Sprintf(" carried %d %d %d %d", gone.RxPackets, gone.RxOctets, gone.TxPackets, gone.TxOctets)
	}
	if d := gone.Drops; d != (dataplane.Drops{}) {
		end += fmt.Sprintf(" dropped %d %d %d %d %d %d", d.NoSession, d.Spoofed, d.Filtered, d.TooBig, d.Malformed, d.Send)
	}
	const prefix, room = "mooring: ", 255 // IFALIASZ - 1
	return prefix + what[:min(len(what), room-len(prefix)-len(end))] + end
}

// parseAlias reads an alias; the MTU is -1 when it is none of ours.
func parseAlias(alias string) (configured int, gone dataplane.Counters) {
	_, text, _ := strings.Cut(alias, " mtu ")
	d := &gone.Drops
	n, _ := fmt.Sscanf(text, "%d carried %d %d %d %d dropped %d %d %d %d %d %d", &configured, &gone.RxPackets, &gone.RxOctets, &gone.TxPackets, &gone.TxOctets,
		&d.NoSession, &d.Spoofed, &d.Filtered, &d.TooBig, &d.Malformed, &d.Send)
	if n == 0 {
		return -1, gone
	}
	return configured, gone
}

// paths are those that there are interfaces of, and the one without keys, whose interface somebody may have deleted.
func (t *tunnel) paths() []dataplane.Path {
	all := slices.Collect(maps.Keys(t.devices))
	if bare := (dataplane.Path{Tunnel: t.id}); t.devices[bare] == nil {
		all = append(all, bare)
	}
	return all
}

func (t *tunnel) inUse() bool {
	for _, d := range t.devices {
		if d.routes+d.sources > 0 {
			return true
		}
	}
	return false
}

// PutTunnel implements plane.Carrier.
func (c *Carrier) PutTunnel(o dataplane.Tunnel) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.places[o.ID.VRF].lacking(); err != nil {
		return err
	}
	return c.withTable(func() error { return c.putTunnel(o) })
}

func (c *Carrier) putTunnel(o dataplane.Tunnel) error {
	if a, ok := c.adoptionOf(o.ID); ok {
		return c.adopt(a, o)
	}
	t := c.tunnels[o.ID]
	if t.isAdopted("") { // by an earlier process: it stays until somebody asks for it, or has it removed
		t.configured = o.MTU
		return nil
	}
	if t == nil {
		t = &tunnel{id: o.ID, devices: map[dataplane.Path]*device{}}
	}
	t.configured = o.MTU
	if o.ID.Encap == dataplane.EncapUDP {
		if err := c.hosts[o.ID.VRF].ReceiveUDP(o.ID.Local); err != nil {
			return err
		}
	}
	if err := c.setDevices(t); err != nil {
		return errors.Join(err, c.stopUDP(o.ID)) // of a tunnel that is not there
	}
	c.tunnels[o.ID] = t
	return nil
}

// setDevices has the interfaces of a tunnel be as they should be.
func (c *Carrier) setDevices(t *tunnel) error {
	for _, path := range t.paths() {
		old, vrf := t.devices[path], c.home(t.id)
		if old != nil {
			vrf = old.vrf
		}
		d, err := c.setDevice(path, vrf, t.configured)
		if err != nil {
			return err
		}
		if old != nil {
			d.routes, d.sources, d.steered = old.routes, old.sources, old.steered && old.index == d.index
		}
		if d = c.keep(t, path, d); d.sources > 0 {
			if err := c.steer(d); err != nil {
				return err
			}
		}
	}
	return nil
}

// RemoveTunnel implements plane.Carrier.
func (c *Carrier) RemoveTunnel(id dataplane.TunnelID) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.tunnels[id]
	if t == nil {
		return nil
	}
	if t.inUse() {
		return errors.New("routes still lead into it")
	}
	return c.dropTunnel(t)
}

// dropTunnel gives up a tunnel and its interfaces. What led into them is gone, or leads into one that is not of this carrier any more.
func (c *Carrier) dropTunnel(t *tunnel) error {
	for path, d := range t.devices {
		if err := c.deleteDevice(t.id, d); err != nil {
			return err
		}
		p := c.places[d.vrf]
		if c.forget(t, path); p.devices == 0 {
			if err := c.dropTable(p); err != nil {
				return err
			}
		}
	}
	if t.inUse() {
		c.routes.DeleteFunc(func(d *device) bool { return d.path.Tunnel == t.id })
		for key, to := range c.sources {
			if to.path.Tunnel == t.id {
				c.sources[key] = steering{mark: to.mark}
			}
		}
	}
	delete(c.tunnels, t.id)
	return c.stopUDP(t.id)
}

// stopUDP gives the port back after the last tunnel over UDP from an address.
func (c *Carrier) stopUDP(last dataplane.TunnelID) error {
	if last.Encap != dataplane.EncapUDP {
		return nil
	}
	for id := range c.tunnels {
		if id.VRF == last.VRF && id.Encap == dataplane.EncapUDP && id.Local == last.Local {
			return nil
		}
	}
	return c.hosts[last.VRF].IgnoreUDP(last.Local)
}

// device returns the interface of a path through a tunnel that there is, in a VRF. It makes that of a path with keys when it is first
// asked for; release removes it after its last route.
func (c *Carrier) device(path dataplane.Path, vrf string) (*device, error) {
	t := c.tunnels[path.Tunnel]
	if t == nil {
		return nil, fmt.Errorf("there is no tunnel %s", path.Tunnel)
	}
	d := t.devices[path]
	switch {
	case d != nil && d.vrf == vrf:
		return d, nil
	case t.isAdopted(""):
		return nil, fmt.Errorf("path %s: the tunnel is an interface that is used as it is, without keys and in the default VRF", path)
	case d != nil && d.routes+d.sources > 0:
		return nil, fmt.Errorf("path %s: %w (%q)", path, errElsewhere, d.vrf)
	}
	if err := c.renew(t, path, vrf); err != nil {
		return nil, err
	}
	return t.devices[path], nil
}

// loseRoute counts a route less into an interface, which may be none.
func (c *Carrier) loseRoute(d *device) error {
	if d == nil {
		return nil
	}
	d.routes--
	return c.release(d.path)
}

// loseSource counts a source less that leads into a path, which may be none.
func (c *Carrier) loseSource(path dataplane.Path) error {
	t := c.tunnels[path.Tunnel]
	if t == nil || t.devices[path] == nil {
		return nil
	}
	t.devices[path].sources--
	return c.release(path)
}

// release removes what the path does not need any more.
func (c *Carrier) release(path dataplane.Path) error {
	t := c.tunnels[path.Tunnel]
	if t == nil || t.devices[path] == nil {
		return nil
	}
	d := t.devices[path]
	if d.sources == 0 && d.steered {
		if err := c.unsteer(d); err != nil {
			return err
		}
	}
	if d.led || d.routes+d.sources > 0 || path == (dataplane.Path{Tunnel: t.id}) {
		return nil
	}
	c.forget(t, path)
	if err := c.deleteDevice(t.id, d); err != nil {
		return err
	}
	return c.noteGone(t)
}

// setDevice makes the interface of a path exist in a VRF, with an MTU in octets or, of 0, what the way to the peer leaves.
func (c *Carrier) setDevice(path dataplane.Path, vrf string, configured int) (*device, error) {
	outer, in := c.hosts[path.Tunnel.VRF], c.places[vrf]
	if outer == nil || in == nil {
		return nil, fmt.Errorf("path %s: there is no VRF %s or %s", path, path.Tunnel.VRF, vrf)
	}
	settings := netlink.Settings{Alias: aliasOf(path, configured, c.goneOf(path)), Queue: deviceQueue}
	var err error
	if settings.MTU, settings.Fragments, err = sizeOf(outer, path, configured); err != nil {
		return nil, err
	}
	if err := c.ensureTable(in); err != nil {
		return nil, err
	}
	mtu := segmentsOf(configured, settings.MTU)
	d, made, err := c.place(path, vrf, settings)
	if err == nil {
		err = c.guardDevice(in, path, d.Index, mtu)
	}
	if err == nil {
		err = c.hosts[vrf].SetFragments(d, path, outer, settings.Fragments)
	}
	if err == nil {
		err = c.hosts[vrf].SetDevice(d, settings)
	}
	if err != nil {
		if made {
			err = errors.Join(err, c.unmake(d, in))
		}
		return nil, err
	}
	return &device{path: path, name: d.Name, index: d.Index, mtu: mtu, vrf: vrf, made: settings}, nil
}

const deviceQueue = 1000 // packets; the kernel's usual

// unmake deletes an interface that was made, and could not be made use of, with the table if that is for nothing else.
func (c *Carrier) unmake(d netlink.Device, in *place) error {
	var err error
	if at, _ := c.at(d.Name); at != nil {
		err = at.host.DeleteTunnel(d.Name)
	}
	err = errors.Join(err, c.unguard(in, d.Index))
	if in.devices == 0 {
		err = errors.Join(err, c.dropTable(in))
	}
	return err
}

func (c *Carrier) deleteDevice(of dataplane.TunnelID, d *device) error {
	if d.steered {
		if err := c.unsteer(d); err != nil {
			return err
		}
	}
	p := c.places[d.vrf]
	carried, err := c.deviceCounters(d)
	switch {
	case err == nil && d.adopted:
		err = p.filter.disown(d.index)
	case err == nil:
		err = p.host.DeleteTunnel(d.name)
	}
	if err != nil {
		return err
	}
	c.meter.carried(of, carried)
	return errors.Join(p.filter.forgetDevice(d.index), c.unguard(p, d.index))
}

// steer has packets with the device's mark leave by it.
func (c *Carrier) steer(d *device) error {
	if d.steered {
		return nil
	}
	if err := c.places[""].host.SteerMark(d.name, d.index); err != nil {
		return err
	}
	if err := c.places[""].filter.addPath(d.index); err != nil {
		return err
	}
	d.steered = true
	return nil
}

func (c *Carrier) unsteer(d *device) error {
	err := errors.Join(c.places[""].host.UnsteerMark(d.index), c.places[""].filter.removePath(d.index))
	d.steered = err != nil
	return err
}

// steered lists the devices that marks stand for.
func (c *Carrier) steered() (indexes []int) {
	for _, t := range c.tunnels {
		for _, d := range t.devices {
			if d.steered {
				indexes = append(indexes, d.index)
			}
		}
	}
	return indexes
}

// ours returns the path of an interface that we have made: nobody knows the VRF of its outer packets but its name.
func (c *Carrier) ours(d netlink.TunnelDevice, known map[dataplane.TunnelID]*tunnel) (path dataplane.Path, ok bool) {
	if t := known[d.Path.Tunnel]; t != nil { // in the default VRF, as most are
		if is := t.devices[d.Path]; is != nil && is.name == d.Name && !is.adopted { // or its owner has made it anew
			return d.Path, true
		}
	}
	for vrf := range c.hosts {
		path = d.Path
		if path.Tunnel.VRF = vrf; d.Name == nameOf(path) {
			return path, true
		}
	}
	return path, false
}
