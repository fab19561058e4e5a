// Package usertun carries tunnels in user space (plane.Carrier), for hosts whose kernel has no tunnels: packets come out of TUN
// devices, get their outer headers here, and leave by ordinary sockets.
//
//	host ──route──> TUN device ──> encapsulator ──> socket ──> peer      one goroutine for each device
//	host <──route── TUN device <── decapsulator <── socket <── peer      one goroutine for each socket
//
// Where the host allows it, the kernel itself carries plain packets of IP in IP and GRE (package fastpath, accelerator.go);
// everything here works without.
//
// Three things make it fast: super-packets of 64 KiB cross the TUN devices whole, segments leave and arrive as one UDP
// message (UDP_SEGMENT, UDP_GRO), and every system call carries a batch.
//
// Encapsulations: IP in IP (RFC 2473, RFC 2003), GRE (RFC 2784, RFC 2890), and UDP port 5437 (RFC 5844, RFC 5845), each over
// IPv4 and IPv6. Traffic class and ECN follow RFC 2983 and RFC 6040, sizes RFC 2473 section 7.
package usertun

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"mooring/dataplane"
	"mooring/dataplane/index"
	"mooring/dataplane/netlink"
	"mooring/dataplane/plane"
)

// Options of a Carrier. The zero value works.
type Options struct {
	Log *slog.Logger
	// UserSpaceOnly leaves out the fast path in the kernel, which is otherwise used where the host allows it.
	UserSpaceOnly bool
	// Notify is told of devices that have vanished. It does not block.
	Notify func(dataplane.Event)
}

// Carrier is a plane.Carrier.
type Carrier struct {
	Options
	drops    drops // of packets that no tunnel or device could be named for
	narrowed chan struct{}
	closing  chan struct{}
	running  sync.WaitGroup

	mu        sync.Mutex
	fast      map[string]*accelerator // by VRF
	numbered  uint32                  // tunnels and accounts so far
	endpoints map[endpointKey]*endpoint
	tunnels   map[dataplane.TunnelID]*tunnel
	anchors   map[string]*device       // by VRF
	access    map[string]*device       // by interface
	elsewhere index.Prefixes[struct{}] // where packets for nodes are led to others
	meters    meters
	policies  map[dataplane.PolicyKey]*policy
}

// New returns a carrier without tunnels.
func New(o Options) *Carrier {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Notify == nil {
		o.Notify = func(dataplane.Event) {}
	}
	c := &Carrier{
		Options: o, narrowed: make(chan struct{}, 1), closing: make(chan struct{}),
		fast: map[string]*accelerator{}, endpoints: map[endpointKey]*endpoint{}, tunnels: map[dataplane.TunnelID]*tunnel{},
		anchors: map[string]*device{}, access: map[string]*device{},
		meters: newMeters(), policies: map[dataplane.PolicyKey]*policy{},
	}
	c.running.Go(c.watchPaths)
	return c
}

// Close ends all forwarding. Devices and the routes into them vanish.
func (c *Carrier) Close() error {
	c.mu.Lock()
	if c.closed() {
		c.mu.Unlock()
		return nil
	}
	close(c.closing)
	for _, d := range c.devices() {
		d.close()
	}
	for _, e := range c.endpoints {
		e.close()
	}
	c.mu.Unlock()
	c.running.Wait()
	for _, a := range c.fast {
		a.close()
	}
	return nil
}

// FastPath returns nil if the kernel carries plain packets of the default VRF, or else why it does not.
func (c *Carrier) FastPath() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fast[""].off
}

func (c *Carrier) closed() bool {
	select {
	case <-c.closing:
		return true
	default:
		return false
	}
}

// host returns the host of a VRF that the carrier was told of.
func (c *Carrier) host(vrf string) *netlink.Host { return c.fast[vrf].host }

// PutTunnel implements plane.Carrier.
func (c *Carrier) PutTunnel(o dataplane.Tunnel) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.tunnels[o.ID]
	if t == nil {
		var err error
		if t, err = c.openTunnel(o.ID); err != nil {
			return err
		}
	}
	t.configured.Store(int32(o.MTU))
	t.altered = false
	return t.lookUpPath()
}

