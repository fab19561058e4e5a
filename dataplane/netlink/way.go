package netlink

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Way is the interface by which the host reaches an address.
type Way struct {
	Index    int
	MTU      int // octets
	Ethernet bool
}

// Way returns the way from an address of the host to another host.
func (h *Host) Way(local, remote netip.Addr) (Way, error) {
	if err := oneFamily(local, remote); err != nil {
		return Way{}, err
	}
	index := 0
	err := h.devices.exchange(func(s *socket) { s.askWay(local, remote, h.DeviceIndex()) }, func(kind uint16, body []byte) {
		if kind == unix.RTM_NEWROUTE && len(body) >= unix.SizeofRtMsg {
			eachAttribute(body[unix.SizeofRtMsg:], func(kind uint16, value []byte) {
				if kind == unix.RTA_OIF {
					index = int(word(value, 0))
				}
			})
		}
	})
	if err != nil {
		return Way{}, fmt.Errorf("way to %s: %w", remote, Explain(err))
	}
	if index == 0 {
		return Way{}, fmt.Errorf("no way to %s", remote)
	}
	d, err := h.lookAt(index)
	if err != nil {
		return Way{}, fmt.Errorf("interface towards %s: %w", remote, Explain(err))
	}
	return Way{d.Index, d.MTU, d.kind == unix.ARPHRD_ETHER}, nil
}

// askWay asks for the route that a packet would take (rtnetlink(7)), in the VRF of a vrf interface; of 0, in the default one.
func (s *socket) askWay(local, remote netip.Addr, vrf int) {
	family := byte(unix.AF_INET)
	if remote.Is6() {
		family = unix.AF_INET6
	}
	start := s.begin(unix.RTM_GETROUTE, 0)
	s.out = append(s.out, family, byte(remote.BitLen()), byte(local.BitLen()), 0, 0, 0, 0, 0, 0, 0, 0, 0)
	s.out = appendAttribute(s.out, unix.RTA_DST, remote.AsSlice())
	s.out = appendAttribute(s.out, unix.RTA_SRC, local.AsSlice())
	if vrf != 0 {
		s.out = appendUint32(s.out, unix.RTA_OIF, uint32(vrf))
	}
	s.end(start)
}

// oneFamily says that two addresses are not of one; nil if they are.
func oneFamily(local, remote netip.Addr) error {
	if local.Is4() != remote.Is4() {
		return fmt.Errorf("addresses %s and %s are not of one family", local, remote)
	}
	return nil
}
