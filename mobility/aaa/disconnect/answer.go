// Package disconnect lets RADIUS servers end sessions: Disconnect-Requests (RFC 5176). A request is obeyed when it comes from a configured
// server, is authentic, is not older than the window, and has not been obeyed before.
package disconnect

import (
	"net/netip"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/rfc3162"
	"layeh.com/radius/rfc3576"

	"mooring/mobility/aaa"
)

// Window is how old a request may be, or how far its clock may be ahead (RFC 5176 section 6.3).
const Window = 300 * time.Second

// Values of Error-Cause (RFC 5176 section 3.5).
const (
	unsupportedAttribute = 401
	missingAttribute     = 402
	nasMismatch          = 403
	unsupportedService   = 405
	unsupportedExtension = 406
	invalidValue         = 407
	sessionNotFound      = 503
	resourcesUnavailable = 506
	errorCauseType       = rfc3576.ErrorCause_Type
	messageAuthenticator = rfc2869.MessageAuthenticator_Type
)

// Selection says which sessions a request is about: those that fit everything it names.
type Selection struct {
	User    string         // User-Name; empty: any
	Session string         // Acct-Session-Id; empty: any
	Multi   string         // Acct-Multi-Session-Id; empty: any
	Station string         // Calling-Station-Id; empty: any
	Home    netip.Addr     // Framed-IP-Address; invalid: any
	Prefix  []netip.Prefix // Framed-IPv6-Prefix; none: any
	Anchor  string         // NAS-Identifier; empty: any
	Address netip.Addr     // NAS-IP-Address or NAS-IPv6-Address; invalid: any

	Customer string // as in records; empty: any or none
	VRF      string // of its nodes, as in records; empty: any
}

// request is a request that was found good, or what is wrong with it.
type request struct {
	packet *radius.Packet
	Selection
	refused uint32 // Error-Cause; 0: it is to be obeyed
}

// open reads a request. It returns nil for what is to be discarded without an answer.
func open(now time.Time, octets []byte, secret string, demandTime bool) *request {
	p, err := radius.Parse(octets, []byte(secret))
	if err != nil || p.Code != radius.CodeDisconnectRequest && p.Code != radius.CodeCoARequest {
		return nil
	}
	octets = octets[:int(octets[2])<<8|int(octets[3])]
	if !radius.IsAuthenticRequest(octets, p.Secret) || aaa.Check(octets, p.Secret, [16]byte{}) == aaa.Broken || !timely(now, p, demandTime) {
		return nil
	}
	r := &request{packet: p}
	if p.Code == radius.CodeCoARequest {
		r.refused = unsupportedExtension
		return r
	}
	r.read()
	return r
}

// timely reports whether a request is of now (RFC 5176 section 6.3).
func timely(now time.Time, p *radius.Packet, demanded bool) bool {
	stamp, ok := p.Lookup(rfc2869.EventTimestamp_Type)
	if !ok {
		return !demanded
	}
	at, err := radius.Date(stamp)
	return err == nil && now.Sub(at).Abs() <= Window
}

// read takes what identifies sessions and the NAS out of the attributes. What cannot be understood may not be ignored (RFC 5176 section 3.1).
func (r *request) read() {
	named := false
	for _, a := range r.packet.Attributes {
		switch a.Type {
		case rfc2865.UserName_Type:
			r.User, named = r.text(string(a.Attribute)), true
		case rfc2866.AcctSessionID_Type:
			r.Session, named = r.text(string(a.Attribute)), true
		case rfc2866.AcctMultiSessionID_Type:
			r.Multi, named = r.text(string(a.Attribute)), true
		case rfc2865.CallingStationID_Type:
			r.Station, named = r.text(string(a.Attribute)), true
		case rfc2865.FramedIPAddress_Type:
			r.Home, named = r.addr(a.Attribute, 4), true
		case rfc3162.FramedIPv6Prefix_Type:
			r.Prefix, named = append(r.Prefix, r.prefix(a.Attribute)), true
		case rfc2865.NASIdentifier_Type:
			r.Anchor = r.text(string(a.Attribute))
		case rfc2865.NASIPAddress_Type:
			r.Address = r.addr(a.Attribute, 4)
		case rfc3162.NASIPv6Address_Type:
			r.Address = r.addr(a.Attribute, 16)
		case rfc2865.VendorSpecific_Type:
			r.readPair(a.Attribute)
		case rfc2865.ServiceType_Type:
			r.refused = unsupportedService
		case rfc2869.EventTimestamp_Type, messageAuthenticator, rfc2865.ProxyState_Type, rfc2866.AcctTerminateCause_Type, rfc2865.ReplyMessage_Type:
		default:
			r.refused = unsupportedAttribute
		}
	}
	if r.refused == 0 && !named {
		r.refused = missingAttribute
	}
}

// readPair takes in whose session it is (feature RAD-07).
func (r *request) readPair(b radius.Attribute) {
	switch name, value := aaa.AVPair(b); name {
	case aaa.CustomerPair:
		r.Customer = r.text(value)
	case aaa.VRFPair:
		r.VRF = r.text(value)
	default:
		r.refused = unsupportedAttribute
	}
}

// text takes a name or an identifier. One without octets names nothing (RFC 2865 section 5), and may not be taken for "any".
func (r *request) text(s string) string {
	if s == "" {
		r.refused = invalidValue
	}
	return s
}

// addr reads an address of so many octets.
func (r *request) addr(b []byte, octets int) netip.Addr {
	a, _ := netip.AddrFromSlice(b)
	if len(b) != octets {
		r.refused = invalidValue
	}
	return a
}

// prefix reads a prefix (RFC 3162 section 2.3); the address may be cut short.
func (r *request) prefix(b []byte) netip.Prefix {
	var octets [16]byte
	if len(b) < 2 || len(b) > 18 || b[1] > 128 {
		r.refused = invalidValue
		return netip.Prefix{}
	}
	copy(octets[:], b[2:])
	return netip.PrefixFrom(netip.AddrFrom16(octets), int(b[1])).Masked()
}

// answer makes the answer to a request: an acknowledgement, or why not. Proxy-State goes back as it came (RFC 5176 section 3.1).
func (r *request) answer(now time.Time, cause uint32) ([]byte, error) {
	code := radius.CodeDisconnectACK
	switch {
	case r.packet.Code == radius.CodeCoARequest:
		code = radius.CodeCoANAK
	case cause != 0:
		code = radius.CodeDisconnectNAK
	}
	p := r.packet.Response(code)
	if cause != 0 {
		p.Add(errorCauseType, radius.NewInteger(cause))
	}
	p.Add(rfc2869.EventTimestamp_Type, radius.NewInteger(uint32(now.Unix())))
	for _, a := range r.packet.Attributes {
		if a.Type == rfc2865.ProxyState_Type {
			p.Add(a.Type, a.Attribute)
		}
	}
	return p.Encode()
}

// secretOf returns the secret of a server, and whether it may send requests.
func secretOf(clients []aaa.Client, from netip.Addr) (string, bool) {
	for _, c := range clients {
		if c.Addr == from.Unmap().WithZone("") {
			return c.Secret, true
		}
	}
	return "", false
}
