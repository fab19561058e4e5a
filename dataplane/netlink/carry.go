package netlink

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"slices"

	netlib "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// baggage is what an interface loses when it changes its VRF.
type baggage struct {
	up        bool
	addresses []netlib.Addr
	routes    []netlib.Route
}

// Carry takes an interface from one VRF to another, with its addresses and the routes of others that lead over it. It is an error when from
// does not have it.
func Carry(name string, from, to *Host) error {
	link, err := from.link(name)
	if err != nil {
		return err
	}
	if !from.has(link.Attrs()) {
		return from.noMember(name)
	}
	b, err := from.pack(link)
	if err != nil {
		return err
	}
	if from.ns != to.ns {
		if err := from.handle.LinkSetNsFd(link, to.fd()); err != nil {
			return fmt.Errorf("interface %s: move to another network namespace: %w", name, Explain(err))
		}
	}
	if link, err = to.link(name); err != nil {
		return err
	}
	return to.unpack(link, b)
}

// CarryAll carries every interface of a namespace to another but those that leave says to leave there, and those that the kernel makes in each.
func CarryAll(from, to *Host, leave func(name string) bool) error {
	links, err := Dump(from.handle.LinkList)
	if err != nil {
		return fmt.Errorf("list interfaces: %w", Explain(err))
	}
	for _, link := range links {
		a := link.Attrs()
		if a.Flags&net.FlagLoopback != 0 || leave(a.Name) {
			continue
		}
		if err := Carry(a.Name, from, to); err != nil && !errors.Is(err, unix.EINVAL) { // what cannot leave a namespace
			return err
		}
	}
	return nil
}

// fd stands for the namespace in messages.
func (h *Host) fd() int {
	if h.ns == nil {
		return h.own.FD()
	}
	return h.ns.FD()
}

func (h *Host) pack(link netlib.Link) (b baggage, err error) {
	b.up = link.Attrs().RawFlags&unix.IFF_UP != 0
	if b.addresses, err = Dump(func() ([]netlib.Addr, error) { return h.handle.AddrList(link, netlib.FAMILY_ALL) }); err != nil {
		return b, fmt.Errorf("addresses of %s: %w", link.Attrs().Name, err)
	}
	b.addresses = slices.DeleteFunc(b.addresses, func(a netlib.Addr) bool { return a.IP.IsLinkLocalUnicast() && a.IP.To4() == nil })
	filter := &netlib.Route{LinkIndex: link.Attrs().Index, Table: h.table()}
	b.routes, err = Dump(func() ([]netlib.Route, error) {
		return h.handle.RouteListFiltered(netlib.FAMILY_ALL, filter, netlib.RT_FILTER_OIF|netlib.RT_FILTER_TABLE)
	})
	if err != nil {
		return b, fmt.Errorf("routes over %s: %w", link.Attrs().Name, err)
	}
	b.routes = slices.DeleteFunc(b.routes, func(r netlib.Route) bool {
		return r.Protocol == unix.RTPROT_KERNEL || r.Protocol == unix.RTPROT_RA || r.Protocol == Protocol // whose makers know by themselves
	})
	slices.SortStableFunc(b.routes, func(x, y netlib.Route) int { return cmp.Compare(len(x.Gw), len(y.Gw)) }) // gateways are reached by the others
	return b, nil
}

func (h *Host) unpack(link netlib.Link, b baggage) error {
	name := link.Attrs().Name
	var err error
	switch {
	case h.IsPart():
		err = h.enslave(link)
	case link.Attrs().MasterIndex != 0:
		err = Explain(h.handle.LinkSetNoMaster(link))
	}
	if err == nil && b.up {
		err = Explain(h.handle.LinkSetUp(link))
	}
	if err != nil {
		return fmt.Errorf("interface %s: %w", name, err)
	}
	for _, a := range b.addresses {
		a.Label, a.LinkIndex = "", link.Attrs().Index
		if a.IP.To4() == nil {
			a.Flags = unix.IFA_F_NODAD // it was unique before
		}
		if err := h.handle.AddrAdd(link, &a); err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("interface %s: address %s: %w", name, a.IPNet, Explain(err))
		}
	}
	var errs []error
	for _, r := range b.routes {
		r.LinkIndex, r.Table = link.Attrs().Index, h.table()
		if err := h.handle.RouteAdd(&r); err != nil && !errors.Is(err, unix.EEXIST) {
			errs = append(errs, fmt.Errorf("route %s over %s: %w", r.Dst, name, Explain(err)))
		}
	}
	return errors.Join(errs...)
}
