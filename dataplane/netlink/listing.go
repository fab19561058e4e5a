package netlink

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// Listing is what a namespace held of ours while it was listed: routes, of all tables and VRFs at once. Who changes routes meanwhile may be in
// it or not.
type Listing struct {
	tables  map[int][]Listed
	resorts map[int]int // by table: how much there is of what Isolate sees to, whoever made it
}

// List lists our routes. It has a socket of its own, so that nobody waits for it.
func (h *Host) List() (*Listing, error) {
	l := &Listing{tables: map[int][]Listed{}, resorts: map[int]int{}}
	for _, family := range families {
		found, err := h.long.listRoutes(family, unix.RT_TABLE_UNSPEC, Protocol)
		if err != nil {
			return nil, err
		}
		for _, r := range found {
			switch {
			case r.metric != lastResort:
				l.tables[r.table] = append(l.tables[r.table], r)
			case r.discards():
				l.resorts[r.table]++
			}
		}
	}
	for _, table := range h.parts.tables() {
		if l.resorts[table] == len(families) {
			continue
		}
		if err := l.countResorts(h, table); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// countResorts counts those of somebody else, too, but where one of ours was that they lead on from.
func (l *Listing) countResorts(h *Host, table int) error {
	l.resorts[table] = 0
	for _, family := range families {
		found, err := h.long.listRoutes(family, table, unix.RTPROT_UNSPEC)
		if err != nil {
			return err
		}
		ours := h.parts.hasResort(table, family)
		if slices.ContainsFunc(found, func(r Listed) bool { return r.isLastResort() && (r.discards() || !ours) }) {
			l.resorts[table]++
		}
	}
	return nil
}

// Of returns the routes in the table of a VRF.
func (l *Listing) Of(h *Host) []Listed { return l.tables[h.table()] }

// Isolates reports whether everything that Isolate makes was there.
func (l *Listing) Isolates(h *Host) bool {
	return !h.IsPart() || l.resorts[h.part.Table] == len(families)
}

// Route is what was listed, where names has what interfaces are called by now. It is none (not ok) of one whose interface is gone, and of one
// that a killed process had stand in for another, which is removed.
func (h *Host) Route(r Listed, names map[int]string) (route Route, ok bool, err error) {
	if r.metric == metricInterim {
		err := h.handle.RouteDel(h.interim(r.prefix))
		if err != nil && !errors.Is(err, unix.ESRCH) {
			return route, false, fmt.Errorf("delete route %s: %w", r.prefix, Explain(err))
		}
		return route, false, nil
	}
	route.Prefix = r.prefix
	if route.Standing, ok = standingOf(r.metric); !ok {
		return route, false, nil
	}
	h.parts.meet(route.Standing)
	if r.kind != unix.RTN_BLACKHOLE {
		route.Device, ok = names[r.index]
	}
	return route, ok, nil
}

// Names maps the indexes of interfaces to their names.
func Names(devices []Device) map[int]string {
	names := make(map[int]string, len(devices))
	for _, d := range devices {
		names[d.Index] = d.Name
	}
	return names
}

// Interfaces describes all interfaces of the namespace.
func (h *Host) Interfaces() ([]Device, error) {
	all, err := Dump(func() (all []Device, err error) {
		err = h.lists.list(unix.RTM_GETLINK, func(b []byte) []byte {
			return appendUint32(appendInterface(b, 0, 0), unix.IFLA_EXT_MASK, skipStatistics)
		}, func(b []byte) {
			if d, ok := parseDevice(b); ok {
				all = append(all, d)
			}
		})
		return all, err
	})
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	return all, nil
}
