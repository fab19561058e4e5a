// Package dataplane is the vocabulary of forwarding: what a binding wants of the host (Session), what a host holds
// (Object), and the one interface between the two (Plane).
//
// Everything here is a plain value. Package reconcile turns sessions into objects and keeps a Plane in agreement with
// them; packages plane and fake are Planes.
package dataplane

import "net/netip"

// Encap says what stands between the outer IP header and the inner packet.
type Encap uint8

// The encapsulations of PMIPv6 user traffic.
const (
	EncapIP  Encap = iota + 1 // nothing: protocol 4 or 41 (RFC 2473; RFC 5844 section 4.1)
	EncapGRE                  // GRE, with a key where the path has one (RFC 2784, RFC 2890, RFC 5845)
	EncapUDP                  // UDP port 5437, the inner packet right behind it (RFC 5844 section 4.1.3)
)

// String returns the name that the configuration uses.
func (e Encap) String() string {
	switch e {
	case EncapIP:
		return "ip"
	case EncapGRE:
		return "gre"
	case EncapUDP:
		return "udp"
	}
	return "none"
}

// TunnelID names a tunnel. One tunnel carries every session between two addresses that use the same encapsulation.
type TunnelID struct {
	VRF         string     // of the outer packets; empty for the default one
	Local, Peer netip.Addr // of one family
	Port        uint16     // of the peer, for EncapUDP: 5437, or what a NAT made of it; 0 learns it from what the peer sends
	Encap       Encap
}

// Key is an optional GRE key (RFC 2890).
type Key struct {
	Value uint32
	Set   bool
}

// Path is one way into a tunnel: the tunnel and the GRE keys that mark a session's packets in it.
type Path struct {
	Tunnel TunnelID
	Tx, Rx Key // on packets sent, demanded of packets received
}

// Side says at which end of the tunnel the mobile node is.
type Side uint8

// The two sides of a mobility tunnel.
const (
	Anchor Side = iota + 1 // local mobility anchor: the prefixes lie behind the tunnel
	Access                 // mobile access gateway: the prefixes lie on Link, and what they send goes into the tunnel
)

// SessionID names a session; it is the identifier of its binding.
type SessionID uint64

// MAC is an Ethernet address. The zero value means that none is known.
type MAC [6]byte

// Session is what one binding wants of the forwarding plane. Prefixes belongs to the session: it is never changed after
// the session was handed over.
type Session struct {
	ID       SessionID
	Side     Side
	Path     Path
	Blocked  bool           // drop the traffic of the prefixes, both ways (RFC 5213 section 5.3.5, delete-wait)
	VRF      string         // of the inner packets; empty for the default one
	Prefixes []netip.Prefix // home network prefixes, home address as /32, mobile networks
	Link     string         // Access: the interface that the node is attached to
	LinkAddr MAC            // Access: the node's address on it
	MTU      int            // of the tunnel, in octets of the inner packet; 0 derives it from the path
	Standing                // of the routes to the prefixes
}

// Change adds, replaces or (Session nil) removes the session ID.
type Change struct {
	ID      SessionID
	Session *Session
}

// Result says what became of a session: installed, or what the host refused and why. A refused session is tried again.
type Result struct {
	ID  SessionID
	Err error
}

// Config is the forwarding state that comes from the configuration and not from a binding.
type Config struct {
	VRFs       []VRF       // those that anything else here, or a session, names
	Members    []Member    // interfaces in them
	Links      []Link      // access interfaces of the MAG
	Blackholes []Blackhole // pools of the LMA: what no binding has is discarded, not looped
	Policies   []Policy    // of the ends of tunnels
	Adoptions  []Adoption  // of interfaces as tunnels
	Meter      bool        // count the traffic of each session behind a tunnel by itself
}

// Blackhole is a prefix that packets are discarded for, unless a session has the address.
type Blackhole struct {
	VRFPrefix
	Standing
}

// VRFPrefix is a prefix in a VRF; VRF is empty for the default one.
type VRFPrefix struct {
	VRF    string
	Prefix netip.Prefix
}
