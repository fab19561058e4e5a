package kernel

import (
	"errors"
	"fmt"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
)

// Look implements plane.Carrier.
func (c *Carrier) Look() (objects []dataplane.Object, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lacks != nil {
		return nil, nil
	}
	if c.names, err = c.lookAtTunnels(); err != nil {
		return nil, err
	}
	c.routes = map[dataplane.VRFPrefix]dataplane.Path{}
	for id, t := range c.tunnels {
		if t.devices[dataplane.Path{Tunnel: id}] != nil {
			objects = append(objects, dataplane.Tunnel{ID: id, MTU: t.configured})
		}
	}
	sources, err := c.lookAtSources(c.names)
	return append(objects, sources...), err
}

// Found implements plane.Carrier.
func (c *Carrier) Found(at dataplane.VRFPrefix, device string) (dataplane.Path, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	path, ok := c.names[device]
	if ok {
		c.routes[at] = path
		c.tunnels[path.Tunnel].devices[path].routes++
	}
	return path, ok
}

// Tidy implements plane.Carrier. It does what no object stands for: the table of nftables is as it should be, interfaces of paths that
// nothing leads into go, and marks lead where they should.
func (c *Carrier) Tidy() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.lacks != nil:
		return nil
	case len(c.tunnels) == 0:
		return c.dropTable()
	}
	var errs []error
	intact, err := c.filter.intact()
	if err == nil && !intact {
		c.log.Warn("our nftables table is not as it was, it is made again", "table", tableName)
		err = c.rebuild()
	}
	errs = append(errs, err)
	for _, t := range c.tunnels {
		for path, d := range t.devices {
			if d.sources > 0 && !d.steered && !d.down {
				errs = append(errs, c.steer(d))
			}
			if err := c.release(path); err != nil {
				errs = append(errs, fmt.Errorf("interface %s: %w", d.name, err))
			}
		}
	}
	return errors.Join(errs...)
}

// lookAtTunnels returns the paths of our interfaces by their names.
func (c *Carrier) lookAtTunnels() (map[string]dataplane.Path, error) {
	found, err := c.host.Tunnels()
	if err != nil {
		return nil, err
	}
	marks, err := c.host.Marks()
	if err != nil {
		return nil, err
	}
	c.tunnels = map[dataplane.TunnelID]*tunnel{}
	paths := map[string]dataplane.Path{}
	for _, f := range found {
		if !ours(f) {
			continue
		}
		id := f.Path.Tunnel
		t := c.tunnels[id]
		if t == nil {
			t = &tunnel{id: id, devices: map[dataplane.Path]*device{}}
			c.tunnels[id] = t
		}
		t.devices[f.Path] = &device{name: f.Name, index: f.Index, steered: marks[f.Index] == netlink.MarkComplete, down: !f.Up}
		delete(marks, f.Index)
		if n := configuredMTU(f.Alias); !f.Up || n < 0 || n > 0 && n != f.MTU {
			t.configured = -1 // which nobody wants: it is put right
		} else if t.configured == 0 {
			t.configured = n
		}
		paths[f.Name] = f.Path
	}
	for index := range marks { // of devices that are gone
		err = errors.Join(err, c.host.UnsteerMark(index))
	}
	return paths, err
}

func (c *Carrier) lookAtSources(devices map[string]dataplane.Path) (objects []dataplane.Object, err error) {
	sources, err := c.filter.sources()
	if err != nil && len(c.tunnels) > 0 { // a host without nftables has none
		return nil, err
	}
	byMark := map[uint32]dataplane.Path{}
	for _, path := range devices {
		byMark[netlink.MarkOf(c.tunnels[path.Tunnel].devices[path].index)] = path
	}
	c.sources = map[dataplane.SourceRouteKey]steering{}
	for _, s := range sources {
		path, ok := byMark[s.mark]
		c.sources[s.SourceRouteKey] = steering{path, s.mark} // no path differs from what anybody wants
		if ok {
			c.tunnels[path.Tunnel].devices[path].sources++
		}
		objects = append(objects, dataplane.SourceRoute{Link: s.Link, Source: s.Source, Path: path})
	}
	return objects, nil
}

// rebuild makes the table of nftables anew, with the sources that are known and lead somewhere.
func (c *Carrier) rebuild() error {
	var sources []source
	for key, to := range c.sources {
		if t := c.tunnels[to.path.Tunnel]; t != nil && t.devices[to.path] != nil {
			to.mark = netlink.MarkOf(t.devices[to.path].index)
			c.sources[key] = to
			sources = append(sources, source{key, to.mark})
		} else {
			delete(c.sources, key)
		}
	}
	return c.filter.rebuild(sources, c.steered())
}

// dropTable removes the table after the last tunnel. A host without nftables has none.
func (c *Carrier) dropTable() error {
	if there, err := c.filter.exists(); !there || err != nil {
		return nil
	}
	clear(c.sources)
	return c.filter.drop()
}

// ensureTable makes the table before the first tunnel.
func (c *Carrier) ensureTable() error {
	intact, err := c.filter.intact()
	if err != nil || intact {
		return err
	}
	return c.rebuild()
}
