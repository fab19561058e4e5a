package kernel

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
)

// place is a network namespace: of the default VRF and all that are vrf interfaces, or of one that is a namespace (docs/adr/0237).
type place struct {
	vrf     string        // what an interface is in that is enslaved to none
	host    *netlink.Host // of that VRF
	filter  *filter
	lacks   error // why there can be no tunnels, as far as was found out last
	devices int   // of ours that are there
	broken  bool  // Look has found the table to be not as it should be
	guards  *guards
	answers *answers // to nodes; in the default VRF alone
	counted bool     // what an earlier process has had counted here is known
}

func (p *place) close() {
	if p.filter != nil {
		p.filter.close()
	}
}

// allPlaces lists those where tunnels are possible, each once.
func (c *Carrier) allPlaces() (all []*place) {
	for vrf, p := range c.places {
		if vrf == p.vrf && p.lacks == nil {
			all = append(all, p)
		}
	}
	return all
}

// Attach implements plane.Carrier. Tunnels of a VRF that has become another one are found to be wrong by the next Look.
func (c *Carrier) Attach(vrf string, host *netlink.Host) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hosts[vrf] == host {
		return nil
	}
	c.hosts[vrf] = host
	if host.IsPart() {
		c.places[vrf] = c.places[""]
		return nil
	}
	p := &place{vrf: vrf, host: host, guards: newGuards()}
	p.filter, p.lacks = openFilter(host.Namespace())
	if vrf == "" {
		p.answers = newAnswers(p.filter)
	}
	if p.lacks == nil {
		host.OwnFilter(p.filter.ports()...)
		_, p.lacks = p.filter.exists()
	}
	p.lacks = lackingRules(p.lacks)
	c.places[vrf] = p
	return nil
}

// lacking says why there can be no tunnels. A module that was missing may have been loaded meanwhile.
func (p *place) lacking() error {
	if p.lacks != nil && p.filter != nil {
		_, err := p.filter.exists()
		p.lacks = lackingRules(err)
	}
	return p.lacks
}

// Detach implements plane.Carrier.
func (c *Carrier) Detach(vrf string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, t := range c.tunnels {
		if id.VRF == vrf {
			return fmt.Errorf("tunnel %s is still in it", id)
		}
		for path, d := range t.devices {
			if d.vrf != vrf {
				continue
			}
			if d.routes+d.sources > 0 {
				return fmt.Errorf("routes into %s are still in it", path)
			}
			if err := c.renew(t, path, c.home(id)); err != nil {
				return err
			}
		}
	}
	if p := c.places[vrf]; p != nil && p.vrf == vrf {
		if err := c.dropTable(p); err != nil {
			return err
		}
		p.close()
	}
	delete(c.places, vrf)
	delete(c.hosts, vrf)
	return nil
}

// home is the VRF that an interface is in as long as nothing leads into it: it is enslaved to none, and was not moved.
func (c *Carrier) home(id dataplane.TunnelID) string { return c.places[id.VRF].vrf }

// keep notes what the interface of a path is by now, and returns where, which routes hold on to. forget notes that it is gone.
func (c *Carrier) keep(t *tunnel, path dataplane.Path, d *device) *device {
	if have := t.devices[path]; have != nil {
		c.uncount(have)
		*have = *d
		d = have
	}
	t.devices[path], c.devices[d.name] = d, d
	c.places[d.vrf].devices++
	return d
}

func (c *Carrier) forget(t *tunnel, path dataplane.Path) {
	d := t.devices[path]
	c.uncount(d)
	delete(t.devices, path)
	delete(c.devices, d.name)
}

func (c *Carrier) uncount(d *device) {
	if d != nil && c.places[d.vrf] != nil {
		c.places[d.vrf].devices--
	}
}

// at returns the place where an interface is, and what it is; no place if it is nowhere.
func (c *Carrier) at(name string) (*place, netlink.Device) {
	for _, p := range c.allPlaces() {
		if d, err := p.host.Look(name); err == nil {
			return p, d
		}
	}
	return nil, netlink.Device{}
}

// place makes the interface of a path exist in a VRF, and says whether it was made. It may be down.
func (c *Carrier) place(path dataplane.Path, vrf string, want netlink.Settings) (d netlink.Device, made bool, err error) {
	name, outer := nameOf(path), c.hosts[path.Tunnel.VRF]
	found, d := c.at(name)
	if found != nil {
		again, err := c.checkDevice(found, name, path)
		if err != nil {
			return d, false, err
		}
		if again {
			if err := found.host.DeleteTunnel(name); err != nil {
				return d, false, err
			}
			found = nil
		}
	}
	if found == nil {
		if d, err = outer.AddTunnel(name, path, want); err != nil {
			return d, false, c.explain(path, err)
		}
		found, made = c.places[path.Tunnel.VRF], true
	}
	d, err = c.hosts[vrf].Place(d, found.host)
	return d, made, err
}

