// Package kernel is a forwarding plane that has the Linux kernel do everything: its tunnel interfaces, routes and policy rules, and one
// table of nftables. Nothing that it makes needs the process: after SIGKILL traffic goes on, and the next process takes over what it
// finds (Dump).
//
//	a path (a tunnel, and keys in it)   a tunnel interface, named after the path (device.go)
//	Route into a path                   a route into its interface
//	SourceRoute                         an element of an nftables map that marks packets, and one rule for each path and
//	                                    family that leads marked packets into its interface
//	the check of sources                constant rules of nftables that ask the routing table (rules.go)
//
// Tunnels over UDP have neither keys nor learnt ports here, and exclude one of IP in IP between the same addresses: the kernel forgets
// what a packet came in before it looks for its tunnel.
package kernel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
)

// Options of a Plane. The zero value works, for the process's own namespace.
type Options struct {
	Log *slog.Logger
	// Namespace is where to forward; it must stay open as long as the plane.
	Namespace *netlink.Namespace
}

// Plane is a dataplane.Plane. What it remembers is what the host has; every Dump looks again.
type Plane struct {
	log     *slog.Logger
	host    *netlink.Host
	filter  *filter
	closing context.Context
	close   context.CancelFunc

	mu      sync.Mutex
	tunnels map[dataplane.TunnelID]*tunnel
	routes  map[dataplane.VRFPrefix]dataplane.Path // those into paths
	sources map[dataplane.SourceRouteKey]steering
	links   map[string]dataplane.Link // access interfaces
}

// steering is where a SourceRoute leads.
type steering struct {
	path dataplane.Path // none, when the device that the mark stands for is gone
	mark uint32
}

// Open returns a plane that has taken over what an earlier one has left. It makes the namespace forward.
func Open(o Options) (*Plane, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	host, err := netlink.Open(o.Namespace)
	if err != nil {
		return nil, err
	}
	f, err := openFilter(o.Namespace)
	if err != nil {
		host.Close()
		return nil, err
	}
	p := &Plane{log: o.Log, host: host, filter: f, links: map[string]dataplane.Link{}}
	p.closing, p.close = context.WithCancel(context.Background())
	if err := p.adopt(); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// Close lets go of the host. Everything stays there, and forwards.
func (p *Plane) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing.Err() != nil {
		return nil
	}
	p.close()
	p.filter.close()
	p.host.Close()
	return nil
}

// Apply implements dataplane.Plane.
func (p *Plane) Apply(ctx context.Context, batch []dataplane.Op) []error {
	p.mu.Lock()
	defer p.mu.Unlock()
	errs := make([]error, len(batch))
	for i, op := range batch {
		switch {
		case ctx.Err() != nil:
			errs[i] = ctx.Err()
		case p.closing.Err() != nil:
			errs[i] = os.ErrClosed
		default:
			errs[i] = p.apply(op)
		}
	}
	return errs
}

// apply carries out one operation. It does so once more when somebody had taken our nftables table away.
func (p *Plane) apply(op dataplane.Op) error {
	do := p.put
	if op.Delete {
		do = p.remove
	}
	err := do(op.Object)
	if !isAbsent(err) {
		return err
	}
	if there, e := p.filter.exists(); there || e != nil {
		return err
	}
	if e := p.rebuild(); e != nil {
		return errors.Join(err, e)
	}
	return do(op.Object)
}

func (p *Plane) put(o dataplane.Object) error {
	switch o := o.(type) {
	case dataplane.Tunnel:
		return p.putTunnel(o)
	case dataplane.Route:
		return p.putRoute(o)
	case dataplane.SourceRoute:
		return p.putSourceRoute(o)
	case dataplane.Neighbour:
		return p.host.SetNeighbour(o)
	case dataplane.Link:
		return p.putLink(o)
	}
	return fmt.Errorf("no such object: %T", o)
}

func (p *Plane) remove(o dataplane.Object) error {
	switch o := o.(type) {
	case dataplane.Tunnel:
		return p.removeTunnel(o.ID)
	case dataplane.Route:
		return p.removeRoute(o.VRFPrefix)
	case dataplane.SourceRoute:
		return p.removeSourceRoute(o.Key().(dataplane.SourceRouteKey))
	case dataplane.Neighbour:
		return p.host.DeleteNeighbour(o.Link, o.Addr)
	case dataplane.Link:
		return p.removeLink(o.Name)
	}
	return fmt.Errorf("no such object: %T", o)
}

var errVRF = errors.New("the kernel plane has no VRFs yet")

