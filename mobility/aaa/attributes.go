package aaa

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc2867"
	"layeh.com/radius/rfc2868"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/rfc3162"
	"layeh.com/radius/rfc4818"
	"layeh.com/radius/rfc5447"
	"layeh.com/radius/rfc6572"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/wire"
)

// NodeIdentity is what the records of a node say of it (RFC 6572 section 7.3).
type NodeIdentity struct {
	Node           mobility.NodeID
	Link           mobility.LinkID
	Home           netip.Prefix   // IPv4 home address with the length of its subnet
	Prefixes       []netip.Prefix // home network prefixes
	MobileNetworks []netip.Prefix // delegated to a mobile router
	Access         wire.AccessType
	Service        mobility.Service
	APN            string // the service that it is registered for
	Anchor         string
	Address        netip.Addr // of the anchor
	Customer, VRF  string     // of the Mobile Local Loop
}

// attributes is a list in the making, as in a packet (RFC 2865 section 5). Values are cut to what an attribute has room for.
type attributes []byte

// add adds an attribute; one without a value is left out.
func add[T string | []byte](a *attributes, t radius.Type, value T) {
	if len(value) > 0 {
		value = value[:min(len(value), maxValue)]
		*a = append(append(*a, byte(t), byte(headOctets+len(value))), value...)
	}
}

// The octets of an attribute before its value, and of the longest value (RFC 2865 section 5).
const (
	headOctets = 2
	maxValue   = 253
)

func (a *attributes) octets(t radius.Type, value []byte) { add(a, t, value) }

func (a *attributes) text(t radius.Type, value string) { add(a, t, value) }

func (a *attributes) integer(t radius.Type, value uint32) {
	*a = binary.BigEndian.AppendUint32(append(*a, byte(t), headOctets+4), value)
}

// address adds an address under the type of its family.
func (a *attributes) address(v4, v6 radius.Type, addr netip.Addr) {
	switch {
	case !addr.IsValid():
	case addr.Is4():
		octets := addr.As4()
		a.octets(v4, octets[:])
	default:
		octets := addr.As16()
		a.octets(v6, octets[:])
	}
}

// prefix adds a prefix in the form that IPv6 and IPv4 prefixes share: a reserved octet, the length, and the address (RFC 3162 section 2.3,
// RFC 6572 section 4.12).
func (a *attributes) prefix(t radius.Type, p netip.Prefix) {
	var room [2 + 16]byte
	room[1] = byte(p.Bits())
	octets := room[:]
	if p.Addr().Is4() {
		v4 := p.Addr().As4()
		octets = append(room[:2], v4[:]...)
	} else {
		v6 := p.Addr().As16()
		copy(room[2:], v6[:])
	}
	a.octets(t, octets)
}

// ciscoAVPair is the vendor and the vendor's type of a text "name=value" (RFC 2865 section 5.26).
const (
	ciscoVendor = 9
	ciscoAVPair = 1
)

// AVPair reads a text "name=value" of the vendor; what is none has no name.
func AVPair(b radius.Attribute) (name, value string) {
	vendor, text, err := radius.VendorSpecific(b)
	if err != nil || vendor != ciscoVendor || len(text) < 2 || text[0] != ciscoAVPair || int(text[1]) != len(text) {
		return "", ""
	}
	name, value, _ = strings.Cut(string(text[2:]), "=")
	return name, value
}

// The names of a customer and of the VRF that the addresses of its nodes live in (feature RAD-07).
const (
	CustomerPair = "customer"
	VRFPair      = "vrf-id"
)

func (a *attributes) customer(t mobility.Tenancy) {
	a.avPair(CustomerPair, t.Customer)
	a.avPair(VRFPair, t.VRF)
}

func (a *attributes) avPair(name, value string) {
	if value == "" {
		return
	}
	text := name + "=" + value
	text = text[:min(len(text), maxValue-6)]
	pair := binary.BigEndian.AppendUint32(nil, ciscoVendor)
	a.octets(rfc2865.VendorSpecific_Type, append(append(pair, ciscoAVPair, byte(2+len(text))), text...))
}