// checkDevice finds out whether an interface is the path's. One that was, until the VRF of its outer packets became another one, has to
// be made again.
func (c *Carrier) checkDevice(at *place, name string, path dataplane.Path) (again bool, err error) {
	switch f, isTunnel, err := at.host.Tunnel(name); {
	case err != nil:
		return false, err
	case !isTunnel:
		return false, fmt.Errorf("interface %s is no tunnel: delete it", name)
	case f.Path != bare(path):
		return false, fmt.Errorf("interface %s has become a tunnel %s: delete it", name, f.Path)
	default:
		return f.Outer != c.hosts[path.Tunnel.VRF].DeviceIndex(), nil
	}
}

// bare is the path as an interface shows it.
func bare(path dataplane.Path) dataplane.Path {
	path.Tunnel.VRF = ""
	return path
}

// explain says which interface is in the way of a new one.
func (c *Carrier) explain(path dataplane.Path, err error) error {
	if p := c.places[path.Tunnel.VRF]; p != nil {
		found, _ := p.host.Tunnels()
		for _, f := range found {
			if f.Path.Tunnel.Local == path.Tunnel.Local && f.Path.Tunnel.Peer == path.Tunnel.Peer && f.Path.Rx == path.Rx && isPresent(err) {
				return fmt.Errorf("%w; %s has these addresses (%s): delete it, or have it be the tunnel interface of the peer", err, f.Name, f.Path)
			}
		}
	}
	return err
}

// renew puts an interface of which nobody makes use into another VRF.
func (c *Carrier) renew(t *tunnel, path dataplane.Path, vrf string) error {
	if d := t.devices[path]; d != nil && d.steered {
		if err := c.unsteer(d); err != nil {
			return err
		}
	}
	d, err := c.setDevice(path, vrf, max(t.configured, 0))
	if err != nil {
		return err
	}
	c.keep(t, path, d)
	return nil
}

// rebuild makes the table of nftables anew. In the default VRF it has the sources that are known and lead somewhere.
func (c *Carrier) rebuild(p *place) error {
	var sources []source
	var paths []int
	if p.vrf == "" {
		sources, paths = c.knownSources(), c.steered()
	}
	counts, err := c.countsOf(p)
	if err == nil {
		err = c.keepDrops(p)
	}
	if err != nil {
		return err
	}
	guards, err := p.filter.rebuild(sources, paths, c.knownGuards(p), contentsOf(c.policies))
	if err != nil {
		return err
	}
	p.guards, p.broken = guards, false
	if p.vrf == "" {
		p.answers.whole = false // for sources that were forgotten
	}
	for part := range slices.Chunk(counts, 2*atOnce) {
		err = errors.Join(err, p.filter.tallies.Change(nil, part))
	}
	return err
}

// knownGuards are those wanted whose chains can be made: what an earlier process has left is gone with its table.
func (c *Carrier) knownGuards(p *place) map[int]guard {
	maps.DeleteFunc(c.policies, func(_ dataplane.PolicyKey, have *policy) bool { return !have.known })
	return c.wantedGuards(p)
}

// knownSources are those that lead somewhere; the others are forgotten.
func (c *Carrier) knownSources() (sources []source) {
	for key, to := range c.sources {
		if t := c.tunnels[to.path.Tunnel]; t != nil && t.devices[to.path] != nil {
			to.mark = netlink.MarkOf(t.devices[to.path].index)
			c.sources[key] = to
			sources = append(sources, source{key, to.mark})
		} else {
			delete(c.sources, key)
		}
	}
	return sources
}

// dropTable removes the table after the last tunnel. A host without nftables has none.
func (c *Carrier) dropTable(p *place) error {
	if p.filter == nil {
		return nil
	}
	if p.vrf == "" {
		if err := c.dropAnswers(); err != nil {
			return err
		}
	}
	if there, err := p.filter.exists(); !there || err != nil {
		return nil
	}
	if p.vrf == "" {
		clear(c.sources)
	}
	p.guards = newGuards()
	c.meter.forgetCounts(p)
	return p.filter.drop()
}

// ensureTable makes the table before the first tunnel.
func (c *Carrier) ensureTable(p *place) error {
	if err := p.lacking(); err != nil {
		return err
	}
	if err := c.settle(p); err != nil || p.devices > 0 {
		return err
	}
	intact, err := p.filter.intact()
	if err != nil || intact {
		return err
	}
	return c.rebuild(p)
}

// tidyTable has the table be as it should be, or not at all. What has happened to it since Look is left to the next one, which makes a repair
// of it that is told of.
func (c *Carrier) tidyTable(p *place) error {
	if p.devices == 0 {
		return c.dropTable(p)
	}
	if !p.broken {
		return c.settle(p)
	}
	c.log.Warn("our nftables table is not as it was, it is made again", "table", tableName, "vrf", p.vrf)
	return c.rebuild(p)
}

// settle makes the table anew of which nobody knows whether its last change has taken place.
func (c *Carrier) settle(p *place) error {
	if p == nil || p.lacks != nil || !p.filter.conn.unsure {
		return nil
	}
	return c.rebuild(p)
}

var errElsewhere = errors.New("it leads to another VRF already; only keys could tell what is for which")
