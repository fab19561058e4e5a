// Package fake is a forwarding plane in memory, with the manners of a real host: a route needs its tunnel and its
// interface, an interface that goes away takes everything on it along without a word. Switches make it fail.
package fake

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"mooring/dataplane"
)

// Plane is a dataplane.Plane. Make one with New; its methods may be called concurrently.
type Plane struct {
	mu       sync.Mutex
	objects  map[any]dataplane.Object // by slot
	links    map[string]dataplane.MAC
	adopted  map[string]dataplane.Adoption // that were asked for, by interface
	counters map[dataplane.TunnelID]dataplane.Counters
	sessions map[dataplane.SessionID]dataplane.Counters
	watchers map[chan dataplane.Event]bool
	applied  []dataplane.Op // what succeeded, in order
	failNext int
	failKeys map[any]error
	slow     time.Duration
	slowDump time.Duration
	dumps    int // that were begun
	removals int // of objects, by Apply
}

// slot is where an object is: that of its key, but of routes one for each Standing, as hosts have them.
func slot(o dataplane.Object) any {
	if r, ok := o.(dataplane.Route); ok {
		return standing{dataplane.RouteKey(r.VRFPrefix), r.Standing}
	}
	return o.Key()
}

type standing struct {
	dataplane.RouteKey
	dataplane.Standing
}

// remove takes away everything with a key that keep does not say to keep.
func (p *Plane) remove(key any, keep func(slot any) bool) {
	if _, ok := key.(dataplane.RouteKey); !ok {
		delete(p.objects, key)
		return
	}
	maps.DeleteFunc(p.objects, func(at any, o dataplane.Object) bool { return o.Key() == key && !keep(at) })
}

func nothing(any) bool { return false }

// New returns an empty host that has the interfaces of the given names, all up.
func New(links ...string) *Plane {
	p := &Plane{
		objects: map[any]dataplane.Object{}, links: map[string]dataplane.MAC{}, adopted: map[string]dataplane.Adoption{},
		counters: map[dataplane.TunnelID]dataplane.Counters{}, sessions: map[dataplane.SessionID]dataplane.Counters{},
		watchers: map[chan dataplane.Event]bool{}, failKeys: map[any]error{},
	}
	for i, name := range links {
		p.links[name] = dataplane.MAC{2, 0, 0, 0, 0, byte(i + 1)}
	}
	return p
}

// ErrFault is the error of the switch FailNext.
var ErrFault = errors.New("fault switch")

// FailNext makes the next n operations fail.
func (p *Plane) FailNext(n int) { p.locked(func() { p.failNext = n }) }

// FailKey makes every operation on the object fail with err; nil heals it.
func (p *Plane) FailKey(key any, err error) { p.locked(func() { p.failKeys[key] = err }) }

// Slow makes every Apply take d.
func (p *Plane) Slow(d time.Duration) { p.locked(func() { p.slow = d }) }

// SlowDump makes every Dump take d for each object. As with lists of some hosts, of what is removed meanwhile others are left out, though not twice
// in a row.
func (p *Plane) SlowDump(d time.Duration) { p.locked(func() { p.slowDump = d }) }

// Put places an object on the host as an earlier process would have left it.
func (p *Plane) Put(o dataplane.Object) { p.locked(func() { p.objects[slot(o)] = o }) }

// Lose removes an object as a stranger would, with an event.
func (p *Plane) Lose(key any) {
	p.locked(func() {
		p.remove(key, nothing)
		p.send(dataplane.Event{Kind: dataplane.ObjectLost, Key: key})
	})
}

// LoseSilently removes an object, and no event says so.
func (p *Plane) LoseSilently(key any) { p.locked(func() { p.remove(key, nothing) }) }

// Take takes tunnels away, with what leads into them, as a plane does that has another carrier have them.
func (p *Plane) Take(which func(dataplane.TunnelID) bool) { p.locked(func() { p.dropTunnels(which) }) }

// Send delivers an event to everybody who watches.
func (p *Plane) Send(e dataplane.Event) { p.locked(func() { p.send(e) }) }

// AddLink makes an interface appear, up.
func (p *Plane) AddLink(name string, mac dataplane.MAC) {
	p.locked(func() {
		p.links[name] = mac
		p.send(dataplane.Event{Kind: dataplane.LinkUp, Link: name, MAC: mac})
	})
}

