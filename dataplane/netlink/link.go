package netlink

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	netlib "github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
)

// ifaProto marks who made an address (linux/if_addr.h, since Linux 5.18; older hosts do not look at it). The library does
// not know it.
const ifaProto = 11

// IsGone reports whether an error says that there is no such interface.
func IsGone(err error) bool {
	_, notFound := errors.AsType[netlib.LinkNotFoundError](err)
	return notFound || errors.Is(err, unix.ENODEV)
}

// SetLink gives an access interface its addresses, lets it forward, and brings it up. What arrives on it is led to the
// device uplink by one policy rule for each family; while that device is not there, it is discarded. A vrf interface is what rules see of
// the interfaces in it, so there are no access interfaces in a part of a namespace.
func (h *Host) SetLink(l dataplane.Link, uplink string) error {
	if h.IsPart() {
		return fmt.Errorf("interface %s: access links are not possible in VRF %s, which is a vrf interface of the kernel", l.Name, h.part.name)
	}
	link, err := h.link(l.Name)
	if err != nil {
		return err
	}
	if err := h.setMAC(link, l.MAC); err != nil {
		return fmt.Errorf("interface %s: address %s: %w", l.Name, l.MAC, Explain(err))
	}
	if l.LinkLocal.IsValid() {
		if err := h.setSysctl("ipv6/conf/"+l.Name+"/addr_gen_mode", strconv.Itoa(noAddress)); err != nil {
			return fmt.Errorf("interface %s: %w", l.Name, err)
		}
	}
	if err := h.handle.LinkSetUp(link); err != nil {
		return fmt.Errorf("interface %s: up: %w", l.Name, Explain(err))
	}
	if err := h.setLinkLocal(link, l.LinkLocal); err != nil {
		return fmt.Errorf("interface %s: address %s: %w", l.Name, l.LinkLocal, Explain(err))
	}
	if err := h.tuneAccess(l.Name); err != nil {
		return fmt.Errorf("interface %s: %w", l.Name, err)
	}
	return h.steer(link.Attrs(), uplink)
}

// DeleteLink takes back what SetLink did, but for the interface's own address and state.
func (h *Host) DeleteLink(name string) error {
	link, err := h.link(name)
	if IsGone(err) {
		return h.unsteer(name, 0)
	}
	if err != nil {
		return err
	}
	return errors.Join(h.setLinkLocal(link, netip.Addr{}), h.unsteer(name, link.Attrs().Index))
}

// tuneAccess sets what an access interface needs: packets are forwarded and not redirected, and what nodes say does not
// configure the gateway. The kernel's proxy ARP stays off: it would answer a node that announces its own home address.
func (h *Host) tuneAccess(name string) error {
	return errors.Join(
		h.setSysctl("ipv4/conf/"+name+"/forwarding", "1"),
		h.setSysctl("ipv4/conf/"+name+"/send_redirects", "0"),
		h.setSysctl("ipv4/conf/"+name+"/accept_redirects", "0"),
		h.setSysctl("ipv6/conf/"+name+"/forwarding", "1"),
		h.setSysctl("ipv6/conf/"+name+"/accept_ra", "0"),
		h.setSysctl("ipv6/conf/"+name+"/accept_redirects", "0"),
		h.trustSources(name), // the source routes of the interface are stricter
	)
}

func (h *Host) setMAC(link netlib.Link, mac dataplane.MAC) error {
	if mac == (dataplane.MAC{}) || string(link.Attrs().HardwareAddr) == string(mac[:]) {
		return nil
	}
	err := h.handle.LinkSetHardwareAddr(link, mac[:])
	if !errors.Is(err, unix.EBUSY) {
		return err
	}
	if err := h.handle.LinkSetDown(link); err != nil { // SetLink brings it up again
		return err
	}
	return h.handle.LinkSetHardwareAddr(link, mac[:])
}

