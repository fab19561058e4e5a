package plane

import (
	"context"
	"iter"
	"os"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
)

// held is an object of the host, and the carrier that has it, if one has.
type held struct {
	dataplane.Object
	by Carrier
}

// Dump implements dataplane.Plane.
func (p *Plane) Dump(context.Context) iter.Seq2[dataplane.Object, error] {
	return func(yield func(dataplane.Object, error) bool) {
		p.mu.Lock()
		all, err := p.collect()
		for i := range all {
			if p.misplaced(all[i]) {
				all[i].Object = unlike(all[i].Object)
			}
		}
		p.mu.Unlock()
		for _, h := range all {
			if !yield(h.Object, nil) {
				return
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// unlike returns an object of the same key that nobody wants, so that it is put right.
func unlike(o dataplane.Object) dataplane.Object {
	switch o := o.(type) {
	case dataplane.VRF:
		o.Table = -1
		return o
	case dataplane.Tunnel:
		o.MTU = -1
		return o
	case dataplane.Route:
		o.Via = dataplane.Target{}
		return o
	case dataplane.SourceRoute:
		o.Path = dataplane.Path{}
		return o
	case dataplane.Link:
		o.MAC = dataplane.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff} // of everybody
		return o
	}
	return o
}

func (p *Plane) collect() (all []held, err error) {
	if p.closing.Err() != nil {
		return nil, os.ErrClosed
	}
	if all, err = p.collectVRFs(); err != nil {
		return nil, err
	}
	for _, policy := range p.policies {
		all = append(all, held{policy, nil})
	}
	all = append(all, p.collectAdoptions()...)
	for _, c := range p.carriers {
		objects, err := c.Look()
		if err != nil {
			return nil, err
		}
		for _, o := range objects {
			all = append(all, held{o, c})
		}
	}
	for vrf, host := range p.hosts {
		found, err := p.collectHost(vrf, host)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, p.each(Carrier.Tidy)
}

// collectHost lists what the host itself has of ours.
func (p *Plane) collectHost(vrf string, host *netlink.Host) (all []held, err error) {
	routes, err := host.Routes()
	if err != nil {
		return nil, err
	}
	for _, r := range routes {
		all = append(all, p.route(vrf, r))
	}
	neighbours, err := host.Neighbours()
	if err != nil {
		return nil, err
	}
	for _, n := range neighbours {
		all = append(all, held{n, nil})
	}
	links, err := host.Links()
	if err != nil {
		return nil, err
	}
	for name, found := range links {
		l := dataplane.Link{Name: name, VRF: vrf}
		if known, ok := p.links[name]; ok && known.VRF == vrf && p.complete(known, found) {
			l = known
		} else {
			l = unlike(l).(dataplane.Link)
		}
		all = append(all, held{l, nil})
	}
	return all, nil
}

// complete reports whether an interface has everything that putLink gave it.
func (p *Plane) complete(l dataplane.Link, found netlink.AccessLink) bool {
	uplink, err := p.uplink(l)
	uplinks := 2
	if uplink == "" {
		uplinks = 0
	}
	return err == nil && found.Up && found.Rules == 2 && found.Uplinks == uplinks && found.Uplink == uplink &&
		found.LinkLocal == l.LinkLocal && (l.MAC == dataplane.MAC{} || l.MAC == found.MAC)
}

// route says what a route of the host is to us.
func (p *Plane) route(vrf string, r netlink.Route) held {
	o := dataplane.Route{VRFPrefix: dataplane.VRFPrefix{VRF: vrf, Prefix: r.Prefix}, Standing: r.Standing}
	if r.Device == "" {
		o.Via.Blackhole = true
		return held{o, nil}
	}
	for _, c := range p.carriers {
		if path, ok := c.Found(o.VRFPrefix, r.Device); ok {
			o.Via.Path = path
			return held{o, c}
		}
	}
	o.Via.Link = r.Device
	return held{o, nil}
}
