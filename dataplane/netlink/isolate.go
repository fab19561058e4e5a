package netlink

import (
	"errors"
	"fmt"
	"slices"

	netlib "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// lastResort is the metric of the routes that keep what the table of a VRF does not cover from being looked up in the main table
// (Documentation/networking/vrf.rst recommends it).
const lastResort = 4278198272

// Isolate has the table of the VRF, and no other, answer for everything, with routes that it leaves to whoever has made them; of its own, none is
// left when it fails. Of a Host that is no part of a namespace, it does nothing.
func (h *Host) Isolate() error {
	if !h.IsPart() {
		return nil
	}
	if err := h.setSysctl("ipv4/raw_l3mdev_accept", "0"); err != nil { // or sockets of the default VRF would get what arrives in others
		return err
	}
	for _, family := range families {
		if err := h.vrfFirst(family); err != nil {
			return err
		}
	}
	var made []*netlib.Route
	for _, route := range h.lastResorts() {
		err := h.handle.RouteAdd(route)
		switch {
		case err == nil:
			made = append(made, route)
			h.parts.setResort(resortOf(route), true)
		case errors.Is(err, unix.EEXIST):
			err = h.keepResort(route)
		}
		if err != nil {
			return errors.Join(fmt.Errorf("table %d: %w", route.Table, Explain(err)), h.removeResorts(made))
		}
	}
	return nil
}

// keepResort has the route be there where one of ours was, or is: somebody may have had it lead on.
func (h *Host) keepResort(route *netlib.Route) error {
	found, err := h.lists.listRoutes(route.Family, route.Table, unix.RTPROT_UNSPEC)
	if err != nil {
		return err
	}
	at := resortOf(route)
	i := slices.IndexFunc(found, Listed.isLastResort)
	if i >= 0 && found[i].maker == Protocol {
		h.parts.setResort(at, true)
	}
	if i < 0 || found[i].discards() || !h.parts.hasResort(at.table, at.family) {
		return nil
	}
	return h.handle.RouteReplace(route)
}

// Unisolate takes the routes of Isolate back, but those that are somebody else's.
func (h *Host) Unisolate() error {
	if !h.IsPart() {
		return nil
	}
	return h.removeResorts(h.lastResorts())
}

func (h *Host) removeResorts(routes []*netlib.Route) error {
	for _, route := range routes {
		if err := h.handle.RouteDel(route); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("table %d: %w", route.Table, Explain(err))
		}
		h.parts.setResort(resortOf(route), false)
	}
	return nil
}

func (h *Host) lastResorts() (routes []*netlib.Route) {
	for _, everything := range defaults {
		route := wire(Route{Prefix: everything, Table: h.part.Table})
		route.Type, route.Priority = unix.RTN_UNREACHABLE, lastResort
		routes = append(routes, route)
	}
	return routes
}

// resort is the place of a last resort.
type resort struct{ table, family int }

func resortOf(route *netlib.Route) resort { return resort{route.Table, route.Family} }

func (ps *parts) setResort(at resort, ours bool) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ours {
		ps.resorts[at] = true
	} else {
		delete(ps.resorts, at)
	}
}

func (ps *parts) hasResort(table, family int) bool {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return ps.resorts[resort{table, family}]
}
