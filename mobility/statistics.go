package mobility

import (
	"errors"
	"iter"
	"sync/atomic"
	"time"

	"mooring/mobility/wire"
)

// Statistics counts what a machine did, as a whole or for one of its peers. The machine writes, anybody may read.
type Statistics struct {
	Began time.Time // when the counters began at 0; it never changes

	PBUReceived      Counter
	PBUDiscarded     Counter // received and never answered, though their like is
	PBUSent          Counter // with the retransmissions, and with those that could not be sent
	PBUUnsent        Counter // that the host refused to send
	PBURetransmitted Counter

	// Registrations by kind (RFC 6475, pmip6Counters): on an LMA what it accepted, on a MAG what was accepted of its.
	Initial        Counter
	Refresh        Counter
	Handover       Counter
	Deregistration Counter

	PBASent     StatusCounter // with those that could not be sent
	PBAUnsent   Counter       // that the host refused to send
	PBAReceived StatusCounter // those that were looked into

	PBADiscarded Counter // received and not believed, or answering nothing

	// Revocations (RFC 5846), those sent with the repetitions and with what could not be sent.
	BRISent, BRIReceived       CodeCounter[wire.RevocationTrigger]
	BRASent, BRAReceived       CodeCounter[wire.RevocationStatus]
	BRIUnsent, BRAUnsent       Counter // that the host refused to send
	BRIDiscarded, BRADiscarded Counter // received and not believed, or answering nothing

	Dropped [dropReasons]Counter
}

// Part returns counters of a part of what s is about, such as one peer: what they count, s counts too.
func (s *Statistics) Part(began time.Time) *Statistics {
	p := &Statistics{Began: began}
	p.PBUReceived.whole, p.PBUSent.whole, p.PBURetransmitted.whole = &s.PBUReceived, &s.PBUSent, &s.PBURetransmitted
	p.PBUUnsent.whole, p.PBAUnsent.whole = &s.PBUUnsent, &s.PBAUnsent
	p.PBUDiscarded.whole, p.PBADiscarded.whole = &s.PBUDiscarded, &s.PBADiscarded
	p.Initial.whole, p.Refresh.whole, p.Handover.whole, p.Deregistration.whole = &s.Initial, &s.Refresh, &s.Handover, &s.Deregistration
	p.PBASent.whole, p.PBAReceived.whole = &s.PBASent, &s.PBAReceived
	p.BRISent.whole, p.BRIReceived.whole, p.BRASent.whole, p.BRAReceived.whole = &s.BRISent, &s.BRIReceived, &s.BRASent, &s.BRAReceived
	p.BRIUnsent.whole, p.BRAUnsent.whole, p.BRIDiscarded.whole, p.BRADiscarded.whole = &s.BRIUnsent, &s.BRAUnsent, &s.BRIDiscarded, &s.BRADiscarded
	for i := range p.Dropped {
		p.Dropped[i].whole = &s.Dropped[i]
	}
	return p
}

// Counter counts events. Anybody may write and read.
type Counter struct {
	n     atomic.Uint64
	whole *Counter // that the events count for too; nil: none
}

// Add counts n more events.
func (c *Counter) Add(n uint64) {
	c.n.Add(n)
	if c.whole != nil {
		c.whole.Add(n)
	}
}

// Load returns how many events there were.
func (c *Counter) Load() uint64 { return c.n.Load() }

// StatusCounter counts acknowledgements by their status.
type StatusCounter = CodeCounter[wire.Status]

// CodeCounter counts messages by a code. Of the 256 that there could be few ever occur, and there may be ten thousand peers, so it is
// a list of those that did. One goroutine writes, anybody may read.
type CodeCounter[C ~uint8] struct {
	first atomic.Pointer[codeCount[C]]
	whole *CodeCounter[C]
}

type codeCount[C ~uint8] struct {
	code C
	n    atomic.Uint64
	next atomic.Pointer[codeCount[C]]
}

// Add counts one more message.
func (c *CodeCounter[C]) Add(code C) {
	c.of(code).n.Add(1)
	if c.whole != nil {
		c.whole.Add(code)
	}
}

func (c *CodeCounter[C]) of(code C) *codeCount[C] {
	at := &c.first
	for count := at.Load(); count != nil; count = at.Load() {
		if count.code == code {
			return count
		}
		at = &count.next
	}
	count := &codeCount[C]{code: code}
	at.Store(count)
	return count
}

// Load returns how many messages there were with a code.
func (c *CodeCounter[C]) Load(code C) uint64 {
	for each, n := range c.All() {
		if each == code {
			return n
		}
	}
	return 0
}

// All yields the codes that occurred, in the order of their first occurrence, and how often each did.
func (c *CodeCounter[C]) All() iter.Seq2[C, uint64] {
	return func(yield func(C, uint64) bool) {
		for count := c.first.Load(); count != nil; count = count.next.Load() {
			if !yield(count.code, count.n.Load()) {
				return
			}
		}
	}
}

// DropReason says why a message was thrown away without an answer.
type DropReason uint8

// The reasons.
const (
	DropMalformed       DropReason = iota // the codec refuses it, or its care-of address is not of one node
	DropChecksum                          // RFC 6275 section 9.2
	DropUnknownType                       // a message type that is not ours; a Binding Error went back
	DropNotProxy                          // a Binding Update without the P flag
	DropUnauthenticated                   // it lacks the authentication option that the key demands (RFC 4285), or that is wrong as in too many others that were answered
	DropNoKey                             // it has an authentication option, and no key is known
	DropNoSession                         // lifetime 0 and nothing to end, or a PBA that nobody waits for
	DropStale                             // a de-registration by a MAG that is not the current one
	DropMismatch                          // a PBA that does not repeat what the PBU said (RFC 5213 section 6.9.1.2)
	DropUnexpected                        // a message for the other role
	DropOverload                          // more requests wait for a decision than are kept
	DropRevocation                        // a revocation or its acknowledgement that is not authentic, or an acknowledgement that nobody waits for (RFC 5846)
	DropHeartbeat                         // a heartbeat that is not authentic, or an answer that nobody waits for (RFC 5847)
	DropSuperseded                        // it waited for a decision, and a newer request took its place
	dropReasons
)

func (r DropReason) String() string {
	return [dropReasons]string{"malformed", "checksum", "unknown-type", "not-proxy", "unauthenticated", "no-key", "no-session",
		"stale", "mismatch", "unexpected", "overload", "revocation", "heartbeat", "superseded"}[r]
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
