package aaa

import (
	"net/netip"
	"slices"
	"time"
)

// Config is what accounting obeys. It and everything reachable from it never changes.
type Config struct {
	Anchors []Anchor // that are accounted, sorted by name
	Lanes   []Lane   // where records go; none: no records are made
	// DeadTime is how long a server that did not answer is passed over; 0: not at all.
	DeadTime time.Duration
	// Queue is how many records may wait for servers; Stops may beyond that (see Admits).
	Queue         int
	Disconnect    Disconnect
	Authorization Authorization
}

// Anchor is an LMA that is accounted.
type Anchor struct {
	Name      string
	Addresses []netip.Addr  // LMAA
	Interim   time.Duration // between records of a tunnel; 0: there are none but Start and Stop
}

// Same reports whether two anchors are configured alike.
func (a Anchor) Same(b Anchor) bool {
	return a.Name == b.Name && a.Interim == b.Interim && slices.Equal(a.Addresses, b.Addresses)
}

// Lane is a queue of records with servers that stand in for each other. Every record goes into every lane.
type Lane struct {
	Name    string
	Targets []Target // the preferred one first
}

// Same reports whether two lanes are configured alike.
func (l Lane) Same(b Lane) bool { return l.Name == b.Name && slices.Equal(l.Targets, b.Targets) }

// Target is a server and the way to it.
type Target struct {
	Server
	VRF       string // empty: the default one
	Interface string // whose address requests come from; empty: the host chooses
}

// Server is a RADIUS server for accounting, or for authorisation.
type Server struct {
	Name       string
	Addr       netip.AddrPort
	Secret     string
	Timeout    time.Duration // of one try
	Retransmit int           // repetitions before the next server is tried
}

// Disconnect says where Disconnect-Requests are heard (RFC 5176).
type Disconnect struct {
	Enabled bool
	Port    uint16
	Clients []Client
	// AcceptUntimed accepts requests without an Event-Timestamp, which anybody who has seen one can repeat.
	AcceptUntimed bool
}

// Client is a server that may send Disconnect-Requests.
type Client struct {
	Addr   netip.Addr
	Secret string
}

// Authorization says who is asked what nodes are entitled to, and how.
type Authorization struct {
	Targets  []Target      // the preferred one first; none: nobody is asked
	DeadTime time.Duration // as that of Config
	// Outbound asks as routers do, with Service-Type Outbound in place of Authorize Only, which RFC 6572 section 6.1 wants.
	Outbound bool
	Password string // sent as User-Password; empty: none
	// AcceptUnsealed believes answers without a Message-Authenticator.
	AcceptUnsealed bool
	Dictionary     map[string]Meaning // of vendor specific attributes "name=value" in an Access-Accept
}

// Meaning is what a vendor specific attribute says of a node (feature RAD-08).
type Meaning uint8

// The meanings.
const (
	MeansNetwork Meaning = iota + 1
	MeansService
	MeansCustomer
	MeansAnchor
	MeansAPN
)
