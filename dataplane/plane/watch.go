package plane

import (
	"context"
	"iter"
	"slices"
	"sync"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
)

// Watch implements dataplane.Plane.
func (p *Plane) Watch(ctx context.Context) iter.Seq2[dataplane.Event, error] {
	return func(yield func(dataplane.Event, error) bool) {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		defer context.AfterFunc(p.closing, stop)()
		w := &watcher{ctx: ctx, plane: p, events: make(chan event, 256)}
		p.mu.Lock()
		if p.closing.Err() != nil {
			p.mu.Unlock()
			return
		}
		p.watchers.add(w)
		host := p.hosts[""] // which belongs to the plane's lock
		p.watchers.running.Go(func() { w.follow(ctx, "", host) })
		for _, v := range p.vrfs {
			p.watchers.follow(w, v)
		}
		p.mu.Unlock()
		defer p.watchers.remove(w)
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

// Notify passes an event on to whoever watches. It does not wait for them.
func (p *Plane) Notify(e dataplane.Event) { p.watchers.notify(e) }

// watchers are the callers of Watch.
type watchers struct {
	running sync.WaitGroup
	mu      sync.Mutex
	all     []*watcher
	access  map[string]bool // interfaces that are access links: the plane's lock may be held for long
}

func (ws *watchers) setAccess(name string, is bool) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if is {
		ws.access[name] = true
	} else {
		delete(ws.access, name)
	}
}

func (ws *watchers) isAccess(name string) bool {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return ws.access[name]
}

func (ws *watchers) add(w *watcher) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.all = append(ws.all, w)
}

func (ws *watchers) remove(w *watcher) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.all = slices.DeleteFunc(ws.all, func(other *watcher) bool { return other == w })
}

// follow has one watch a VRF until that goes. A part of a namespace is watched with the rest of it.
func (ws *watchers) follow(w *watcher, v *vrf) {
	if v.host.IsPart() {
		return
	}
	name, host, present := v.Name, v.host, v.present // which belong to the plane's lock
	ws.running.Go(func() {
		ctx, stop := context.WithCancel(w.ctx)
		defer stop()
		defer context.AfterFunc(present, stop)()
		w.follow(ctx, name, host)
	})
}

// followAll has all watch a VRF that has come.
func (ws *watchers) followAll(v *vrf) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for _, w := range ws.all {
		ws.follow(w, v)
	}
}

func (ws *watchers) notify(events ...dataplane.Event) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for _, w := range ws.all {
		ws.running.Go(func() {
			for _, e := range events {
				w.send(event{Event: e})
			}
		})
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

func (w *watcher) follow(ctx context.Context, vrf string, host *netlink.Host) {
	w.plane.watchers.running.Go(func() {
		host.WatchFilter(ctx, func() { w.send(event{Event: dataplane.Event{Kind: dataplane.Overrun}}) }, func(err error) {
			w.plane.Log.Warn("cannot watch nftables, will try again", "vrf", vrf, "error", err)
		})
	})
	blind := true
	for e, err := range host.Watch(ctx, vrf) {
		if blind {
			blind = false
			w.send(event{Event: dataplane.Event{Kind: dataplane.Overrun}}) // who knows what happened before
		}
		if name, ok := e.Key.(netlink.AlteredKey); ok {
			if !w.plane.altered(host, string(name)) {
				continue
			}
			e = dataplane.Event{Kind: dataplane.Overrun}
		}
		w.send(event{e, err})
	}
}

// altered reports whether an interface is of use to us, and somebody has changed it so that it is not any more.
func (p *Plane) altered(network *netlink.Host, device string) bool {
	made := p.made(network, device)
	if !made && !p.watchers.isAccess(device) {
		return false
	}
	return !network.Forwards(device) || made && slices.ContainsFunc(p.carriers, func(c Carrier) bool { return c.Altered(device) })
}

// send passes on an event, but those about tunnel devices are only for us: if one goes down that is needed, or leaves its VRF, much is lost with it.
func (w *watcher) send(e event) {
	if member, ok := e.Key.(dataplane.MemberKey); ok && w.plane.owned(string(member)) { // we may have put it there ourselves
		if !w.plane.lost(string(member)) {
			return
		}
		e.Event = dataplane.Event{Kind: dataplane.Overrun}
	}
	if e.Link != "" {
		switch {
		case e.Kind == dataplane.LinkDown && w.plane.lost(e.Link):
			e.Event = dataplane.Event{Kind: dataplane.Overrun}
		case w.plane.owned(e.Link):
			return
		}
	}
	select {
	case w.events <- e:
	case <-w.ctx.Done():
	}
}

// owned reports whether a device is, or was, a carrier's own.
func (p *Plane) owned(device string) bool {
	return slices.ContainsFunc(p.carriers, func(c Carrier) bool { return c.Owns(device) })
}

// lost reports whether a carrier misses a device that is not up.
func (p *Plane) lost(device string) bool {
	return slices.ContainsFunc(p.carriers, func(c Carrier) bool { return c.Lost(device) })
}
