package mobility

import (
	"cmp"
	"iter"
	"net/netip"
	"slices"
	"time"

	"mooring/dataplane"
	"mooring/mobility/trie"
	"mooring/mobility/wire"
)

// Config is what the mobility core obeys: the committed configuration in native types. A Config and everything reachable
// from it is never changed once it was handed over; two Configs may share what did not change between them.
type Config struct {
	LMAs map[string]*LMA // by name
	MAGs map[string]*MAG // by name
}

// Domain is a PMIPv6 domain: what its anchors and gateways have in common.
type Domain struct {
	Name      string
	Key       *Key            // nil: signalling is not authenticated unless a nearer key says so
	Encap     dataplane.Encap // 0: follows from the signalling transport
	Transport Transport       // that Encap is for
	Profiles  Profiles
	// AskForProfiles says that AAA servers are asked about nodes that Profiles has no entry for (feature EXT-21).
	AskForProfiles bool

	LinkLocal netip.Addr    // FixedMAGLinkLocalAddressOnAllAccessLinks (RFC 5213 section 9.3)
	LinkMAC   dataplane.MAC // FixedMAGLinkLayerAddressOnAllAccessLinks (RFC 5213 section 9.3, RFC 6543)
}

// Transport is the IP version that carries signalling and tunnels.
type Transport uint8

// The transports. An encapsulation that is for one of them (gre-ipv4, gre-ipv6) is not used over the other.
const (
	AnyTransport Transport = iota
	OverIPv4
	OverIPv6
)

// Profiles is the policy store of a domain. Its methods return nil where there is none, keep no reference to the argument, may
// be called by several goroutines and return the same answers for ever: a change of the configuration makes another Profiles.
type Profiles interface {
	// Node returns the profile of the entry user@realm itself.
	Node(nai []byte) *Profile
	// Realm returns the profile of the entry @realm; the argument starts with the at sign.
	Realm(realm []byte) *Profile
	// Named returns a profile by its name, for those that have no entry.
	Named(name string) *Profile
	// Rehomed yields the entries, user@realm or @realm, and the names whose nodes may not use a transport any more that they might with an earlier
	// store (see Profile.Rehomes). It costs what differs where one store was made of the other.
	Rehomed(was Profiles) iter.Seq[string]
}

// Profile is what a mobile node is entitled to (RFC 5213 section 6.2).
type Profile struct {
	Name    string // of the entry it comes from
	Network string // whose pools it draws from
	Service Service
	Anchor  string // the LMA that serves it; empty: any
	APN     string // the service that it is for (RFC 5149); empty: any
	Key     *Key

	GREKeys FixedKeys

	Customer   string // that it belongs to; empty: to whoever has the transport that it arrives by
	NoCustomer bool   // it may not use the transport of a customer
}

// FixedKeys are GRE keys that an operator has chosen in place of those that the ends of a tunnel would (features EXT-04, EXT-20). The zero value has none.
type FixedKeys struct {
	Uplink   uint32 // from the MAG to the LMA; 0: the LMA chooses one
	Downlink uint32 // from the LMA to the MAG; 0: the MAG chooses one
}

// Or returns the keys and, in place of those that are not set, others.
func (k FixedKeys) Or(others FixedKeys) FixedKeys {
	return FixedKeys{cmp.Or(k.Uplink, others.Uplink), cmp.Or(k.Downlink, others.Downlink)}
}

// GREKeys says what becomes of GRE keys (RFC 5845, feature EXT-05). The zero value makes them, and uses what was agreed on.
type GREKeys struct {
	Unmade bool // none is chosen for a binding: there are fixed ones, or none
	Unused bool // packets have none, whatever was agreed on
}

// Restricted says whether there are transports that the profile may not be used on.
func (p *Profile) Restricted() bool { return p != nil && (p.Customer != "" || p.NoCustomer) }

// Rehomes says whether who had one profile and has p now, either of which may be nil, may not use a transport any more that he might. Without
// a profile of his own he has his realm's, or the default one, whatever that says.
func (p *Profile) Rehomes(was *Profile) bool {
	if p == nil || was == nil {
		return p != was && (p == nil || p.Restricted())
	}
	return p.Restricted() && (p.Customer != was.Customer || p.NoCustomer != was.NoCustomer)
}

// ProfileSource says where the profile of a binding was found.
type ProfileSource uint8

// The sources, the most specific first (feature row DOM-08).
const (
	ProfileNone ProfileSource = iota
	ProfileExact
	ProfileRealm
	ProfileDefault
	ProfileAAA
)

// Service is a set of IP versions.
type Service uint8

// The services a node may be given.
const (
	ServiceIPv4 Service = 1 << iota
	ServiceIPv6
	ServiceDual = ServiceIPv4 | ServiceIPv6
)

