package netlink

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	netlib "github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
)

// TunnelDevice is a tunnel interface of the kernel: one end of one path.
type TunnelDevice struct {
	Name, Alias string
	Path        dataplane.Path // in the default VRF, whatever the VRF of the outer packets is
	Index       int
	MTU, Queue  int // octets, packets
	Master      int // index of the interface that it is enslaved to; 0: none
	Outer       int // index of the vrf interface that the outer packets are bound to; 0: none
	Group       int // says which VRF it is in (Host.Group)
	Up          bool
	Narrow      bool // only one IP version passes
	Fragments   bool // as of Device
	Counters    dataplane.Counters
}

// How the kernel's tunnels are to treat outer headers. Traffic class and ECN are those of the inner packet (RFC 2983, RFC 6040), inner
// packets are hidden from path MTU discovery only where they are as small as IPv6 allows (Settings.Fragments), and no encapsulation limit is
// added (RFC 2473 section 4.1.1): not every peer takes an extension header there.
const (
	hopLimit             = 64
	tosInherit           = 1 // what the kernel takes for "copy"
	flags6               = uint32(netlib.IP6_TNL_F_IGN_ENCAP_LIMIT | netlib.IP6_TNL_F_USE_ORIG_TCLASS)
	encapFOU             = 1 // TUNNEL_ENCAP_FOU (linux/if_tunnel.h)
	encapChecksum6       = 2 // TUNNEL_ENCAP_FLAG_CSUM6: over IPv6, UDP has a checksum (RFC 8200 section 8.1)
	etherAny       uint8 = 0 // protocol of the inner packet: IPv4 and IPv6
)

// modules are what the kinds of interfaces need.
var modules = map[string]string{"gre": "ip_gre", "ip6gre": "ip6_gre", "sit": "sit", "ip6tnl": "ip6_tunnel"}

// AddTunnel makes a tunnel interface with these settings but for the alias, which is down, and whose outer packets are in this VRF. The error
// wraps unix.EEXIST when there is one of the name, or one for this path.
func (h *Host) AddTunnel(name string, path dataplane.Path, want Settings) (Device, error) {
	kind, info, err := h.tunnelInfo(path, want.Fragments)
	if err != nil {
		return Device{}, err
	}
	d, err := h.ask(func(s *socket) {
		start := s.begin(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL)
		s.out = appendAttribute(appendInterface(s.out, 0, 0), unix.IFLA_IFNAME, append([]byte(name), 0))
		s.out = appendUint32(s.out, unix.IFLA_MTU, uint32(want.MTU))
		s.out = appendUint32(s.out, unix.IFLA_TXQLEN, uint32(want.Queue))
		s.out = append(s.out, info...)
		s.end(start)
		s.askDevice(0, name)
	})
	if errors.Is(err, unix.EOPNOTSUPP) {
		err = fmt.Errorf("%w; the kernel has no module for it: modprobe %s", err, modules[kind])
	}
	if err != nil {
		return Device{}, fmt.Errorf("make %s interface %s: %w", kind, name, Explain(err))
	}
	return d, nil
}

// SetFragments has the outer packets of an interface of ours, which is that of the path, be fragmented on their way in the VRF outer, or not.
func (h *Host) SetFragments(d Device, path dataplane.Path, outer *Host, fragments bool) error {
	_, info, err := outer.tunnelInfo(path, fragments)
	if err != nil || d.Fragments == fragments {
		return err
	}
	err = h.devices.exchange(func(s *socket) {
		start := s.begin(unix.RTM_NEWLINK, 0)
		s.out = append(appendInterface(s.out, d.Index, 0), info...)
		s.end(start)
	}, nil)
	if err != nil {
		return fmt.Errorf("interface %s: fragments of outer packets: %w", d.Name, Explain(err))
	}
	return nil
}

// tunnelInfo returns the kind of interface for a path, and the attribute that says it to the host.
func (h *Host) tunnelInfo(path dataplane.Path, fragments bool) (kind string, attribute []byte, err error) {
	kind, data, err := h.tunnelData(path, fragments)
	if err != nil {
		return "", nil, err
	}
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated(kind))
	info.AddChild(data)
	return kind, info.Serialize(), nil
}

