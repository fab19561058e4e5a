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

// ndaProtocol marks who made a neighbour (linux/neighbour.h). The library does not know it.
const ndaProtocol = 12

// SetNeighbour makes or replaces a permanent neighbour.
func (h *Host) SetNeighbour(n dataplane.Neighbour) error {
	index, err := h.LinkIndex(n.Link)
	if err != nil {
		return err
	}
	request := h.neighbourRequest(unix.RTM_NEWNEIGH, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, index, n.Addr)
	request.AddData(nl.NewRtAttr(unix.NDA_LLADDR, n.MAC[:]))
	request.AddData(nl.NewRtAttr(ndaProtocol, []byte{Protocol}))
	if _, err := request.Execute(unix.NETLINK_ROUTE, 0); err != nil {
		return fmt.Errorf("set neighbour %s on %s: %w", n.Addr, n.Link, Explain(err))
	}
	return nil
}

// DeleteNeighbour removes a neighbour. One that is not there is no error.
func (h *Host) DeleteNeighbour(link string, addr netip.Addr) error {
	index, err := h.LinkIndex(link)
	if IsGone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = h.neighbourRequest(unix.RTM_DELNEIGH, 0, index, addr).Execute(unix.NETLINK_ROUTE, 0)
	if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("delete neighbour %s on %s: %w", addr, link, Explain(err))
	}
	return nil
}

// Neighbours lists those that we made and that the host is not to forget by itself, with the names of their interfaces. They are on access links, of which a part of a namespace has none
// (SetLink).
func (h *Host) Neighbours(names map[int]string) ([]dataplane.Neighbour, error) {
	if h.IsPart() {
		return nil, nil
	}
	messages, err := Dump(func() ([][]byte, error) {
		request := nl.NewNetlinkRequest(unix.RTM_GETNEIGH, unix.NLM_F_DUMP)
		request.Sockets = h.raw
		request.AddData(&netlib.Ndmsg{})
		return request.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWNEIGH)
	})
	if err != nil {
		return nil, fmt.Errorf("list neighbours: %w", err)
	}
	var all []dataplane.Neighbour
	for _, m := range messages {
		if n, index, ours := parseNeighbour(m); ours && isPermanent(m) && names[index] != "" {
			n.Link = names[index]
			all = append(all, n)
		}
	}
	return all, nil
}

func (h *Host) neighbourRequest(kind, flags, index int, addr netip.Addr) *nl.NetlinkRequest {
	request := nl.NewNetlinkRequest(kind, flags|unix.NLM_F_ACK)
	request.Sockets = h.raw
	family := uint8(unix.AF_INET)
	if addr.Is6() {
		family = unix.AF_INET6
	}
	request.AddData(&netlib.Ndmsg{Family: family, Index: uint32(index), State: unix.NUD_PERMANENT})
	request.AddData(nl.NewRtAttr(unix.NDA_DST, addr.AsSlice()))
	return request
}

// isPermanent reports whether the neighbour that a message (struct ndmsg) is about stays as it is. One that is deleted has another state then.
func isPermanent(m []byte) bool { return nl.NativeEndian().Uint16(m[8:])&unix.NUD_PERMANENT != 0 }

// parseNeighbour reads the body of an RTM_NEWNEIGH or RTM_DELNEIGH message, but for the interface's name.
func parseNeighbour(m []byte) (n dataplane.Neighbour, index int, ours bool) {
	if len(m) < unix.SizeofNdMsg {
		return n, 0, false
	}
	attributes, err := nl.ParseRouteAttr(m[unix.SizeofNdMsg:])
	if err != nil {
		return n, 0, false
	}
	for _, a := range attributes {
		switch a.Attr.Type {
		case unix.NDA_DST:
			n.Addr, _ = netip.AddrFromSlice(a.Value)
		case unix.NDA_LLADDR:
			copy(n.MAC[:], a.Value)
		case ndaProtocol:
			ours = len(a.Value) > 0 && a.Value[0] == Protocol
		}
	}
	return n, int(nl.NativeEndian().Uint32(m[4:])), ours
}