func (c *Carrier) openTunnel(id dataplane.TunnelID) (*tunnel, error) {
	if id.Local.Is4() != id.Peer.Is4() {
		return nil, fmt.Errorf("addresses %s and %s are not of one family", id.Local, id.Peer)
	}
	e, err := c.endpoint(id)
	if err != nil {
		return nil, err
	}
	t := newTunnel(id, e)
	c.numbered++
	t.number = c.numbered
	c.tunnels[id] = t
	e.add(t)
	return t, nil
}

// endpoint returns the sockets of a tunnel's end here, which it opens for the first one.
func (c *Carrier) endpoint(id dataplane.TunnelID) (*endpoint, error) {
	key := keyOf(id)
	if e := c.endpoints[key]; e != nil {
		return e, nil
	}
	var e *endpoint
	host := c.host(id.VRF)
	err := host.Do(func() (err error) {
		e, err = openEndpoint(c, id.Local, id.Encap, host.Device())
		return err
	})
	if err != nil {
		return nil, err
	}
	e.fast = c.fast[id.VRF]
	c.policeEndpoint(key, e)
	c.endpoints[key] = e
	for _, s := range e.sockets() {
		c.running.Go(func() { newDecapsulator(e, s).run() })
	}
	return e, nil
}

// RemoveTunnel implements plane.Carrier.
func (c *Carrier) RemoveTunnel(id dataplane.TunnelID) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.tunnels[id]
	if t == nil {
		return nil
	}
	if t.inUse() {
		return errors.New("routes still lead into it")
	}
	delete(c.tunnels, id)
	c.meters.past(t)
	t.endpoint.fast.removeTunnel(t)
	if t.endpoint.remove(t); t.endpoint.tunnels == 0 {
		t.endpoint.close()
		delete(c.endpoints, keyOf(id))
	}
	return nil
}

// route makes a route into a path, which is counted for u; that may be nil.
func (c *Carrier) route(path dataplane.Path, u *usage) (*route, error) {
	t := c.tunnels[path.Tunnel]
	if t == nil {
		return nil, fmt.Errorf("there is no tunnel %s", path.Tunnel)
	}
	if (path.Tx.Set || path.Rx.Set) && path.Tunnel.Encap == dataplane.EncapIP {
		return nil, errors.New("IP in IP has no keys (RFC 5845 section 3)")
	}
	return t.route(path.Tx, path.Rx, u), nil
}

// Lead implements plane.Carrier.
func (c *Carrier) Lead(vrf string, path dataplane.Path) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := c.route(path, nil); err != nil {
		return 0, err
	}
	if err := c.oneVRF(vrf, path); err != nil {
		return 0, err
	}
	d, err := c.anchor(vrf)
	if err != nil {
		return 0, err
	}
	return d.index, nil
}

// Enter implements plane.Carrier.
func (c *Carrier) Enter(at dataplane.VRFPrefix, path dataplane.Path) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, err := c.route(path, c.meters.of(at))
	if err != nil {
		return err
	}
	c.elsewhere.Delete(at.VRF, at.Prefix)
	c.meters.rest(c.anchors[at.VRF].insert(at.Prefix, r), time.Now())
	return nil
}

// Leave implements plane.Carrier. What is elsewhere is remembered: it may be a part of a prefix that is here.
func (c *Carrier) Leave(at dataplane.VRFPrefix, elsewhere bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.anchors[at.VRF]
	if !elsewhere {
		c.elsewhere.Delete(at.VRF, at.Prefix)
		delete(c.meters.owners, at)
		if d != nil {
			c.meters.rest(d.remove(at.Prefix), time.Now())
		}
		return nil
	}
	c.elsewhere.Put(at.VRF, at.Prefix, struct{}{})
	if d != nil {
		c.meters.rest(d.insert(at.Prefix, nowhere), time.Now())
	}
	return nil
}

// ApplySources implements plane.Carrier.
func (c *Carrier) ApplySources(ops []plane.SourceOp) []error {
	c.mu.Lock()
	defer c.mu.Unlock()
	errs := make([]error, len(ops))
	for i, op := range ops {
		if d := c.access[op.Link]; !op.Remove {
			errs[i] = c.putSource(d, op.SourceRoute)
		} else if d != nil {
			d.remove(op.Source)
		}
	}
	return errs
}

