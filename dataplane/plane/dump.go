package plane

import (
	"context"
	"errors"
	"iter"
	"os"
	"slices"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
)

// held is an object of the host, and the carrier that has it, if one has.
type held struct {
	dataplane.Object
	by Carrier
}

// portion is how many routes are looked at under the lock at once.
const portion = 512

// Dump implements dataplane.Plane. Routes may be many: they are listed once, while others change them, and looked at in portions, between which
// Apply has its turn.
func (p *Plane) Dump(context.Context) iter.Seq2[dataplane.Object, error] {
	return func(yield func(dataplane.Object, error) bool) {
		var v *view
		err := p.turn(yield, func() (_ []held, err error) {
			v = p.newView()
			return nil, nil
		})
		if err == nil {
			v.list()
			err = p.turn(yield, func() ([]held, error) { return p.look(v) })
		}
		for vrf, part := range v.portions {
			if err == nil {
				err = p.turn(yield, func() ([]held, error) { return p.routes(v, vrf, part) })
			}
		}
		if err == nil {
			err = p.turn(yield, func() ([]held, error) { return nil, p.each(Carrier.Tidy) })
		}
		if err != nil && !errors.Is(err, errEnough) {
			yield(nil, err)
		}
	}
}

var errEnough = errors.New("nobody wants more")

// turn does a part of a Dump under the lock, and yields what comes of it.
func (p *Plane) turn(yield func(dataplane.Object, error) bool, do func() ([]held, error)) error {
	p.mu.Lock()
	if p.closing.Err() != nil {
		p.mu.Unlock()
		return os.ErrClosed
	}
	all, err := do()
	for i := range all {
		if p.misplaced(all[i]) {
			all[i].Object = unlike(all[i].Object)
		}
	}
	p.mu.Unlock()
	for _, h := range all {
		if !yield(h.Object, nil) {
			return errEnough
		}
	}
	return err
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

// collect is Dump in one turn, by who has the lock.
func (p *Plane) collect() (all []held, err error) {
	if p.closing.Err() != nil {
		return nil, os.ErrClosed
	}
	v := p.newView()
	v.list()
	if all, err = p.look(v); err != nil {
		return nil, err
	}
	for vrf, part := range v.portions {
		found, err := p.routes(v, vrf, part)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, p.each(Carrier.Tidy)
}

// look lists everything but routes.
func (p *Plane) look(v *view) (all []held, err error) {
	for vrf, host := range v.hosts {
		if p.hosts[vrf] == host && v.failed[host] != nil { // of one that is gone, it does not matter
			return nil, v.failed[host]
		}
	}
	if all, err = p.collectVRFs(v); err != nil {
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
	for vrf, host := range v.hosts {
		if p.hosts[vrf] != host || host.IsPart() {
			continue
		}
		found, err := p.collectHost(v, vrf)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// collectHost lists what a namespace itself has of ours but routes.
func (p *Plane) collectHost(v *view, vrf string) (all []held, err error) {
	host := v.hosts[vrf]
	devices, err := host.Interfaces()
	if err != nil {
		return nil, err
	}
	v.names[host] = netlink.Names(devices)
	changed, err := host.Changed(devices, func(name string) bool { return p.uses(vrf, name) })
	if err != nil {
		return nil, err
	}
	for _, s := range changed {
		s.VRF = vrf
		all = append(all, held{s, nil})
	}
	neighbours, err := host.Neighbours(v.names[host])
	if err != nil {
		return nil, err
	}
	for _, n := range neighbours {
		all = append(all, held{n, nil})
	}
	links, err := host.Links(v.listings[host], v.names[host])
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

// uses reports whether an interface in the network of a VRF is an access link, or made by a carrier.
func (p *Plane) uses(vrf, device string) bool {
	l, access := p.links[device]
	return access && l.VRF == vrf || p.made(p.hosts[vrf], device)
}

func (p *Plane) made(network *netlink.Host, device string) bool {
	return slices.ContainsFunc(p.carriers, func(c Carrier) bool { return c.Made(network, device) })
}

// complete reports whether an interface has everything that putLink gave it.
func (p *Plane) complete(l dataplane.Link, found netlink.AccessLink) bool {
	uplink, err := p.uplink(l)
	uplinks := 2
	if uplink == "" {
		uplinks = 0
	}
	return err == nil && found.Up && found.Rules == 2 && found.Uplinks == uplinks && found.Uplink == uplink && found.Backstops == 2 &&
		found.LinkLocal == l.LinkLocal && (l.MAC == dataplane.MAC{} || l.MAC == found.MAC)
}

// routes says what routes of a VRF are to us.
func (p *Plane) routes(v *view, vrf string, part []netlink.Listed) (all []held, err error) {
	host := v.hosts[vrf]
	if p.hosts[vrf] != host { // it is another one by now, or gone
		return nil, nil
	}
	for _, listed := range part {
		r, ok, err := host.Route(listed, v.names[v.namespace(host)])
		if err != nil {
			return nil, err
		}
		if ok {
			all = append(all, p.route(vrf, r))
		}
	}
	return all, nil
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
