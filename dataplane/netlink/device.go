package netlink

import (
	"errors"
	"fmt"

	netlib "github.com/vishvananda/netlink"
)

// noAddress is the addr_gen_mode that gives an interface no link-local address of the host's making, and so no router solicitations.
const noAddress = "1"

// SetDevice prepares a tunnel device of ours and brings it up: the host sends nothing of its own accord on it, and takes
// packets of any source from it. alias is what people see in "ip link".
func (h *Host) SetDevice(name, alias string, mtu, queue int) error {
	link, err := h.link(name)
	if err != nil {
		return err
	}
	err = errors.Join(
		h.setSysctl("ipv6/conf/"+name+"/addr_gen_mode", noAddress),
		h.setSysctl("ipv6/conf/"+name+"/accept_ra", "0"),
		h.setSysctl("ipv6/conf/"+name+"/forwarding", "1"),
		h.setSysctl("ipv4/conf/"+name+"/forwarding", "1"),
		h.trustSources(name),
		explain(h.handle.LinkSetAlias(link, alias)),
		explain(h.handle.LinkSetTxQLen(link, queue)),
		explain(h.handle.LinkSetMTU(link, mtu)),
		explain(h.handle.LinkSetUp(link)),
	)
	if err != nil {
		return fmt.Errorf("device %s: %w", name, err)
	}
	return nil
}

// IsUp reports whether there is an interface of this name that is up and has carrier.
func (h *Host) IsUp(name string) bool {
	link, err := h.link(name)
	return err == nil && isUp(link.Attrs())
}

// Devices returns the interfaces that are up, by name.
func (h *Host) Devices() (map[string]netlib.Link, error) {
	links, err := dump(h.handle.LinkList)
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	up := map[string]netlib.Link{}
	for _, link := range links {
		if isUp(link.Attrs()) {
			up[link.Attrs().Name] = link
		}
	}
	return up, nil
}
