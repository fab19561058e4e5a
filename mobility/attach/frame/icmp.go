package frame

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/gopacket/gopacket/layers"
)

var (
	errHopLimit  = errors.New("icmpv6: hop limit is not 255: the packet was forwarded")
	errCode      = errors.New("icmpv6: code is not 0")
	errShort     = errors.New("icmpv6: message ends early, or its options make no sense")
	errTarget    = errors.New("icmpv6: target is a multicast address")
	errUnsourced = errors.New("icmpv6: a link-layer address of the unspecified address")
	errSolicited = errors.New("icmpv6: a solicited advertisement to a group")
	errDetection = errors.New("icmpv6: duplicate address detection outside a solicited-node group")
)

// signs are the messages by which nodes show themselves.
var signs = map[uint8]Kind{
	layers.ICMPv6TypeRouterSolicitation:                    RouterSolicitation,
	layers.ICMPv6TypeNeighborSolicitation:                  NeighbourSolicitation,
	layers.ICMPv6TypeNeighborAdvertisement:                 NeighbourAdvertisement,
	layers.ICMPv6TypeMLDv1MulticastListenerReportMessage:   ListenerReport,
	layers.ICMPv6TypeMLDv1MulticastListenerDoneMessage:     ListenerReport,
	layers.ICMPv6TypeMLDv2MulticastListenerReportMessageV2: ListenerReport,
}

// solicitedNode holds the groups that duplicate address detection asks (RFC 4291 section 2.7.1).
var solicitedNode = netip.MustParsePrefix("ff02::1:ff00:0/104")

// readICMP reads signs, and checks them as RFC 4861 sections 6.1.1, 7.1.1 and 7.1.2 say.
func (p *Parser) readICMP(f *Frame) error {
	kind, ok := signs[p.icmp.TypeCode.Type()]
	if !ok {
		return nil
	}
	if err := p.verifyICMP(); err != nil {
		return err
	}
	f.Kind, f.Source = kind, addr(p.ipv6.SrcIP)
	switch {
	case kind == ListenerReport:
		return nil
	case p.ipv6.HopLimit != 255:
		return errHopLimit
	case p.icmp.TypeCode.Code() != 0:
		return errCode
	case !slices.Contains(p.found, p.icmp.NextLayerType()):
		return errShort
	}
	switch kind {
	case RouterSolicitation:
		return checkUnsourced(f.Source, p.router.Options)
	case NeighbourSolicitation:
		f.Target = addr(p.solicit.TargetAddress)
		return p.checkSolicitation(f)
	default:
		f.Target = addr(p.advertise.TargetAddress)
		return p.checkAdvertisement(f)
	}
}

func (p *Parser) verifyICMP() error {
	if err := p.icmp.SetNetworkLayerForChecksum(&p.ipv6); err != nil {
		return fmt.Errorf("icmpv6: %w", err)
	}
	err, result := p.icmp.VerifyChecksum()
	if err != nil {
		return fmt.Errorf("icmpv6: %w", err)
	}
	if !result.Valid {
		return fmt.Errorf("icmpv6: checksum %04x, should be %04x", result.Actual, result.Correct)
	}
	return nil
}

func (p *Parser) checkSolicitation(f *Frame) error {
	if f.Target.IsMulticast() {
		return errTarget
	}
	if f.Source.IsUnspecified() && !solicitedNode.Contains(addr(p.ipv6.DstIP)) {
		return errDetection
	}
	return checkUnsourced(f.Source, p.solicit.Options)
}

func (p *Parser) checkAdvertisement(f *Frame) error {
	if f.Target.IsMulticast() {
		return errTarget
	}
	if p.advertise.Solicited() && addr(p.ipv6.DstIP).IsMulticast() {
		return errSolicited
	}
	return nil
}

// checkUnsourced refuses a link-layer address that is given for no address.
func checkUnsourced(source netip.Addr, options layers.ICMPv6Options) error {
	given := func(o layers.ICMPv6Option) bool { return o.Type == layers.ICMPv6OptSourceAddress }
	if source.IsUnspecified() && slices.ContainsFunc(options, given) {
		return errUnsourced
	}
	return nil
}
