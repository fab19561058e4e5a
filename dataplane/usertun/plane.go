// Package usertun is a forwarding plane in user space, for hosts whose kernel has no tunnels: packets come out of TUN
// devices, get their outer headers here, and leave by ordinary sockets.
//
//	host ──route──> TUN device ──> encapsulator ──> socket ──> peer      one goroutine for each device
//	host <──route── TUN device <── decapsulator <── socket <── peer      one goroutine for each socket
//
// Where the host allows it, the kernel itself carries plain packets of IP in IP and GRE (package fastpath, accelerator.go);
// everything here works without.
//
// Three things make it fast: super-packets of 64 KiB cross the TUN devices whole, segments leave and arrive as one UDP
// message (UDP_SEGMENT, UDP_GRO), and every system call carries a batch. Lookups take no lock: routing tables are persistent
// tries that Apply replaces as a whole.
//
// Encapsulations: IP in IP (RFC 2473, RFC 2003), GRE (RFC 2784, RFC 2890), and UDP port 5437 (RFC 5844, RFC 5845), each over
// IPv4 and IPv6. Traffic class and ECN follow RFC 2983 and RFC 6040, sizes RFC 2473 section 7.
package usertun

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
)

// Options of a Plane. The zero value works, for the process's own namespace.
type Options struct {
	Log *slog.Logger
	// Namespace returns the namespace of a VRF, which must stay open as long as the plane. Nil means that there is only
	// the default VRF, in the namespace of the process.
	Namespace func(vrf string) (*netlink.Namespace, error)
	// UserSpaceOnly leaves out the fast path in the kernel, which is otherwise used where the host allows it.
	UserSpaceOnly bool
}

// Plane is a dataplane.Plane.
type Plane struct {
	Options
	drops    drops // of packets that no tunnel or device could be named for
	narrowed chan struct{}
	closing  chan struct{}
	running  sync.WaitGroup

	mu        sync.Mutex
	hosts     map[string]*netlink.Host // by VRF
	fast      map[string]*accelerator  // by VRF
	numbered  uint32                   // tunnels so far
	endpoints map[endpointKey]*endpoint
	tunnels   map[dataplane.TunnelID]*tunnel
	anchors   map[string]*device // by VRF
	access    map[string]*access // by interface
	watchers  map[*watcher]bool
}

// access is an access interface and the device that its traffic is led to.
type access struct {
	dataplane.Link
	device *device
}

// Open returns a plane without tunnels. It makes the default namespace forward.
func Open(o Options) (*Plane, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	p := &Plane{
		Options: o, narrowed: make(chan struct{}, 1), closing: make(chan struct{}),
		hosts: map[string]*netlink.Host{}, fast: map[string]*accelerator{}, endpoints: map[endpointKey]*endpoint{}, tunnels: map[dataplane.TunnelID]*tunnel{},
		anchors: map[string]*device{}, access: map[string]*access{}, watchers: map[*watcher]bool{},
	}
	if _, err := p.host(""); err != nil {
		return nil, err
	}
	p.running.Go(p.watchPaths)
	return p, nil
}

// Close ends all forwarding. Devices and the routes into them vanish; everything else that was made on the host stays. The
// plane is of no use afterwards.
func (p *Plane) Close() error {
	p.mu.Lock()
	if p.closed() {
		p.mu.Unlock()
		return nil
	}
	close(p.closing)
	for _, d := range p.devices() {
		d.close()
	}
	for _, e := range p.endpoints {
		e.close()
	}
	p.mu.Unlock()
	p.running.Wait()
	for vrf, h := range p.hosts {
		p.fast[vrf].close()
		h.Close()
	}
	return nil
}

// FastPath returns nil if the kernel carries plain packets of the default VRF, or else why it does not.
func (p *Plane) FastPath() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fast[""].off
}

func (p *Plane) closed() bool {
	select {
	case <-p.closing:
		return true
	default:
		return false
	}
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
		case p.closed():
			errs[i] = os.ErrClosed
		case op.Delete:
			errs[i] = p.remove(op.Object)
		default:
			errs[i] = p.put(op.Object)
		}
	}
	return errs
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
	case dataplane.Tunnel:
		return p.removeTunnel(o.ID)
	case dataplane.Route:
		return p.removeRoute(o.VRFPrefix)
	case dataplane.SourceRoute:
		if a := p.access[o.Link]; a != nil {
			a.device.remove(o.Source)
		}
		return nil
	case dataplane.Neighbour:
		host, err := p.hostOf(o.Link)
		if err != nil {
			return err
		}
		return host.DeleteNeighbour(o.Link, o.Addr)
	case dataplane.Link:
		return p.removeLink(o)
	}
	return fmt.Errorf("no such object: %T", o)
}

