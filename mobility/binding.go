package mobility

import (
	"net/netip"
	"slices"
	"time"
	"unique"

	"mooring/dataplane"
	"mooring/mobility/wire"
)

// State is where a binding stands.
type State uint8

// The states of a binding; which of them occur depends on the role.
const (
	StateInit          State = iota + 1 // MAG: the first PBU was sent
	StateActive                         // registered, traffic flows
	StateRefreshing                     // MAG: registered, a refreshing PBU was sent
	StateDisconnecting                  // MAG: the de-registering PBU was sent
	StateDeletePending                  // LMA: de-registered, kept for DeleteWait (RFC 5213 section 5.3.5)
	StateRevoking                       // LMA: its MAG was told that it ends (RFC 5846 section 8.1)
)

func (s State) String() string {
	switch s {
	case StateInit:
		return "init"
	case StateActive:
		return "active"
	case StateRefreshing:
		return "refresh-pending"
	case StateDisconnecting:
		return "disconnecting"
	case StateDeletePending:
		return "delete-pending"
	case StateRevoking:
		return "revoking"
	}
	return "unknown"
}

// Instant is a point in time in nanoseconds since 1970-01-01 UTC; 0 is none. A time.Time has three times its size.
type Instant int64

// At returns the instant of t; the zero time has none.
func At(t time.Time) Instant {
	if t.IsZero() {
		return 0
	}
	return Instant(t.UnixNano())
}

// Time is the inverse of At.
func (i Instant) Time() time.Time {
	if i == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(i))
}

// Ends are the two ends of signalling and tunnel. All bindings of one MAG and one LMA share a value.
type Ends struct {
	Local  netip.Addr         // LMAA on an LMA, Proxy-CoA on a MAG
	Remote netip.AddrPort     // Proxy-CoA as seen on an LMA, LMAA on a MAG; with the UDP port of IPv4 signalling
	CareOf netip.Addr         // Proxy-CoA as the MAG states it: in an Alternate Care-of Address option, else the source
	Peer   string             // its configured name; empty where it has none
	Tunnel dataplane.TunnelID // Encap 0: none was agreed yet
}

// Tenancy is what a session of an LMA belongs to, from its beginning to its end. All bindings of one network share a value.
type Tenancy struct {
	Customer string // of the Mobile Local Loop; empty: none
	VRF      string // that its addresses live in: the same ones may exist in another; empty: the default one
	Network  string // whose pools they come from; empty: what the MAG asks for is accepted
}

// Terms are what a session was registered under beside its addresses. There are few, and all bindings that have the same share a value.
type Terms struct {
	Link        string // MAG: the access link
	APN         string // the service that the node is registered for (RFC 5149); empty: none was named
	IgnoresHome bool   // LMA: what the last request said of home addresses and home network prefixes was not looked at (feature EXT-10)
}

// Holding is whom a session is for and what the node holds by it. Most rows of a session share one, because a request to prolong the
// session changes nothing of it; it is never changed, only replaced (see Binding.Hold).
type Holding struct {
	Node      NodeID
	LinkID    LinkID
	Prefixes  []netip.Prefix // home network prefixes
	Networks  []netip.Prefix // mobile networks: prefixes delegated to the networks behind the node (RFC 7148), IPv4 before IPv6
	Home      HomeAddress
	Router    IPv4      // default router of the home address
	LinkLocal LinkLocal // of the MAG on the access link, where the LMA assigned it (RFC 5213 section 8.7)
	Terms     unique.Handle[Terms]
	Tenancy   unique.Handle[Tenancy] // LMA
	Created   Instant
}

// Binding is one mobility session: a row of the binding table of its LMA or MAG. A row is never changed, only replaced, so
// that whoever holds one may read it at leisure. At a million bindings a word more costs 8 MB, and a refresh writes a row.
type Binding struct {
	*Holding
	ID        dataplane.SessionID
	Ends      unique.Handle[Ends]
	Tx, Rx    dataplane.Key // GRE keys (RFC 5845)
	Lifetime  time.Duration // granted
	Expires   Instant
	Updated   Instant        // by the last accepted PBU or PBA
	Timestamp wire.Timestamp // LMA: the newest of the accepted PBUs, MAG: of the last accepted one; 0: none had any
	Profile   unique.Handle[string]
	Handovers uint32
	Refresh   uint32 // seconds: on a MAG between the last request and its repetition to prolong it, on an LMA what it advised; 0: none
	Sequence  uint16 // of the last PBU
	State     State
	Access    wire.AccessType
	Handoff   wire.Handoff // of the last PBU
	Source    ProfileSource
	Install   InstallState
	Status    wire.Status // MAG: of the last PBA
}

// Hold gives a row that is not in a table yet a holding of its own, which differs from the one it had by what change does.
func (b *Binding) Hold(change func(*Holding)) {
	h := *b.Holding
	change(&h)
	b.Holding = &h
}

// Gather returns the same with all its parts side by side in memory, where they were allocated one by one: in a large table each part is
// a wait for memory, at every request that concerns the row.
func (h *Holding) Gather() *Holding {
	g := &struct {
		Holding
		prefix [1]netip.Prefix
	}{Holding: *h}
	octets := string(h.Node) + string(h.LinkID)
	g.Node, g.LinkID = NodeID(octets[:len(h.Node)]), LinkID(octets[len(h.Node):])
	if len(h.Prefixes) == 1 {
		g.prefix[0], g.Prefixes = h.Prefixes[0], g.prefix[:]
	}
	return &g.Holding
}

// Under returns the terms of the session.
func (h *Holding) Under() (t Terms) {
	if h.Terms != (unique.Handle[Terms]{}) {
		t = h.Terms.Value()
	}
	return t
}

// Tenant returns what the session belongs to; that of a MAG belongs to nobody.
func (h *Holding) Tenant() (t Tenancy) {
	if h.Tenancy != (unique.Handle[Tenancy]{}) {
		t = h.Tenancy.Value()
	}
	return t
}

// Path is the binding's way through the tunnel.
func (b *Binding) Path() dataplane.Path {
	return dataplane.Path{Tunnel: b.Ends.Value().Tunnel, Tx: b.Tx, Rx: b.Rx}
}

// SamePath says whether two rows of a binding have the same way through the same tunnel.
func (b *Binding) SamePath(as *Binding) bool {
	return b.Tx == as.Tx && b.Rx == as.Rx && (b.Ends == as.Ends || b.Ends.Value().Tunnel == as.Ends.Value().Tunnel)
}

// SameAddresses says whether two rows hold the same home network prefixes, mobile networks and home address.
func (b *Binding) SameAddresses(as *Binding) bool {
	return b.Holding == as.Holding || b.Home == as.Home && slices.Equal(b.Prefixes, as.Prefixes) && slices.Equal(b.Networks, as.Networks)
}

// Renews says whether a row is as old but for its times and what came with the last request: the node, its addresses, and the way to it are the same.
func (b *Binding) Renews(old *Binding) bool {
	return b.Holding == old.Holding && b.Ends == old.Ends && b.Access == old.Access
}

// InstallState says what the dataplane made of the binding.
type InstallState uint8

// The states of installation.
const (
	InstallPending InstallState = iota
	Installed
	InstallFailed // and it is tried again
)

// Service says which IP versions the binding has addresses of.
func (b *Binding) Service() (v Service) {
	if len(b.Prefixes) > 0 {
		v |= ServiceIPv6
	}
	if b.Home.IsValid() {
		v |= ServiceIPv4
	}
	return v
}
