package netlink

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	netlib "github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// PortData is the UDP port of tunnels (RFC 5844 section 4.1.3).
const PortData = 5437

// receiver is a socket of the kernel's own for PortData: "generic UDP encapsulation" takes an IP packet right behind the UDP header for its
// variant 1. It takes what arrives in one VRF: a socket that is bound to no vrf interface conflicts with those that are, unless the
// addresses differ, so each is of one address.
type receiver struct {
	local  netip.Addr
	device int // index of the vrf interface; 0: the default VRF
}

// ReceiveUDP has the kernel take packets that arrive in this VRF at an address for PortData as tunnelled ones. The address has to be there.
func (h *Host) ReceiveUDP(local netip.Addr) error {
	r := receiver{local, h.part.Index}
	err := h.fou(netlib.FOU_CMD_ADD, r)
	if err == nil {
		return nil
	}
	if errors.Is(err, errNoFOU) {
		return fmt.Errorf("receive UDP at %s, port %d: %w", local, PortData, err)
	}
	all, listing := h.receivers()
	if listing != nil {
		return errors.Join(fmt.Errorf("receive UDP at %s, port %d: %w", local, PortData, Explain(err)), listing)
	}
	for _, other := range all {
		switch {
		case other.serves(r):
			return nil
		case other.local == local && (other.device == 0 || r.device == 0):
			err = fmt.Errorf("%w; a vrf interface and the default VRF cannot both have tunnels over UDP at one address", err)
		}
	}
	return fmt.Errorf("receive UDP at %s, port %d: %w", local, PortData, Explain(err))
}

// serves reports whether the receiver takes what another one is to take. Of all addresses, somebody else must have made it.
func (r receiver) serves(want receiver) bool {
	return r == want || r.device == want.device && r.local.IsUnspecified() && r.local.Is4() == want.local.Is4()
}

// ReceivesUDP looks what receives UDP in this VRF, and returns whether what ReceiveUDP made at an address is there. The host tells nobody when
// somebody closes it.
func (h *Host) ReceivesUDP() (at func(local netip.Addr) bool, err error) {
	all, err := h.receivers()
	if errors.Is(err, errNoFOU) {
		err = nil
	}
	return func(local netip.Addr) bool {
		return slices.ContainsFunc(all, func(r receiver) bool { return r.serves(receiver{local, h.part.Index}) })
	}, err
}

// IgnoreUDP takes back what ReceiveUDP did.
func (h *Host) IgnoreUDP(local netip.Addr) error { return h.shut(receiver{local, h.part.Index}) }

func (h *Host) shut(r receiver) error {
	err := h.fou(netlib.FOU_CMD_DEL, r)
	if err != nil && !errors.Is(err, unix.EINVAL) { // it is closed already
		return fmt.Errorf("close UDP port %d at %s: %w", PortData, r.local, Explain(err))
	}
	return nil
}

// IgnoreUDPOfGone closes what was opened in VRFs whose interfaces are gone: it outlives them.
func (h *Host) IgnoreUDPOfGone() error {
	all, err := h.receivers()
	if err != nil || !slices.ContainsFunc(all, func(r receiver) bool { return r.device != 0 }) {
		return err
	}
	there, err := h.VRFs()
	if err != nil {
		return err
	}
	for _, r := range all {
		if r.device != 0 && !slices.ContainsFunc(there, func(v VRF) bool { return v.Index == r.device }) {
			err = errors.Join(err, h.shut(r))
		}
	}
	return err
}

// fou opens or closes a receiver. The library's own request names an inner protocol, 0, which kernels have begun to refuse.
func (h *Host) fou(command byte, r receiver) error {
	return h.Do(func() error {
		request, err := fouRequest(command, unix.NLM_F_ACK)
		if err != nil {
			return err
		}
		family, local := byte(unix.AF_INET), uint16(netlib.FOU_ATTR_LOCAL_V4)
		if r.local.Is6() {
			family, local = unix.AF_INET6, netlib.FOU_ATTR_LOCAL_V6
		}
		request.AddData(nl.NewRtAttr(netlib.FOU_ATTR_PORT, binary.BigEndian.AppendUint16(nil, PortData)))
		request.AddData(nl.NewRtAttr(netlib.FOU_ATTR_AF, []byte{family}))
		request.AddData(nl.NewRtAttr(int(local), r.local.AsSlice()))
		if r.device != 0 {
			request.AddData(nl.NewRtAttr(netlib.FOU_ATTR_IFINDEX, nl.Uint32Attr(uint32(r.device))))
		}
		if command == netlib.FOU_CMD_ADD {
			request.AddData(nl.NewRtAttr(netlib.FOU_ATTR_TYPE, []byte{netlib.FOU_ENCAP_GUE}))
		}
		_, err = request.Execute(unix.NETLINK_GENERIC, 0)
		return err
	})
}

// receivers lists those of the namespace. The library's own list has the lower half of the interface's index alone.
func (h *Host) receivers() ([]receiver, error) {
	all, err := Dump(func() (all []receiver, err error) {
		err = h.Do(func() error { all, err = dumpReceivers(); return err })
		return all, err
	})
	if err != nil {
		return nil, fmt.Errorf("list what receives UDP: %w", Explain(err))
	}
	return all, nil
}

func dumpReceivers() (all []receiver, err error) {
	request, err := fouRequest(netlib.FOU_CMD_GET, unix.NLM_F_DUMP)
	if err != nil {
		return nil, err
	}
	messages, err := request.Execute(unix.NETLINK_GENERIC, 0)
	for _, m := range messages {
		if r, ok := parseReceiver(m); ok {
			all = append(all, r)
		}
	}
	return all, err
}

// errNoFOU has no errno: that of the kernel, ENOENT, is what parts of nftables that are gone are known by.
var errNoFOU = errors.New("the kernel has no module for it: modprobe fou")

func fouRequest(command byte, flags int) (*nl.NetlinkRequest, error) {
	id, err := netlib.FouFamilyId()
	if errors.Is(err, unix.ENOENT) {
		return nil, errNoFOU
	}
	if err != nil {
		return nil, err
	}
	request := nl.NewNetlinkRequest(id, flags)
	request.AddData(&nl.Genlmsg{Command: command, Version: 1})
	return request, nil
}

// parseReceiver reads an entry of the list, and whether it is for tunnels like ours.
func parseReceiver(message []byte) (r receiver, ok bool) {
	var port uint16
	var kind byte
	for a := range nl.ParseAttributes(message[nl.SizeofGenlmsg:]) {
		switch a.Type {
		case netlib.FOU_ATTR_PORT:
			port = binary.BigEndian.Uint16(a.Value)
		case netlib.FOU_ATTR_TYPE:
			kind = a.Value[0]
		case netlib.FOU_ATTR_LOCAL_V4, netlib.FOU_ATTR_LOCAL_V6:
			r.local, _ = netip.AddrFromSlice(a.Value)
		case netlib.FOU_ATTR_IFINDEX:
			r.device = int(int32(binary.NativeEndian.Uint32(a.Value)))
		}
	}
	return r, port == PortData && kind == netlib.FOU_ENCAP_GUE && r.local.IsValid()
}
