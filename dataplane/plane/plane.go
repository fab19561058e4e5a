// Package plane is the forwarding plane of a host. It makes what any host can: routes, neighbours and access interfaces. Tunnels are the
// business of carriers: which carrier has a tunnel is chosen by the tunnel's identifier, and may change while traffic flows.
package plane

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"sync"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
)

// Options of a Plane. The zero value works, for the process's own namespace.
type Options struct {
	Log *slog.Logger
	// Namespace is that of the default VRF, which must stay open as long as the plane; nil for that of the process.
	Namespace *netlink.Namespace
	// Names is a folder for the names of namespaces that VRFs are where the kernel has no vrf interfaces, so that they outlive the process.
	// Empty: they do not.
	Names string
	// Notes are of interfaces on their way to other VRFs. Where they have no folder, an end of the process costs an interface that is just then on
	// its way its addresses and the routes over it.
	Notes netlink.Notes
	// NoVRFDevices has VRFs be namespaces also where the kernel has vrf interfaces.
	NoVRFDevices bool
	// Renewed is told of a VRF that has come without being reserved, or that somebody had removed and that is made again: sockets in it are
	// missing, or deaf. It does not block.
	Renewed func(vrf string)
}

// Choice says which carriers do what.
type Choice struct {
	Of func(dataplane.TunnelID) Carrier // who has a tunnel; one of the plane's
	// Rest takes what nodes send that no source route covers, to count it. Nil: the host discards it.
	Rest Carrier
}

// Plane is a dataplane.Plane.
type Plane struct {
	Options
	carriers []Carrier
	closing  context.Context
	close    context.CancelFunc
	watchers watchers

	mu      sync.Mutex
	choice  Choice
	hosts   map[string]*netlink.Host    // by VRF
	vrfs    map[string]*vrf             // those but for the default one
	members map[string]dataplane.Member // by interface
	links   map[string]dataplane.Link   // access interfaces

	policies  map[dataplane.PolicyKey]dataplane.Policy
	adoptions map[string]dataplane.Adoption // that were asked for, by interface

	routeOps []routeOp // room of applyRoutes, for the next batch
	handed   []netlink.RouteOp
	places   []int
}

// Open returns a plane of these carriers, which it closes when it is closed. The first has every tunnel until Use says otherwise. It makes
// the default namespace forward, and takes over what an earlier process has left.
func Open(o Options, carriers ...Carrier) (*Plane, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	p := &Plane{
		Options: o, carriers: carriers, hosts: map[string]*netlink.Host{}, vrfs: map[string]*vrf{},
		members: map[string]dataplane.Member{}, links: map[string]dataplane.Link{}, policies: map[dataplane.PolicyKey]dataplane.Policy{},
		adoptions: map[string]dataplane.Adoption{},
		watchers:  watchers{access: map[string]bool{}},
		choice:    Choice{Of: func(dataplane.TunnelID) Carrier { return carriers[0] }, Rest: carriers[0]},
	}
	p.closing, p.close = context.WithCancel(context.Background())
	err := p.open()
	if err == nil {
		err = p.findVRFs()
	}
	if err == nil {
		err = p.giveBack()
	}
	if err == nil {
		_, err = p.collect()
	}
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// Close lets go of the host. What does not depend on the process stays there. The plane is of no use afterwards.
func (p *Plane) Close() error {
	p.mu.Lock()
	if p.closing.Err() != nil {
		p.mu.Unlock()
		return nil
	}
	p.close()
	p.mu.Unlock()
	var errs []error
	for _, c := range p.carriers { // not under the lock: they wait for goroutines that may notify
		errs = append(errs, c.Close())
	}
	p.watchers.running.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, v := range p.vrfs {
		errs = append(errs, v.close())
	}
	if h := p.hosts[""]; h != nil {
		h.Close()
	}
	return errors.Join(errs...)
}

// Apply implements dataplane.Plane.
func (p *Plane) Apply(ctx context.Context, batch []dataplane.Op) []error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.applyAll(ctx, batch)
}

func (p *Plane) applyAll(ctx context.Context, batch []dataplane.Op) []error {
	errs := make([]error, len(batch))
	for i := 0; i < len(batch); {
		n := 1
		switch routes, sources := p.leadingRoutes(batch[i:]), leadingSources(batch[i:]); {
		case ctx.Err() != nil:
			errs[i] = ctx.Err()
		case p.closing.Err() != nil:
			errs[i] = os.ErrClosed
		case len(routes) > 0:
			n = len(routes)
			p.applyRoutes(routes, errs[i:])
		case len(sources) > 0:
			n = len(sources)
			p.applySources(sources, errs[i:])
		case batch[i].Delete:
			errs[i] = p.remove(batch[i].Object)
		default:
			errs[i] = p.put(batch[i].Object)
		}
		i += n
	}
	return errs
}