func (c *Carrier) putSource(d *device, o dataplane.SourceRoute) error {
	r, err := c.route(o.Path, nil)
	if err != nil {
		return err
	}
	if d == nil {
		return fmt.Errorf("nothing that arrives on %s gets here", o.Link)
	}
	d.insert(o.Source, r)
	return nil
}

// Uplink implements plane.Carrier.
func (c *Carrier) Uplink(o dataplane.Link) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := c.access[o.Name]; d != nil {
		if d.dead.Load() || !d.host.IsUp(d.name) { // which somebody has seen to
			if err := c.mendDevice(d); err != nil {
				return "", fmt.Errorf("make device %s again: %w", d.name, err)
			}
		}
		return c.access[o.Name].name, nil
	}
	d, err := c.openDevice(dataplane.Access, o.VRF, "mooring: from mobile nodes on "+o.Name)
	if err != nil {
		return "", err
	}
	c.access[o.Name] = d
	return d.name, nil
}

// ReleaseUplink implements plane.Carrier.
func (c *Carrier) ReleaseUplink(link string) error { return c.RemoveLink(link) }

// RemoveLink implements plane.Carrier.
func (c *Carrier) RemoveLink(name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := c.access[name]; d != nil {
		d.dead.Store(true)
		d.empty()
		d.close()
		delete(c.access, name)
	}
	return nil
}

// anchor returns the device of a VRF that packets for nodes pass.
func (c *Carrier) anchor(vrf string) (*device, error) {
	if d := c.anchors[vrf]; d != nil {
		return d, nil
	}
	d, err := c.openDevice(dataplane.Anchor, vrf, "mooring: to mobile nodes")
	if err != nil {
		return nil, err
	}
	for prefix := range c.elsewhere.Of(vrf) {
		d.insert(prefix, nowhere)
	}
	c.anchors[vrf] = d
	return d, nil
}

func (c *Carrier) openDevice(side dataplane.Side, vrf, alias string) (*device, error) {
	d, err := openDevice(c.fast[vrf], side, vrf, alias)
	if err != nil {
		return nil, err
	}
	c.running.Go(func() { c.encapsulate(d) })
	return d, nil
}

// encapsulate forwards until the device is closed, or somebody deletes the interface.
func (c *Carrier) encapsulate(d *device) {
	err := newEncapsulator(d).run()
	if !c.closed() && d.dead.CompareAndSwap(false, true) {
		c.Log.Warn("tunnel device is gone, will make another", "device", d.name, "error", err)
		c.Notify(dataplane.Event{Kind: dataplane.Overrun})
	}
}

// devices returns all devices, in the order in which they were made.
func (c *Carrier) devices() []*device {
	var all []*device
	for _, d := range c.anchors {
		all = append(all, d)
	}
	for _, d := range c.access {
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b *device) int { return a.number - b.number })
	return all
}

// Owns implements plane.Carrier.
func (c *Carrier) Owns(device string) bool { return dataplane.IsTUNName(device) }

// Made implements plane.Carrier.
func (c *Carrier) Made(network *netlink.Host, name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.devices(), func(d *device) bool {
		return d.name == name && !d.dead.Load() && d.host.Namespace() == network.Namespace()
	})
}

// Altered implements plane.Carrier.
func (c *Carrier) Altered(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.devices(), func(d *device) bool { return d.name == name && !d.dead.Load() && !d.host.Keeps(name, d.settings()) })
}

// Lost implements plane.Carrier.
func (c *Carrier) Lost(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.devices(), func(d *device) bool { return d.name == name })
}

// Tunnels implements plane.Carrier.
func (c *Carrier) Tunnels() (map[dataplane.TunnelID]dataplane.TunnelState, dataplane.Drops) {
	c.mu.Lock()
	defer c.mu.Unlock()
	states := make(map[dataplane.TunnelID]dataplane.TunnelState, len(c.tunnels))
	for id, t := range c.tunnels {
		var names []string
		for _, d := range *t.sinks.Load() {
			names = append(names, d.name)
		}
		states[id] = dataplane.TunnelState{Device: strings.Join(names, ","), MTU: t.mtu(dataplane.Key{}), Fast: t.endpoint.fast.carries(t), Counters: t.counters()}
	}
	others := c.drops.load()
	for _, d := range c.devices() {
		others.Add(d.drops.load())
	}
	return states, others
}
