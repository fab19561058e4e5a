package aaa

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/rfc3162"
	"layeh.com/radius/rfc4818"
	"layeh.com/radius/rfc6572"

	"mooring/mobility"
)

const (
	authorizeOnly      = 17  // Service-Type (RFC 5176 section 3.1)
	homeIPv4Gateway    = 161 // PMIP6-Home-IPv4-Gateway (RFC 6572 section 4.20)
	anyPrefixBits      = 128 // of an unspecified home network prefix (RFC 6572 section 4.8)
	anyHomeAddressBits = 32  // of an unspecified IPv4 home address (RFC 6572 section 4.12)
)

// Request makes an Access-Request about a node of an anchor (RFC 6572 section 6). It carries a Message-Authenticator, before everything else. authenticator is
// random (RFC 2865 section 3).
func (c *Authorization) Request(anchor string, q *mobility.Question, id byte, authenticator [16]byte, secret []byte) ([]byte, error) {
	p := radius.Packet{Code: radius.CodeAccessRequest, Identifier: id, Authenticator: authenticator, Secret: secret}
	var a attributes
	a.octets(rfc2869.MessageAuthenticator_Type, make([]byte, len(p.Authenticator)))
	a.text(rfc2865.UserName_Type, q.Node.String())
	if c.Password != "" {
		password, err := radius.NewUserPassword([]byte(c.Password), secret, p.Authenticator[:])
		if err != nil {
			return nil, fmt.Errorf("access request for %s: %w", q.Node, err)
		}
		a.octets(rfc2865.UserPassword_Type, password)
	}
	a.nas(anchor, q.Address)
	if c.Outbound {
		a.integer(rfc2865.ServiceType_Type, uint32(rfc2865.ServiceType_Value_OutboundUser))
	} else {
		a.integer(rfc2865.ServiceType_Type, authorizeOnly)
	}
	a.node(q)
	var err error
	if p.Attributes, err = radius.ParseAttributes(a); err != nil {
		return nil, fmt.Errorf("access request for %s: %w", q.Node, err)
	}
	octets, err := p.Encode()
	if err != nil {
		return nil, fmt.Errorf("access request for %s: %w", q.Node, err)
	}
	copy(messageAuthenticator(octets), seal(octets, secret))
	return octets, nil
}

// node adds what is asked about.
func (a *attributes) node(q *mobility.Question) {
	a.octets(rfc6572.MobileNodeIdentifier_Type, q.Node.MNID().ID)
	a.text(rfc2865.CallingStationID_Type, StationID(q.Link))
	a.integer(rfc2865.NASPortType_Type, portType(q.Access))
	a.address(rfc6572.PMIP6HomeLMAIPv4Address_Type, rfc6572.PMIP6HomeLMAIPv6Address_Type, q.Address)
	for _, p := range q.Prefixes {
		if p.Addr().IsUnspecified() {
			p = netip.PrefixFrom(netip.IPv6Unspecified(), anyPrefixBits)
		}
		a.prefix(rfc6572.PMIP6HomeHNPrefix_Type, p)
	}
	if q.Home.IsValid() {
		a.prefix(homeIPv4HoA, netip.PrefixFrom(q.Home, anyHomeAddressBits))
	}
	a.features(&NodeIdentity{Service: q.Service, Address: q.Address})
	a.text(rfc6572.ServiceSelection_Type, q.APN)
	a.customer(mobility.Tenancy{Customer: q.Customer, VRF: q.VRF})
}

// Believes says whether an answer to an Access-Request is one, and authentic. Without a Message-Authenticator, which RFC 6572 section 6.2 demands,
// it is not, unless AcceptUnsealed says so: whoever is in between could turn a Reject into an Accept (CVE-2024-3596).
func (c *Authorization) Believes(answer, request, secret []byte) bool {
	switch radius.Code(answer[0]) {
	case radius.CodeAccessAccept, radius.CodeAccessReject, radius.CodeAccessChallenge:
		found := Check(answer, secret, [16]byte(request[authenticatorAt:attributesAt]))
		return radius.IsAuthenticResponse(answer, request, secret) && (found == Sealed || found == Unsealed && c.AcceptUnsealed)
	}
	return false
}

// Read takes in an answer. What the node has to be served by and cannot be understood makes an Access-Accept a denial, as the error says; attributes
// that nothing is made of are ignored (RFC 2865 section 5).
func (c *Authorization) Read(p *radius.Packet) (*mobility.Authorization, error) {
	if p.Code != radius.CodeAccessAccept { // nobody could answer a challenge
		return &mobility.Authorization{Verdict: mobility.Denied}, nil
	}
	r := reader{c: c, a: mobility.Authorization{Verdict: mobility.Granted}}
	for _, avp := range p.Attributes {
		if !r.read(avp.Type, avp.Attribute) {
			return &mobility.Authorization{Verdict: mobility.Denied}, fmt.Errorf("attribute %d of the access accept makes no sense: %x", avp.Type, []byte(avp.Attribute))
		}
	}
	slices.SortFunc(r.a.Networks, netip.Prefix.Compare)
	r.a.Networks = slices.Compact(r.a.Networks)
	return &r.a, nil
}

