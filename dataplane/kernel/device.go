package kernel

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

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
	name            string
	index           int
	routes, sources int // that lead into it
	steered         bool
	led             bool // a route into it is being made
	down            bool // nothing can be led into it until its tunnel is put right
}

// namePrefix is how the names of our tunnel interfaces begin.
const namePrefix = "mt-"

// nameOf names the interface of a path. The name proves that an interface is ours: nobody else would give just this one to an interface
// with just these addresses and keys. So nothing has to be remembered anywhere about what was made.
func nameOf(p dataplane.Path) string {
	sum := sha256.Sum256([]byte(p.String()))
	return namePrefix + strings.ToLower(base32.HexEncoding.EncodeToString(sum[:10])[:12])
}

// aliasOf tells people, and later processes, what an interface is for.
func aliasOf(p dataplane.Path, configured int) string {
	return fmt.Sprintf("mooring: %s mtu %d", p, configured)
}

// configuredMTU reads the alias; -1 when it is none of ours.
func configuredMTU(alias string) int {
	_, text, _ := strings.Cut(alias, " mtu ")
	n, err := strconv.Atoi(text)
	if err != nil {
		return -1
	}
	return n
}

// overhead is how much larger a packet is outside of the tunnel than in it.
func overhead(p dataplane.Path) int {
	n := 20 // RFC 791 section 3.1
	if p.Tunnel.Peer.Is6() {
		n = 40 // RFC 8200 section 3
	}
	switch p.Tunnel.Encap {
	case dataplane.EncapUDP:
		n += 8 // RFC 768
	case dataplane.EncapGRE:
		n += 4 // RFC 2784 section 2.1
		if p.Tx.Set {
			n += 4 // RFC 2890 section 2
		}
	}
	return n
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
	if c.lacks != nil {
		return c.lacks
	}
	return c.withTable(func() error { return c.putTunnel(o) })
}

func (c *Carrier) putTunnel(o dataplane.Tunnel) error {
	if o.ID.VRF != "" {
		return fmt.Errorf("vrf %s: %w", o.ID.VRF, errVRF)
	}
	t := c.tunnels[o.ID]
	made := t == nil
	if made {
		t = &tunnel{id: o.ID, devices: map[dataplane.Path]*device{{Tunnel: o.ID}: nil}}
	}
	if len(c.tunnels) == 0 {
		if err := c.ensureTable(); err != nil {
			return err
		}
	}
	t.configured = o.MTU
	if o.ID.Encap == dataplane.EncapUDP {
		if err := c.host.ReceiveUDP(o.ID.Peer.Is6()); err != nil {
			return err
		}
	}
	for path, old := range t.devices {
		d, err := c.setDevice(path, o.MTU)
		if err != nil {
			return err
		}
		if old != nil {
			d.routes, d.sources, d.steered = old.routes, old.sources, old.steered && old.index == d.index
		}
		t.devices[path] = d
		if d.sources > 0 {
			if err := c.steer(d); err != nil {
				return err
			}
		}
	}
	c.tunnels[o.ID] = t
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
	for path, d := range t.devices {
		if err := c.deleteDevice(d); err != nil {
			return err
		}
		delete(t.devices, path)
	}
	delete(c.tunnels, id)
	if len(c.tunnels) == 0 {
		if err := c.dropTable(); err != nil {
			return err
		}
	}
	return c.stopUDP(id)
}

// stopUDP gives the port back after the last tunnel over UDP of a family.
func (c *Carrier) stopUDP(last dataplane.TunnelID) error {
	if last.Encap != dataplane.EncapUDP {
		return nil
	}
	for id := range c.tunnels {
		if id.Encap == dataplane.EncapUDP && id.Peer.Is6() == last.Peer.Is6() {
			return nil
		}
	}
	return c.host.IgnoreUDP(last.Peer.Is6())
}

// device returns the interface of a path through a tunnel that there is. It makes that of a path with keys when it is first asked for;
// release removes it after its last route.
func (c *Carrier) device(path dataplane.Path) (*device, error) {
	t := c.tunnels[path.Tunnel]
	if t == nil {
		return nil, fmt.Errorf("there is no tunnel %s", path.Tunnel)
	}
	if d := t.devices[path]; d != nil {
		return d, nil
	}
	d, err := c.setDevice(path, max(t.configured, 0))
	if err != nil {
		return nil, err
	}
	t.devices[path] = d
	return d, nil
}

// lose counts a route less into the path, which may be none.
func (c *Carrier) lose(path dataplane.Path, count func(*device)) error {
	t := c.tunnels[path.Tunnel]
	if t == nil || t.devices[path] == nil {
		return nil
	}
	count(t.devices[path])
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
	delete(t.devices, path)
	return c.deleteDevice(d)
}

// setDevice makes the interface of a path exist, with an MTU in octets or, of 0, what the way to the peer leaves.
func (c *Carrier) setDevice(path dataplane.Path, configured int) (*device, error) {
	mtu := configured
	if mtu == 0 {
		link, err := c.host.PathMTU(path.Tunnel.Local, path.Tunnel.Peer)
		if err != nil {
			return nil, err
		}
		mtu = link - overhead(path)
	}
	name := nameOf(path)
	err := c.host.AddTunnel(name, path)
	if errors.Is(err, unix.EEXIST) {
		err = c.checkDevice(name, path, err)
	}
	if err != nil {
		return nil, err
	}
	if err := c.host.SetDevice(name, aliasOf(path, configured), mtu, deviceQueue); err != nil {
		return nil, err
	}
	index, err := c.host.LinkIndex(name)
	if err != nil {
		return nil, err
	}
	return &device{name: name, index: index}, nil
}

const deviceQueue = 1000 // packets; the kernel's usual

// checkDevice finds out whose interface is in the way; nil if it is ours.
func (c *Carrier) checkDevice(name string, path dataplane.Path, exists error) error {
	found, err := c.host.Tunnels()
	if err != nil {
		return err
	}
	for _, f := range found {
		switch {
		case f.Name == name && f.Path == path:
			return nil
		case f.Name == name:
			return fmt.Errorf("%w; %s has become a tunnel %s: delete it", exists, name, f.Path)
		case f.Path.Tunnel.Local == path.Tunnel.Local && f.Path.Tunnel.Peer == path.Tunnel.Peer && f.Path.Rx == path.Rx:
			exists = fmt.Errorf("%w; %s has these addresses (%s)", exists, f.Name, f.Path)
		}
	}
	return exists
}

func (c *Carrier) deleteDevice(d *device) error {
	if d.steered {
		if err := c.unsteer(d); err != nil {
			return err
		}
	}
	return c.host.DeleteTunnel(d.name)
}

// steer has packets with the device's mark leave by it.
func (c *Carrier) steer(d *device) error {
	if d.steered {
		return nil
	}
	if err := errors.Join(c.host.SteerMark(d.name, d.index), c.filter.addPath(d.index)); err != nil {
		return err
	}
	d.steered = true
	return nil
}

func (c *Carrier) unsteer(d *device) error {
	err := errors.Join(c.host.UnsteerMark(d.index), c.filter.removePath(d.index))
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

// ours reports whether an interface is one that we make.
func ours(d netlink.TunnelDevice) bool { return d.Name == nameOf(d.Path) }
