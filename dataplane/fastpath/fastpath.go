// Package fastpath carries the plain packets of tunnels inside the kernel, by eBPF programs at the devices that they pass
// anyway. It is an accelerator of a forwarding plane in user space, which stays: what a program does not take goes the way
// that it would have gone without one.
//
//	host ──> tunnel device ─(to_nodes, from_nodes)─> underlay ──> peer
//	host <── tunnel device <────(from_peer)───────── underlay <── peer
//
// IP in IP and GRE travel so, super-packets in one piece. A program never refuses a packet: what does not fit, must not
// pass, or is unusual is for user space to answer, drop and count. Outer packets do not pass the host's packet filter;
// inner ones do, since they still cross the tunnel devices.
//
// Programs and maps belong to this process and are gone with it, however it ends.
package fastpath

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
)

// Path is the fast path of one network namespace. It may be used concurrently.
type Path struct {
	objects objects

	mu    sync.Mutex
	links map[int]link.Link // by interface index
}

// Tunnel is a tunnel of IP in IP or GRE.
type Tunnel struct {
	Number   uint32 // not zero, and never used twice
	ID       dataplane.TunnelID
	MTU      int  // largest inner packet in octets; 0: what the path takes
	Underlay int  // index of the interface towards the peer. What goes or comes another way is left to user space
	Whole    bool // super-packets may leave by it in one piece
	Guarded  bool // what comes out of it is left to user space
}

// Route leads the nodes of a prefix into a path, and what they receive or send out of it.
type Route struct {
	Tunnel uint32 // number; 0 leaves the nodes to user space
	Device int    // index of the tunnel device
	Tx, Rx dataplane.Key
	// Account is what the traffic is counted for beside the tunnel; 0: nothing.
	Account uint32
}

const loopback = 1 // index of the interface that every namespace has

// Open loads the programs, and makes sure that the host lets them be attached in the namespace of the calling thread.
func Open() (*Path, error) {
	p := &Path{links: map[int]link.Link{}}
	if err := p.objects.load(); err != nil {
		return nil, explain(err)
	}
	if err := p.attach(loopback, p.objects.FromPeer, ebpf.AttachTCXIngress); err != nil {
		p.Close()
		return nil, explain(err)
	}
	p.Detach(loopback)
	return p, nil
}

func explain(err error) error {
	switch {
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("it needs CAP_BPF and CAP_NET_ADMIN outside of any user namespace: %w", err)
	case errors.Is(err, ebpf.ErrNotSupported):
		return fmt.Errorf("it needs Linux 6.6: %w", err)
	}
	return err
}

// Stop leaves everything to user space. The counters stay.
func (p *Path) Stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.links {
		l.Close()
	}
	clear(p.links)
}

// Close ends the fast path.
func (p *Path) Close() {
	p.Stop()
	p.objects.close()
}

// AttachDevice takes what the host routes to a tunnel device. The calling thread is in the device's namespace.
func (p *Path) AttachDevice(index int, side dataplane.Side) error {
	if side == dataplane.Anchor {
		return p.attach(index, p.objects.ToNodes, ebpf.AttachTCXEgress)
	}
	return p.attach(index, p.objects.FromNodes, ebpf.AttachTCXEgress)
}

// AttachUnderlay takes what arrives on an Ethernet interface. The calling thread is in the interface's namespace. It is
// held up for some milliseconds, as is whoever configures the network meanwhile.
func (p *Path) AttachUnderlay(index int) error {
	return p.attach(index, p.objects.FromPeer, ebpf.AttachTCXIngress)
}

func (p *Path) attach(index int, program *ebpf.Program, where ebpf.AttachType) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.links[index] != nil {
		return nil
	}
	l, err := link.AttachTCX(link.TCXOptions{Interface: index, Program: program, Attach: where})
	if err != nil {
		return fmt.Errorf("attach to interface %d: %w", index, err)
	}
	p.links[index] = l
	return nil
}

// Attached reports whether packets of an interface are taken.
func (p *Path) Attached(index int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.links[index] != nil
}