func (p *Plane) putRoute(o dataplane.Route) error {
	if o.VRF != "" {
		return fmt.Errorf("vrf %s: %w", o.VRF, errVRF)
	}
	old := p.routes[o.VRFPrefix]
	path, tunnelled := dataplane.PathOf(o)
	if !tunnelled {
		if err := p.host.SetRoute(netlink.Route{Prefix: o.Prefix, Device: o.Via.Link}); err != nil {
			return err
		}
		delete(p.routes, o.VRFPrefix)
		return p.lose(old, func(d *device) { d.routes-- })
	}
	if path.Tunnel.VRF == o.VRF && o.Prefix.Contains(path.Tunnel.Peer) {
		return fmt.Errorf("the tunnel's own packets to %s would be led into it", path.Tunnel.Peer)
	}
	d, err := p.device(path)
	if err != nil {
		return err
	}
	if err := p.host.SetRoute(netlink.Route{Prefix: o.Prefix, Device: d.name}); err != nil {
		return errors.Join(err, p.release(path))
	}
	if old != path {
		p.routes[o.VRFPrefix] = path
		d.routes++
		return p.lose(old, func(d *device) { d.routes-- })
	}
	return nil
}

func (p *Plane) removeRoute(o dataplane.VRFPrefix) error {
	if err := p.host.DeleteRoute(o.Prefix, 0); err != nil {
		return err
	}
	old := p.routes[o]
	delete(p.routes, o)
	return p.lose(old, func(d *device) { d.routes-- })
}

func (p *Plane) putSourceRoute(o dataplane.SourceRoute) error {
	if _, ok := p.links[o.Link]; !ok {
		return fmt.Errorf("%s is not an access interface", o.Link)
	}
	d, err := p.device(o.Path)
	if err != nil {
		return err
	}
	if err := p.steer(d); err != nil {
		return errors.Join(err, p.release(o.Path))
	}
	key := o.Key().(dataplane.SourceRouteKey)
	old, replace := p.sources[key]
	now := steering{o.Path, netlink.MarkOf(d.index)}
	if old == now { // replacing it is not free: for a moment, the kernel finds neither
		return nil
	}
	if err := p.filter.put(source{key, now.mark}, replace); err != nil {
		return errors.Join(err, p.release(o.Path))
	}
	p.sources[key] = now
	if old.path != o.Path {
		d.sources++
		return p.lose(old.path, func(d *device) { d.sources-- })
	}
	return nil
}

func (p *Plane) removeSourceRoute(key dataplane.SourceRouteKey) error {
	old, ok := p.sources[key]
	if !ok {
		return nil
	}
	if err := p.filter.remove(key); err != nil && !isAbsent(err) {
		return err
	}
	delete(p.sources, key)
	return p.lose(old.path, func(d *device) { d.sources-- })
}

func (p *Plane) putLink(o dataplane.Link) error {
	if o.VRF != "" {
		return fmt.Errorf("vrf %s: %w", o.VRF, errVRF)
	}
	if err := p.host.SetLink(o, ""); err != nil { // what is not marked is discarded
		return err
	}
	p.links[o.Name] = o
	return nil
}

func (p *Plane) removeLink(name string) error {
	if err := p.host.DeleteLink(name); err != nil {
		return err
	}
	delete(p.links, name)
	var errs []error
	for key := range p.sources {
		if key.Link == name {
			errs = append(errs, p.removeSourceRoute(key))
		}
	}
	return errors.Join(errs...)
}

// Tunnels implements dataplane.Plane. The kernel counts per interface; packets dropped for their source are counted together.
func (p *Plane) Tunnels() (map[dataplane.TunnelID]dataplane.TunnelState, dataplane.Drops) {
	p.mu.Lock()
	defer p.mu.Unlock()
	states := make(map[dataplane.TunnelID]dataplane.TunnelState, len(p.tunnels))
	if p.closing.Err() != nil {
		return states, dataplane.Drops{}
	}
	found, err := p.host.Tunnels()
	if err != nil {
		p.log.Warn("counters of tunnels are not to be had", "error", err)
	}
	for _, f := range found {
		if t := p.tunnels[f.Path.Tunnel]; t != nil && t.devices[f.Path] != nil && f.Name == nameOf(f.Path) {
			states[t.id] = addDevice(states[t.id], f)
		}
	}
	return states, dataplane.Drops{Spoofed: p.filter.spoofed()}
}

func addDevice(s dataplane.TunnelState, f netlink.TunnelDevice) dataplane.TunnelState {
	if s.Device != "" {
		s.Device += ","
	}
	s.Device += f.Name
	if s.MTU == 0 || f.MTU < s.MTU {
		s.MTU = f.MTU
	}
	s.Fast = true
	s.RxPackets += f.Counters.RxPackets
	s.RxOctets += f.Counters.RxOctets
	s.TxPackets += f.Counters.TxPackets
	s.TxOctets += f.Counters.TxOctets
	s.Drops.Add(f.Counters.Drops)
	return s
}