// host returns the host of a VRF.
func (p *Plane) host(vrf string) (*netlink.Host, error) {
	if h := p.hosts[vrf]; h != nil {
		return h, nil
	}
	var ns *netlink.Namespace
	var err error
	switch {
	case p.Namespace != nil:
		ns, err = p.Namespace(vrf)
	case vrf != "":
		err = errors.New("this element has no VRFs")
	}
	if err != nil {
		return nil, fmt.Errorf("vrf %s: %w", vrf, err)
	}
	h, err := netlink.Open(ns)
	if err != nil {
		return nil, err
	}
	p.hosts[vrf] = h
	var unwanted error
	if p.UserSpaceOnly {
		unwanted = errors.New("not wanted")
	}
	p.fast[vrf] = newAccelerator(h, p.Log, unwanted)
	for w := range p.watchers {
		w.follow(vrf, h)
	}
	return h, nil
}

// hostOf returns the host that an access interface is on.
func (p *Plane) hostOf(link string) (*netlink.Host, error) {
	if a := p.access[link]; a != nil {
		return p.host(a.VRF)
	}
	return p.host("")
}

func (p *Plane) putTunnel(o dataplane.Tunnel) error {
	t := p.tunnels[o.ID]
	if t == nil {
		var err error
		if t, err = p.openTunnel(o.ID); err != nil {
			return err
		}
	}
	t.configured.Store(int32(o.MTU))
	return t.lookUpPath()
}

func (p *Plane) openTunnel(id dataplane.TunnelID) (*tunnel, error) {
	if id.Local.Is4() != id.Peer.Is4() {
		return nil, fmt.Errorf("addresses %s and %s are not of one family", id.Local, id.Peer)
	}
	e, err := p.endpoint(id)
	if err != nil {
		return nil, err
	}
	t := newTunnel(id, e)
	p.numbered++
	t.number = p.numbered
	p.tunnels[id] = t
	e.add(t)
	return t, nil
}

// endpoint returns the sockets of a tunnel's end here, which it opens for the first one.
func (p *Plane) endpoint(id dataplane.TunnelID) (*endpoint, error) {
	key := keyOf(id)
	if e := p.endpoints[key]; e != nil {
		return e, nil
	}
	host, err := p.host(id.VRF)
	if err != nil {
		return nil, err
	}
	var e *endpoint
	err = host.Do(func() (err error) {
		e, err = openEndpoint(p, id.Local, id.Encap)
		return err
	})
	if err != nil {
		return nil, err
	}
	e.fast = p.fast[id.VRF]
	p.endpoints[key] = e
	for _, s := range e.sockets() {
		p.running.Go(func() { newDecapsulator(e, s).run() })
	}
	return e, nil
}

func (p *Plane) removeTunnel(id dataplane.TunnelID) error {
	t := p.tunnels[id]
	if t == nil {
		return nil
	}
	if t.inUse() {
		return errors.New("routes still lead into it")
	}
	delete(p.tunnels, id)
	t.endpoint.fast.removeTunnel(t)
	if t.endpoint.remove(t); t.endpoint.tunnels == 0 {
		t.endpoint.close()
		delete(p.endpoints, keyOf(id))
	}
	return nil
}

// route makes a route into a path.
func (p *Plane) route(path dataplane.Path) (*route, error) {
	t := p.tunnels[path.Tunnel]
	if t == nil {
		return nil, fmt.Errorf("there is no tunnel %s", path.Tunnel)
	}
	if (path.Tx.Set || path.Rx.Set) && path.Tunnel.Encap == dataplane.EncapIP {
		return nil, errors.New("IP in IP has no keys (RFC 5845 section 3)")
	}
	return &route{tunnel: t, tx: path.Tx, rx: path.Rx, head: headerLen(path.Tunnel.Encap, path.Tx)}, nil
}

func (p *Plane) putRoute(o dataplane.Route) error {
	host, err := p.host(o.VRF)
	if err != nil {
		return err
	}
	path, tunnelled := dataplane.PathOf(o)
	if !tunnelled {
		if err := host.SetRoute(netlink.Route{Prefix: o.Prefix, Device: o.Via.Link}); err != nil {
			return err
		}
		if d := p.anchors[o.VRF]; d != nil {
			d.remove(o.Prefix)
		}
		return nil
	}
	if path.Tunnel.VRF == o.VRF && o.Prefix.Contains(path.Tunnel.Peer) {
		return fmt.Errorf("the tunnel's own packets to %s would be led into it", path.Tunnel.Peer)
	}
	r, err := p.route(path)
	if err != nil {
		return err
	}
	d, err := p.anchor(o.VRF)
	if err != nil {
		return err
	}
	d.insert(o.Prefix, r)
	return host.SetRoute(netlink.Route{Prefix: o.Prefix, Device: d.name})
}

