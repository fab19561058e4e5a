package netlink

import (
	"errors"
	"fmt"
	"net/netip"

	netlib "github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
)

// ifaProto marks who made an address (linux/if_addr.h, since Linux 5.18; older hosts do not look at it). The library does
// not know it.
const ifaProto = 11

// isGone reports whether an error says that there is no such interface.
func isGone(err error) bool {
	_, notFound := errors.AsType[netlib.LinkNotFoundError](err)
	return notFound || errors.Is(err, unix.ENODEV)
}

// SetLink gives an access interface its addresses, lets it forward, and brings it up. What arrives on it is led to the
// device uplink by one policy rule for each family; while that device is not there, it is discarded.
func (h *Host) SetLink(l dataplane.Link, uplink string) error {
	link, err := h.link(l.Name)
	if err != nil {
		return err
	}
	if err := h.setMAC(link, l.MAC); err != nil {
		return fmt.Errorf("interface %s: address %s: %w", l.Name, l.MAC, explain(err))
	}
	if l.LinkLocal.IsValid() {
		if err := h.setSysctl("ipv6/conf/"+l.Name+"/addr_gen_mode", noAddress); err != nil {
			return fmt.Errorf("interface %s: %w", l.Name, err)
		}
	}
	if err := h.handle.LinkSetUp(link); err != nil {
		return fmt.Errorf("interface %s: up: %w", l.Name, explain(err))
	}
	if err := h.setLinkLocal(link, l.LinkLocal); err != nil {
		return fmt.Errorf("interface %s: address %s: %w", l.Name, l.LinkLocal, explain(err))
	}
	if err := h.tuneAccess(l.Name); err != nil {
		return fmt.Errorf("interface %s: %w", l.Name, err)
	}
	return h.steer(link.Attrs(), uplink)
}

// DeleteLink takes back what SetLink did, but for the interface's own address and state.
func (h *Host) DeleteLink(name string) error {
	link, err := h.link(name)
	if isGone(err) {
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

// setLinkLocal makes addr the one link-local address of ours on the interface; none if it is invalid. It is usable at
// once: every gateway of the domain has it, each on links of its own (RFC 6543).
func (h *Host) setLinkLocal(link netlib.Link, addr netip.Addr) error {
	index := link.Attrs().Index
	old, err := h.linkLocals()
	if err != nil {
		return err
	}
	for _, other := range old[index] {
		if other != addr {
			if err := h.addressRequest(unix.RTM_DELADDR, 0, index, other); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
				return err
			}
		}
	}
	if !addr.IsValid() {
		return nil
	}
	if err := h.endDetection(link, addr); err != nil {
		return err
	}
	return h.addressRequest(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, index, addr)
}

// endDetection removes addr from an interface where the host is finding out whether it is unique. That takes up to two seconds, in which
// the host asks for nobody's link-layer address. It made the address by itself, when the interface came up: that of a gateway's
// link-layer address (RFC 4291 appendix A) is the one that all gateways have.
func (h *Host) endDetection(link netlib.Link, addr netip.Addr) error {
	all, err := dump(func() ([]netlib.Addr, error) { return h.handle.AddrList(link, unix.AF_INET6) })
	if err != nil {
		return fmt.Errorf("list addresses: %w", err)
	}
	for _, a := range all {
		const unfit = unix.IFA_F_TENTATIVE | unix.IFA_F_DADFAILED
		if other, _ := netip.AddrFromSlice(a.IP); other != addr || a.Flags&unfit == 0 {
			continue
		}
		err := h.addressRequest(unix.RTM_DELADDR, 0, link.Attrs().Index, addr)
		if err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
			return err
		}
	}
	return nil
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

// linkLocals lists the IPv6 addresses of ours, by interface index.
func (h *Host) linkLocals() (map[int][]netip.Addr, error) {
	messages, err := dump(func() ([][]byte, error) {
		request := nl.NewNetlinkRequest(unix.RTM_GETADDR, unix.NLM_F_DUMP)
		request.Sockets = h.raw
		request.AddData(nl.NewIfAddrmsg(unix.AF_INET6))
		return request.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWADDR)
	})
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	found := map[int][]netip.Addr{}
	for _, m := range messages {
		if addr, index, ours := parseAddress(m); ours {
			found[index] = append(found[index], addr)
		}
	}
	return found, nil
}

// parseAddress reads the body of an RTM_NEWADDR or RTM_DELADDR message.
func parseAddress(m []byte) (addr netip.Addr, index int, ours bool) {
	if len(m) < unix.SizeofIfAddrmsg {
		return addr, 0, false
	}
	attributes, err := nl.ParseRouteAttr(m[unix.SizeofIfAddrmsg:])
	if err != nil {
		return addr, 0, false
	}
	for _, a := range attributes {
		switch a.Attr.Type {
		case unix.IFA_ADDRESS:
			addr, _ = netip.AddrFromSlice(a.Value)
		case ifaProto:
			ours = len(a.Value) > 0 && a.Value[0] == Protocol
		}
	}
	return addr, int(nl.DeserializeIfAddrmsg(m).Index), ours
}
