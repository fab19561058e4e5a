package netlink

import (
	"fmt"
	"net/netip"

	netlib "github.com/vishvananda/netlink"
)

// Way is the interface by which the host reaches an address.
type Way struct {
	Index    int
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
	link, err := h.handle.LinkByIndex(routes[0].LinkIndex)
	if err != nil {
		return Way{}, fmt.Errorf("interface towards %s: %w", remote, Explain(err))
	}
	return Way{link.Attrs().Index, link.Attrs().EncapType == "ether"}, nil
}
