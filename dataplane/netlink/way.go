package netlink

import (
	"fmt"
	"net/netip"

	netlib "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Way is the interface by which the host reaches an address.
type Way struct {
	Index    int
	MTU      int // octets
	Ethernet bool
}

// Way returns the way from an address of the host to another host.
func (h *Host) Way(local, remote netip.Addr) (Way, error) {
	routes, err := h.handle.RouteGetWithOptions(remote.AsSlice(), &netlib.RouteGetOptions{SrcAddr: local.AsSlice(), VrfName: h.Device()})
	if err != nil {
		return Way{}, fmt.Errorf("way to %s: %w", remote, Explain(err))
	}
	if len(routes) == 0 {
		return Way{}, fmt.Errorf("no way to %s", remote)
	}
	d, err := h.lookAt(routes[0].LinkIndex)
	if err != nil {
		return Way{}, fmt.Errorf("interface towards %s: %w", remote, Explain(err))
	}
	return Way{d.Index, d.MTU, d.kind == unix.ARPHRD_ETHER}, nil
}
