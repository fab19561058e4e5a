package mobility

import (
	"net/netip"
	"time"
	"unique"

	"mooring/dataplane"
	"mooring/mobility/wire"
)

// Inbound is a received Mobility Header. It belongs to the caller of the machine and is valid during the call only.
type Inbound struct {
	From, To  Endpoint
	CodePoint uint8        // that the packet was marked with; 0: unmarked
	Octets    []byte       // the whole Mobility Header
	Message   wire.Message // nil where Err is set
	Err       error        // what the codec or the checksum says against it
}

// Datagram is a Mobility Header to be sent. Octets is valid until the Effects are reset.
type Datagram struct {
	From, To  Endpoint
	CodePoint uint8 // to mark the packet with (RFC 2474 section 3)
	Octets    []byte
	Unsent    *Counter // whoever finds that it cannot be sent counts it here; nil: nobody asks
}

// CountUnsent notes that d could not be sent.
func (d *Datagram) CountUnsent() {
	if d.Unsent != nil {
		d.Unsent.Add(1)
	}
}

// AttachmentKind says what was noticed on an access link.
type AttachmentKind uint8

// What can be noticed.
const (
	NodeAttached AttachmentKind = iota + 1
	NodeDetached
	LinkLost     // every node of the link has gone
	HomeWanted   // a node without an IPv4 home address asks for one by DHCP (RFC 5844 section 3.4.1)
	HomeReleased // a node has given its IPv4 home address up, or found it unusable (DHCPRELEASE, DHCPDECLINE)
)

func (k AttachmentKind) String() string {
	switch k {
	case NodeAttached:
		return "attached"
	case NodeDetached:
		return "detached"
	case LinkLost:
		return "link-lost"
	case HomeWanted:
		return "home-wanted"
	case HomeReleased:
		return "home-released"
	}
	return "unknown"
}

// Attachment is what the access side noticed.
type Attachment struct {
	Kind AttachmentKind
	Link string
	MAC  dataplane.MAC
}

// Grant is what the access side shall offer to a node on a link: what its LMA gave it. A Grant without prefixes and
// without a home address takes everything back.
type Grant struct {
	Link      string
	MAC       dataplane.MAC
	Prefixes  []netip.Prefix
	Home      netip.Prefix // address with the length of its subnet
	Router    netip.Addr   // of the home subnet
	LinkLocal netip.Addr   // to speak from; invalid: the domain's
	MTU       int          // of the tunnel; 0: unknown
	Expires   time.Time
}

// Screening is that an address of the anchor takes in what a screen lets pass: nil for everything.
type Screening struct {
	At     VRFAddr
	Screen *Screen
}

// Change is what became of a binding that has to survive a restart. A nil Old is a new one, a nil New one that has ended.
type Change struct{ Old, New *Binding }

// Effects is what a step of a machine asks for. The order of the fields is the order in which it is done, and that order is
// a contract: nobody is told of what a restart would undo, and traffic is forwarded before anybody is told that it is. The caller of a
// machine owns the Effects, and resets and reuses it from step to step.
type Effects struct {
	Store    []Change           // 1 kept over restarts
	Sessions []dataplane.Change // 2 handed to the dataplane, not awaited
	Grants   []Grant            // 3 told to the access side
	Send     []Datagram         // 4 answers and requests
	Ask      []Question         // 5 put to AAA servers
	Events   []Event            // 6 notifications
	Screens  []Screening        // 7 put up where messages are taken in

	octets []byte // memory of Send
}

// Reset empties e and keeps its memory. Nothing of an earlier step may be used after it.
func (e *Effects) Reset() {
	clear(e.Store)
	clear(e.Sessions)
	clear(e.Grants)
	clear(e.Ask)
	clear(e.Events)
	clear(e.Screens)
	e.Store, e.Sessions, e.Grants, e.Send, e.Events = e.Store[:0], e.Sessions[:0], e.Grants[:0], e.Send[:0], e.Events[:0]
	e.Ask, e.Screens = e.Ask[:0], e.Screens[:0]
	e.octets = e.octets[:0]
}

// EventKind says what happened.
type EventKind uint8

// The events.
const (
	BindingCreated EventKind = iota + 1
	BindingRefreshed
	BindingHandover
	BindingDeregistered // LMA: it is kept for a while, without traffic
	BindingDeleted
	RegistrationRefused  // LMA: a PBU was answered with Status; MAG: a PBA said so
	RegistrationTimedOut // MAG: no PBA came, another PBU was sent
	PeerLearned          // LMA: a MAG that is not configured
	PathUp               // heartbeats are answered again
	PathDown             // heartbeats are not answered any more
	PeerRestarted        // the peer has lost its bindings
	RevocationTimedOut   // a revocation was not acknowledged; the binding ends all the same
	EntitlementExceeded  // LMA: there are more bindings than the operator is entitled to
	EntitlementCleared   // LMA: there are no more than that again
	AuthorizationFailed  // LMA: no AAA server has answered in time what a node is entitled to
	Unauthentic          // messages were not authentic
	PoolHigh             // LMA: a pool is nearly full
	PoolExhausted        // LMA: a request was refused because a pool is empty
	TunnelEstablished    // the first binding uses a tunnel
	TunnelReleased       // the last binding has left a tunnel
	FloodBegun           // LMA: so many messages proved nothing that what senders send that are not known is looked at in part
	FloodEnded           // LMA: all messages are looked at again
)