// RemoveLink makes an interface vanish with everything on it.
func (p *Plane) RemoveLink(name string) {
	p.locked(func() {
		delete(p.links, name)
		maps.DeleteFunc(p.objects, func(_ any, o dataplane.Object) bool { return dataplane.LinkOf(o) == name })
		if a, ok := p.adopted[name]; ok {
			p.dropTunnels(a.Covers)
		}
		p.send(dataplane.Event{Kind: dataplane.LinkDown, Link: name})
	})
}

// Count sets the counters of a tunnel.
func (p *Plane) Count(id dataplane.TunnelID, c dataplane.Counters) {
	p.locked(func() { p.counters[id] = c })
}

// Carry counts traffic that goes by the route for a prefix.
func (p *Plane) Carry(at dataplane.VRFPrefix, c dataplane.Counters) {
	p.locked(func() {
		for _, o := range p.objects {
			r, ok := o.(dataplane.Route)
			if !ok || r.VRFPrefix != at {
				continue
			}
			p.counters[r.Via.Path.Tunnel] = p.counters[r.Via.Path.Tunnel].Plus(c)
			if r.Owner != 0 {
				p.sessions[r.Owner] = p.sessions[r.Owner].Plus(c)
			}
		}
	})
}

// SessionUsage returns what Carry has counted for a session.
func (p *Plane) SessionUsage(id dataplane.SessionID) (c dataplane.Counters, ok bool) {
	p.locked(func() { c, ok = p.sessions[id] })
	return c, ok
}

// TunnelUsage returns what Count and Carry have counted of a tunnel.
func (p *Plane) TunnelUsage(id dataplane.TunnelID) (c dataplane.Counters, ok bool) {
	p.locked(func() { c, ok = p.counters[id] })
	return c, ok
}

// Applied returns the operations that succeeded since the last call, in their order.
func (p *Plane) Applied() []dataplane.Op {
	p.mu.Lock()
	defer p.mu.Unlock()
	ops := p.applied
	p.applied = nil
	return ops
}

