package mobility

import (
	"errors"
	"sync/atomic"

	"mooring/mobility/wire"
)

// Statistics counts what a machine did since it started. The machine writes, anybody may read.
type Statistics struct {
	PBUReceived      atomic.Uint64
	PBUSent          atomic.Uint64 // with the retransmissions
	PBURetransmitted atomic.Uint64

	// Registrations by kind (RFC 6475, pmip6Counters): on an LMA what it accepted, on a MAG what was accepted of its.
	Initial        atomic.Uint64
	Refresh        atomic.Uint64
	Handover       atomic.Uint64
	Deregistration atomic.Uint64

	PBASent     [256]atomic.Uint64 // by status
	PBAReceived [256]atomic.Uint64 // by status
	Dropped     [dropReasons]atomic.Uint64
}

// DropReason says why a message was thrown away without an answer.
type DropReason uint8

// The reasons.
const (
	DropMalformed       DropReason = iota // the codec refuses it, or its care-of address is not of one node
	DropChecksum                          // RFC 6275 section 9.2
	DropUnknownType                       // a message type that is not ours; a Binding Error went back
	DropNotProxy                          // a Binding Update without the P flag
	DropUnauthenticated                   // it lacks the authentication option that the key demands (RFC 4285)
	DropNoKey                             // it has an authentication option, and no key is known
	DropNoSession                         // lifetime 0 and nothing to end, or a PBA that nobody waits for
	DropStale                             // a de-registration by a MAG that is not the current one
	DropMismatch                          // a PBA that does not repeat what the PBU said (RFC 5213 section 6.9.1.2)
	DropUnexpected                        // a message for the other role
	DropOverload                          // more requests wait for a decision than are kept
	dropReasons
)

func (r DropReason) String() string {
	return [dropReasons]string{"malformed", "checksum", "unknown-type", "not-proxy", "unauthenticated", "no-key", "no-session",
		"stale", "mismatch", "unexpected", "overload"}[r]
}

// DropReasons lists every reason.
func DropReasons() (all []DropReason) {
	for r := range dropReasons {
		all = append(all, r)
	}
	return all
}

// ReasonOf says why a message that cannot be read is thrown away.
func ReasonOf(err error) DropReason {
	bad, ok := errors.AsType[*wire.DecodeError](err)
	switch {
	case ok && bad.Kind == wire.KindChecksum:
		return DropChecksum
	case ok && bad.Kind == wire.KindType:
		return DropUnknownType
	}
	return DropMalformed
}
