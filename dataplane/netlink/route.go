package netlink

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"

	netlib "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
)

// Route leads packets for a prefix to an interface, or nowhere. There is one of ours for a prefix and a table.
type Route struct {
	Prefix netip.Prefix
	Table  int    // 0 for that of the VRF
	Device string // empty: packets are discarded
	Own    bool   // packets are for the host itself
	dataplane.Standing
}

var families = []int{netlib.FAMILY_V4, netlib.FAMILY_V6}

// SetRoute makes or replaces a route. One with another Standing stays.
func (h *Host) SetRoute(r Route) error {
	r.Table = cmp.Or(r.Table, h.table())
	route := wire(r)
	if r.Device == "" {
		route.Type = unix.RTN_BLACKHOLE
	} else {
		index, err := h.LinkIndex(r.Device)
		if err != nil {
			return err
		}
		route.LinkIndex = index
		switch {
		case r.Own:
			route.Type, route.Scope = unix.RTN_LOCAL, netlib.SCOPE_HOST
		case r.Prefix.Addr().Is4():
			route.Scope = netlib.SCOPE_LINK
		}
	}
	if err := h.handle.RouteReplace(route); err != nil {
		return fmt.Errorf("set route %s: %w", r.Prefix, Explain(err))
	}
	return nil
}

// DeleteRoute removes our route for the prefix with the zero Standing, wherever it leads. One that is not there is no error.
func (h *Host) DeleteRoute(prefix netip.Prefix, table int) error {
	route := wire(Route{Prefix: prefix, Table: cmp.Or(table, h.table())})
	route.Scope = netlib.SCOPE_NOWHERE
	err := h.handle.RouteDel(route)
	if err != nil && !errors.Is(err, unix.ESRCH) && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("delete route %s: %w", prefix, Explain(err))
	}
	return nil
}

// Routes lists our routes in the table of the VRF.
func (h *Host) Routes() (routes []Route, err error) {
	l, err := h.List()
	if err != nil {
		return nil, err
	}
	devices, err := h.Interfaces()
	if err != nil {
		return nil, err
	}
	names := Names(devices)
	for _, r := range l.Of(h) {
		route, ok, err := h.Route(r, names)
		if err != nil {
			return nil, err
		}
		if ok {
			routes = append(routes, route)
		}
	}
	return routes, nil
}

// interim is the route that stands in for that of a prefix.
func (h *Host) interim(p netip.Prefix) *netlib.Route {
	route := wire(Route{Prefix: p, Table: h.table()})
	route.Priority, route.Scope = metricInterim, netlib.SCOPE_NOWHERE
	return route
}

func wire(r Route) *netlib.Route {
	family := netlib.FAMILY_V4
	if r.Prefix.Addr().Is6() {
		family = netlib.FAMILY_V6
	}
	return &netlib.Route{Family: family, Dst: ipNet(r.Prefix), Table: r.Table, Protocol: Protocol, Priority: int(metricOf(r.Standing))}
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// Explain adds what can be done about an error of the host.
func Explain(err error) error {
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("%w; changing the network needs CAP_NET_ADMIN (setcap cap_net_admin,cap_net_raw+ep, or "+
			"AmbientCapabilities= in the systemd unit)", err)
	}
	return err
}