// tunnelData returns the kind of interface for a path, and its attributes.
func (h *Host) tunnelData(path dataplane.Path, fragments bool) (kind string, data *nl.RtAttr, err error) {
	id := path.Tunnel
	data = nl.NewRtAttr(nl.IFLA_INFO_DATA, nil)
	if h.IsPart() {
		link := nl.IFLA_IPTUN_LINK
		if id.Encap == dataplane.EncapGRE {
			link = nl.IFLA_GRE_LINK
		}
		data.AddRtAttr(link, nl.Uint32Attr(uint32(h.part.Index)))
	}
	if err := oneFamily(id.Local, id.Peer); err != nil {
		return "", nil, err
	}
	switch keyed := path.Tx.Set || path.Rx.Set; {
	case id.Encap == dataplane.EncapGRE:
		greData(data, path, fragments)
		return byFamily(id, "gre", "ip6gre"), data, nil
	case keyed && id.Encap == dataplane.EncapIP:
		return "", nil, errors.New("IP in IP has no keys (RFC 5845 section 3)")
	case keyed:
		return "", nil, errors.New("the kernel's tunnels over UDP have no keys")
	case id.Encap == dataplane.EncapUDP && id.Port == 0:
		return "", nil, errors.New("the kernel's tunnels over UDP do not learn the peer's port")
	case id.Encap == dataplane.EncapUDP || id.Encap == dataplane.EncapIP:
		ipData(data, id, fragments)
		return byFamily(id, "sit", "ip6tnl"), data, nil // of mode any: either family inside
	}
	return "", nil, errors.New("the tunnel has no encapsulation")
}

func byFamily(id dataplane.TunnelID, four, six string) string {
	if id.Peer.Is4() {
		return four
	}
	return six
}

func greData(data *nl.RtAttr, path dataplane.Path, fragments bool) {
	flags := func(k dataplane.Key) []byte {
		if k.Set {
			return binary.BigEndian.AppendUint16(nil, nl.GRE_KEY)
		}
		return []byte{0, 0}
	}
	data.AddRtAttr(nl.IFLA_GRE_LOCAL, path.Tunnel.Local.AsSlice())
	data.AddRtAttr(nl.IFLA_GRE_REMOTE, path.Tunnel.Peer.AsSlice())
	data.AddRtAttr(nl.IFLA_GRE_IKEY, binary.BigEndian.AppendUint32(nil, path.Rx.Value))
	data.AddRtAttr(nl.IFLA_GRE_OKEY, binary.BigEndian.AppendUint32(nil, path.Tx.Value))
	data.AddRtAttr(nl.IFLA_GRE_IFLAGS, flags(path.Rx))
	data.AddRtAttr(nl.IFLA_GRE_OFLAGS, flags(path.Tx))
	data.AddRtAttr(nl.IFLA_GRE_TTL, nl.Uint8Attr(hopLimit))
	if path.Tunnel.Peer.Is4() {
		data.AddRtAttr(nl.IFLA_GRE_TOS, nl.Uint8Attr(tosInherit))
		data.AddRtAttr(nl.IFLA_GRE_PMTUDISC, nl.Uint8Attr(discovery(fragments)))
		return
	}
	data.AddRtAttr(nl.IFLA_GRE_FLAGS, nl.Uint32Attr(flags6))
}

// discovery is the path MTU discovery of an interface over IPv4: off, it leaves DF (RFC 791 section 3.1) as the inner packet has it.
func discovery(fragments bool) uint8 {
	if fragments {
		return 0
	}
	return 1
}

// fragments reads IFLA_LINKINFO. Both kinds of interfaces over IPv4 have their discovery in an attribute of this number, and those over IPv6 none.
func fragments(info []byte) (yes bool) {
	const pathMTUDiscovery = nl.IFLA_IPTUN_PMTUDISC
	eachAttribute(info, func(kind uint16, data []byte) {
		if kind != nl.IFLA_INFO_DATA {
			return
		}
		eachAttribute(data, func(kind uint16, value []byte) {
			yes = yes || kind == pathMTUDiscovery && len(value) > 0 && value[0] == discovery(true)
		})
	})
	return yes
}

func ipData(data *nl.RtAttr, id dataplane.TunnelID, fragments bool) {
	data.AddRtAttr(nl.IFLA_IPTUN_LOCAL, id.Local.AsSlice())
	data.AddRtAttr(nl.IFLA_IPTUN_REMOTE, id.Peer.AsSlice())
	data.AddRtAttr(nl.IFLA_IPTUN_TTL, nl.Uint8Attr(hopLimit))
	data.AddRtAttr(nl.IFLA_IPTUN_PROTO, nl.Uint8Attr(etherAny))
	flags := uint16(0)
	if id.Peer.Is4() {
		data.AddRtAttr(nl.IFLA_IPTUN_TOS, nl.Uint8Attr(tosInherit))
		data.AddRtAttr(nl.IFLA_IPTUN_PMTUDISC, nl.Uint8Attr(discovery(fragments)))
	} else {
		data.AddRtAttr(nl.IFLA_IPTUN_FLAGS, nl.Uint32Attr(flags6))
		flags = encapChecksum6
	}
	if id.Encap == dataplane.EncapUDP {
		data.AddRtAttr(nl.IFLA_IPTUN_ENCAP_TYPE, nl.Uint16Attr(encapFOU))
		data.AddRtAttr(nl.IFLA_IPTUN_ENCAP_FLAGS, nl.Uint16Attr(flags))
		data.AddRtAttr(nl.IFLA_IPTUN_ENCAP_SPORT, binary.BigEndian.AppendUint16(nil, PortData))
		data.AddRtAttr(nl.IFLA_IPTUN_ENCAP_DPORT, binary.BigEndian.AppendUint16(nil, id.Port))
	}
}

