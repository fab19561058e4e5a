package netlink

import (
	"encoding/binary"
	"errors"
	"fmt"

	netlib "github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
)

// noAddress is the addr_gen_mode that gives an interface no link-local address of the host's making, and so no router solicitations.
const noAddress = "1"

// SetDevice prepares a tunnel device of ours and brings it up: the host sends nothing of its own accord on it, and takes
// packets of any source from it. alias is what people see in "ip link". The group says which VRF it is in, to rules of nftables (Group).
func (h *Host) SetDevice(name, alias string, mtu, queue int) error {
	link, err := h.link(name)
	if err != nil {
		return err
	}
	err = errors.Join(
		h.setSysctl("ipv6/conf/"+name+"/addr_gen_mode", noAddress),
		h.setSysctl("ipv6/conf/"+name+"/accept_ra", "0"),
		h.setSysctl("ipv6/conf/"+name+"/forwarding", "1"),
		h.setSysctl("ipv4/conf/"+name+"/forwarding", "1"),
		h.trustSources(name),
		Explain(h.handle.LinkSetAlias(link, alias)),
		Explain(h.handle.LinkSetGroup(link, h.Group())),
		Explain(h.handle.LinkSetTxQLen(link, queue)),
		Explain(h.handle.LinkSetMTU(link, mtu)),
		Explain(h.handle.LinkSetUp(link)),
	)
	if err != nil {
		return fmt.Errorf("device %s: %w", name, err)
	}
	return nil
}

// Group is that of our tunnel interfaces in the VRF: the index of the vrf interface, or 0.
func (h *Host) Group() int { return h.part.Index }

// SetAlias changes what people see of an interface in "ip link".
func (h *Host) SetAlias(name, alias string) error {
	link, err := h.link(name)
	if err == nil {
		err = Explain(h.handle.LinkSetAlias(link, alias))
	}
	if err != nil {
		return fmt.Errorf("device %s: %w", name, err)
	}
	return nil
}

// KindOf returns the kind of an interface, in the words of "ip link": "gre", "veth". Its error wraps dataplane.ErrNoLink where there is none.
func (h *Host) KindOf(name string) (string, error) {
	link, err := h.link(name)
	if err != nil {
		return "", err
	}
	return link.Type(), nil
}

// DeviceCounters returns what an interface has carried, of this index. It is none of an interface that is gone.
func (h *Host) DeviceCounters(index int) (dataplane.Counters, error) {
	messages, err := h.describe(index)
	if IsGone(err) {
		return dataplane.Counters{}, nil
	}
	for _, m := range messages {
		var link netlib.Link
		if link, err = netlib.LinkDeserialize(nil, m); err == nil {
			return countersOf(link.Attrs(), m), nil
		}
	}
	return dataplane.Counters{}, fmt.Errorf("interface %d: %w", index, Explain(err))
}

// describe asks for all that the host says of an interface; of 0, of all interfaces. The library reads most of it.
func (h *Host) describe(index int) ([][]byte, error) {
	flags := unix.NLM_F_ACK
	if index == 0 {
		flags = unix.NLM_F_DUMP
	}
	request := nl.NewNetlinkRequest(unix.RTM_GETLINK, flags)
	request.Sockets = h.raw
	what := nl.NewIfInfomsg(unix.AF_UNSPEC)
	what.Index = int32(index)
	request.AddData(what)
	return request.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWLINK)
}

func countersOf(a *netlib.LinkAttrs, message []byte) (c dataplane.Counters) {
	if s := a.Statistics; s != nil {
		c = dataplane.Counters{RxPackets: s.RxPackets, RxOctets: s.RxBytes, TxPackets: s.TxPackets, TxOctets: s.TxBytes}
		c.Drops.Malformed, c.Drops.Send = s.RxErrors+s.RxDropped, s.TxErrors+s.TxDropped
	}
	c.Drops.TooBig = tooBig(message)
	return c
}

// tooBig reads how many IPv6 packets did not fit through an interface, and were answered with Packet Too Big. Of IPv4, the host does not
// count them by interface.
func tooBig(message []byte) (n uint64) {
	const fragFails = 21 // IPSTATS_MIB_FRAGFAILS of linux/snmp.h
	inside(message[unix.SizeofIfInfomsg:], unix.IFLA_AF_SPEC, func(families []byte) {
		inside(families, unix.AF_INET6, func(six []byte) {
			inside(six, unix.IFLA_INET6_STATS, func(counts []byte) {
				if at := 8 * fragFails; len(counts) >= at+8 {
					n = binary.NativeEndian.Uint64(counts[at:])
				}
			})
		})
	})
	return n
}

// IsUp reports whether there is an interface of this name that is up and has carrier.
func (h *Host) IsUp(name string) bool {
	link, err := h.link(name)
	return err == nil && isUp(link.Attrs())
}

// Devices returns the interfaces that are up, by name.
func (h *Host) Devices() (map[string]netlib.Link, error) {
	links, err := Dump(h.handle.LinkList)
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	up := map[string]netlib.Link{}
	for _, link := range links {
		if isUp(link.Attrs()) {
			up[link.Attrs().Name] = link
		}
	}
	return up, nil
}
