package homelink

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/iana"

	"mooring/dataplane"
	"mooring/mobility/attach/frame"
)

var serialize = gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}

// build makes a frame of a node: "rs from=aa src=fe80::aa", "dad from=aa target=fe80::aa", "ns", "na", "mld", "data", "arp from=aa ask=ADDR
// tell=ADDR", "arp-reply", "dhcp TYPE from=aa ...", "hex=OCTETS". to= is the destination address.
func build(words []string) ([]byte, error) {
	f := map[string]string{}
	for _, word := range words {
		key, value, _ := strings.Cut(word, "=")
		f[key] = value
	}
	if octets, ok := f["hex"]; ok {
		return hex.DecodeString(octets)
	}
	from, to := mac(f["from"]), dataplane.MAC{0, 0, 0x5e, 0, 0x52, 0x13}
	icmp := func(kind uint8, hopLimit uint8, source, destination string, message gopacket.SerializableLayer) ([]byte, error) {
		ip := &layers.IPv6{Version: 6, NextHeader: layers.IPProtocolICMPv6, HopLimit: hopLimit, SrcIP: ip(source), DstIP: ip(destination)}
		header := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(kind, 0)}
		if err := header.SetNetworkLayerForChecksum(ip); err != nil {
			return nil, err
		}
		return ethernet(from, to, layers.EthernetTypeIPv6, ip, header, message)
	}
	switch words[0] {
	case "rs":
		return icmp(layers.ICMPv6TypeRouterSolicitation, 255, f["src"], "ff02::2", &layers.ICMPv6RouterSolicitation{})
	case "dad":
		group := netip.MustParseAddr(f["target"]).As16()
		solicited := netip.AddrFrom16([16]byte{0xff, 2, 11: 1, 12: 0xff, group[13], group[14], group[15]})
		return icmp(layers.ICMPv6TypeNeighborSolicitation, 255, "::", solicited.String(), &layers.ICMPv6NeighborSolicitation{TargetAddress: ip(f["target"])})
	case "ns":
		return icmp(layers.ICMPv6TypeNeighborSolicitation, 255, f["src"], f["target"], &layers.ICMPv6NeighborSolicitation{TargetAddress: ip(f["target"])})
	case "na":
		return icmp(layers.ICMPv6TypeNeighborAdvertisement, 255, f["src"], "fe80::200:5eff:fe00:5213", &layers.ICMPv6NeighborAdvertisement{Flags: 0x60, TargetAddress: ip(f["src"])})
	case "mld":
		return icmp(layers.ICMPv6TypeMLDv2MulticastListenerReportMessageV2, 1, f["src"], "ff02::16", gopacket.Payload(make([]byte, 4)))
	case "echo-reply":
		return icmp(layers.ICMPv6TypeEchoReply, 64, f["src"], "fe80::200:5eff:fe00:5213", &layers.ICMPv6Echo{})
	case "data":
		return dataFrame(from), nil
	case "arp", "arp-reply":
		operation := uint16(layers.ARPRequest)
		if words[0] == "arp-reply" {
			operation = layers.ARPReply
		}
		return ethernet(from, frame.Broadcast, layers.EthernetTypeARP, &layers.ARP{AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4,
			HwAddressSize: 6, ProtAddressSize: 4, Operation: operation, SourceHwAddress: from[:], SourceProtAddress: ip(f["tell"]),
			DstHwAddress: make([]byte, 6), DstProtAddress: ip(f["ask"])})
	case "dhcp":
		return buildDHCP(from, words[1], f)
	}
	return nil, fmt.Errorf("there is no such frame")
}

func dataFrame(from dataplane.MAC) []byte {
	b, err := ethernet(from, dataplane.MAC{0, 0, 0x5e, 0, 0x52, 0x13}, layers.EthernetTypeIPv4,
		&layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: ip("10.1.0.2"), DstIP: ip("192.0.2.1")})
	if err != nil {
		panic(err)
	}
	return b
}

func ethernet(from, to dataplane.MAC, kind layers.EthernetType, above ...gopacket.SerializableLayer) ([]byte, error) {
	buffer := gopacket.NewSerializeBuffer()
	all := append([]gopacket.SerializableLayer{&layers.Ethernet{SrcMAC: from[:], DstMAC: to[:], EthernetType: kind}}, above...)
	err := gopacket.SerializeLayers(buffer, serialize, all...)
	return buffer.Bytes(), err
}

