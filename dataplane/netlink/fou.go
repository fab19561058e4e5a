package netlink

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	netlib "github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// PortData is the UDP port of tunnels (RFC 5844 section 4.1.3).
const PortData = 5437

// ReceiveUDP has the kernel take packets that arrive for PortData as tunnelled ones, of every tunnel of the family: "generic UDP
// encapsulation" takes an IP packet right behind the UDP header for its variant 1.
func (h *Host) ReceiveUDP(v6 bool) error {
	if err := h.fou(netlib.FOU_CMD_ADD, v6); err != nil && !h.receivesUDP(v6) {
		return fmt.Errorf("receive UDP on port %d: %w", PortData, Explain(err))
	}
	return nil
}

// receivesUDP reports whether the port that is in use is so by the kernel itself.
func (h *Host) receivesUDP(v6 bool) (found bool) {
	err := h.Do(func() error {
		all, err := netlib.FouList(int(familyOf(v6)))
		found = slices.ContainsFunc(all, func(f netlib.Fou) bool {
			return f.Port == PortData && f.Family == int(familyOf(v6)) && f.EncapType == netlib.FOU_ENCAP_GUE
		})
		return err
	})
	return found && err == nil
}

func familyOf(v6 bool) byte {
	if v6 {
		return unix.AF_INET6
	}
	return unix.AF_INET
}

// IgnoreUDP takes back what ReceiveUDP did.
func (h *Host) IgnoreUDP(v6 bool) error {
	err := h.fou(netlib.FOU_CMD_DEL, v6)
	if err != nil && !errors.Is(err, unix.EINVAL) { // it is closed already
		return fmt.Errorf("close UDP port %d: %w", PortData, Explain(err))
	}
	return nil
}

// fou opens or closes the port. The library's own request names an inner protocol, 0, which kernels have begun to refuse.
func (h *Host) fou(command byte, v6 bool) error {
	return h.Do(func() error {
		id, err := netlib.FouFamilyId()
		if err != nil {
			return fmt.Errorf("%w; the kernel has no module \"fou\"", err)
		}
		request := nl.NewNetlinkRequest(id, unix.NLM_F_ACK)
		request.AddData(&nl.Genlmsg{Command: command, Version: 1})
		request.AddData(nl.NewRtAttr(netlib.FOU_ATTR_PORT, binary.BigEndian.AppendUint16(nil, PortData)))
		request.AddData(nl.NewRtAttr(netlib.FOU_ATTR_AF, []byte{familyOf(v6)}))
		if command == netlib.FOU_CMD_ADD {
			request.AddData(nl.NewRtAttr(netlib.FOU_ATTR_TYPE, []byte{netlib.FOU_ENCAP_GUE}))
		}
		_, err = request.Execute(unix.NETLINK_GENERIC, 0)
		return err
	})
}