func (p *Plane) removeRoute(o dataplane.VRFPrefix) error {
	host, err := p.host(o.VRF)
	if err != nil {
		return err
	}
	if err := host.DeleteRoute(o.Prefix, 0); err != nil {
		return err
	}
	if d := p.anchors[o.VRF]; d != nil {
		d.remove(o.Prefix)
	}
	return nil
}

func (p *Plane) putSourceRoute(o dataplane.SourceRoute) error {
	a := p.access[o.Link]
	if a == nil {
		return fmt.Errorf("%s is not an access interface", o.Link)
	}
	r, err := p.route(o.Path)
	if err != nil {
		return err
	}
	a.device.insert(o.Source, r)
	return nil
}

// anchor returns the device of a VRF that packets for nodes pass.
func (p *Plane) anchor(vrf string) (*device, error) {
	if d := p.anchors[vrf]; d != nil {
		return d, nil
	}
	d, err := p.openDevice(dataplane.Anchor, vrf, "mooring: to mobile nodes")
	if err != nil {
		return nil, err
	}
	p.anchors[vrf] = d
	return d, nil
}

func (p *Plane) openDevice(side dataplane.Side, vrf, alias string) (*device, error) {
	d, err := openDevice(p.fast[vrf], side, vrf, alias)
	if err != nil {
		return nil, err
	}
	p.running.Go(func() { p.encapsulate(d) })
	return d, nil
}

// encapsulate forwards until the device is closed, or somebody deletes the interface.
func (p *Plane) encapsulate(d *device) {
	err := newEncapsulator(d).run()
	if !p.closed() && d.dead.CompareAndSwap(false, true) {
		p.Log.Warn("tunnel device is gone, will make another", "device", d.name, "error", err)
		p.notify(dataplane.Event{Kind: dataplane.Overrun})
	}
}

func (p *Plane) putLink(o dataplane.Link) error {
	host, err := p.host(o.VRF)
	if err != nil {
		return err
	}
	if _, err := host.LinkIndex(o.Name); err != nil {
		return err
	}
	a := p.access[o.Name]
	if a != nil && a.VRF != o.VRF {
		if err := p.removeLink(a.Link); err != nil {
			return err
		}
		a = nil
	}
	if a == nil {
		d, err := p.openDevice(dataplane.Access, o.VRF, "mooring: from mobile nodes on "+o.Name)
		if err != nil {
			return err
		}
		a = &access{device: d}
		p.access[o.Name] = a
	}
	a.Link = o
	return host.SetLink(o, a.device.name)
}

func (p *Plane) removeLink(o dataplane.Link) error {
	host, err := p.host(o.VRF)
	if err != nil {
		return err
	}
	if err := host.DeleteLink(o.Name); err != nil {
		return err
	}
	if a := p.access[o.Name]; a != nil {
		a.device.dead.Store(true)
		a.device.empty()
		a.device.close()
		delete(p.access, o.Name)
	}
	return nil
}

// devices returns all devices, in the order in which they were made.
func (p *Plane) devices() []*device {
	var all []*device
	for _, d := range p.anchors {
		all = append(all, d)
	}
	for _, a := range p.access {
		all = append(all, a.device)
	}
	slices.SortFunc(all, func(a, b *device) int { return a.number - b.number })
	return all
}

// Tunnels implements dataplane.Plane.
func (p *Plane) Tunnels() (map[dataplane.TunnelID]dataplane.TunnelState, dataplane.Drops) {
	p.mu.Lock()
	defer p.mu.Unlock()
	states := make(map[dataplane.TunnelID]dataplane.TunnelState, len(p.tunnels))
	for id, t := range p.tunnels {
		var names []string
		for _, d := range *t.sinks.Load() {
			names = append(names, d.name)
		}
		states[id] = dataplane.TunnelState{Device: strings.Join(names, ","), MTU: t.mtu(dataplane.Key{}), Fast: t.endpoint.fast.carries(t), Counters: t.counters()}
	}
	others := p.drops.load()
	for _, d := range p.devices() {
		others.Add(d.drops.load())
	}
	return states, others
}
