package frame

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/insomniacslk/dhcp/dhcpv4"

	"mooring/dataplane"
)

// Broadcast and AllNodes are the Ethernet addresses of all stations and of all IPv6 nodes (ff02::1) of a link.
var (
	Broadcast = dataplane.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	AllNodes  = dataplane.MAC{0x33, 0x33, 0, 0, 0, 1}
)

var allNodes = netip.IPv6LinkLocalAllNodes()

// Gateway is who the gateway is on a link. Its methods make frames from it; they fail only where LinkLocal is not an IPv6
// address.
type Gateway struct {
	MAC       dataplane.MAC
	LinkLocal netip.Addr
}

// Infinite is a lifetime without end (RFC 4861 section 4.6.2).
const Infinite = time.Duration(math.MaxInt64)

// Advertisement is what a router advertisement says (RFC 4861 section 4.2). Lifetimes are cut to whole seconds.
type Advertisement struct {
	RouterLifetime time.Duration
	Prefixes       []Prefix
	MTU            int // octets; 0: nothing is said
}

// Prefix is an on-link prefix, of which nodes form addresses where it leaves them 64 bits for it (RFC 4862 section 5.5.3).
type Prefix struct {
	Prefix   netip.Prefix
	Lifetime time.Duration // valid and preferred
}

// hopLimit is what nodes put into their packets, as IANA recommends for IPv4 too.
const hopLimit = 64

// RouterAdvertisement tells one node, or AllNodes.
func (g Gateway) RouterAdvertisement(to dataplane.MAC, a Advertisement) ([]byte, error) {
	options := layers.ICMPv6Options{{Type: layers.ICMPv6OptSourceAddress, Data: g.MAC[:]}}
	if a.MTU > 0 {
		options = append(options, layers.ICMPv6Option{Type: layers.ICMPv6OptMTU, Data: binary.BigEndian.AppendUint32(make([]byte, 2), uint32(a.MTU))})
	}
	for _, p := range a.Prefixes {
		options = append(options, layers.ICMPv6Option{Type: layers.ICMPv6OptPrefixInfo, Data: prefixInformation(p)})
	}
	slices.Reverse(options) // the library writes the last one first
	message := &layers.ICMPv6RouterAdvertisement{
		HopLimit:       hopLimit,
		RouterLifetime: uint16(min(seconds(a.RouterLifetime), math.MaxUint16)),
		Options:        options,
	}
	return g.icmp(to, allNodes, layers.ICMPv6TypeRouterAdvertisement, message)
}

// prefixInformation is the option of RFC 4861 section 4.6.2 without type and length.
func prefixInformation(p Prefix) []byte {
	const onLink, autonomous = 0x80, 0x40
	flags := byte(onLink)
	if p.Prefix.Bits() == 64 {
		flags |= autonomous
	}
	b := []byte{byte(p.Prefix.Bits()), flags}
	b = binary.BigEndian.AppendUint32(b, seconds(p.Lifetime))
	b = binary.BigEndian.AppendUint32(b, seconds(p.Lifetime))
	b = append(b, 0, 0, 0, 0)
	return append(b, p.Prefix.Masked().Addr().AsSlice()...)
}

// seconds returns d in the form of a lifetime: all ones is infinity.
func seconds(d time.Duration) uint32 {
	if d == Infinite {
		return math.MaxUint32
	}
	return uint32(min(max(d, 0)/time.Second, math.MaxUint32-1))
}

// NeighbourSolicitation asks one node whether it still has an address (RFC 4861 section 7.3).
func (g Gateway) NeighbourSolicitation(to dataplane.MAC, target netip.Addr) ([]byte, error) {
	return g.icmp(to, target, layers.ICMPv6TypeNeighborSolicitation, &layers.ICMPv6NeighborSolicitation{
		TargetAddress: target.AsSlice(),
		Options:       layers.ICMPv6Options{{Type: layers.ICMPv6OptSourceAddress, Data: g.MAC[:]}},
	})
}

// NeighbourAdvertisement tells one node that LinkLocal is the gateway's (RFC 4861 section 7.2.4). It answers a solicitation from asker, which is
// unspecified where the node looks for duplicates of its own address.
func (g Gateway) NeighbourAdvertisement(to dataplane.MAC, asker netip.Addr) ([]byte, error) {
	const router, solicited, override = 0x80, 0x40, 0x20
	flags, destination := uint8(router|solicited|override), asker
	if asker.IsUnspecified() {
		flags, destination = router|override, allNodes
	}
	return g.icmp(to, destination, layers.ICMPv6TypeNeighborAdvertisement, &layers.ICMPv6NeighborAdvertisement{
		Flags:         flags,
		TargetAddress: g.LinkLocal.AsSlice(),
		Options:       layers.ICMPv6Options{{Type: layers.ICMPv6OptTargetAddress, Data: g.MAC[:]}},
	})
}

