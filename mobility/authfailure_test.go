package mobility

import (
	"net/netip"
	"testing"
	"time"

	"mooring/mobility/wire"
)

// An address is told of at once, and then once a minute with how often it failed; a flood from many is told of a hundred times a minute.
func TestAuthFailuresAreToldSeldom(t *testing.T) {
	var f AuthFailures
	var out Effects
	now := time.Unix(1_000_000, 0)
	from := netip.MustParseAddrPort("192.0.2.1:5436")
	note := func(n int, auth ...wire.AuthOption) (told []Event) {
		out.Reset()
		for range n {
			f.Note(now, from, auth, &out)
		}
		return out.Events
	}
	if told := note(5, wire.AuthOption{SPI: 300}); len(told) != 1 || told[0].Failure.Count != 1 || told[0].Failure.SPI != wire.Some[uint32](300) || told[0].Peer != from {
		t.Errorf("at first: %+v", told)
	}
	now = now.Add(59 * time.Second)
	if told := note(5); len(told) != 0 {
		t.Errorf("within the minute: %+v", told)
	}
	now = now.Add(time.Second)
	if told := note(1); len(told) != 1 || told[0].Failure.Count != 10 || told[0].Failure.SPI.Set {
		t.Errorf("after a minute: %+v", told)
	}
	out.Reset()
	for i := range 10_000 {
		f.Note(now, netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)}), 5436), nil, &out)
	}
	if len(out.Events) != maxAuthFailures-1 || len(f.from) != maxAuthFailures {
		t.Errorf("a flood is told of %d times, and %d addresses are remembered", len(out.Events), len(f.from))
	}
	now = now.Add(2 * time.Minute)
	if told := note(1); len(told) != 1 {
		t.Errorf("after the flood: %+v", told)
	}
}
