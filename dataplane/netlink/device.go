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

// noAddress is the addr_gen_mode that gives an interface no link-local address of the host's making, and so no router solicitations
// (IN6_ADDR_GEN_MODE_NONE of linux/if_link.h).
const noAddress = 1

// Settings are what a tunnel device of ours is given.
type Settings struct {
	Alias string // what people see in "ip link"
	MTU   int    // octets
	Queue int    // packets

	Fragments bool // outer packets of IPv4 may be fragmented on their way; SetDevice leaves that to SetFragments
}

// SetDevice prepares a tunnel device of ours, as it was described, and brings it up: the host sends nothing of its own accord on it, and takes
// packets of any source from it. Its group says which VRF it is in, to rules of nftables (Group). What is so already is left alone.
func (h *Host) SetDevice(d Device, want Settings) error {
	d, err := h.widen(d, want.MTU)
	var mode uint32
	if err == nil {
		mode, err = h.sourceFilter()
	}
	if err == nil {
		err = h.devices.exchange(func(s *socket) { s.setDevice(d, want, h.Group(), mode) }, nil)
	}
	if err == nil && d.six.known {
		err = h.tuneRouter(d)
	}
	if err != nil {
		return fmt.Errorf("device %s: %w", d.Name, Explain(err))
	}
	return nil
}

// widen has an interface that was too small for IPv6 be one that is not, and so have settings of IPv6. It is down then: what has another MTU while
// it is up would get an address.
func (h *Host) widen(d Device, mtu int) (Device, error) {
	if d.six.known || d.MTU >= leastMTU || mtu < leastMTU {
		return d, nil
	}
	if err := h.handle.LinkSetDown(d.link()); err != nil {
		return d, err
	}
	if err := h.handle.LinkSetMTU(d.link(), mtu); err != nil {
		return d, err
	}
	return h.lookAt(d.Index)
}

const leastMTU = 1280 // octets, of an interface that has IPv6 (RFC 8200 section 5)

// tuneRouter has the interface forward IPv6, for which there are no messages. Who forwards takes advertisements of routers only where it is
// told so with 2 (Documentation/networking/ip-sysctl.rst of Linux).
func (h *Host) tuneRouter(d Device) error {
	const evenForwarding = 2
	var errs []error
	if d.six.acceptRA == evenForwarding {
		errs = append(errs, h.setSysctl("ipv6/conf/"+d.Name+"/accept_ra", "0"))
	}
	if d.six.forwarding != 1 {
		errs = append(errs, h.setSysctl("ipv6/conf/"+d.Name+"/forwarding", "1"))
	}
	return errors.Join(errs...)
}

// setDevice adds the messages that change what differs: all but the state first, for the host would give an interface that comes up an address.
func (s *socket) setDevice(d Device, want Settings, group int, sourceFilter uint32) {
	if changes := d.changes(want, group, sourceFilter); len(changes) > 0 {
		start := s.begin(unix.RTM_SETLINK, 0)
		s.out = append(appendInterface(s.out, d.Index, 0), changes...)
		s.end(start)
	}
	if !d.isUp() {
		start := s.begin(unix.RTM_SETLINK, 0)
		s.out = appendInterface(s.out, d.Index, unix.IFF_UP)
		s.end(start)
	}
}

// changes are the attributes that differ.
func (d Device) changes(want Settings, group int, sourceFilter uint32) (b []byte) {
	if d.Alias != want.Alias {
		b = appendAttribute(b, unix.IFLA_IFALIAS, append([]byte(want.Alias), 0))
	}
	for _, each := range []struct {
		kind      uint16
		have, now int
	}{{unix.IFLA_MTU, d.MTU, want.MTU}, {unix.IFLA_GROUP, d.group, group}, {unix.IFLA_TXQLEN, d.queue, want.Queue}} {
		if each.have != each.now {
			b = appendUint32(b, each.kind, uint32(each.now))
		}
	}
	if families := appendFamilies(nil, d, sourceFilter); len(families) > 0 {
		b = appendNested(b, unix.IFLA_AF_SPEC, func(b []byte) []byte { return append(b, families...) })
	}
	return b
}

// appendFamilies appends what is to change of each family.
func appendFamilies(b []byte, d Device, sourceFilter uint32) []byte {
	conf := func(b []byte) []byte { // by IPV4_DEVCONF_*
		if d.four.forwarding != 1 {
			b = appendUint32(b, forwarding4+1, 1)
		}
		if d.four.rpFilter != sourceFilter {
			b = appendUint32(b, rpFilter4+1, sourceFilter)
		}
		return b
	}
	if d.four.known && len(conf(nil)) > 0 {
		b = appendNested(b, unix.AF_INET, func(b []byte) []byte { return appendNested(b, inetConf, conf) })
	}
	if d.six.known && d.six.generation != noAddress {
		b = appendNested(b, unix.AF_INET6, func(b []byte) []byte { return appendAttribute(b, inet6Generation, []byte{noAddress}) })
	}
	return b
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
	messages, err := h.describe(index, "")
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

// describe asks for all that the host says of an interface; of 0, of all interfaces, or those of a kind where one is given. The library reads most
// of it.
func (h *Host) describe(index int, kind string) ([][]byte, error) {
	flags := unix.NLM_F_ACK
	if index == 0 {
		flags = unix.NLM_F_DUMP
	}
	request := nl.NewNetlinkRequest(unix.RTM_GETLINK, flags)
	request.Sockets = h.raw
	what := nl.NewIfInfomsg(unix.AF_UNSPEC)
	what.Index = int32(index)
	request.AddData(what)
	if kind != "" {
		info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
		info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated(kind))
		request.AddData(info)
	}
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
	d, err := h.Look(name)
	return err == nil && d.isReady()
}

// Serves reports whether there is an interface of this name that is up, has carrier, and is in the VRF and in nothing else: no bridge has it, either.
func (h *Host) Serves(name string) bool {
	d, err := h.Look(name)
	return err == nil && d.isReady() && d.Master == h.DeviceIndex()
}

// Keeps reports whether a device of ours is in the VRF and has these settings; of the zero ones, whatever it has.
func (h *Host) Keeps(name string, want Settings) bool {
	d, err := h.Look(name)
	return err == nil && h.Kept(d, want)
}

// Kept is Keeps of a device as it was described.
func (h *Host) Kept(d Device, want Settings) bool {
	return d.Master == h.DeviceIndex() &&
		(want == Settings{} || d.Alias == want.Alias && d.MTU == want.MTU && d.queue == want.Queue && d.Fragments == want.Fragments && d.group == h.Group())
}

// Devices returns the interfaces that are up, by name.
func (h *Host) Devices() (map[string]Device, error) {
	all, err := h.Interfaces()
	up := map[string]Device{}
	for _, d := range all {
		if d.isReady() {
			up[d.Name] = d
		}
	}
	return up, err
}
