package usertun

import (
	"errors"
	"net/netip"
	"sync/atomic"

	"github.com/gaissmai/bart"

	"mooring/dataplane"
)

// endpoint is a local address of one encapsulation, with the sockets that all tunnels from there share.
type endpoint struct {
	carrier *Carrier
	fast    *accelerator
	inner4  *socket // for IPv4 inside
	inner6  *socket // for IPv6 inside; the same one where the encapsulation says itself what is inside
	prober  *prober
	policies
	peers   atomic.Pointer[bart.Table[[]*tunnel]]
	tunnels int // Apply: that use it
}

type endpointKey struct {
	vrf   string
	local netip.Addr
	encap dataplane.Encap
}

func keyOf(id dataplane.TunnelID) endpointKey { return endpointKey{id.VRF, id.Local, id.Encap} }

// openEndpoint opens the sockets in the namespace of the calling thread, and in the VRF of device.
func openEndpoint(c *Carrier, local netip.Addr, encap dataplane.Encap, device string) (_ *endpoint, err error) {
	e := &endpoint{carrier: c}
	e.peers.Store(new(bart.Table[[]*tunnel]))
	defer func() {
		if err != nil {
			e.close()
		}
	}()
	if e.prober, err = openProber(local, device); err != nil {
		return nil, err
	}
	switch encap {
	case dataplane.EncapUDP:
		e.inner4, err = openSocket(local, device, encap, protoUDP)
	case dataplane.EncapGRE:
		e.inner4, err = openSocket(local, device, encap, protoGRE)
	case dataplane.EncapIP:
		if e.inner6, err = openSocket(local, device, encap, protoIPv6); err == nil {
			e.inner4, err = openSocket(local, device, encap, protoIPv4)
		}
		return e, err
	default:
		err = errors.New("the tunnel has no encapsulation")
	}
	e.inner6 = e.inner4
	return e, err
}

// sockets returns the sockets, each once.
func (e *endpoint) sockets() []*socket {
	if e.inner4 == e.inner6 {
		return []*socket{e.inner4}
	}
	return []*socket{e.inner4, e.inner6}
}

func (e *endpoint) socketFor(inner []byte) *socket {
	if inner[0]>>4 == 4 {
		return e.inner4
	}
	return e.inner6
}

// find returns the tunnel that a packet from there belongs to, or nil.
func (e *endpoint) find(from netip.AddrPort) *tunnel {
	tunnels, _ := e.peers.Load().Lookup(from.Addr())
	var any *tunnel
	for _, t := range tunnels {
		if t.id.Encap != dataplane.EncapUDP || t.id.Port == from.Port() {
			return t
		}
		if t.id.Port == 0 {
			any = t
		}
	}
	return any
}

// add and remove change the tunnels of a peer. Readers see the list before or after, never in between.
func (e *endpoint) add(t *tunnel) {
	e.change(t.id.Peer, func(old []*tunnel) []*tunnel { return append(old[:len(old):len(old)], t) })
	e.tunnels++
}

func (e *endpoint) remove(t *tunnel) {
	e.change(t.id.Peer, func(old []*tunnel) []*tunnel {
		var left []*tunnel
		for _, other := range old {
			if other != t {
				left = append(left, other)
			}
		}
		return left
	})
	e.tunnels--
}

func (e *endpoint) change(peer netip.Addr, f func([]*tunnel) []*tunnel) {
	e.peers.Store(e.peers.Load().ModifyPersist(netip.PrefixFrom(peer, peer.BitLen()), func(old []*tunnel, _ bool) ([]*tunnel, bool) {
		list := f(old)
		return list, len(list) == 0
	}))
}

func (e *endpoint) close() {
	for _, s := range e.sockets() {
		if s != nil {
			s.close()
		}
	}
	if e.prober != nil {
		e.prober.close()
	}
}