// Detach leaves an interface to user space, or forgets one that is gone.
func (p *Path) Detach(index int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l := p.links[index]; l != nil {
		l.Close()
		delete(p.links, index)
	}
}

// PutTunnel adds a tunnel, or changes everything but its number and identifier.
func (p *Path) PutTunnel(t Tunnel) error {
	v := tunnelValue{Ends: peerOf(t.ID), MTU: uint32(t.MTU), Underlay: uint32(t.Underlay)}
	if t.Whole {
		v.Whole = 1
	}
	zeroes := make([]traffic, ebpf.MustPossibleCPU())
	if err := p.objects.Counters.Update(t.Number, zeroes, ebpf.UpdateNoExist); err != nil && !errors.Is(err, ebpf.ErrKeyExist) {
		return fmt.Errorf("count tunnel %s: %w", t.ID, err)
	}
	if err := p.objects.Tunnels.Put(t.Number, v); err != nil {
		return fmt.Errorf("put tunnel %s: %w", t.ID, err)
	}
	if t.Guarded {
		return absent(p.objects.Peers.Delete(v.Ends))
	}
	if err := p.objects.Peers.Put(v.Ends, t.Number); err != nil {
		return fmt.Errorf("put peer of tunnel %s: %w", t.ID, err)
	}
	return nil
}

// SuspendTunnel leaves a tunnel to user space until it is put again. Its counters stay.
func (p *Path) SuspendTunnel(t Tunnel) error {
	return errors.Join(absent(p.objects.Peers.Delete(peerOf(t.ID))), absent(p.objects.Tunnels.Delete(t.Number)))
}

// DeleteTunnel removes a tunnel and its counters.
func (p *Path) DeleteTunnel(t Tunnel) error {
	return errors.Join(p.SuspendTunnel(t), absent(p.objects.Counters.Delete(t.Number)))
}

// PutRoute adds or replaces the route of a prefix in a table.
func (p *Path) PutRoute(table Table, prefix netip.Prefix, r Route) error {
	if err := p.objects.Routes.Put(keyOf(table, prefix), valueOf(r)); err != nil {
		return fmt.Errorf("put route %s: %w", prefix, err)
	}
	return nil
}

// DeleteRoute removes the route of a prefix in a table if it is one of the device.
func (p *Path) DeleteRoute(table Table, prefix netip.Prefix, device int) error {
	key := keyOf(table, prefix)
	var v routeValue // of the prefix, or of a wider one if it has none
	if err := p.objects.Routes.Lookup(key, &v); err != nil || v.Device != uint32(device) {
		return absent(err)
	}
	return absent(p.objects.Routes.Delete(key))
}

func absent(err error) error {
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return nil
	}
	return err
}

// Traffic returns what the fast path has carried through a tunnel: packets as they are on the wire, and octets of inner
// packets.
func (p *Path) Traffic(number uint32) (total dataplane.Counters, err error) {
	return read(p.objects.Counters, number)
}

// PutAccount begins to count for an account. Its number is not zero, and never used twice.
func (p *Path) PutAccount(number uint32) error {
	zeroes := make([]traffic, ebpf.MustPossibleCPU())
	if err := p.objects.Accounts.Update(number, zeroes, ebpf.UpdateNoExist); err != nil && !errors.Is(err, ebpf.ErrKeyExist) {
		return fmt.Errorf("count account %d: %w", number, err)
	}
	return nil
}

// DeleteAccount ends the counting for an account.
func (p *Path) DeleteAccount(number uint32) error { return absent(p.objects.Accounts.Delete(number)) }

// Account returns what was counted for an account, as Traffic does for a tunnel.
func (p *Path) Account(number uint32) (dataplane.Counters, error) {
	return read(p.objects.Accounts, number)
}

// read adds up what the processors have counted.
func read(counters *ebpf.Map, number uint32) (total dataplane.Counters, err error) {
	var all []traffic
	if err := counters.Lookup(number, &all); err != nil {
		return total, absent(err)
	}
	for _, c := range all {
		total.RxPackets += c.RxPackets
		total.RxOctets += c.RxOctets
		total.TxPackets += c.TxPackets
		total.TxOctets += c.TxOctets
	}
	return total, nil
}