// Apply implements dataplane.Plane.
func (p *Plane) Apply(ctx context.Context, batch []dataplane.Op) []error {
	p.mu.Lock()
	slow := p.slow
	p.mu.Unlock()
	if slow > 0 {
		select {
		case <-time.After(slow):
		case <-ctx.Done():
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	errs := make([]error, len(batch))
	for i, op := range batch {
		if errs[i] = p.apply(op); errs[i] == nil {
			p.applied = append(p.applied, op)
		}
	}
	return errs
}

func (p *Plane) apply(op dataplane.Op) error {
	key := op.Object.Key()
	if p.failNext > 0 {
		p.failNext--
		return ErrFault
	}
	if err := p.failKeys[key]; err != nil {
		return err
	}
	if op.Delete {
		if err := p.unused(key); err != nil {
			return err
		}
		delete(p.objects, slot(op.Object))
		p.removals++
		if a, ok := op.Object.(dataplane.Adoption); ok {
			p.dropTunnels(a.Covers)
			delete(p.adopted, a.Device)
		}
		if op.Strays {
			p.remove(key, nothing)
		}
		return nil
	}
	if a, ok := op.Object.(dataplane.Adoption); ok {
		p.adopt(a)
	}
	if err := p.supported(op.Object); err != nil {
		return err
	}
	p.objects[slot(op.Object)] = op.Object
	if op.Strays {
		p.remove(key, func(at any) bool { return at == slot(op.Object) })
	}
	return nil
}

// supported says what an object lacks to exist.
func (p *Plane) supported(o dataplane.Object) error {
	if name := dataplane.LinkOf(o); name != "" {
		if _, ok := p.links[name]; !ok {
			return fmt.Errorf("interface %s: %w", name, dataplane.ErrNoLink)
		}
	}
	for _, vrf := range vrfsOf(o) {
		if vrf != "" && p.objects[dataplane.VRFKey(vrf)] == nil {
			return fmt.Errorf("there is no VRF %s", vrf)
		}
	}
	if source, ok := o.(dataplane.SourceRoute); ok && p.objects[dataplane.LinkKey(source.Link)] == nil {
		return fmt.Errorf("%s is not an access interface", source.Link)
	}
	if t, ok := o.(dataplane.Tunnel); ok {
		for name, a := range p.adopted {
			if _, there := p.links[name]; a.Covers(t.ID) && !there {
				return fmt.Errorf("interface %s: %w", name, dataplane.ErrNoLink)
			}
		}
	}
	if path, ok := dataplane.PathOf(o); ok && p.objects[path.Tunnel] == nil {
		return fmt.Errorf("no tunnel %s", path.Tunnel)
	}
	return nil
}

// adopt has the tunnels of an adoption be its interface from now on: what they were is gone, with what led into them.
func (p *Plane) adopt(a dataplane.Adoption) {
	if p.adopted[a.Device] != a {
		p.adopted[a.Device] = a
		p.dropTunnels(a.Covers)
	}
}

// dropTunnels removes tunnels and what leads into them.
func (p *Plane) dropTunnels(which func(dataplane.TunnelID) bool) {
	maps.DeleteFunc(p.objects, func(_ any, o dataplane.Object) bool {
		t, ok := o.(dataplane.Tunnel)
		path, leads := dataplane.PathOf(o)
		return ok && which(t.ID) || leads && which(path.Tunnel)
	})
}

// vrfsOf names the VRFs that an object needs, which may be the default one.
func vrfsOf(o dataplane.Object) []string {
	switch o := o.(type) {
	case dataplane.Member:
		return []string{o.VRF}
	case dataplane.Link:
		return []string{o.VRF}
	case dataplane.Policy:
		return []string{o.VRF}
	case dataplane.Tunnel:
		return []string{o.ID.VRF}
	case dataplane.Route:
		return []string{o.VRF, o.Via.Path.Tunnel.VRF}
	}
	return nil
}

// unused says what still leans on an object that is to go.
func (p *Plane) unused(key any) error {
	for _, o := range p.objects {
		if path, ok := dataplane.PathOf(o); ok && key == any(path.Tunnel) {
			return fmt.Errorf("in use by %s", o)
		}
		for _, vrf := range vrfsOf(o) {
			if key == any(dataplane.VRFKey(vrf)) {
				return fmt.Errorf("in use by %s", o)
			}
		}
	}
	return nil
}

// Dump implements dataplane.Plane.
func (p *Plane) Dump(ctx context.Context) iter.Seq2[dataplane.Object, error] {
	return func(yield func(dataplane.Object, error) bool) {
		p.mu.Lock()
		p.dumps++
		objects, slow, removals, exact := slices.Collect(maps.Values(p.objects)), p.slowDump, p.removals, p.dumps%2 == 0
		p.mu.Unlock()
		for _, o := range objects {
			if slow > 0 {
				select {
				case <-time.After(slow):
				case <-ctx.Done():
					yield(nil, ctx.Err())
					return
				}
				p.mu.Lock()
				skip := removals < p.removals && !exact
				removals = min(removals+1, p.removals)
				p.mu.Unlock()
				if skip {
					continue
				}
			}
			if !yield(o, nil) {
				return
			}
		}
	}
}

// Watch implements dataplane.Plane.
func (p *Plane) Watch(ctx context.Context) iter.Seq2[dataplane.Event, error] {
	return func(yield func(dataplane.Event, error) bool) {
		events := make(chan dataplane.Event, 1024)
		p.mu.Lock()
		for _, name := range slices.Sorted(maps.Keys(p.links)) {
			events <- dataplane.Event{Kind: dataplane.LinkUp, Link: name, MAC: p.links[name]}
		}
		p.watchers[events] = true
		p.mu.Unlock()
		defer p.locked(func() { delete(p.watchers, events) })
		for {
			select {
			case e := <-events:
				if !yield(e, nil) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

// Tunnels implements dataplane.Plane.
func (p *Plane) Tunnels() (map[dataplane.TunnelID]dataplane.TunnelState, dataplane.Drops) {
	p.mu.Lock()
	defer p.mu.Unlock()
	tunnels := map[dataplane.TunnelID]dataplane.TunnelState{}
	for _, o := range p.objects {
		if t, ok := o.(dataplane.Tunnel); ok {
			state := dataplane.TunnelState{Device: "fake", MTU: t.MTU, Counters: p.counters[t.ID]}
			for name, a := range p.adopted {
				if a.Covers(t.ID) {
					state.Device, state.Adopted = name, true
				}
			}
			tunnels[t.ID] = state
		}
	}
	return tunnels, dataplane.Drops{}
}

func (p *Plane) locked(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

func (p *Plane) send(e dataplane.Event) {
	for events := range p.watchers {
		events <- e
	}
}
