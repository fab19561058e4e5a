package usertun

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/fastpath"
	"mooring/dataplane/netlink"
)

// accelerator has the kernel itself carry the plain packets of a namespace where the host allows that. It is told of
// devices, tunnels and routes as they come and go; Carrier.mu is held. What it is not told of, or is told too late, still
// goes the slow way. A nil accelerator is off.
type accelerator struct {
	log   *slog.Logger
	host  *netlink.Host
	path  *fastpath.Path
	whole bool  // the kernel can segment GRE
	off   error // why nothing is carried; nil if something may be

	underlays map[int]bool // that tunnels lead over, by index, and that are yet to be attached
}

// newAccelerator makes the one of a host. unwanted, if not nil, is a reason not to.
func newAccelerator(host *netlink.Host, log *slog.Logger, unwanted error) *accelerator {
	a := &accelerator{log: log, host: host, off: unwanted, underlays: map[int]bool{}}
	if a.off == nil {
		a.off = host.Do(func() (err error) { a.path, err = fastpath.Open(); return })
	}
	if a.off != nil {
		log.Info("fast path is off", "reason", a.off)
		return a
	}
	a.whole = fastpath.SegmentsGRE()
	a.checkIPsec()
	if a.on() {
		log.Info("fast path is on")
	}
	return a
}

// checkIPsec switches everything off where the host has IPsec policies: outer packets would go round them.
func (a *accelerator) checkIPsec() {
	if !a.on() {
		return
	}
	n, err := a.host.IPsecPolicies()
	if err == nil && n > 0 {
		err = fmt.Errorf("the host has IPsec policies (%d)", n)
	}
	a.check(err)
}

func (a *accelerator) on() bool { return a != nil && a.off == nil }

func (a *accelerator) close() {
	if a.path != nil {
		a.path.Close()
	}
}

// check switches everything off when something failed: a map that lacks an entry could lead packets astray.
func (a *accelerator) check(err error) {
	if err != nil && a.off == nil {
		a.off = err
		a.path.Stop()
		a.log.Warn("fast path is off", "reason", err)
	}
}

func (a *accelerator) addDevice(d *device) {
	if a.on() {
		a.checkAttached(a.host.Do(func() error { return a.path.AttachDevice(d.index, d.side) }))
	}
}

func (a *accelerator) removeDevice(d *device) {
	if a.on() {
		a.path.Detach(d.index)
	}
}

// tables returns those that routes of a device stand in.
func tables(d *device) []fastpath.Table {
	if d.side == dataplane.Anchor {
		return []fastpath.Table{fastpath.TableAnchor}
	}
	return []fastpath.Table{fastpath.Table(d.index), fastpath.TableNodes}
}

func (a *accelerator) putRoute(d *device, prefix netip.Prefix, r *route) {
	if !a.on() {
		return
	}
	fast := fastpath.Route{Device: d.index, Tx: r.tx, Rx: r.rx}
	if r != nowhere && r.tunnel.id.VRF == d.vrf && !hasOwnTraffic(prefix) {
		fast.Tunnel = r.tunnel.number
	}
	if r.usage != nil {
		fast.Account = r.usage.number
	}
	for _, table := range tables(d) {
		a.check(a.path.PutRoute(table, prefix, fast))
	}
}

func (a *accelerator) removeRoute(d *device, prefix netip.Prefix) {
	if !a.on() {
		return
	}
	for _, table := range tables(d) {
		a.check(a.path.DeleteRoute(table, prefix, d.index))
	}
}

// hasOwnTraffic reports whether a prefix has addresses of what is no node's; see device.node.
func hasOwnTraffic(p netip.Prefix) bool {
	for _, own := range ownTraffic {
		if own.Overlaps(p) {
			return true
		}
	}
	return false
}

var ownTraffic = [...]netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/32"), netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("224.0.0.0/4"),
	netip.MustParsePrefix("::/128"), netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("ff00::/8"),
}

// putTunnel follows the way to the tunnel's peer.
func (a *accelerator) putTunnel(t *tunnel) {
	if !a.on() || t.id.Encap == dataplane.EncapUDP {
		return // sockets segment UDP
	}
	way, err := a.host.Way(t.id.Local, t.id.Peer)
	if err != nil {
		return // as long as there is none, nothing leaves
	}
	fast := fastpath.Tunnel{
		Number: t.number, ID: t.id, MTU: int(t.configured.Load()), Underlay: way.Index,
		Whole: t.id.Encap == dataplane.EncapIP || a.whole, Guarded: t.endpoint.policies.filter(),
	}
	if fast == t.fast {
		return
	}
	switch {
	case !way.Ethernet:
		a.check(a.path.SuspendTunnel(fast))
	case !a.path.Attached(way.Index):
		a.underlays[way.Index] = true // attachUnderlays
		return
	default:
		a.check(a.path.PutTunnel(fast))
	}
	t.fast = fast
}

// waits reports whether a tunnel could be carried and is not yet.
func (a *accelerator) waits(t *tunnel) bool {
	return a.on() && t.id.Encap != dataplane.EncapUDP && t.fast.Number == 0
}

// carries reports whether the plain packets of a tunnel are carried.
func (a *accelerator) carries(t *tunnel) bool {
	return a.on() && t.fast.Number != 0 && a.path.Attached(t.fast.Underlay)
}

// attachUnderlays takes what arrives on the interfaces that tunnels have been found to lead over since. The host makes
// every change of its network wait meanwhile, so bindings that are being made do not ask for it: it comes a little later.
func (c *Carrier) attachUnderlays() {
	c.mu.Lock()
	fast := slices.Collect(maps.Values(c.fast))
	c.mu.Unlock()
	for _, a := range fast {
		c.mu.Lock()
		found := slices.Collect(maps.Keys(a.underlays))
		clear(a.underlays)
		c.mu.Unlock()
		for _, index := range found {
			err := a.host.Do(func() error { return a.path.AttachUnderlay(index) })
			c.mu.Lock()
			a.checkAttached(err)
			c.mu.Unlock()
			c.lookAgain()
		}
	}
}

// checkAttached is check for an interface, which may be gone by now.
func (a *accelerator) checkAttached(err error) {
	if !errors.Is(err, unix.ENODEV) {
		a.check(err)
	}
}

func (a *accelerator) removeTunnel(t *tunnel) {
	if a.on() && t.fast.Number != 0 {
		a.check(a.path.DeleteTunnel(t.fast))
	}
}

// putAccount has the kernel count what goes by routes of this account, until removeAccount.
func (a *accelerator) putAccount(number uint32) {
	if a.on() {
		a.check(a.path.PutAccount(number))
	}
}

func (a *accelerator) removeAccount(number uint32) {
	if a.on() {
		a.check(a.path.DeleteAccount(number))
	}
}

// account returns what the kernel has counted for an account.
func (a *accelerator) account(number uint32) (carried dataplane.Counters) {
	if a != nil && a.path != nil {
		carried, _ = a.path.Account(number) // a counter that cannot be read has counted nothing
	}
	return carried
}

// traffic returns what the kernel has carried.
func (a *accelerator) traffic(t *tunnel) (carried dataplane.Counters) {
	if a != nil && a.path != nil && t.fast.Number != 0 {
		carried, _ = a.path.Traffic(t.number) // a counter that cannot be read has counted nothing
	}
	return carried
}
