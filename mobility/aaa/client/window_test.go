package client

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"

	"mooring/mobility/aaa"
	"mooring/mobility/aaa/spool"
)

const (
	start = rfc2866.AcctStatusType_Value_Start
	stop  = rfc2866.AcctStatusType_Value_Stop
	on    = rfc2866.AcctStatusType_Value_AccountingOn
	off   = rfc2866.AcctStatusType_Value_AccountingOff
)

func entry(number uint64, status rfc2866.AcctStatusType, session, anchor string) spool.Entry {
	return spool.Entry{Number: number, Record: aaa.Record{At: time.Unix(1_800_000_000, 0), Attributes: octetsOf(radius.Attributes{
		{Type: rfc2866.AcctStatusType_Type, Attribute: radius.NewInteger(uint32(status))},
		{Type: rfc2866.AcctSessionID_Type, Attribute: radius.Attribute(session)},
		{Type: rfc2865.NASIdentifier_Type, Attribute: radius.Attribute(anchor)},
	})}}
}

func octetsOf(list radius.Attributes) (b []byte) {
	for _, a := range list {
		b = append(append(b, byte(a.Type), byte(2+len(a.Attribute))), a.Attribute...)
	}
	return b
}

// takeAll takes as much as may travel at once.
func takeAll(w *window) (numbers []uint64) {
	for e, ok := w.take(); ok; e, ok = w.take() {
		numbers = append(numbers, e.Number)
	}
	return numbers
}

// Records of one session travel one after the other, On and Off wait for what is before them and hold up what is behind.
func TestOrder(t *testing.T) {
	w := newWindow()
	w.add([]spool.Entry{
		entry(1, start, "a", "l"), entry(2, start, "b", "l"), entry(3, stop, "a", "l"), entry(4, off, "x", "l"), entry(5, on, "y", "l"),
		entry(6, start, "c", "l"), entry(7, start, "d", "other"),
	})
	expect := func(when, want string) {
		t.Helper()
		if got := fmt.Sprint(takeAll(w)); got != want {
			t.Errorf("%s %s travel, want %s", when, got, want)
		}
	}
	expect("at first", "[1 2 7]")
	w.done([]spool.Entry{{Number: 2}})
	expect("after 2", "[]")
	w.back(1, true)
	expect("after 1 was not taken", "[1]")
	w.done([]spool.Entry{{Number: 1}})
	expect("after 1", "[3]")
	w.done([]spool.Entry{{Number: 3}})
	expect("after 3", "[4]")
	w.done([]spool.Entry{{Number: 4}})
	expect("after 4", "[5]")
	w.done([]spool.Entry{{Number: 5}, {Number: 7}})
	expect("after 5", "[6]")
}

// Whatever is taken, given back and done: order is kept within a session, around On and Off, and everything gets its turn.
func TestOrderHoldsWhateverHappens(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 0))
		w, travelling, sent := newWindow(), []spool.Entry{}, map[uint64]bool{}
		var all []spool.Entry
		for n := range uint64(40) {
			status := start
			if r.IntN(8) == 0 {
				status = on
			}
			all = append(all, entry(n+1, status, fmt.Sprint(r.IntN(5)), fmt.Sprint(r.IntN(2))))
		}
		w.add(all)
		for len(sent) < len(all) {
			if e, ok := w.take(); ok {
				for _, before := range all[:e.Number-1] {
					same := before.Session() == e.Session() && before.Anchor() == e.Anchor()
					alone := before.Anchor() == e.Anchor() && (announces(before.Status()) || announces(e.Status()))
					if (same || alone) && !sent[before.Number] {
						t.Fatalf("seed %d: %d travels before %d was taken", seed, e.Number, before.Number)
					}
				}
				travelling = append(travelling, e)
				continue
			}
			if len(travelling) == 0 {
				t.Fatalf("seed %d: nothing may travel, and %d of %d were sent", seed, len(sent), len(all))
			}
			i := r.IntN(len(travelling))
			e := travelling[i]
			travelling = append(travelling[:i], travelling[i+1:]...)
			if r.IntN(3) == 0 {
				w.back(e.Number, r.IntN(2) == 0)
			} else {
				sent[e.Number] = true
				w.done([]spool.Entry{e})
			}
		}
	}
}

// AAA-04: a server that does not answer is passed over for the dead time, then one request finds out.
func TestAAA04Health(t *testing.T) {
	var h health
	now := time.Unix(1_800_000_000, 0)
	at := func(seconds int) time.Time { return now.Add(time.Duration(seconds) * time.Second) }
	if !h.admit(now) || h.heard(now, true, time.Minute) {
		t.Error("a server that answers is up, and that is nothing new")
	}
	if !h.heard(now, false, time.Minute) || h.heard(at(1), false, time.Minute) {
		t.Error("a server goes down once")
	}
	if h.admit(at(60)) || !h.admit(at(61)) || h.admit(at(62)) {
		t.Error("a server is passed over for the dead time, and then for all requests but one")
	}
	if got := h.retry(at(30), time.Second); got != at(61) {
		t.Errorf("it is asked again at %v", got)
	}
	if !h.heard(at(63), true, time.Minute) || !h.admit(at(63)) {
		t.Error("a server that answers is back")
	}
	if h.heard(at(64), false, 0); !h.admit(at(64)) {
		t.Error("without a dead time it is passed over")
	}
}
