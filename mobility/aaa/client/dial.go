package client

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"

	"mooring/mobility/aaa"
)

// Dialer opens sockets to servers. The zero value reaches those in the network of the process.
type Dialer struct {
	// Enter runs open with the calling thread in the network of a VRF, whose sockets are to be bound to device where that is not empty. nil: there
	// is only the default VRF.
	Enter func(vrf string, open func(device string) error) error
}

// Dial opens a socket to a server, in its VRF and with the address of its interface, if it has any (feature AAA-04).
func (d Dialer) Dial(ctx context.Context, t *aaa.Target) (conn net.Conn, err error) {
	open := func(device string) (err error) {
		conn, err = dial(ctx, t, device)
		return err
	}
	switch {
	case t.VRF == "":
		err = open("")
	case d.Enter == nil:
		err = fmt.Errorf("there is no VRF %s", t.VRF)
	default:
		err = d.Enter(t.VRF, open)
	}
	if err != nil {
		return nil, fmt.Errorf("radius server %s: %w", t.Name, err)
	}
	return conn, nil
}

// dial opens the socket in the network of the calling thread: an address needs no resolver, and so no other goroutine.
func dial(ctx context.Context, t *aaa.Target, device string) (net.Conn, error) {
	d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) (err error) {
		if device == "" {
			return nil
		}
		if failed := c.Control(func(fd uintptr) { err = unix.BindToDevice(int(fd), device) }); failed != nil {
			return failed
		}
		if err != nil {
			return fmt.Errorf("bind to vrf interface %s: %w", device, err)
		}
		return nil
	}}
	if t.Interface != "" {
		from, err := sourceAddress(t.Interface, t.Addr.Addr())
		if err != nil {
			return nil, err
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
