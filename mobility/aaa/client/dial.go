package client

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"mooring/mobility/aaa"
)

// Dial opens a socket to a server, in the network of the process: VRFs other than the default one are not there.
func Dial(ctx context.Context, t *aaa.Target) (net.Conn, error) {
	if t.VRF != "" {
		return nil, fmt.Errorf("radius server %s: this element has no vrf %s", t.Name, t.VRF)
	}
	var d net.Dialer
	if t.Interface != "" {
		from, err := sourceAddress(t.Interface, t.Addr.Addr())
		if err != nil {
			return nil, fmt.Errorf("radius server %s: %w", t.Name, err)
		}
		d.LocalAddr = &net.UDPAddr{IP: from.AsSlice()}
	}
	return d.DialContext(ctx, "udp", t.Addr.String())
}

// sourceAddress is the first address of an interface that can be used towards a server.
func sourceAddress(name string, to netip.Addr) (netip.Addr, error) {
	link, err := net.InterfaceByName(name)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("source interface %s: %w", name, err)
	}
	addrs, err := link.Addrs()
	if err != nil {
		return netip.Addr{}, fmt.Errorf("source interface %s: %w", name, err)
	}
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		if err == nil && p.Addr().Is4() == to.Is4() && !p.Addr().IsLinkLocalUnicast() {
			return p.Addr(), nil
		}
	}
	return netip.Addr{}, fmt.Errorf("source interface %s has no address to reach %v from", name, to)
}