func ip(s string) []byte { return netip.MustParseAddr(s).AsSlice() }

// buildDHCP knows the words xid= wanted= server= ciaddr= relay= client= chaddr= id= broadcast rapid.
func buildDHCP(from dataplane.MAC, kind string, f map[string]string) ([]byte, error) {
	kinds := map[string]dhcpv4.MessageType{"discover": dhcpv4.MessageTypeDiscover, "request": dhcpv4.MessageTypeRequest, "release": dhcpv4.MessageTypeRelease,
		"decline": dhcpv4.MessageTypeDecline, "inform": dhcpv4.MessageTypeInform}
	m := &dhcpv4.DHCPv4{OpCode: dhcpv4.OpcodeBootRequest, HWType: iana.HWTypeEthernet, ClientHWAddr: from[:], Options: dhcpv4.Options{}}
	m.UpdateOption(dhcpv4.OptMessageType(kinds[kind]))
	for key, value := range f {
		switch key {
		case "xid":
			n, err := strconv.ParseUint(value, 10, 32)
			if err != nil {
				return nil, err
			}
			binary.BigEndian.PutUint32(m.TransactionID[:], uint32(n))
		case "wanted":
			m.UpdateOption(dhcpv4.OptRequestedIPAddress(ip(value)))
		case "server":
			m.UpdateOption(dhcpv4.OptServerIdentifier(ip(value)))
		case "ciaddr":
			m.ClientIPAddr = ip(value)
		case "relay":
			m.GatewayIPAddr = ip(value)
		case "chaddr":
			client := mac(value)
			m.ClientHWAddr = client[:]
		case "id":
			m.UpdateOption(dhcpv4.OptClientIdentifier([]byte(value)))
		case "broadcast":
			m.SetBroadcast()
		case "rapid":
			m.UpdateOption(dhcpv4.OptGeneric(dhcpv4.OptionRapidCommit, nil))
		}
	}
	udp := &layers.UDP{SrcPort: 68, DstPort: 67}
	header := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: ip("0.0.0.0"), DstIP: ip("255.255.255.255")}
	if err := udp.SetNetworkLayerForChecksum(header); err != nil {
		return nil, err
	}
	return ethernet(from, frame.Broadcast, layers.EthernetTypeIPv4, header, udp, gopacket.Payload(m.ToBytes()))
}

// describe shows a frame as its receiver would: what is wrong with it shows.
func describe(b []byte) string {
	packet := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.Default)
	if err := packet.ErrorLayer(); err != nil {
		return err.Error().Error()
	}
	for _, layer := range packet.Layers() {
		if l, ok := layer.(interface {
			SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
		}); ok {
			if err := l.SetNetworkLayerForChecksum(packet.NetworkLayer()); err != nil {
				return err.Error()
			}
		}
	}
	if err, mismatches := packet.VerifyChecksums(); err != nil || len(mismatches) > 0 {
		return fmt.Sprintf("wrong checksums: %v %v", err, mismatches)
	}
	ethernet := packet.LinkLayer().(*layers.Ethernet)
	head := fmt.Sprintf("%s %s", station(ethernet.DstMAC), station(ethernet.SrcMAC))
	if a, ok := packet.Layer(layers.LayerTypeARP).(*layers.ARP); ok {
		if a.Operation == layers.ARPReply {
			return fmt.Sprintf("%s: arp %s is at %s", head, addr(a.SourceProtAddress), station(a.SourceHwAddress))
		}
		return fmt.Sprintf("%s: arp who has %s, tell %s", head, addr(a.DstProtAddress), addr(a.SourceProtAddress))
	}
	if v6, ok := packet.NetworkLayer().(*layers.IPv6); ok {
		return fmt.Sprintf("%s %s > %s: %s", head, v6.SrcIP, v6.DstIP, describeICMP(packet, v6))
	}
	v4 := packet.NetworkLayer().(*layers.IPv4)
	udp := packet.TransportLayer().(*layers.UDP)
	m, err := dhcpv4.FromBytes(udp.Payload)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%s %s:%d > %s:%d: %s", head, v4.SrcIP, udp.SrcPort, v4.DstIP, udp.DstPort, describeDHCP(m))
}

