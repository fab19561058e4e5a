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

func (b baggage) empty() bool { return !b.up && len(b.addresses) == 0 && len(b.routes) == 0 }

// Carry takes an interface from one VRF to another, with its addresses and the routes of others that lead over it. What it fails to give back stays
// noted for GiveBack, as all does when the process ends. It is an error when from does not have the interface.
func Carry(name string, from, to *Host, notes *Notes) error {
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
	lost, err := notes.read(link)
	if err != nil {
		return err
	}
	b.add(lost)
	if err := notes.write(link, b); err != nil {
		return err
	}
	if from.ns != to.ns {
		notes.step()
		if err := from.handle.LinkSetNsFd(link, to.fd()); err != nil {
			return fmt.Errorf("interface %s: move to another network namespace: %w", name, Explain(err))
		}
	}
	if link, err = to.link(name); err != nil {
		return err
	}
	notes.step()
	if err := to.take(link); err != nil {
		return err
	}
	if link, err = to.link(name); err != nil { // its VRF is another one now
		return err
	}
	return to.unpack(link, b, notes)
}

// GiveBack gives an interface of the host what there is a note of, in whatever VRF of the host it is.
func (h *Host) GiveBack(name string, notes *Notes) error {
	link, err := h.link(name)
	if err != nil {
		return err
	}
	b, err := notes.read(link)
	if err != nil || b.empty() {
		return err
	}
	return h.unpack(link, b, notes)
}

// add adds what another one has beside it.
func (b *baggage) add(other baggage) {
	b.up = b.up || other.up
	for _, a := range other.addresses {
		if !slices.ContainsFunc(b.addresses, func(has netlib.Addr) bool { return has.IPNet.String() == a.IPNet.String() }) {
			b.addresses = append(b.addresses, a)
		}
	}
	b.routes = append(b.routes, other.routes...) // those that are there already make no difference
}

// CarryAll carries every interface of a VRF to another but those that leave says to leave there, and those that the kernel makes in each namespace.
func CarryAll(from, to *Host, leave func(name string) bool, notes *Notes) error {
	links, err := Dump(from.handle.LinkList)
	if err != nil {
		return fmt.Errorf("list interfaces: %w", Explain(err))
	}
	for _, link := range links {
		a := link.Attrs()
		if a.Flags&net.FlagLoopback != 0 || !from.has(a) || leave(a.Name) {
			continue
		}
		if err := Carry(a.Name, from, to, notes); err != nil && !errors.Is(err, unix.EINVAL) { // what cannot leave a namespace
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

// take puts an interface of the namespace into the VRF.
func (h *Host) take(link netlib.Link) error {
	if h.IsPart() {
		return h.enslave(link)
	}
	if link.Attrs().MasterIndex == 0 {
		return nil
	}
	if err := h.handle.LinkSetNoMaster(link); err != nil {
		return fmt.Errorf("interface %s: take out of its VRF: %w", link.Attrs().Name, Explain(err))
	}
	return nil
}

// unpack gives an interface what it had. What it cannot have yet is noted, and nothing else any more.
func (h *Host) unpack(link netlib.Link, b baggage, notes *Notes) error {
	table, err := h.tableOf(link)
	if err != nil {
		return err
	}
	name, index := link.Attrs().Name, link.Attrs().Index
	if b.up {
		notes.step()
		if err := h.handle.LinkSetUp(link); err != nil {
			return fmt.Errorf("interface %s: %w", name, Explain(err))
		}
	}
	var rest baggage
	var errs []error
	for _, a := range b.addresses {
		a.Label, a.LinkIndex = "", index
		if a.IP.To4() == nil {
			a.Flags = unix.IFA_F_NODAD // it was unique before
		}
		notes.step()
		if err := h.handle.AddrAdd(link, &a); err != nil && !errors.Is(err, unix.EEXIST) {
			rest.addresses = append(rest.addresses, a)
			errs = append(errs, fmt.Errorf("interface %s: address %s: %w", name, a.IPNet, Explain(err)))
		}
	}
	for _, r := range b.routes {
		r.LinkIndex, r.Table = index, table
		notes.step()
		if err := h.handle.RouteAdd(&r); err != nil && !errors.Is(err, unix.EEXIST) {
			rest.routes = append(rest.routes, r)
			errs = append(errs, fmt.Errorf("route %s over %s: %w", r.Dst, name, Explain(err)))
		}
	}
	return errors.Join(append(errs, notes.write(link, rest))...)
}

// tableOf is that of the VRF that an interface is in, also of one that there is no Host of.
func (h *Host) tableOf(link netlib.Link) (int, error) {
	all, err := h.VRFs()
	for _, v := range all {
		if v.Index == link.Attrs().MasterIndex {
			return v.Table, nil
		}
	}
	return unix.RT_TABLE_MAIN, err
}
