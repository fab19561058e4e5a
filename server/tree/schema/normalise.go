package schema

import (
	"net/netip"
	"strings"
)

// normalisers are the canonical forms that RFC 6991 gives to types of its own, beyond those of the built-in types.
var normalisers = map[name]func(string) string{
	{"ietf-inet-types", "ipv4-address"}:         address,
	{"ietf-inet-types", "ipv4-address-no-zone"}: address,
	{"ietf-inet-types", "ipv6-address"}:         address,
	{"ietf-inet-types", "ipv6-address-no-zone"}: address,
	{"ietf-inet-types", "ipv4-prefix"}:          prefix,
	{"ietf-inet-types", "ipv6-prefix"}:          prefix,
	{"ietf-yang-types", "phys-address"}:         strings.ToLower,
	{"ietf-yang-types", "mac-address"}:          strings.ToLower,
	{"ietf-yang-types", "hex-string"}:           strings.ToLower,
	{"ietf-yang-types", "uuid"}:                 strings.ToLower,
}

// address writes an IPv6 address as RFC 5952 wants it. What netip does not read stays as it is: the patterns accepted it.
func address(text string) string {
	a, err := netip.ParseAddr(text)
	if err != nil {
		return text
	}
	return a.String()
}

// prefix clears the bits that are not part of a prefix (RFC 6991 section 4).
func prefix(text string) string {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return text
	}
	return p.Masked().String()
}
