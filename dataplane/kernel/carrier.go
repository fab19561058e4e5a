// Package kernel has the Linux kernel carry tunnels (plane.Carrier): its tunnel interfaces, policy rules, and one table of nftables.
// Nothing that it makes needs the process: after SIGKILL traffic goes on, and the next process takes over what it finds.
//
//	a path (a tunnel, and keys in it)   a tunnel interface, named after the path (device.go), or one that was adopted (adopt.go)
//	Route into a path                   a route into its interface
//	SourceRoute                         an element of an nftables map that marks packets, and policy rules for each path and
//	                                    family that lead marked packets into its interface (netlink/marktree.go)
//	the check of sources                constant rules of nftables that ask the routing table (rules.go)
//	what a node asks by ARP             an element of nftables sets, and a mark for what the host takes for its own (answer.go)
//
// Tunnels over UDP have neither keys nor learnt ports here, and exclude one of IP in IP between the same addresses: the kernel forgets
// what a packet came in before it looks for its tunnel.
package kernel

import (
	"errors"
	"log/slog"
	"slices"
	"sync"

	"mooring/dataplane"
	"mooring/dataplane/index"
	"mooring/dataplane/netlink"
)

// Carrier is a plane.Carrier. What it remembers is what the host has; every Look looks again.
type Carrier struct {
	log *slog.Logger

	mu      sync.Mutex
	hosts   map[string]*netlink.Host // by VRF
	places  map[string]*place        // by VRF
	tunnels map[dataplane.TunnelID]*tunnel
	routes  index.Prefixes[*device] // that they lead into
	sources map[dataplane.SourceRouteKey]steering
	devices map[string]*device // of all tunnels, by name

	policies  map[dataplane.PolicyKey]*policy
	counted   map[dataplane.MatchKey]dataplane.Matches // by chains that were replaced
	adoptions map[string]dataplane.Adoption            // that were asked for, by interface
	meter     meter
}

// New returns a carrier. log may be nil.
func New(log *slog.Logger) *Carrier {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Carrier{
		log: log, hosts: map[string]*netlink.Host{}, places: map[string]*place{}, tunnels: map[dataplane.TunnelID]*tunnel{},
		devices: map[string]*device{}, policies: map[dataplane.PolicyKey]*policy{}, counted: map[dataplane.MatchKey]dataplane.Matches{},
		adoptions: map[string]dataplane.Adoption{}, meter: newMeter(),
	}
}

// Close lets go of the host. Everything stays there, and forwards.
func (c *Carrier) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.allPlaces() {
		p.close()
	}
	return nil
}

// Lead implements plane.Carrier.
func (c *Carrier) Lead(vrf string, path dataplane.Path) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d, err := c.device(path, vrf)
	if err != nil {
		return 0, err
	}
	d.led = true
	return d.index, nil
}

// Enter implements plane.Carrier.
func (c *Carrier) Enter(at dataplane.VRFPrefix, path dataplane.Path) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	d, err := c.device(path, at.VRF)
	if err != nil {
		return err
	}
	d.led = false
	old, _ := c.routes.Get(at.VRF, at.Prefix)
	if old == d {
		return nil
	}
	c.routes.Put(at.VRF, at.Prefix, d)
	d.routes++
	return c.loseRoute(old)
}

// Leave implements plane.Carrier.
func (c *Carrier) Leave(at dataplane.VRFPrefix, _ bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.account(at, 0)
	old, _ := c.routes.Get(at.VRF, at.Prefix)
	c.routes.Delete(at.VRF, at.Prefix)
	return c.loseRoute(old)
}

// withTable does something with our table of nftables, and once more when somebody had taken the table away.
func (c *Carrier) withTable(do func() error) error {
	if err := c.settle(c.places[""]); err != nil {
		return err
	}
	err := do()
	if !isAbsent(err) {
		return err
	}
	if there, e := c.places[""].filter.exists(); there || e != nil {
		return err
	}
	if e := c.rebuild(c.places[""]); e != nil {
		return errors.Join(err, e)
	}
	return do()
}

// Uplink implements plane.Carrier: what is not marked is discarded.
func (c *Carrier) Uplink(dataplane.Link) (string, error) { return "", nil }

// ReleaseUplink implements plane.Carrier.
func (c *Carrier) ReleaseUplink(string) error { return nil }

// Owns implements plane.Carrier.
func (c *Carrier) Owns(device string) bool { return dataplane.IsTunnelName(device) }

// Made implements plane.Carrier.
func (c *Carrier) Made(network *netlink.Host, device string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.devices[device]
	return d != nil && !d.adopted && c.places[d.vrf].host.Namespace() == network.Namespace()
}

// Altered implements plane.Carrier.
func (c *Carrier) Altered(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.devices[name]
	return d != nil && !d.adopted && !c.hosts[d.vrf].Keeps(name, d.made)
}

// Lost implements plane.Carrier.
func (c *Carrier) Lost(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := c.devices[name]; d != nil && !d.adopted {
		return !c.hosts[d.vrf].Serves(name)
	} else if d != nil {
		return !c.places[d.vrf].host.IsUp(name)
	}
	if _, adopted := c.adoptions[name]; adopted {
		return !c.hosts[""].IsUp(name)
	}
	return false
}

// Tunnels implements plane.Carrier.
func (c *Carrier) Tunnels() (map[dataplane.TunnelID]dataplane.TunnelState, dataplane.Drops) {
	c.mu.Lock()
	defer c.mu.Unlock()
	states := make(map[dataplane.TunnelID]dataplane.TunnelState, len(c.tunnels))
	if len(c.tunnels) == 0 {
		return states, dataplane.Drops{}
	}
	owners, devices := map[string]*tunnel{}, map[string]*device{} // of interfaces, by name
	for _, t := range c.tunnels {
		for _, d := range t.devices {
			owners[d.name], devices[d.name] = t, d
		}
	}
	unsure := false
	for _, p := range c.allPlaces() {
		found, err := p.host.Tunnels()
		found = slices.DeleteFunc(found, func(f netlink.TunnelDevice) bool { return owners[f.Name] == nil })
		drops, e := p.filter.dropped(indexesOf(found)...)
		if err = errors.Join(err, e); err != nil {
			c.log.Warn("counters of tunnels are not to be had", "error", err)
			unsure = true
		}
		for _, f := range found {
			f.Counters.Drops.Add(drops[f.Index])
			t := owners[f.Name]
			states[t.id] = devices[f.Name].addTo(states[t.id], f)
		}
	}
	for id, s := range states {
		if p := c.meter.tunnel(id); unsure {
			s.Counters = p.shown
		} else {
			s.Counters = p.show(s.Counters)
		}
		states[id] = s
	}
	return states, dataplane.Drops{}
}

func indexesOf(devices []netlink.TunnelDevice) (list []int) {
	for _, d := range devices {
		list = append(list, d.Index)
	}
	return list
}

// addTo adds what the host says of the interface to the state of its tunnel.
func (d *device) addTo(s dataplane.TunnelState, f netlink.TunnelDevice) dataplane.TunnelState {
	if s.Device != "" {
		s.Device += ","
	}
	s.Device += f.Name
	if s.MTU == 0 || f.MTU < s.MTU {
		s.MTU = f.MTU
	}
	s.Fast, s.Lasts, s.Adopted = true, true, d.adopted
	s.Counters = s.Plus(d.since(f.Counters))
	return s
}