// Key is a security association for the Mobility Message Authentication option (RFC 4285). Two equal keys are one value
// in memory or two: compare what they hold.
type Key struct {
	SPI    uint32
	Secret []byte
}

// HomeAddressHash says which home address enters the authenticator; no document defines it for PMIPv6.
type HomeAddressHash uint8

// The conventions (decision recorded with the YANG leaf).
const (
	HashUnspecified HomeAddressHash = iota // ::
	HashFirstPrefix                        // the first home network prefix of the message
)

// Home returns the home address that enters the authenticator of a message with these prefixes.
func (h HomeAddressHash) Home(prefixes []wire.HNP) netip.Addr {
	if h == HashFirstPrefix && len(prefixes) > 0 {
		return prefixes[0].Prefix.Addr()
	}
	return netip.IPv6Unspecified()
}

// Peer is a configured LMA or MAG.
type Peer struct {
	Name      string // unique; that of a peer in another domain ends in % and the domain
	Domain    string
	Addresses []netip.Addr
	Key       *Key
	// BindingOnly narrows the protection to PBU and PBA, whosever key it is, for a peer that follows RFC 4285 to the letter.
	BindingOnly bool
	Hash        HomeAddressHash
	Forgiven    Tolerance
	Encap       dataplane.Encap // 0: the domain's
	Transport   Transport       // that Encap is for
	Device      string          // interface that the tunnel to an anchor's own address is (feature PEER-05); empty: one that is made
	Heartbeat   *Heartbeat      // nil: that of the machine
	Marking     *Marking        // nil: that of the machine
	RevokeAll   bool            // a MAG may revoke all its bindings with one message (RFC 5846 section 8.2)
}

// Tolerance is a set of what a peer that does not follow the standards is forgiven. The zero value is strict.
type Tolerance uint8

// What can be forgiven a MAG, an LMA, or both.
const (
	Unauthenticated    Tolerance = 1 << iota // it knows no authentication option; where a key is configured further up, that is not used
	WholePrefixLength                        // it writes home network prefixes with length 128 and means 64
	SequenceOnly                             // its timestamps mean nothing, or it knows none: sequence numbers order requests
	BinaryIdentifiers                        // MAG: its network access identifiers are no text
	ProxyFlagMissing                         // LMA: its acknowledgements lack the P flag
	OptionsNotRepeated                       // LMA: its acknowledgements lack handoff indicator, access technology or link-layer identifier
)

// Forgives says whether the peer, which may be nil, is forgiven one thing.
func (p *Peer) Forgives(what Tolerance) bool { return p != nil && p.Forgiven&what != 0 }

// Lengthen replaces prefixes of length 128 by the /64 that they lie in, for a peer that means these.
func (p *Peer) Lengthen(hnps []wire.HNP) {
	if !p.Forgives(WholePrefixLength) {
		return
	}
	for i := range hnps {
		if prefix := &hnps[i].Prefix; prefix.Bits() == 128 {
			*prefix = netip.PrefixFrom(prefix.Addr(), 64).Masked()
		}
	}
}

// Marking is the differentiated services code point of signalling (RFC 2474 section 3). The zero value marks nothing of its own accord.
type Marking struct {
	CodePoint uint8 // of what is sent unasked, and of answers to unmarked requests; 0: none is configured
	Force     bool  // answers to marked requests have it too, instead of that of their request
}

// Answer returns the code point of the answer to a request that had one.
func (m Marking) Answer(request uint8) uint8 {
	if m.Force || request == 0 {
		return m.CodePoint
	}
	return request
}

// Revocation says how a Binding Revocation Indication is repeated (RFC 5846 section 11).
type Revocation struct {
	DelayMin time.Duration // before the first repetition, InitMINDelayBRIs
	DelayMax time.Duration // MAX_BRACK_TIMEOUT: the delay doubles up to this
	Retries  int           // BRIMaxRetriesNumber
}

// Heartbeat says how the path to a peer is watched (RFC 5847). The zero value sends no requests; those that come are always answered.
type Heartbeat struct {
	Interval  time.Duration // between two requests; 0: none are sent
	Timeout   time.Duration // for an answer; where it is longer than Interval, that
	Retries   int           // unanswered requests in a row that are borne: with one more the path is down
	Idle      bool          // peers without bindings are watched, too
	NATReboot bool          // a translator may forget the path: a gateway registers anew when the path goes down (feature HB-03)
}

