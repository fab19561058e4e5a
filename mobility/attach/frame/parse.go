package frame

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/insomniacslk/dhcp/dhcpv4"

	"mooring/dataplane"
)

// Kind says what a frame is.
type Kind uint8

// What a gateway has an interest in.
const (
	Foreign                Kind = iota // neither IP nor ARP: bridges and switches say such things too
	Data                               // IP, and none of the following
	RouterSolicitation                 // RFC 4861 section 4.1
	NeighbourSolicitation              // RFC 4861 section 4.3
	NeighbourAdvertisement             // RFC 4861 section 4.4
	ListenerReport                     // RFC 2710, RFC 3810: a report of either version, or "done"
	ARPRequest                         // RFC 826
	ARPReply
	DHCP // RFC 2131: from a client to a server
)

// Frame is what was read of a frame. It keeps no reference to the octets.
type Frame struct {
	From, To dataplane.MAC
	Kind     Kind
	Source   netip.Addr     // of the IPv6 packet, or the protocol address of the ARP sender
	Target   netip.Addr     // that neighbour discovery or ARP asks for or tells of
	DHCP     *dhcpv4.DHCPv4 // only of DHCP
}

// Parser reads frames. Its memory is used again from frame to frame: one goroutine uses it.
type Parser struct {
	ethernet  layers.Ethernet
	arp       layers.ARP
	ipv4      layers.IPv4
	ipv6      layers.IPv6
	udp       layers.UDP
	icmp      layers.ICMPv6
	router    layers.ICMPv6RouterSolicitation
	solicit   layers.ICMPv6NeighborSolicitation
	advertise layers.ICMPv6NeighborAdvertisement

	layers *gopacket.DecodingLayerParser
	found  []gopacket.LayerType
}

// NewParser returns a Parser.
func NewParser() *Parser {
	p := &Parser{}
	p.layers = gopacket.NewDecodingLayerParser(layers.LayerTypeEthernet, &p.ethernet, &p.arp, &p.ipv4, &p.ipv6, &p.udp, &p.icmp,
		&p.router, &p.solicit, &p.advertise)
	p.layers.IgnoreUnsupported = true
	return p
}

// Parse reads a frame. The error says what is wrong with a frame that its receiver has to ignore.
//
// The checksum of UDP is not looked at: the host may leave it to a network card to fill in, and hands such frames to packet
// sockets as they are.
func (p *Parser) Parse(b []byte) (Frame, error) {
	p.found = p.found[:0]
	if err := p.layers.DecodeLayers(b, &p.found); err != nil {
		return Frame{}, fmt.Errorf("decode: %w", err)
	}
	f := Frame{From: dataplane.MAC(p.ethernet.SrcMAC), To: dataplane.MAC(p.ethernet.DstMAC)}
	if f.From == (dataplane.MAC{}) || f.From[0]&1 != 0 {
		return f, fmt.Errorf("source address %s is not of one station", f.From)
	}
	for _, layer := range p.found {
		var err error
		switch layer {
		case layers.LayerTypeARP:
			err = p.readARP(&f)
		case layers.LayerTypeIPv4, layers.LayerTypeIPv6:
			f.Kind = Data
		case layers.LayerTypeICMPv6:
			err = p.readICMP(&f)
		case layers.LayerTypeUDP:
			err = p.readUDP(&f)
		}
		if err != nil {
			return f, err
		}
	}
	return f, nil
}

func (p *Parser) readARP(f *Frame) error {
	a := &p.arp
	if a.AddrType != layers.LinkTypeEthernet || a.Protocol != layers.EthernetTypeIPv4 || a.HwAddressSize != 6 || a.ProtAddressSize != 4 {
		return errors.New("arp: not of IPv4 over Ethernet")
	}
	f.Source, f.Target = addr(a.SourceProtAddress), addr(a.DstProtAddress)
	switch a.Operation {
	case layers.ARPRequest:
		f.Kind = ARPRequest
	case layers.ARPReply:
		f.Kind = ARPReply
	default:
		return fmt.Errorf("arp: operation %d", a.Operation)
	}
	return nil
}

// dhcpServerPort is where servers listen (RFC 2131 section 4.1).
const dhcpServerPort, dhcpClientPort = 67, 68

func (p *Parser) readUDP(f *Frame) error {
	if p.udp.DstPort != dhcpServerPort || p.found[1] != layers.LayerTypeIPv4 {
		return nil
	}
	message, err := dhcpv4.FromBytes(p.udp.Payload)
	if err != nil {
		return fmt.Errorf("dhcp: %w", err)
	}
	if message.OpCode != dhcpv4.OpcodeBootRequest {
		return errors.New("dhcp: a reply, sent to a server")
	}
	f.Kind, f.DHCP = DHCP, message
	return nil
}

func addr(b []byte) netip.Addr {
	a, _ := netip.AddrFromSlice(b)
	return a
}