func station(b []byte) string {
	switch m := dataplane.MAC(b); m {
	case frame.Broadcast:
		return "everybody"
	case frame.AllNodes:
		return "nodes"
	case dataplane.MAC{0, 0, 0x5e, 0, 0x52, 0x13}:
		return "gateway"
	default:
		return m.String()
	}
}

func describeICMP(packet gopacket.Packet, v6 *layers.IPv6) string {
	switch m := packet.Layers()[len(packet.Layers())-1].(type) {
	case *layers.ICMPv6RouterAdvertisement:
		return describeAdvertisement(m, v6.HopLimit)
	case *layers.ICMPv6NeighborSolicitation:
		return fmt.Sprintf("neighbour solicitation %s hop limit %d", m.TargetAddress, v6.HopLimit)
	case *layers.ICMPv6NeighborAdvertisement:
		return fmt.Sprintf("neighbour advertisement %s is at %s flags %#x hop limit %d", m.TargetAddress, station(m.Options[0].Data), m.Flags, v6.HopLimit)
	case *layers.MLDv2MulticastListenerQueryMessage:
		return fmt.Sprintf("listener query hop limit %d", v6.HopLimit)
	case *layers.ICMPv6Echo:
		return "echo request"
	default:
		return packet.String()
	}
}

func describeAdvertisement(m *layers.ICMPv6RouterAdvertisement, hopLimit uint8) string {
	text := fmt.Sprintf("router advertisement hop limit %d router %ds", hopLimit, m.RouterLifetime)
	if m.Flags != 0 {
		text += fmt.Sprintf(" flags %#x", m.Flags)
	}
	for _, o := range m.Options {
		switch o.Type {
		case layers.ICMPv6OptSourceAddress:
			text += " at " + station(o.Data)
		case layers.ICMPv6OptMTU:
			text += fmt.Sprintf(" mtu %d", binary.BigEndian.Uint32(o.Data[2:]))
		case layers.ICMPv6OptPrefixInfo:
			valid, preferred := binary.BigEndian.Uint32(o.Data[2:]), binary.BigEndian.Uint32(o.Data[6:])
			text += fmt.Sprintf(" prefix %s/%d", addr(o.Data[14:]), o.Data[0])
			if o.Data[1] != 0xc0 {
				text += fmt.Sprintf(" flags %#x", o.Data[1])
			}
			if text += fmt.Sprintf(" %ds", valid); preferred != valid {
				text += fmt.Sprintf(" preferred %ds", preferred)
			}
		}
	}
	return text
}

func describeDHCP(m *dhcpv4.DHCPv4) string {
	text := fmt.Sprintf("%s xid %d", m.MessageType(), binary.BigEndian.Uint32(m.TransactionID[:]))
	for _, field := range []struct {
		name string
		addr netip.Addr
	}{{"client", addr(m.ClientIPAddr)}, {"your", addr(m.YourIPAddr)}, {"server", addr(m.ServerIdentifier())}} {
		if field.addr.IsValid() && !field.addr.IsUnspecified() {
			text += fmt.Sprintf(" %s %s", field.name, field.addr)
		}
	}
	if mask := m.SubnetMask(); mask != nil {
		ones, _ := mask.Size()
		text += fmt.Sprintf(" mask /%d", ones)
	}
	for _, router := range m.Router() {
		text += fmt.Sprintf(" router %s", router)
	}
	if lease := m.IPAddressLeaseTime(-1); lease >= 0 {
		text += fmt.Sprintf(" lease %ds", lease/time.Second)
	}
	if mtu := m.Options.Get(dhcpv4.OptionInterfaceMTU); mtu != nil {
		text += fmt.Sprintf(" mtu %d", binary.BigEndian.Uint16(mtu))
	}
	if id := m.Options.Get(dhcpv4.OptionClientIdentifier); id != nil {
		text += fmt.Sprintf(" id %s", id)
	}
	if m.Options.Has(dhcpv4.OptionRapidCommit) {
		text += " rapid"
	}
	if m.IsBroadcast() {
		text += " broadcast"
	}
	return text
}
