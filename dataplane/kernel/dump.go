package kernel

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
)

// adopt takes over what an earlier process has left, and puts the rules of this one in the place of others.
func (p *Plane) adopt() error {
	if _, err := p.look(); err != nil {
		return err
	}
	intact, err := p.filter.intact()
	if err != nil || intact {
		return err
	}
	return p.rebuild()
}

// Dump implements dataplane.Plane.
func (p *Plane) Dump(context.Context) iter.Seq2[dataplane.Object, error] {
	return func(yield func(dataplane.Object, error) bool) {
		objects, err := p.collect()
		for _, o := range objects {
			if !yield(o, nil) {
				return
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

func (p *Plane) collect() ([]dataplane.Object, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing.Err() != nil {
		return nil, os.ErrClosed
	}
	objects, err := p.look()
	if err != nil {
		return nil, err
	}
	intact, err := p.filter.intact()
	if err == nil && !intact {
		p.log.Warn("somebody has changed our nftables table, it is made again", "table", tableName)
		err = p.rebuild()
	}
	return objects, errors.Join(err, p.mend())
}

// look reads everything of ours off the host, and remembers that.
func (p *Plane) look() (objects []dataplane.Object, err error) {
	devices, err := p.lookAtTunnels()
	if err != nil {
		return nil, err
	}
	for id, t := range p.tunnels {
		if t.devices[dataplane.Path{Tunnel: id}] != nil {
			objects = append(objects, dataplane.Tunnel{ID: id, MTU: t.configured})
		}
	}
	for _, f := range []func(map[string]dataplane.Path) ([]dataplane.Object, error){p.lookAtRoutes, p.lookAtSources, p.lookAtLinks} {
		found, err := f(devices)
		if err != nil {
			return nil, err
		}
		objects = append(objects, found...)
	}
	return objects, nil
}

// lookAtTunnels returns the paths of our interfaces by their names.
func (p *Plane) lookAtTunnels() (map[string]dataplane.Path, error) {
	found, err := p.host.Tunnels()
	if err != nil {
		return nil, err
	}
	marks, err := p.host.Marks()
	if err != nil {
		return nil, err
	}
	p.tunnels = map[dataplane.TunnelID]*tunnel{}
	paths := map[string]dataplane.Path{}
	for _, f := range found {
		if !ours(f) {
			continue
		}
		id := f.Path.Tunnel
		t := p.tunnels[id]
		if t == nil {
			t = &tunnel{id: id, devices: map[dataplane.Path]*device{}}
			p.tunnels[id] = t
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
		err = errors.Join(err, p.host.UnsteerMark(index))
	}
	return paths, err
}

func (p *Plane) lookAtRoutes(devices map[string]dataplane.Path) (objects []dataplane.Object, err error) {
	routes, err := p.host.Routes()
	if err != nil {
		return nil, err
	}
	p.routes = map[dataplane.VRFPrefix]dataplane.Path{}
	for _, r := range routes {
		o := dataplane.Route{VRFPrefix: dataplane.VRFPrefix{Prefix: r.Prefix}}
		path, tunnelled := devices[r.Device]
		switch {
		case r.Device == "":
			o.Via.Blackhole = true
		case tunnelled:
			o.Via.Path = path
			p.routes[o.VRFPrefix] = path
			p.tunnels[path.Tunnel].devices[path].routes++
		default:
			o.Via.Link = r.Device
		}
		objects = append(objects, o)
	}
	return objects, nil
}

func (p *Plane) lookAtSources(devices map[string]dataplane.Path) (objects []dataplane.Object, err error) {
	sources, err := p.filter.sources()
	if err != nil {
		return nil, err
	}
	byMark := map[uint32]dataplane.Path{}
	for _, path := range devices {
		byMark[netlink.MarkOf(p.tunnels[path.Tunnel].devices[path].index)] = path
	}
	p.sources = map[dataplane.SourceRouteKey]steering{}
	for _, s := range sources {
		path, ok := byMark[s.mark]
		p.sources[s.SourceRouteKey] = steering{path, s.mark} // no path differs from what anybody wants
		if ok {
			p.tunnels[path.Tunnel].devices[path].sources++
		}
		objects = append(objects, dataplane.SourceRoute{Link: s.Link, Source: s.Source, Path: path})
	}
	return objects, nil
}

func (p *Plane) lookAtLinks(map[string]dataplane.Path) (objects []dataplane.Object, err error) {
	neighbours, err := p.host.Neighbours()
	if err != nil {
		return nil, err
	}
	for _, n := range neighbours {
		objects = append(objects, n)
	}
	links, err := p.host.Links()
	if err != nil {
		return nil, err
	}
	for name, found := range links {
		l := dataplane.Link{Name: name, MAC: found.MAC, LinkLocal: found.LinkLocal} // after a restart, to be looked at
		if known, ok := p.links[name]; ok && complete(known, found) {
			l = known
		} else {
			l.VRF = "?" // which nobody has: it is put right
		}
		objects = append(objects, l)
	}
	return objects, nil
}

// complete reports whether an interface has everything that SetLink gave it.
func complete(l dataplane.Link, found netlink.AccessLink) bool {
	return found.Up && found.Rules == 2 && found.Uplinks == 0 && found.LinkLocal == l.LinkLocal && (l.MAC == dataplane.MAC{} || l.MAC == found.MAC)
}

// rebuild makes the table of nftables anew, with the sources that are known and lead somewhere.
func (p *Plane) rebuild() error {
	var sources []source
	for key, to := range p.sources {
		if t := p.tunnels[to.path.Tunnel]; t != nil && t.devices[to.path] != nil {
			to.mark = netlink.MarkOf(t.devices[to.path].index)
			p.sources[key] = to
			sources = append(sources, source{key, to.mark})
		} else {
			delete(p.sources, key)
		}
	}
	return p.filter.rebuild(sources, p.steered())
}

// mend does for interfaces what no object stands for: those of paths that nothing leads into go, and marks lead where they should.
func (p *Plane) mend() error {
	var errs []error
	for _, t := range p.tunnels {
		for path, d := range t.devices {
			if d.sources > 0 && !d.steered && !d.down {
				errs = append(errs, p.steer(d))
			}
			if err := p.release(path); err != nil {
				errs = append(errs, fmt.Errorf("interface %s: %w", d.name, err))
			}
		}
	}
	return errors.Join(errs...)
}