// For returns the encapsulation to use with the peer over IPv4 or IPv6: its own, or that of the domain; 0 where neither is for
// that transport.
func (p *Peer) For(d *Domain, ipv4 bool) dataplane.Encap {
	encap, over := d.Encap, d.Transport
	if p != nil && p.Encap != 0 {
		encap, over = p.Encap, p.Transport
	}
	if over == OverIPv4 && !ipv4 || over == OverIPv6 && ipv4 {
		return 0
	}
	return encap
}

// Usable says whether the peer has an address that its encapsulation, or that of the domain, can be used with.
func (p *Peer) Usable(d *Domain) bool {
	over := p.Transport
	if p.Encap == 0 {
		over = d.Transport
	}
	return over == AnyTransport || slices.ContainsFunc(p.Addresses, func(a netip.Addr) bool { return a.Is4() == (over == OverIPv4) })
}

// LMA is a local mobility anchor.
type LMA struct {
	Name      string
	Domain    *Domain
	Addresses []netip.Addr // LMAA, IPv6 and IPv4, in the default VRF; those of customers are theirs alone

	MaxPrefixes int           // home network prefixes per node interface
	MaxBindings uint32        // bindings of the whole anchor
	Entitlement Entitlement   // that is reported on and not enforced
	Lifetime    time.Duration // granted at most
	Refresh     time.Duration // advised in option 2; 0: no advice
	DeleteWait  time.Duration // MinDelayBeforeBCEDelete (RFC 5213 section 9.1)
	CreateWait  time.Duration // MaxDelayBeforeNewBCEAssign (RFC 5213 section 9.1)

	IgnoreTimestamps bool          // accept any timestamp
	TimestampWindow  time.Duration // TimestampValidityWindow (RFC 5213 section 9.1)

	DefaultProfile  string
	LearnPeers      bool // accept MAGs that are not configured
	AcceptForcedUDP bool // AcceptForcedIPv4UDPEncapsulationRequest (RFC 5844 section 3.1.1)
	AwaitInstall    bool // answer only after the dataplane has installed the session
	TunnelMTU       int  // octets; 0 derives it from the path

	Redistribution Redistribution
	RouteDistance  uint8 // administrative distance of its routes; 0: they go before all others

	Heartbeat  Heartbeat
	Revocation Revocation
	Marking    Marking

	GREKeys GREKeys

	EnforceHeartbeat bool // MAGs are told to use Heartbeat, or that of the customer, too (RFC 8127)

	Peers    trie.Map[*Peer] // by what tells the entries apart; no address is in two of them
	Networks map[string]*Network

	Limits     NetworkLimits // of mobile networks, where a customer has none of its own
	IgnoreHome bool          // customers' nodes are given mobile networks only, whatever else they ask for (feature EXT-10)

	Authorize Authorize

	Customers map[string]*Customer // by name; neither VRFs nor names of networks occur twice, nor do transport addresses
}

// Redistribution says which routes of an anchor routing protocols may pass on (feature EXT-06).
type Redistribution uint8

// What may be passed on.
const (
	RedistributePools   Redistribution = iota // the prefixes that pools lie in
	RedistributeHosts                         // what each binding has
	RedistributeNothing                       // neither
)

// HostRoutes says what the routes of bindings are to routing protocols; customer is empty of those that belong to none.
func (l *LMA) HostRoutes(customer string) dataplane.Standing {
	return dataplane.Standing{Told: l.Redistribution == RedistributeHosts, Distance: l.routeDistance(customer)}
}

// PoolRoutes says the same of the routes that discard what no binding has.
func (l *LMA) PoolRoutes(customer string) dataplane.Standing {
	return dataplane.Standing{Told: l.Redistribution == RedistributePools, Distance: l.routeDistance(customer)}
}

func (l *LMA) routeDistance(customer string) uint8 {
	if c := l.Customers[customer]; c != nil && c.RouteDistance != 0 {
		return c.RouteDistance
	}
	return l.RouteDistance
}

// Entitlement is a number of bindings that an operator may have. Going beyond it is told, and refused nobody (features LIC-01 to LIC-03).
type Entitlement struct {
	Name  string
	Limit uint32 // bindings that it covers; 0: any number
}

// Listens yields every address that the anchor is spoken to at, with the customer whose transport it belongs to; nil: none.
func (l *LMA) Listens() iter.Seq2[VRFAddr, *Customer] {
	return func(yield func(VRFAddr, *Customer) bool) {
		for _, addr := range l.Addresses {
			if !yield(VRFAddr{Addr: addr}, nil) {
				return
			}
		}
		for _, c := range l.Customers {
			for _, at := range c.Transports {
				if !yield(at, c) {
					return
				}
			}
		}
	}
}

// VRFAddr is an address in a VRF, which is empty for the default one.
type VRFAddr struct {
	VRF  string
	Addr netip.Addr
}

