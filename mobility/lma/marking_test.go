package lma

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/binding"
	"mooring/mobility/scenario"
	"mooring/mobility/wire"
)

// Each kind of message that an anchor sends, over both IP versions, is marked by each rule: without a code point of its own, with one (DSCP-03 to DSCP-05), and
// with one that is forced; requests are unmarked, marked otherwise, and marked with that very one.
func TestDSCP07_EveryKindByEveryRule(t *testing.T) {
	const own = 45
	for _, addresses := range []struct{ lma, mag, other string }{{"2001:db8:ffff::1", "2001:db8:1::1", "2001:db8:2::1"}, {"198.51.100.1:5436", "192.0.2.1:5436", "192.0.2.2:5436"}} {
		for _, rule := range []struct {
			name           string
			marking        mobility.Marking
			unasked        uint8
			unmarked, also uint8 // answers to requests that are unmarked, and to those that are marked 10
		}{
			{"unconfigured", mobility.Marking{}, 0, 0, 10},
			{"configured", mobility.Marking{CodePoint: own}, own, own, 10},
			{"forced", mobility.Marking{CodePoint: own, Force: true}, own, own, own},
		} {
			for request, answer := range map[uint8]uint8{0: rule.unmarked, 10: rule.also, own: own} {
				t.Run(fmt.Sprintf("%s/%s/%d", addresses.mag, rule.name, request), func(t *testing.T) {
					w := newMarked(t, rule.marking, addresses.lma, addresses.mag, request)
					sent := map[string]uint8{
						"PBA":                w.asks("pbu seq=1 life=3600s id=mn1@example.com hi=1 att=4 ll=02:00:00:00:00:01 hnp=::/0 ts=0s"),
						"PBA that refuses":   w.asks("pbu seq=2 life=3600s id=nobody@elsewhere hi=1 att=4 ll=02:00:00:00:00:02 hnp=::/0 ts=0s"),
						"heartbeat response": w.asks("heartbeat seq=5"),
						"BRA":                w.asks("bri seq=1 trigger=1 id=nobody@example.com"),
					}
					sent["PBA after the wait"] = w.waits(addresses.other)
					w.cfg.AwaitInstall = true
					sent["PBA after installation"] = w.awaits()
					for kind, got := range sent {
						if got != answer {
							t.Errorf("%s is marked %d, want %d", kind, got, answer)
						}
					}
					for kind, got := range map[string]uint8{"heartbeat request": w.beats(), "BRI": w.clears()} {
						if got != rule.unasked {
							t.Errorf("%s is marked %d, want %d", kind, got, rule.unasked)
						}
					}
				})
			}
		}
	}
}

// marked is an anchor, and a MAG whose requests have a code point.
type marked struct {
	*Machine
	t        *testing.T
	now      time.Time
	lma, mag string
	request  uint8
}

func newMarked(t *testing.T, marking mobility.Marking, lma, mag string, request uint8) *marked {
	cfg := baseConfig()
	cfg.Marking, cfg.Heartbeat = marking, mobility.Heartbeat{Interval: time.Minute, Timeout: time.Second, Retries: 3}
	cfg.Domain.Profiles.(scenario.Profiles)["@example.com"] = &mobility.Profile{Name: "@example.com", Network: "net1", Service: mobility.ServiceDual}
	if err := addPool(cfg.Networks, []string{"net1", "2001:db8:a::/48"}); err != nil {
		t.Fatal(err)
	}
	return &marked{New(scenario.Start, cfg, binding.New(), 7), t, scenario.Start, lma, mag, request}
}

// tell lets a message arrive from a MAG.
func (w *marked) tell(mag, words string, out *mobility.Effects) {
	w.t.Helper()
	arrival, err := scenario.ParseArrival(w.now, netip.AddrPort{}, append([]string{"from=" + mag, "to=" + w.lma, fmt.Sprintf("dscp=%d", w.request)}, strings.Fields(words)...))
	if err != nil {
		w.t.Fatal(err)
	}
	in, err := arrival.Inbound()
	if err != nil {
		w.t.Fatal(err)
	}
	w.Receive(w.now, in, out)
}

// only returns how the one message that is sent is marked.
func (w *marked) only(out *mobility.Effects) uint8 {
	w.t.Helper()
	if len(out.Send) != 1 {
		w.t.Fatalf("%d messages are sent", len(out.Send))
	}
	return out.Send[0].CodePoint
}

func (w *marked) asks(words string) uint8 {
	w.t.Helper()
	var out mobility.Effects
	w.tell(w.mag, words, &out)
	return w.only(&out)
}

// waits is a request of another MAG of which nobody knows whether the node has moved: it is answered when its time is over (RFC 5213 section 5.4.1.2).
func (w *marked) waits(other string) uint8 {
	w.t.Helper()
	var out mobility.Effects
	w.tell(other, "pbu seq=1 life=3600s id=mn1@example.com hi=4 att=4 ll=02:00:00:00:00:09 hnp=::/0 ts=1ms", &out)
	if len(acks(w.t, &out)) > 0 {
		w.t.Fatal("it is answered at once")
	}
	for len(acks(w.t, &out)) == 0 {
		at, ok := w.Deadline()
		if !ok || at.After(w.now.Add(time.Minute)) {
			w.t.Fatal("it is never answered")
		}
		if at.After(w.now) {
			w.now = at
		}
		w.Advance(w.now, &out)
	}
	return acks(w.t, &out)[0].CodePoint
}

// acks are the acknowledgements of registrations among what is sent.
func acks(t *testing.T, out *mobility.Effects) (list []mobility.Datagram) {
	t.Helper()
	for _, d := range out.Send {
		m, err := wire.Parse(d.Octets)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := m.(*wire.BindingAck); ok {
			list = append(list, d)
		}
	}
	return list
}

// awaits is a request that is answered when the dataplane has what it asks for.
func (w *marked) awaits() uint8 {
	w.t.Helper()
	var out mobility.Effects
	w.tell(w.mag, "pbu seq=3 life=3600s id=mn2@example.com hi=1 att=4 ll=02:00:00:00:00:02 hnp=::/0 ts=0s", &out)
	if len(out.Send) > 0 {
		w.t.Fatal("it is answered at once")
	}
	w.Installed(w.now, dataplane.Result{ID: out.Sessions[0].ID}, &out)
	return w.only(&out)
}

func (w *marked) beats() uint8 {
	w.t.Helper()
	var out mobility.Effects
	w.now = w.now.Add(time.Minute)
	w.Advance(w.now, &out)
	if len(out.Send) == 0 {
		w.t.Fatal("nobody is asked")
	}
	for _, d := range out.Send {
		m, err := wire.Parse(d.Octets)
		if err != nil {
			w.t.Fatal(err)
		}
		if beat, ok := m.(*wire.Heartbeat); !ok || beat.Flags&wire.HeartbeatR != 0 {
			w.t.Fatalf("sent is %v", m)
		}
	}
	return out.Send[0].CodePoint
}

func (w *marked) clears() uint8 {
	w.t.Helper()
	var out mobility.Effects
	if !w.Clear(w.now, 1, &out) {
		w.t.Fatal("there is no binding")
	}
	return w.only(&out)
}
