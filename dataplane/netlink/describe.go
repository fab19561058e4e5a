package netlink

import (
	"encoding/binary"
	"errors"
	"fmt"

	netlib "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
)

// Device is an interface as the host describes it, without what it has counted, which is most of a description.
type Device struct {
	Name, Alias   string
	Index, Master int // of the interface that it is enslaved to; 0: none
	MTU           int // octets
	MAC           dataplane.MAC
	Fragments     bool   // its outer packets, of IPv4, may be fragmented on their way
	kind          uint16 // ARPHRD_ETHER …
	flags         uint32 // IFF_UP …
	queue, group  int
	four          settings4
	six           settings6
}

// settings4 are what the host has of an interface under net.ipv4.conf.
type settings4 struct {
	known                bool
	forwarding, rpFilter uint32
}

// settings6 are what it has under net.ipv6.conf. An interface whose MTU is too small for IPv6 has none.
type settings6 struct {
	known                bool
	forwarding, acceptRA uint32
	generation           uint8 // addr_gen_mode
}

func (d Device) isUp() bool { return d.flags&unix.IFF_UP != 0 }

func (d Device) isReady() bool { return isReady(d.flags) }

// isReady reports whether the flags of an interface say that it is up and has carrier.
func isReady(flags uint32) bool {
	const want = unix.IFF_UP | unix.IFF_LOWER_UP
	return flags&want == want
}

// link is the interface for the library.
func (d Device) link() netlib.Link {
	return &netlib.Device{LinkAttrs: netlib.LinkAttrs{Name: d.Name, Index: d.Index, MasterIndex: d.Master}}
}

// Look describes an interface. The error wraps dataplane.ErrNoLink when there is none.
func (h *Host) Look(name string) (Device, error) {
	d, err := h.ask(func(s *socket) { s.askDevice(0, name) })
	if errors.Is(err, unix.ENODEV) {
		err = fmt.Errorf("%w: %w", dataplane.ErrNoLink, err)
	}
	if err != nil {
		err = fmt.Errorf("interface %s: %w", name, Explain(err))
	}
	return d, err
}

// lookAt describes the interface of an index.
func (h *Host) lookAt(index int) (Device, error) {
	return h.ask(func(s *socket) { s.askDevice(index, "") })
}

// ask sends the messages that build adds, of which the last asks for an interface.
func (h *Host) ask(build func(*socket)) (d Device, err error) {
	err = h.devices.exchange(build, func(kind uint16, body []byte) {
		if kind == unix.RTM_NEWLINK {
			d, _ = parseDevice(body)
		}
	})
	return d, err
}

// askDevice asks for an interface by its index, or else by its name.
func (s *socket) askDevice(index int, name string) {
	start := s.begin(unix.RTM_GETLINK, 0)
	s.out = appendInterface(s.out, index, 0)
	if index == 0 {
		s.out = appendAttribute(s.out, unix.IFLA_IFNAME, append([]byte(name), 0))
	}
	s.out = appendUint32(s.out, unix.IFLA_EXT_MASK, skipStatistics)
	s.end(start)
}

const skipStatistics = 1 << 3 // RTEXT_FILTER_SKIP_STATS of linux/rtnetlink.h

// appendInterface appends the body of a message about an interface (struct ifinfomsg) that is to have these flags, too.
func appendInterface(b []byte, index int, flags uint32) []byte {
	native := binary.NativeEndian
	b = append(b, unix.AF_UNSPEC, 0, 0, 0)
	b = native.AppendUint32(b, uint32(index))
	b = native.AppendUint32(b, flags)
	return native.AppendUint32(b, flags) // those that are meant
}

// parseDevice reads the body of a message about an interface (rtnetlink(7)).
func parseDevice(b []byte) (d Device, ok bool) {
	if len(b) < unix.SizeofIfInfomsg {
		return d, false
	}
	native := binary.NativeEndian
	d.kind, d.Index, d.flags = native.Uint16(b[2:]), int(native.Uint32(b[4:])), native.Uint32(b[8:])
	ok = eachAttribute(b[unix.SizeofIfInfomsg:], func(kind uint16, value []byte) {
		switch kind {
		case unix.IFLA_IFNAME:
			d.Name = unix.ByteSliceToString(value)
		case unix.IFLA_IFALIAS:
			d.Alias = unix.ByteSliceToString(value)
		case unix.IFLA_ADDRESS:
			copy(d.MAC[:], value)
		case unix.IFLA_MTU:
			d.MTU = int(word(value, 0))
		case unix.IFLA_MASTER:
			d.Master = int(word(value, 0))
		case unix.IFLA_TXQLEN:
			d.queue = int(word(value, 0))
		case unix.IFLA_GROUP:
			d.group = int(word(value, 0))
		case unix.IFLA_LINKINFO:
			d.Fragments = fragments(value)
		case unix.IFLA_AF_SPEC:
			eachAttribute(value, d.family)
		}
	})
	return d, ok
}

// What IFLA_AF_SPEC has of each family (linux/if_link.h), and where the arrays in it have what we look at: IPV4_DEVCONF_* less one (linux/ip.h)
// and DEVCONF_* (linux/ipv6.h).
const (
	inetConf                   = 1
	inet6Conf, inet6Generation = 2, 8
	forwarding4, rpFilter4     = 0, 7
	forwarding6, acceptRA6     = 0, 3
)

func (d *Device) family(family uint16, value []byte) {
	eachAttribute(value, func(kind uint16, value []byte) {
		switch {
		case family == unix.AF_INET && kind == inetConf:
			d.four = settings4{true, word(value, forwarding4), word(value, rpFilter4)}
		case family == unix.AF_INET6 && kind == inet6Conf:
			d.six.known, d.six.forwarding, d.six.acceptRA = true, word(value, forwarding6), word(value, acceptRA6)
		case family == unix.AF_INET6 && kind == inet6Generation && len(value) > 0:
			d.six.generation = value[0]
		}
	})
}

// word is the n-th of an array of numbers; 0 where it ends before.
func word(b []byte, n int) uint32 {
	if len(b) < 4*n+4 {
		return 0
	}
	return binary.NativeEndian.Uint32(b[4*n:])
}

// eachAttribute hands on attributes, and reports whether none is cut off.
func eachAttribute(b []byte, attribute func(kind uint16, value []byte)) bool {
	for len(b) >= unix.SizeofRtAttr {
		length := int(binary.NativeEndian.Uint16(b))
		if length < unix.SizeofRtAttr || length > len(b) {
			return false
		}
		attribute(binary.NativeEndian.Uint16(b[2:])&^(unix.NLA_F_NESTED|unix.NLA_F_NET_BYTEORDER), b[unix.SizeofRtAttr:length])
		b = b[min(len(b), (length+3)&^3):]
	}
	return true
}