// EchoRequest asks all nodes, or one, to answer at once (RFC 4443 section 4.1).
func (g Gateway) EchoRequest(to dataplane.MAC) ([]byte, error) {
	return g.icmp(to, allNodes, layers.ICMPv6TypeEchoRequest, &layers.ICMPv6Echo{})
}

func (g Gateway) icmp(to dataplane.MAC, destination netip.Addr, kind uint8, message gopacket.SerializableLayer) ([]byte, error) {
	ip := g.ipv6(destination)
	ip.HopLimit = 255
	return g.icmpIn(ip, to, kind, message)
}

func (g Gateway) icmpIn(ip *layers.IPv6, to dataplane.MAC, kind uint8, message gopacket.SerializableLayer) ([]byte, error) {
	header := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(kind, 0)}
	if err := header.SetNetworkLayerForChecksum(ip); err != nil {
		return nil, fmt.Errorf("build a frame to %s: %w", to, err)
	}
	return g.frame(to, layers.EthernetTypeIPv6, ip, header, message)
}

// ListenerQuery asks all nodes, or one, for the groups they are members of (RFC 3810 section 5.1), and leaves them a
// millisecond for it. Every IPv6 node is a member of some, and answers where it may not answer an echo request.
func (g Gateway) ListenerQuery(to dataplane.MAC) ([]byte, error) {
	ip := g.ipv6(allNodes)
	ip.HopLimit = 1
	ip.HopByHop = &layers.IPv6HopByHop{Options: []*layers.IPv6HopByHopOption{
		{OptionType: 5, OptionData: []byte{0, 0}}, // router alert: multicast listener discovery (RFC 2711)
		{OptionType: 1}, // padding to eight octets (RFC 8200 section 4.2)
	}}
	ip.HopByHop.NextHeader = layers.IPProtocolICMPv6
	return g.icmpIn(ip, to, layers.ICMPv6TypeMLDv1MulticastListenerQueryMessage, &layers.MLDv2MulticastListenerQueryMessage{
		MaximumResponseCode:        1, // milliseconds
		MulticastAddress:           netip.IPv6Unspecified().AsSlice(),
		QueriersRobustnessVariable: 2,   // RFC 3810 section 9.1
		QueriersQueryIntervalCode:  125, // seconds; section 9.2
	})
}

// ARPReply tells one node that the gateway is where address is. What asked is the node's own address, as its request stated it.
func (g Gateway) ARPReply(to dataplane.MAC, asked, address netip.Addr) ([]byte, error) {
	return g.arp(to, layers.ARPReply, address, to, asked)
}

// ARPRequest asks one node whether it still has an address, on behalf of the address from.
func (g Gateway) ARPRequest(to dataplane.MAC, from, target netip.Addr) ([]byte, error) {
	return g.arp(to, layers.ARPRequest, from, dataplane.MAC{}, target)
}

func (g Gateway) arp(to dataplane.MAC, operation uint16, from netip.Addr, toMAC dataplane.MAC, target netip.Addr) ([]byte, error) {
	return g.frame(to, layers.EthernetTypeARP, &layers.ARP{
		AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4, Operation: operation,
		SourceHwAddress: g.MAC[:], SourceProtAddress: from.AsSlice(), DstHwAddress: toMAC[:], DstProtAddress: target.AsSlice(),
	})
}

// DHCP carries a message of the server at the address from to a client.
func (g Gateway) DHCP(to dataplane.MAC, from, destination netip.Addr, m *dhcpv4.DHCPv4) ([]byte, error) {
	ip := &layers.IPv4{Version: 4, TTL: hopLimit, Protocol: layers.IPProtocolUDP, SrcIP: from.AsSlice(), DstIP: destination.AsSlice()}
	udp := &layers.UDP{SrcPort: dhcpServerPort, DstPort: dhcpClientPort}
	if err := udp.SetNetworkLayerForChecksum(ip); err != nil {
		return nil, fmt.Errorf("build a frame to %s: %w", to, err)
	}
	return g.frame(to, layers.EthernetTypeIPv4, ip, udp, gopacket.Payload(m.ToBytes()))
}

func (g Gateway) ipv6(destination netip.Addr) *layers.IPv6 {
	return &layers.IPv6{Version: 6, NextHeader: layers.IPProtocolICMPv6, SrcIP: g.LinkLocal.AsSlice(), DstIP: destination.AsSlice()}
}

func (g Gateway) frame(to dataplane.MAC, kind layers.EthernetType, above ...gopacket.SerializableLayer) ([]byte, error) {
	buffer := gopacket.NewSerializeBuffer()
	all := append([]gopacket.SerializableLayer{&layers.Ethernet{SrcMAC: g.MAC[:], DstMAC: to[:], EthernetType: kind}}, above...)
	if err := gopacket.SerializeLayers(buffer, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, all...); err != nil {
		return nil, fmt.Errorf("build a frame to %s: %w", to, err)
	}
	return buffer.Bytes(), nil
}