func (k EventKind) String() string {
	switch k {
	case BindingCreated:
		return "binding-created"
	case BindingRefreshed:
		return "binding-refreshed"
	case BindingHandover:
		return "binding-handover"
	case BindingDeregistered:
		return "binding-deregistered"
	case BindingDeleted:
		return "binding-deleted"
	case RegistrationRefused:
		return "registration-refused"
	case RegistrationTimedOut:
		return "registration-timed-out"
	case PeerLearned:
		return "peer-learned"
	case PathUp:
		return "path-up"
	case PathDown:
		return "path-down"
	case PeerRestarted:
		return "peer-restart"
	case RevocationTimedOut:
		return "revocation-timed-out"
	case EntitlementExceeded:
		return "entitlement-exceeded"
	case EntitlementCleared:
		return "entitlement-cleared"
	case AuthorizationFailed:
		return "authorization-failed"
	case Unauthentic:
		return "auth-failure"
	case PoolHigh:
		return "pool-high"
	case PoolExhausted:
		return "pool-exhausted"
	case TunnelEstablished:
		return "tunnel-established"
	case TunnelReleased:
		return "tunnel-released"
	case FloodBegun:
		return "flood-begun"
	case FloodEnded:
		return "flood-ended"
	}
	return "unknown"
}

// DeleteReason says why a binding ended.
type DeleteReason uint8

// The reasons.
const (
	Deregistered DeleteReason = iota + 1
	Expired
	Unconfigured // the configuration has no room for it any more
	Refused      // MAG: the LMA does not have the node; LMA: it may not have the service that it wants by now
	Replaced     // another binding took its place
	Cleared      // an operator asked for it
	PeerLost     // the peer restarted without its bindings
	Revoked      // the peer revoked it
)

func (r DeleteReason) String() string {
	switch r {
	case Deregistered:
		return "de-registered"
	case Expired:
		return "expired"
	case Unconfigured:
		return "unconfigured"
	case Refused:
		return "refused"
	case Replaced:
		return "replaced"
	case Cleared:
		return "cleared"
	case PeerLost:
		return "peer-restarted"
	case Revoked:
		return "revoked"
	}
	return "unknown"
}

// Event is something that an operator may want to know.
type Event struct {
	Kind    EventKind
	Node    NodeID
	Peer    netip.AddrPort
	Status  wire.Status
	Reason  DeleteReason           // of BindingDeleted
	Trigger wire.RevocationTrigger // LMA: of BindingDeleted because Revoked
	Binding *Binding               // may be nil; of BindingRefreshed, an LMA has it only when it does more than renew (Binding.Renews)
	Before  unique.Handle[Ends]    // of BindingHandover: where the binding was
	Skew    time.Duration          // of RegistrationRefused with status 156 or 157: our clock minus the timestamp
	Path    *PathEvent             // of PathUp, PathDown, PeerRestarted, TunnelEstablished and TunnelReleased
	Usage   *UsageEvent            // of EntitlementExceeded and EntitlementCleared
	Failure *AuthFailure           // of Unauthentic
	Pool    *PoolEvent             // of PoolHigh and PoolExhausted
	Flood   *FloodEvent            // of FloodBegun and FloodEnded
}

// PathEvent is what an event of a path tells beside the address of the peer.
type PathEvent struct {
	Peer     string // its name; empty: learned
	Local    netip.Addr
	Bindings int // that use it, or that the peer lost
	Tunnel   dataplane.TunnelID
}

// PoolEvent is what an event of a pool tells.
type PoolEvent struct {
	Network     string
	Start       netip.Addr
	Used, Total uint64
}

// FloodEvent is what an event of a flood tells: who is flooded, by which VRF.
type FloodEvent struct {
	VRF, Customer string // empty: the default one, the anchor itself
	Rate          uint64 // of FloodBegun: messages a second
}

// UsageEvent is what an event of the entitlement tells.
type UsageEvent struct{ Bindings, Limit uint32 }

// Signature is how a message is authenticated: by whom, and over which addresses (RFC 4285). The zero value does not sign.
type Signature struct {
	By           *wire.Authenticator
	CareOf, Home netip.Addr
}

// Message appends a message to Send, signed, with its checksum, and to be marked with a code point. It fails when m holds what cannot be encoded, and then sends
// nothing.
func (e *Effects) Message(from, to Endpoint, m wire.Message, sign Signature, codePoint uint8) error {
	start := len(e.octets)
	var err error
	if sign.By != nil {
		e.octets, err = sign.By.AppendSigned(e.octets, m, sign.CareOf, sign.Home)
	} else {
		e.octets, err = m.AppendBinary(e.octets)
	}
	if err != nil {
		return err
	}
	octets := e.octets[start:len(e.octets):len(e.octets)]
	wire.SetChecksum(from.Addr.Addr(), to.Addr.Addr(), octets)
	e.Send = append(e.Send, Datagram{From: from, To: to, CodePoint: codePoint, Octets: octets})
	return nil
}