func (p *Plane) put(o dataplane.Object) error {
	switch o := o.(type) {
	case dataplane.VRF:
		return p.putVRF(o)
	case dataplane.Member:
		return p.putMember(o)
	case dataplane.Policy:
		return p.putPolicy(o)
	case dataplane.Adoption:
		return p.putAdoption(o)
	case dataplane.Tunnel:
		return p.putTunnel(o)
	case dataplane.Neighbour:
		host, err := p.hostOf(o.Link)
		if err != nil {
			return err
		}
		return host.SetNeighbour(o)
	case dataplane.Link:
		return p.putLink(o)
	}
	return fmt.Errorf("no such object: %T", o)
}

func (p *Plane) remove(o dataplane.Object) error {
	switch o := o.(type) {
	case dataplane.VRF:
		return p.removeVRF(o.Name)
	case dataplane.Member:
		return p.removeMember(o.Link)
	case dataplane.Policy:
		return p.removePolicy(o.PolicyKey)
	case dataplane.Adoption:
		return p.removeAdoption(o.Key().(dataplane.AdoptionKey))
	case dataplane.Tunnel:
		return p.each(func(c Carrier) error { return c.RemoveTunnel(o.ID) })
	case dataplane.Neighbour:
		host, err := p.hostOf(o.Link)
		if err != nil {
			return err
		}
		return host.DeleteNeighbour(o.Link, o.Addr)
	case dataplane.Link:
		return p.removeLink(o)
	case dataplane.Setting:
		return p.restore(o)
	}
	return fmt.Errorf("no such object: %T", o)
}

// restore sets a setting right. That of a VRF that is gone is.
func (p *Plane) restore(o dataplane.Setting) error {
	host := p.hosts[o.VRF]
	if host == nil {
		return nil
	}
	return host.Restore(o)
}

// each asks every carrier.
func (p *Plane) each(f func(Carrier) error) error {
	var all error
	for _, c := range p.carriers {
		if err := f(c); err != nil {
			all = errors.Join(all, err)
		}
	}
	return all
}

// others asks every carrier but one, which may be nil.
func (p *Plane) others(but Carrier, f func(Carrier) error) error {
	return p.each(func(c Carrier) error {
		if c == but {
			return nil
		}
		return f(c)
	})
}

// open connects to the network of the default VRF.
func (p *Plane) open() error {
	h, err := netlink.Open(p.Namespace)
	if err != nil {
		return err
	}
	p.hosts[""] = h
	return p.each(func(c Carrier) error { return c.Attach("", h) })
}

// host returns the host of a VRF.
func (p *Plane) host(vrf string) (*netlink.Host, error) {
	if h := p.hosts[vrf]; h != nil {
		return h, nil
	}
	return nil, fmt.Errorf("VRF %s: %w", vrf, dataplane.ErrNoVRF)
}

// hostOf returns the host that an access interface is on.
func (p *Plane) hostOf(link string) (*netlink.Host, error) { return p.host(p.links[link].VRF) }

func (p *Plane) putLink(o dataplane.Link) error {
	host, err := p.host(o.VRF)
	if err != nil {
		return err
	}
	if _, err := host.LinkIndex(o.Name); err != nil {
		return err
	}
	if old, known := p.links[o.Name]; known && old.VRF != o.VRF {
		if err := p.removeLink(old); err != nil {
			return err
		}
	}
	uplink, err := p.uplink(o)
	if err != nil {
		return err
	}
	p.links[o.Name] = o
	p.watchers.setAccess(o.Name, true)
	return host.SetLink(o, uplink)
}

func (p *Plane) uplink(o dataplane.Link) (string, error) {
	if p.choice.Rest == nil {
		return "", nil
	}
	return p.choice.Rest.Uplink(o)
}

func (p *Plane) removeLink(o dataplane.Link) error {
	if host := p.hosts[o.VRF]; host != nil {
		if err := host.DeleteLink(o.Name); err != nil {
			return err
		}
	}
	delete(p.links, o.Name)
	p.watchers.setAccess(o.Name, false)
	return p.each(func(c Carrier) error { return c.RemoveLink(o.Name) })
}

// Tunnels implements dataplane.Plane.
func (p *Plane) Tunnels() (map[dataplane.TunnelID]dataplane.TunnelState, dataplane.Drops) {
	p.mu.Lock()
	defer p.mu.Unlock()
	states, drops := map[dataplane.TunnelID]dataplane.TunnelState{}, dataplane.Drops{}
	if p.closing.Err() != nil {
		return states, drops
	}
	for _, c := range p.carriers {
		s, d := c.Tunnels()
		maps.Copy(states, s)
		drops.Add(d)
	}
	return states, drops
}
