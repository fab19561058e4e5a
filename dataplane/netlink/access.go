package netlink

import (
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"

	"mooring/dataplane"
)

// AccessLink is what an interface has of what SetLink gives it.
type AccessLink struct {
	Up        bool
	MAC       dataplane.MAC // of the interface
	LinkLocal netip.Addr    // of ours
	Rules     int           // of two
	Uplinks   int           // of two: default routes of its table, to Uplink
	Uplink    string
	Backstops int // of two: what discards behind these
}

// Links lists the interfaces that have anything of what SetLink gives them, whoever gave it, where names has what all are called. A part of a
// namespace has none (SetLink).
func (h *Host) Links(l *Listing, names map[int]string) (map[string]AccessLink, error) {
	if h.IsPart() {
		return nil, nil
	}
	found := map[string]*AccessLink{}
	at := func(name string) *AccessLink {
		if found[name] == nil {
			found[name] = &AccessLink{}
		}
		return found[name]
	}
	if err := h.findRules(at); err != nil {
		return nil, err
	}
	l.findUplinks(names, at)
	addresses, err := h.addresses()
	if err != nil {
		return nil, err
	}
	for _, a := range addresses {
		if name := names[a.index]; a.maker == Protocol && name != "" {
			at(name).LinkLocal = a.addr
		}
	}
	result := map[string]AccessLink{}
	for name, a := range found {
		d, err := h.Look(name)
		if err != nil && !errors.Is(err, dataplane.ErrNoLink) {
			return nil, err
		}
		a.Up, a.MAC = d.isUp(), d.MAC
		result[name] = *a
	}
	return result, nil
}

func (h *Host) findRules(at func(string) *AccessLink) error {
	for _, family := range families {
		rules, err := h.rules(family)
		if err != nil {
			return err
		}
		for _, rule := range rules {
			if rule.IifName == "" { // of a mark
				continue
			}
			at(rule.IifName).Rules++
		}
	}
	return nil
}

func (l *Listing) findUplinks(names map[int]string, at func(string) *AccessLink) {
	for table, routes := range l.tables {
		name := ""
		if isAccess(table) {
			name = names[table-TableAccess]
		}
		if name == "" {
			continue
		}
		for _, r := range routes {
			switch {
			case r.kind != unix.RTN_BLACKHOLE:
				at(name).Uplinks++
				at(name).Uplink = names[r.index]
			case r.metric == metricLast:
				at(name).Backstops++
			}
		}
	}
}