// reader makes an authorization of attributes.
type reader struct {
	c *Authorization
	a mobility.Authorization
}

// read takes in one attribute, and reports whether it makes sense.
func (r *reader) read(t radius.Type, b []byte) (ok bool) {
	var p netip.Prefix
	var addr netip.Addr
	switch t {
	case rfc6572.PMIP6HomeHNPrefix_Type:
		if p, ok = readPrefix(b, 16); p.Addr().IsUnspecified() {
			return ok // the anchor is to choose
		}
		r.a.Prefixes = append(r.a.Prefixes, p.Masked())
		ok = ok && p.Bits() == homePrefixBits
	case homeIPv4HoA:
		if p, ok = readPrefix(b, 4); ok && !p.Addr().IsUnspecified() {
			r.a.Home = p
		}
	case homeIPv4Gateway:
		r.a.Router, ok = readAddr(b, 4)
	case rfc6572.PMIP6HomeLMAIPv4Address_Type:
		addr, ok = readAddr(b, 4)
		r.a.Anchors = append(r.a.Anchors, addr)
	case rfc6572.PMIP6HomeLMAIPv6Address_Type:
		addr, ok = readAddr(b, 16)
		r.a.Anchors = append(r.a.Anchors, addr)
	case rfc6572.ServiceSelection_Type:
		r.a.APN, ok = string(b), true
	case rfc4818.DelegatedIPv6Prefix_Type:
		p, ok = readPrefix(b, 16)
		r.a.Networks = append(r.a.Networks, p.Masked())
	case rfc2865.FramedRoute_Type:
		p, ok = readRoute(b)
		ok = ok && p.Addr().Is4()
		r.a.Networks = append(r.a.Networks, p)
	case rfc3162.FramedIPv6Route_Type:
		p, ok = readRoute(b)
		ok = ok && p.Addr().Is6()
		r.a.Networks = append(r.a.Networks, p)
	case rfc2865.VendorSpecific_Type:
		return r.readPair(b)
	default:
		return true
	}
	return ok
}

const homePrefixBits = 64 // of a home network prefix, which nodes configure themselves from (RFC 4862 section 5.5.3)

// services are the values of a service in a vendor specific attribute.
var services = map[string]mobility.Service{"ipv4": mobility.ServiceIPv4, "ipv6": mobility.ServiceIPv6, "dual": mobility.ServiceDual}

// readPair takes in what a vendor calls by a name that the dictionary has.
func (r *reader) readPair(b []byte) (ok bool) {
	name, value := AVPair(b)
	meaning := r.c.Dictionary[name]
	if meaning != 0 && value == "" {
		return false
	}
	switch meaning {
	case MeansNetwork:
		r.a.Network = value
	case MeansService:
		r.a.Service = services[strings.ToLower(value)]
		return r.a.Service != 0
	case MeansCustomer:
		r.a.Customer = value
	case MeansAnchor:
		r.a.Anchor = value
	case MeansAPN:
		r.a.APN = value
	}
	return true
}

func readAddr(b []byte, octets int) (a netip.Addr, ok bool) {
	if len(b) != octets {
		return a, false
	}
	return netip.AddrFromSlice(b)
}

// readPrefix is the inverse of attributes.prefix; that of an IPv6 prefix may be cut short.
func readPrefix(b []byte, octets int) (p netip.Prefix, ok bool) {
	if len(b) < 2 || len(b) > 2+octets || octets == 4 && len(b) != 2+octets {
		return p, false
	}
	full := append(bytes.Clone(b[2:]), make([]byte, octets-len(b)+2)...)
	addr, _ := netip.AddrFromSlice(full)
	bits := int(b[1])
	if octets == 4 {
		bits &= 0x3f // the two bits before are reserved (RFC 6572 section 4.12)
	}
	p = netip.PrefixFrom(addr, bits)
	return p, p.IsValid()
}

// readRoute reads "prefix gateway metric..." (RFC 2865 section 5.22), of which the prefix counts.
func readRoute(b []byte) (netip.Prefix, bool) {
	words := strings.Fields(string(b))
	if len(words) == 0 {
		return netip.Prefix{}, false
	}
	p, err := netip.ParsePrefix(words[0])
	return p.Masked(), err == nil
}
