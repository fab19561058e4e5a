package netlink

import (
	"fmt"
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
}

// Links lists the interfaces that have anything of what SetLink gives them, whoever gave it. A part of a namespace has none (SetLink).
func (h *Host) Links() (map[string]AccessLink, error) {
	if h.IsPart() {
		return nil, nil
	}
	links, err := Dump(h.handle.LinkList)
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
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
	names := map[int]string{}
	for _, link := range links {
		names[link.Attrs().Index] = link.Attrs().Name
	}
	if err := h.findUplinks(names, at); err != nil {
		return nil, err
	}
	addresses, err := h.addresses()
	if err != nil {
		return nil, err
	}
	for _, a := range addresses {
		if a.maker == Protocol {
			at(names[a.index]).LinkLocal = a.addr
		}
	}
	for _, link := range links {
		if a := found[link.Attrs().Name]; a != nil {
			a.Up = link.Attrs().RawFlags&unix.IFF_UP != 0
			copy(a.MAC[:], link.Attrs().HardwareAddr)
		}
	}
	result := map[string]AccessLink{}
	for name, a := range found {
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

func (h *Host) findUplinks(names map[int]string, at func(string) *AccessLink) error {
	for _, family := range families {
		routes, err := h.listed(family, unix.RT_TABLE_UNSPEC, isAccess)
		if err != nil {
			return err
		}
		for _, r := range routes {
			name := names[r.table-TableAccess]
			if name == "" || r.kind == unix.RTN_BLACKHOLE {
				continue
			}
			at(name).Uplinks++
			at(name).Uplink = names[r.index]
		}
	}
	return nil
}