// setLinkLocal makes addr the one link-local address of ours on the interface, and removes that of the host's own making; of an invalid
// addr it only removes ours. It is usable when the call returns: every gateway of the domain has it, each on links of its own (RFC 6543).
func (h *Host) setLinkLocal(link netlib.Link, addr netip.Addr) error {
	index := link.Attrs().Index
	all, err := h.addresses()
	if err != nil {
		return err
	}
	for _, a := range all {
		if a.index != index || !a.unwanted(addr) {
			continue
		}
		if err := h.addressRequest(unix.RTM_DELADDR, 0, index, a.addr); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
			return err
		}
	}
	if !addr.IsValid() {
		return nil
	}
	if err := h.addressRequest(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, index, addr); err != nil {
		return err
	}
	return h.awaitAddress(index, addr)
}

// awaitAddress waits until the host takes what is sent to a new address for its own, which it does a little after it has the address.
// Until then it resolves nobody's link-layer address: the answers would not reach it, and it repeats a question after a second.
func (h *Host) awaitAddress(index int, addr netip.Addr) error {
	const tries = 1000
	for range tries {
		routes, err := h.handle.RouteGetWithOptions(addr.AsSlice(), &netlib.RouteGetOptions{OifIndex: index})
		if err == nil && len(routes) > 0 && routes[0].Type == unix.RTN_LOCAL {
			return nil
		}
		time.Sleep(200 * time.Microsecond)
	}
	return errors.New("the host has it, and does not use it")
}

func (h *Host) addressRequest(kind, flags, index int, addr netip.Addr) error {
	request := nl.NewNetlinkRequest(kind, flags|unix.NLM_F_ACK)
	request.Sockets = h.raw
	message := nl.NewIfAddrmsg(unix.AF_INET6)
	message.Index, message.Prefixlen, message.Scope, message.Flags = uint32(index), 64, unix.RT_SCOPE_LINK, unix.IFA_F_NODAD
	request.AddData(message)
	request.AddData(nl.NewRtAttr(unix.IFA_LOCAL, addr.AsSlice()))
	request.AddData(nl.NewRtAttr(ifaProto, []byte{Protocol}))
	_, err := request.Execute(unix.NETLINK_ROUTE, 0)
	return err
}

// address is an IPv6 address of an interface.
type address struct {
	addr  netip.Addr
	index int   // of the interface
	maker uint8 // protocol number of who made it; 0: unknown
	flags uint32
}

// kernelMade is the maker of a link-local address that the host has given an interface by itself (IFAPROT_KERNEL_LL).
const kernelMade = 3

// unwanted reports whether the address has to go before want can be the one of ours. Of the one that is wanted, that is the case while
// the host finds out whether it is unique: that would take up to two seconds.
func (a address) unwanted(want netip.Addr) bool {
	const detecting = unix.IFA_F_TENTATIVE | unix.IFA_F_DADFAILED
	if a.addr == want {
		return a.flags&detecting != 0
	}
	return a.maker == Protocol || want.IsValid() && a.maker == kernelMade
}

// addresses lists the IPv6 addresses of all interfaces.
func (h *Host) addresses() ([]address, error) {
	messages, err := Dump(func() ([][]byte, error) {
		request := nl.NewNetlinkRequest(unix.RTM_GETADDR, unix.NLM_F_DUMP)
		request.Sockets = h.raw
		request.AddData(nl.NewIfAddrmsg(unix.AF_INET6))
		return request.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWADDR)
	})
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	var all []address
	for _, m := range messages {
		if a, ok := parseAddress(m); ok {
			all = append(all, a)
		}
	}
	return all, nil
}

// parseAddress reads the body of an RTM_NEWADDR or RTM_DELADDR message.
func parseAddress(m []byte) (a address, ok bool) {
	if len(m) < unix.SizeofIfAddrmsg {
		return a, false
	}
	attributes, err := nl.ParseRouteAttr(m[unix.SizeofIfAddrmsg:])
	if err != nil {
		return a, false
	}
	fixed := nl.DeserializeIfAddrmsg(m)
	a.index, a.flags = int(fixed.Index), uint32(fixed.Flags)
	for _, attribute := range attributes {
		switch attribute.Attr.Type {
		case unix.IFA_ADDRESS:
			a.addr, _ = netip.AddrFromSlice(attribute.Value)
		case unix.IFA_FLAGS:
			a.flags = nl.NativeEndian().Uint32(attribute.Value)
		case ifaProto:
			if len(attribute.Value) > 0 {
				a.maker = attribute.Value[0]
			}
		}
	}
	return a, a.addr.IsValid()
}
