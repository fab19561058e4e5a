package mobility

import (
	"net/netip"
	"time"
	"unique"

	"mooring/dataplane"
	"mooring/mobility/wire"
)

// Role says in whose hands a binding is.
type Role uint8

// The roles of an element.
const (
	RoleLMA Role = iota + 1 // the binding is a binding cache entry (RFC 5213 section 5.1)
	RoleMAG                 // the binding is a binding update list entry (RFC 5213 section 6.1)
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
	}
	return "unknown"
}

// Binding is one mobility session: a row of the binding table. A row is never changed, only replaced, so that whoever
// holds one may read it at leisure. At a million bindings a word more costs 8 MB.
type Binding struct {
	ID       dataplane.SessionID
	Role     Role
	State    State
	Owner    unique.Handle[string] // name of the LMA or MAG
	Node     NodeID
	LinkID   LinkID
	Access   wire.AccessType
	Handoff  wire.Handoff // of the last PBU
	Sequence uint16       // of the last PBU

	Local  netip.Addr            // LMAA on an LMA, Proxy-CoA on a MAG
	Remote netip.AddrPort        // Proxy-CoA as seen on an LMA, LMAA on a MAG
	CareOf netip.Addr            // Proxy-CoA as the MAG states it: an Alternate Care-of Address option, else the source
	Peer   unique.Handle[string] // name of the peer; empty where it has none

	Prefixes  []netip.Prefix // home network prefixes
	Home      netip.Prefix   // IPv4 home address with the length of its subnet; invalid: none
	Router    netip.Addr     // IPv4 default router
	LinkLocal netip.Addr     // of the MAG on the access link, where the LMA gave one (option 26)

	Lifetime  time.Duration // granted
	Expires   time.Time
	Timestamp wire.Timestamp // of the last accepted PBU; 0: it had none
	Created   time.Time
	Updated   time.Time // by the last accepted PBU or PBA
	Handovers uint32

	Path    dataplane.Path
	Link    unique.Handle[string] // MAG: the access link
	Network unique.Handle[string] // LMA: whose pools it draws from
	Profile unique.Handle[string]
	Source  ProfileSource
	Install InstallState
}

// InstallState says what the dataplane made of the binding.
type InstallState uint8

// The states of installation.
const (
	InstallPending InstallState = iota
	Installed
	InstallFailed // and it is tried again
)
