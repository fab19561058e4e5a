package mobility

import (
	"net/netip"
	"time"

	"mooring/mobility/wire"
)

// Authorize says when AAA servers are asked about nodes, beside those without an entry (Domain.AskForProfiles).
type Authorize struct {
	Networks  bool          // they decide about mobile networks (feature EXT-12)
	Refreshes bool          // they are asked again whenever a session is prolonged
	Patience  time.Duration // that a request waits for their answer
	Pending   int           // requests that may wait at once
}

// Question asks AAA servers what a node is entitled to that wants to register (RFC 6572 section 6.1).
type Question struct {
	ID       uint64 // comes back with the answer
	Until    time.Time
	Node     NodeID
	Link     LinkID
	Access   wire.AccessType
	APN      string         // of the Service Selection option; empty: it has none
	Service  Service        // IP versions that it wants
	Address  netip.Addr     // of the anchor, as its MAG knows it
	Prefixes []netip.Prefix // home network prefixes that it names
	Home     netip.Addr     // IPv4 home address that it names; invalid: none
	Customer string
	VRF      string // that its addresses live in
}

// Verdict is the gist of an answer.
type Verdict uint8

// The verdicts.
const (
	Unanswered Verdict = iota // by all servers
	Denied
	Granted
)

// Authorization is the answer to a Question: what the node is entitled to, where it is Granted. Nobody changes it any more.
type Authorization struct {
	Verdict Verdict
	Network string // whose pools it draws from; this and what follows empty: nothing is said
	Service Service
	// Anchor and Anchors are the LMAs that serve it, by name and by addresses.
	Anchor   string
	Anchors  []netip.Addr
	Customer string
	APN      string

	Prefixes []netip.Prefix // its home network prefixes
	Home     netip.Prefix   // its IPv4 home address, with the length of the subnet
	Router   netip.Addr     // of that subnet
	Networks []netip.Prefix // mobile networks that it may have
}

// Over returns the profile that an answer gives: what it does not say is as in another profile, which may be nil.
func (a *Authorization) Over(rest *Profile) *Profile {
	p := &Profile{Service: ServiceDual}
	if rest != nil {
		*p = *rest
		p.Key = nil // whoever spoke was authenticated without
	}
	for _, of := range []struct {
		said string
		in   *string
	}{{a.Network, &p.Network}, {a.Anchor, &p.Anchor}, {a.Customer, &p.Customer}, {a.APN, &p.APN}} {
		if of.said != "" {
			*of.in = of.said
		}
	}
	if a.Service != 0 {
		p.Service = a.Service
	}
	return p
}