// nas adds which anchor speaks (RFC 2865 section 5.4 and 5.32, RFC 3162 section 2.1).
func (a *attributes) nas(name string, addr netip.Addr) {
	a.text(rfc2865.NASIdentifier_Type, name)
	a.address(rfc2865.NASIPAddress_Type, rfc3162.NASIPv6Address_Type, addr)
}

// describe adds what every record of the node's session has.
func (a *attributes) describe(n *NodeIdentity) {
	a.text(rfc2865.UserName_Type, n.Node.String())
	a.nas(n.Anchor, n.Address)
	a.octets(rfc6572.MobileNodeIdentifier_Type, n.Node.MNID().ID)
	a.text(rfc2865.CallingStationID_Type, StationID(n.Link))
	a.integer(rfc2865.NASPortType_Type, portType(n.Access))
	a.address(rfc6572.PMIP6HomeLMAIPv4Address_Type, rfc6572.PMIP6HomeLMAIPv6Address_Type, n.Address)
	if n.Home.IsValid() {
		home := n.Home.Addr().As4()
		a.octets(rfc2865.FramedIPAddress_Type, home[:])
		a.prefix(homeIPv4HoA, n.Home)
	}
	for _, p := range n.Prefixes {
		a.prefix(rfc6572.PMIP6HomeHNPrefix_Type, p)
		a.prefix(rfc3162.FramedIPv6Prefix_Type, p)
	}
	a.features(n)
	a.text(rfc6572.ServiceSelection_Type, n.APN)
	a.customer(mobility.Tenancy{Customer: n.Customer, VRF: n.VRF})
	a.networks(n.MobileNetworks)
}

// homeIPv4HoA is PMIP6-Home-IPv4-HoA (RFC 6572 section 4.12).
const homeIPv4HoA = 155

// roomForNetworks is how many octets of attributes there may be before one more mobile network: a packet has at most 4096 (RFC 2865 section 3),
// a network takes less than 100, and what happened to the session less than 200.
const roomForNetworks = 3700

// networks adds mobile networks, as many as a packet has room for.
func (a *attributes) networks(list []netip.Prefix) {
	for _, p := range list {
		if len(*a) > roomForNetworks {
			return
		}
		a.network(p)
	}
}

// network adds a mobile network. The gateway 0.0.0.0 or :: stands for the node itself (RFC 2865 section 5.22).
func (a *attributes) network(p netip.Prefix) {
	if p.Addr().Is4() {
		a.text(rfc2865.FramedRoute_Type, p.String()+" 0.0.0.0 1")
		return
	}
	a.prefix(rfc4818.DelegatedIPv6Prefix_Type, p)
	a.text(rfc3162.FramedIPv6Route_Type, p.String()+" :: 1")
}

// The bits of the MIP6-Feature-Vector (RFC 6572 section 4.1).
const (
	featurePMIP6         = 0x0000010000000000
	featureIPv4Home      = 0x0000020000000000
	featureIPv4Transport = 0x0000800000000000
	featureIPv4HomeOnly  = 0x0001000000000000
)

func (a *attributes) features(n *NodeIdentity) {
	var octets [8]byte
	binary.BigEndian.PutUint64(octets[:], features(n))
	a.octets(rfc5447.MIP6FeatureVector_Type, octets[:])
}

func features(n *NodeIdentity) uint64 {
	v := uint64(featurePMIP6)
	switch n.Service {
	case mobility.ServiceDual:
		v |= featureIPv4Home
	case mobility.ServiceIPv4:
		v |= featureIPv4HomeOnly
	}
	if n.Address.Is4() {
		v |= featureIPv4Transport
	}
	return v
}

// StationID writes a link-layer identifier: an Ethernet address as RFC 3580 section 3.21 has it, others as hexadecimal digits.
func StationID(id mobility.LinkID) string {
	digits := strings.ToUpper(hex.EncodeToString([]byte(id)))
	if len(id) != 6 {
		return digits
	}
	var pairs [6]string
	for i := range pairs {
		pairs[i] = digits[2*i : 2*i+2]
	}
	return strings.Join(pairs[:], "-")
}

