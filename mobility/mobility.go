// Package mobility holds the plain values that the parts of the mobility core exchange: identifiers, the configuration
// that the machines obey, the binding, what arrives (Inbound, Attachment) and what is to be done (Effects).
//
// Nothing here reads a clock, opens a socket or starts a goroutine. RFC 5213, RFC 5844.
package mobility

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"unicode"
	"unicode/utf8"

	"mooring/mobility/wire"
)

// The UDP ports of Proxy Mobile IPv6 over IPv4 (RFC 5844 section 6, IANA).
const (
	ControlPort = 5436 // pmip6-cntl, signalling
	DataPort    = 5437 // pmip6-data, the traffic of nodes
)

// NodeID identifies a mobile node as the wire does: the subtype octet and then the identifier (RFC 4283 section 3). It is
// opaque: two nodes are the same if and only if their octets are.
type NodeID string

// NAI returns the identifier of the node with that network access identifier, user@realm.
func NAI(s string) NodeID { return NodeID([]byte{wire.IDNAI}) + NodeID(s) }

// NodeIDOf returns the identifier that a message carries; it keeps no reference to the message.
func NodeIDOf(id wire.MNID) NodeID {
	b := make([]byte, 0, 1+len(id.ID))
	return NodeID(append(append(b, id.Subtype), id.ID...))
}

// MNID returns the identifier as an option; its octets are a copy.
func (id NodeID) MNID() wire.MNID {
	if id == "" {
		return wire.MNID{}
	}
	return wire.MNID{Subtype: id[0], ID: []byte(id[1:])}
}

// NAI returns the identifier where it is a network access identifier.
func (id NodeID) NAI() (nai string, ok bool) {
	if id == "" || id[0] != wire.IDNAI {
		return "", false
	}
	return string(id[1:]), true
}

// String returns the identifier as people write it: as text where it is printable, else in hexadecimal digits.
func (id NodeID) String() string {
	if id == "" {
		return ""
	}
	if text := string(id[1:]); IsText([]byte(text)) {
		return text
	}
	return hex.EncodeToString([]byte(id))
}

// IsText reports whether an identifier is text that can be printed, as a network access identifier has to be (RFC 7542 section 2.2).
func IsText(id []byte) bool {
	for i, c := range id {
		if c < ' ' || c > '~' {
			return isGraphic(id[i:])
		}
	}
	return len(id) > 0
}

func isGraphic(id []byte) bool {
	return utf8.Valid(id) && bytes.IndexFunc(id, func(r rune) bool { return !unicode.IsGraphic(r) }) < 0
}

// LinkID is a link-layer identifier of a mobile node (RFC 5213 section 8.6): the octets of its address, empty where none
// is known.
type LinkID string

// Endpoint is one end of a signalling exchange. Over IPv4 the port is of UDP; over IPv6 the Mobility Header follows the
// IP header and the port is 0.
type Endpoint struct {
	VRF  string // empty: the default one
	Addr netip.AddrPort
}