// DeleteTunnel removes an interface. One that is not there is no error.
func (h *Host) DeleteTunnel(name string) error {
	link, err := h.handle.LinkByName(name)
	if err == nil {
		err = h.handle.LinkDel(link)
	}
	if err != nil && !IsGone(err) {
		return fmt.Errorf("delete interface %s: %w", name, Explain(err))
	}
	return nil
}

// Tunnels lists all tunnel interfaces of the kinds that AddTunnel makes, whoever made them.
func (h *Host) Tunnels() ([]TunnelDevice, error) {
	messages, err := Dump(func() ([][]byte, error) { return h.describe(0, "") })
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	var all []TunnelDevice
	for _, m := range messages {
		link, err := netlib.LinkDeserialize(nil, m)
		if err != nil {
			return nil, fmt.Errorf("list interfaces: %w", err)
		}
		if d, ok := tunnelOf(link); ok {
			d.Counters = countersOf(link.Attrs(), m)
			all = append(all, d)
		}
	}
	return all, nil
}

// Tunnel returns the interface of a name, without its counters, and whether it is one that Tunnels lists.
func (h *Host) Tunnel(name string) (d TunnelDevice, ok bool, err error) {
	link, err := h.link(name)
	if err != nil {
		return d, false, err
	}
	d, ok = tunnelOf(link)
	return d, ok, nil
}

// Has reports whether the interface has these settings.
func (d TunnelDevice) Has(want Settings) bool {
	return Settings{Alias: d.Alias, MTU: d.MTU, Queue: d.Queue, Fragments: d.Fragments} == want
}

func tunnelOf(link netlib.Link) (d TunnelDevice, ok bool) {
	path, ok := pathOf(link)
	a := link.Attrs()
	return TunnelDevice{Name: a.Name, Alias: a.Alias, Path: path, Index: a.Index, MTU: a.MTU, Queue: a.TxQLen, Master: a.MasterIndex, Outer: a.ParentIndex,
		Up: a.RawFlags&unix.IFF_UP != 0, Group: int(a.Group), Narrow: isNarrow(link), Fragments: isFragmenting(link)}, ok
}

// isFragmenting is fragments of what the library has read.
func isFragmenting(link netlib.Link) bool {
	switch l := link.(type) {
	case *netlib.Gretun:
		return l.Remote.To4() != nil && l.PMtuDisc == discovery(true)
	case *netlib.Sittun:
		return l.PMtuDisc == discovery(true)
	}
	return false
}

// pathOf reads the path off an interface, and whether it is of a kind that has one.
func pathOf(link netlib.Link) (p dataplane.Path, ok bool) {
	id := &p.Tunnel
	switch l := link.(type) {
	case *netlib.Gretun:
		id.Encap, id.Local, id.Peer = dataplane.EncapGRE, addrOf(l.Local), addrOf(l.Remote)
		key := func(flags uint16, value uint32) dataplane.Key {
			if flags&nl.GRE_KEY == 0 {
				return dataplane.Key{}
			}
			return dataplane.Key{Value: value, Set: true}
		}
		p.Tx, p.Rx = key(l.OFlags, l.OKey), key(l.IFlags, l.IKey)
	case *netlib.Sittun:
		id.Local, id.Peer = addrOf(l.Local), addrOf(l.Remote)
		id.Encap, id.Port = overUDP(l.EncapType, l.EncapDport)
	case *netlib.Ip6tnl:
		id.Local, id.Peer = addrOf(l.Local), addrOf(l.Remote)
		id.Encap, id.Port = overUDP(l.EncapType, l.EncapDport)
	default:
		return p, false
	}
	return p, id.Local.IsValid() && id.Peer.IsValid()
}

// isNarrow reports whether an interface of IP in IP was made for one IP version inside.
func isNarrow(link netlib.Link) bool {
	switch l := link.(type) {
	case *netlib.Sittun:
		return l.Proto != etherAny
	case *netlib.Ip6tnl:
		return l.Proto != etherAny
	}
	return false
}

func overUDP(encap, port uint16) (dataplane.Encap, uint16) {
	if encap == encapFOU {
		return dataplane.EncapUDP, port
	}
	return dataplane.EncapIP, 0
}

func addrOf(b []byte) netip.Addr {
	addr, _ := netip.AddrFromSlice(b)
	return addr
}

// PathMTU returns the MTU of the first link of the way between two addresses.
func (h *Host) PathMTU(local, peer netip.Addr) (int, error) {
	way, err := h.Way(local, peer)
	if err != nil {
		return 0, err
	}
	return way.MTU, nil
}