// portType is the NAS-Port-Type (IANA, RADIUS types) of an access technology (RFC 5213 section 8.5).
func portType(a wire.AccessType) uint32 {
	const (
		virtual, ethernet, wirelessOther, wlan, cdma2000, umts, hrpd, wimax = 5, 15, 18, 19, 22, 23, 24, 27
	)
	switch a {
	case wire.AccessVirtual, wire.AccessPPP:
		return virtual
	case wire.Access8023:
		return ethernet
	case wire.Access80211:
		return wlan
	case wire.Access80216e:
		return wimax
	case wire.AccessUTRAN:
		return umts
	case wire.AccessEHRPD, wire.AccessHRPD:
		return hrpd
	case wire.Access1xRTT:
		return cdma2000
	}
	return wirelessOther
}

// tunnelAttributes is what every record of a tunnel's session has (RFC 2867, RFC 2868). A tunnel has one customer, because its end at the anchor
// has (feature MLL-16).
func tunnelAttributes(anchor string, id dataplane.TunnelID, tenant mobility.Tenancy) (a attributes) {
	a.nas(anchor, id.Local)
	a.integer(rfc2868.TunnelType_Type, tunnelType(id.Encap))
	medium := uint32(rfc2868.TunnelMediumType_Value_IPv4)
	if id.Local.Is6() {
		medium = uint32(rfc2868.TunnelMediumType_Value_IPv6)
	}
	a.integer(rfc2868.TunnelMediumType_Type, medium)
	a.text(rfc2868.TunnelClientEndpoint_Type, id.Peer.String())
	a.text(rfc2868.TunnelServerEndpoint_Type, id.Local.String())
	a.text(rfc2867.AcctTunnelConnection_Type, tunnelName(id))
	a.customer(tenant)
	return a
}

// tunnelName identifies a tunnel among all of its anchor (RFC 2867 section 4.1).
func tunnelName(id dataplane.TunnelID) string {
	name := fmt.Sprintf("%s-%s-%s", id.Encap, id.Local, id.Peer)
	if id.Port != 0 {
		name += fmt.Sprintf("-%d", id.Port)
	}
	if id.VRF != "" {
		name += "%" + id.VRF // the same addresses may exist in another
	}
	return name
}

// tunnelType is the Tunnel-Type (RFC 2868 section 3.1, with tag 0). There is none of a tunnel over UDP: what it carries is IP in IP all the same.
func tunnelType(e dataplane.Encap) uint32 {
	if e == dataplane.EncapGRE {
		return uint32(rfc2868.TunnelType_Value_GRE)
	}
	return ipInIP
}

const ipInIP = 7 // IP-IP

// event adds what happened, and when (RFC 2866 section 5.1, RFC 2869 section 5.3).
func (a *attributes) event(status rfc2866.AcctStatusType, at time.Time) {
	a.integer(rfc2866.AcctStatusType_Type, uint32(status))
	a.integer(rfc2869.EventTimestamp_Type, uint32(at.Unix()))
}

// usage adds counters; what exceeds 32 bits of octets stands in Gigawords (RFC 2869 section 5.1 and 5.2). Packets have no second word.
func (a *attributes) usage(u Usage) {
	a.integer(rfc2866.AcctInputOctets_Type, uint32(u.RxOctets))
	a.integer(rfc2866.AcctOutputOctets_Type, uint32(u.TxOctets))
	a.integer(rfc2866.AcctInputPackets_Type, uint32(u.RxPackets))
	a.integer(rfc2866.AcctOutputPackets_Type, uint32(u.TxPackets))
	a.integer(rfc2869.AcctInputGigawords_Type, uint32(u.RxOctets>>32))
	a.integer(rfc2869.AcctOutputGigawords_Type, uint32(u.TxOctets>>32))
}
