package usertun

import (
	"context"
	"fmt"
	"iter"
	"os"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
)

// mend makes devices again that somebody deleted, and brings up those that somebody took down. Dump then shows what they
// lost.
func (p *Plane) mend() error {
	for _, host := range p.hosts {
		up, err := host.Devices()
		if err != nil {
			return err
		}
		for _, d := range p.devices() {
			if d.host != host || up[d.name] != nil && !d.dead.Load() {
				continue
			}
			if err := p.mendDevice(d); err != nil {
				return fmt.Errorf("make device %s again: %w", d.name, err)
			}
		}
	}
	return nil
}

func (p *Plane) mendDevice(d *device) error {
	if !d.dead.Load() {
		if err := d.up(); !netlink.IsGone(err) { // who reads it may not know yet that it is
			return err
		}
	}
	again, err := p.openDevice(d.side, d.vrf, d.alias)
	if err != nil {
		return err
	}
	for prefix, r := range d.routes.Load().All() {
		again.insert(prefix, r)
	}
	d.empty()
	d.close()
	if d.side == dataplane.Anchor {
		p.anchors[d.vrf] = again
		return nil
	}
	for _, a := range p.access {
		if a.device == d {
			a.device = again
		}
	}
	return nil
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

func (p *Plane) collect() (objects []dataplane.Object, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed() {
		return nil, os.ErrClosed
	}
	if err := p.mend(); err != nil {
		return nil, err
	}
	for id, t := range p.tunnels {
		objects = append(objects, dataplane.Tunnel{ID: id, MTU: int(t.configured.Load())})
	}
	for name, a := range p.access {
		for prefix, r := range a.device.routes.Load().All() {
			objects = append(objects, dataplane.SourceRoute{Link: name, Source: prefix, Path: r.path()})
		}
	}
	for vrf, host := range p.hosts {
		found, err := p.collectHost(vrf, host)
		if err != nil {
			return nil, err
		}
		objects = append(objects, found...)
	}
	return objects, nil
}

// collectHost lists what the host itself has of ours.
func (p *Plane) collectHost(vrf string, host *netlink.Host) (objects []dataplane.Object, err error) {
	routes, err := host.Routes()
	if err != nil {
		return nil, err
	}
	for _, r := range routes {
		objects = append(objects, p.object(vrf, r))
	}
	neighbours, err := host.Neighbours()
	if err != nil {
		return nil, err
	}
	for _, n := range neighbours {
		objects = append(objects, n)
	}
	links, err := host.Links()
	if err != nil {
		return nil, err
	}
	for name, found := range links {
		l := dataplane.Link{Name: name, VRF: vrf} // which differs from what anybody wants
		if a := p.access[name]; a != nil && a.VRF == vrf && a.complete(found) {
			l = a.Link
		}
		objects = append(objects, l)
	}
	return objects, nil
}

// complete reports whether an interface has everything that SetLink gave it.
func (a *access) complete(found netlink.AccessLink) bool {
	return found.Up && found.Rules == 2 && found.Uplinks == 2 && found.Uplink == a.device.name &&
		found.LinkLocal == a.LinkLocal && (a.MAC == dataplane.MAC{} || a.MAC == found.MAC)
}

// object says what a route of the host is to us.
func (p *Plane) object(vrf string, r netlink.Route) dataplane.Route {
	o := dataplane.Route{VRFPrefix: dataplane.VRFPrefix{VRF: vrf, Prefix: r.Prefix}}
	d := p.anchors[vrf]
	switch {
	case r.Device == "":
		o.Via.Blackhole = true
	case d != nil && d.name == r.Device:
		if inner, ok := d.routes.Load().Get(r.Prefix); ok {
			o.Via.Path = inner.path()
			break
		}
		fallthrough
	default:
		o.Via.Link = r.Device
	}
	return o
}

// Watch implements dataplane.Plane.
func (p *Plane) Watch(ctx context.Context) iter.Seq2[dataplane.Event, error] {
	return func(yield func(dataplane.Event, error) bool) {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		p.running.Go(func() {
			defer stop()
			select {
			case <-p.closing:
			case <-ctx.Done():
			}
		})
		w := &watcher{ctx: ctx, plane: p, events: make(chan event, 256)}
		p.mu.Lock()
		p.watchers[w] = true
		for vrf, host := range p.hosts {
			w.follow(vrf, host)
		}
		p.mu.Unlock()
		defer func() {
			p.mu.Lock()
			delete(p.watchers, w)
			p.mu.Unlock()
		}()
		for {
			select {
			case <-ctx.Done():
				return
			case e := <-w.events:
				if !yield(e.Event, e.err) || e.err != nil {
					return
				}
			}
		}
	}
}

// watcher gathers the events of all hosts for one caller of Watch.
type watcher struct {
	ctx    context.Context
	plane  *Plane
	events chan event
}

type event struct {
	dataplane.Event
	err error
}

// follow starts to watch a host.
func (w *watcher) follow(vrf string, host *netlink.Host) {
	w.plane.running.Go(func() {
		blind := true
		for e, err := range host.Watch(w.ctx, vrf) {
			if blind {
				blind = false
				w.send(event{Event: dataplane.Event{Kind: dataplane.Overrun}}) // who knows what happened before
			}
			w.send(event{e, err})
		}
	})
}

// send passes on an event, but those about our own devices are only for us: if one goes down, much is lost with it.
func (w *watcher) send(e event) {
	if e.Link != "" && w.plane.ours(e.Link) {
		if e.Kind == dataplane.LinkUp {
			return
		}
		e.Event = dataplane.Event{Kind: dataplane.Overrun}
	}
	select {
	case w.events <- e:
	case <-w.ctx.Done():
	}
}

func (p *Plane) notify(e dataplane.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for w := range p.watchers {
		p.running.Go(func() { w.send(event{Event: e}) })
	}
}

func (p *Plane) ours(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range p.devices() {
		if d.name == name {
			return true
		}
	}
	return false
}
