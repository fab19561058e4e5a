package aaa

import (
	"mooring/mobility"
	"mooring/mobility/wire"

	"layeh.com/radius/rfc2866"
)

// Changes is what a step of a Ledger wants on disk. It takes effect as a whole or not at all: a session that ends is gone when its Stop is
// there. The caller owns it, and resets and reuses it.
type Changes struct {
	Open    []*Session // new or changed; they belong to the ledger, which changes them in its next step
	Closed  []uint64   // by their numbers; also what is among Open, for it was closed later
	Records []Record
	Last    uint64 // number of the newest session
}

// mostKept is how many sessions or records Changes keep the memory of. That of a burst is given back.
const mostKept = 1024

// Reset empties c, whose memory is used again.
func (c *Changes) Reset() {
	if max(cap(c.Open), cap(c.Closed), cap(c.Records)) > mostKept {
		*c = Changes{Last: c.Last}
		return
	}
	clear(c.Open)
	clear(c.Records)
	c.Open, c.Closed, c.Records = c.Open[:0], c.Closed[:0], c.Records[:0]
}

// Empty reports whether there is nothing to be kept.
func (c *Changes) Empty() bool { return len(c.Open)+len(c.Closed)+len(c.Records) == 0 }

// Cause is the Acct-Terminate-Cause of a binding that ended (RFC 2866 section 5.10).
func Cause(ev *mobility.Event) rfc2866.AcctTerminateCause {
	switch ev.Reason {
	case mobility.Deregistered:
		return rfc2866.AcctTerminateCause_Value_UserRequest
	case mobility.PeerLost:
		return rfc2866.AcctTerminateCause_Value_LostCarrier
	case mobility.Expired:
		return rfc2866.AcctTerminateCause_Value_SessionTimeout
	case mobility.Cleared, mobility.Unconfigured:
		return rfc2866.AcctTerminateCause_Value_AdminReset
	case mobility.Replaced:
		return rfc2866.AcctTerminateCause_Value_NASRequest
	case mobility.Revoked:
		return causeOf(ev.Trigger)
	}
	return rfc2866.AcctTerminateCause_Value_NASError
}

// causeOf is the cause that a MAG gives for a revocation (RFC 5846 section 5.1).
func causeOf(trigger wire.RevocationTrigger) rfc2866.AcctTerminateCause {
	switch trigger {
	case wire.TriggerUserInitiated:
		return rfc2866.AcctTerminateCause_Value_UserRequest
	case wire.TriggerAccessNetwork:
		return rfc2866.AcctTerminateCause_Value_LostCarrier
	case wire.TriggerAdministrative, wire.TriggerPerPeerPolicy:
		return rfc2866.AcctTerminateCause_Value_AdminReset
	}
	return rfc2866.AcctTerminateCause_Value_NASError
}
