package dataplane

import (
	"fmt"
	"net/netip"
	"strings"
)

// Policy says what the host does with the packets of all tunnels that end at Local, on one side of them. What has none passes as it is.
type Policy struct {
	PolicyKey
	// Inbound is for what comes out of the tunnels, after the check of its addresses; nil: all of it passes.
	Inbound *Filter
	// ClampMSS lowers the maximum segment size that TCP handshakes state to what fits the tunnel, both ways.
	ClampMSS bool
}

// PolicyKey says whose policy it is.
type PolicyKey struct {
	VRF   string // of the outer packets; empty for the default one
	Local netip.Addr
	Side  Side
}

// Key implements Object.
func (p Policy) Key() any { return p.PolicyKey }

// Filter decides about packets. It is never changed after it was handed over: two policies are the same if they share it.
type Filter struct {
	Blocked []netip.Prefix // destinations that nothing may go to
	List    *AccessList    // for the rest; nil: all of it passes
}

// AccessList is a list of rules, of which the first that matches decides. A packet that none matches is discarded. One of an IP version
// that the list is not about passes.
type AccessList struct {
	Name   string
	V4, V6 bool // versions that it is about
	Rules  []AccessRule
}

// AccessRule matches packets that have all that is given.
type AccessRule struct {
	Name                          string // several of one name are counted together
	Permit                        bool
	Version                       uint8 // 4 or 6
	Source, Destination           netip.Prefix
	DSCP                          Octet
	Protocol                      Octet // IPv6: of what follows the extension headers
	SourcePorts, DestinationPorts Ports // with Protocol TCP or UDP
	ICMPType, ICMPCode            Octet // with Protocol ICMP or ICMPv6
}

// Octet is an optional value.
type Octet struct {
	Value uint8
	Set   bool
}

// Ports is an optional range of ports, or (Except) all others.
type Ports struct {
	From, To    uint16
	Set, Except bool
}

// HasTransport reports whether the rule asks for what stands in the header behind IP. Later fragments do not have it: a rule that permits
// matches them by the rest, since without the first fragment they are of no use; one that denies does not match them.
func (r *AccessRule) HasTransport() bool {
	return r.SourcePorts.Set || r.DestinationPorts.Set || r.ICMPType.Set || r.ICMPCode.Set
}

// MatchKey names the rules that are counted together.
type MatchKey struct{ List, Rule string }

// Matches counts the packets that rules have decided about.
type Matches struct{ Packets, Octets uint64 }

// Add adds the counts of other.
func (m *Matches) Add(other Matches) {
	m.Packets += other.Packets
	m.Octets += other.Octets
}

// Empty reports whether the policy changes nothing.
func (p Policy) Empty() bool { return p.Inbound == nil && !p.ClampMSS }

func (k PolicyKey) String() string {
	side := "anchor"
	if k.Side == Access {
		side = "access"
	}
	return side + " " + k.Local.String() + inVRF(k.VRF)
}

func (p Policy) String() string {
	s := "policy " + p.PolicyKey.String()
	if p.ClampMSS {
		s += " clamp mss"
	}
	if p.Inbound != nil {
		s += p.Inbound.String()
	}
	return s
}

// String is the whole content: filters of the same text do the same.
func (f *Filter) String() string {
	var b strings.Builder
	for i, p := range f.Blocked {
		if i == 0 {
			b.WriteString(" block")
		}
		b.WriteString(" " + p.String())
	}
	if f.List != nil {
		fmt.Fprintf(&b, " list %q", f.List.Name)
		if f.List.V4 {
			b.WriteString(" ipv4")
		}
		if f.List.V6 {
			b.WriteString(" ipv6")
		}
		for i := range f.List.Rules {
			b.WriteString("; " + f.List.Rules[i].String())
		}
	}
	return b.String()
}

func (r *AccessRule) String() string {
	var b strings.Builder
	verb := "deny"
	if r.Permit {
		verb = "permit"
	}
	fmt.Fprintf(&b, "%q %s ipv%d", r.Name, verb, r.Version)
	octet := func(name string, o Octet) {
		if o.Set {
			fmt.Fprintf(&b, " %s %d", name, o.Value)
		}
	}
	ports := func(p Ports) {
		if p.Set && p.Except {
			b.WriteString(" not")
		}
		if p.Set {
			fmt.Fprintf(&b, " port %d-%d", p.From, p.To)
		}
	}
	octet("dscp", r.DSCP)
	octet("protocol", r.Protocol)
	b.WriteString(" from " + anyOr(r.Source))
	ports(r.SourcePorts)
	b.WriteString(" to " + anyOr(r.Destination))
	ports(r.DestinationPorts)
	octet("type", r.ICMPType)
	octet("code", r.ICMPCode)
	return b.String()
}

func anyOr(p netip.Prefix) string {
	if !p.IsValid() {
		return "any"
	}
	return p.String()
}
