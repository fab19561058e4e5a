package mobility

import (
	"net/netip"
	"time"

	"mooring/mobility/wire"
)

// AuthFailure is what an event of messages that are not authentic tells.
type AuthFailure struct {
	SPI   wire.Opt[uint32] // of the last one, as far as it had an authentication option
	Count uint32           // messages since the last event
}

// AuthFailures tells of messages that are not authentic: once a minute for each address, and whoever floods us from however many addresses, of
// no more than some. The zero value has told of none.
type AuthFailures struct {
	from  map[netip.Addr]*failures
	since time.Time // when the present minute began
}

type failures struct {
	told  time.Time
	count uint32 // since
}

const (
	authFailureQuiet = time.Minute
	maxAuthFailures  = 100 // addresses that are told of in a minute
)

// Note takes in a message from an address, with its authentication options, and has it told if it is time to.
func (f *AuthFailures) Note(now time.Time, from netip.AddrPort, auth []wire.AuthOption, out *Effects) {
	if now.Sub(f.since) >= authFailureQuiet {
		f.since = now
		for addr, of := range f.from {
			if now.Sub(of.told) >= 2*authFailureQuiet {
				delete(f.from, addr)
			}
		}
	}
	of := f.from[from.Addr()]
	if of == nil {
		if len(f.from) >= maxAuthFailures {
			return
		}
		if f.from == nil {
			f.from = map[netip.Addr]*failures{}
		}
		of = &failures{told: now.Add(-authFailureQuiet)}
		f.from[from.Addr()] = of
	}
	of.count++
	if now.Sub(of.told) < authFailureQuiet {
		return
	}
	failure := &AuthFailure{Count: of.count}
	if len(auth) > 0 {
		failure.SPI = wire.Some(auth[len(auth)-1].SPI)
	}
	out.Events = append(out.Events, Event{Kind: Unauthentic, Peer: from, Failure: failure})
	of.told, of.count = now, 0
}