// Customer is a tenant of an anchor, isolated from all others by a VRF of its own (Mobile Local Loop). A request belongs to the customer who
// has the VRF and the address that it arrives at.
type Customer struct {
	Name string
	VRF  string // that the addresses of its nodes live in; empty: the default one

	Key       *Key          // nil: the domain's
	Heartbeat *Heartbeat    // nil: the anchor's
	Lifetime  time.Duration // granted at most; 0: the anchor's

	RouteDistance uint8 // as the anchor's; 0: that

	GREKey uint32 // of both directions, where nodes have none of their own; 0: it is agreed on

	Transports   []VRFAddr           // the anchor, as the customer's MAGs reach it; tunnels leave in that VRF
	Unauthorized bool                // what a MAG asks for is accepted, where it hurts nobody; there are no Networks
	Networks     map[string]*Network // that what a MAG asks for is checked against
	Limits       NetworkLimits
}

// NetworkLimits are the most mobile networks that a node, and a customer, may have (feature EXT-08). The zero value limits nothing.
type NetworkLimits struct{ IPv4, IPv6, All NetworkLimit }

// NetworkLimit limits mobile networks of one IP version, or of both together; 0: no limit.
type NetworkLimit struct{ Node, Customer int }

// Or returns the limits, and in place of those that are not set others.
func (l NetworkLimits) Or(others NetworkLimits) NetworkLimits {
	or := func(a, b NetworkLimit) NetworkLimit {
		return NetworkLimit{cmp.Or(a.Node, b.Node), cmp.Or(a.Customer, b.Customer)}
	}
	return NetworkLimits{or(l.IPv4, others.IPv4), or(l.IPv6, others.IPv6), or(l.All, others.All)}
}

// Network is a named set of pools.
type Network struct {
	Name  string
	Pools []Pool
}

// Pool is a range of home addresses (Unit 32), of home network prefixes (Unit 64), or of mobile networks: from the unit that holds
// Start up to the one that holds End or, without, to the end of the prefix.
type Pool struct {
	Start  netip.Addr
	End    netip.Addr // invalid: the whole prefix, of which the first and the last IPv4 home address are no node's
	Bits   int        // length of the prefix that the pool lies in
	Unit   int        // length of what one node is given
	Router netip.Addr // IPv4: default router of the home subnet, never handed out
	Subnet int        // IPv4: length of the home subnet that nodes are told; 0: Bits
	Mobile bool       // the units are mobile networks (RFC 7148)
	Shared string     // name of a pool that several networks of an anchor draw from; empty: one network alone
}

// MAG is a mobile access gateway.
type MAG struct {
	Name      string
	Domain    *Domain
	Addresses []netip.Addr // Proxy-CoA, IPv6 and IPv4
	Anchors   []Peer

	Links []AccessLink

	MaxBindings       uint32
	Lifetime          time.Duration // asked for
	Refresh           time.Duration // when to ask again at the latest
	InitialRetransmit time.Duration // INITIAL_BINDACK_TIMEOUT (RFC 6275 section 12)
	MaxRetransmit     time.Duration // MAX_BINDACK_TIMEOUT (RFC 6275 section 12)

	APN       string // the service of nodes whose profile names none (RFC 5149); empty: none
	APNLabels bool   // services are sent as labels (3GPP TS 23.003 section 9.1), else as text
	GREKeys   GREKeys
	ForceUDP  bool // ForceIPv4UDPEncapsulationSupport (RFC 5844 section 4.1.4)
	TunnelMTU int  // octets; 0 derives it from the path

	Poll       Poll // of attached nodes
	Heartbeat  Heartbeat
	Revocation Revocation // of what an operator clears; DelayMin 0: it is de-registered
	Marking    Marking
}

// Poll says how nodes are asked whether they are still there (feature row EXT-28).
type Poll struct {
	Interval time.Duration // between two polls of a node; 0: nodes are not polled
	Timeout  time.Duration // for an answer
	Retries  int           // unanswered repetitions before the node counts as gone
}

// AccessLink is an interface where mobile nodes attach.
type AccessLink struct {
	Name      string
	Access    wire.AccessType
	Nodes     trie.Map[NodeID] // identities by the octets of link-layer addresses
	Realm     string           // identity of the others: address@realm; empty: they are not served
	DHCP      bool             // answer DHCPv4
	Lease     time.Duration    // given to DHCPv4 clients, but no more than the binding has left; 0: all of that
	Advertise Advertise
}

// Advertise are the parameters of router advertisements on an access link (RFC 4861 section 6.2.1).
type Advertise struct {
	MinInterval, MaxInterval time.Duration // between two to one node; MaxInterval 0: there are none
	RouterLifetime           time.Duration // 0: the gateway is not a default router
}
