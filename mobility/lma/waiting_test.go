package lma

import (
	"testing"
	"time"

	"mooring/mobility"
	"mooring/mobility/wire"
)

// However many nodes of which nobody knows whether they moved, a bounded number of their requests waits. The others are dropped and
// counted, their MAGs ask again, and there is room again as soon as a request was decided upon.
func TestRequestsThatWaitAreBounded(t *testing.T) {
	r := newRefresher(t, maxWaiting+1, "")
	r.cfg.TimestampWindow, r.cfg.MaxBindings = time.Hour, 3*maxWaiting
	elsewhere := func(node int) {
		r.now = r.now.Add(time.Microsecond)
		r.encode(t, node, wire.HandoffUnknown)
		r.update.LinkLayerID.Value[1] = 0xff // another interface
		r.sent.Reset()
		if err := r.sent.Message(r.from(), r.to, &r.update, r.sign, 0); err != nil {
			t.Fatal(err)
		}
		in := mobility.Inbound{From: r.from(), To: r.to, Octets: r.sent.Send[0].Octets}
		in.Message, in.Err = r.decoder.Decode(in.Octets)
		r.out.Reset()
		r.Receive(r.now, &in, &r.out)
	}
	overload := &r.stats.Dropped[mobility.DropOverload]
	answered := r.stats.PBASent.Load(wire.StatusAccepted)
	for node := range maxWaiting {
		elsewhere(node)
	}
	if n := overload.Load(); n != 0 || r.stats.PBASent.Load(wire.StatusAccepted) != answered {
		t.Fatalf("%d of %d were dropped, or some were answered", n, maxWaiting)
	}
	elsewhere(maxWaiting)
	if n := overload.Load(); n != 1 {
		t.Errorf("one more: %d were dropped, want 1", n)
	}
	elsewhere(7) // one that waits already
	if n := overload.Load(); n != 1 {
		t.Errorf("one again: %d were dropped, want 1", n)
	}
	r.now = r.now.Add(r.cfg.CreateWait)
	before := r.table.Len()
	r.Advance(r.now, &r.out)
	if n := r.table.Len() - before; n != maxWaiting {
		t.Errorf("%d new sessions, want %d", n, maxWaiting)
	}
	elsewhere(maxWaiting)
	if n := overload.Load(); n != 1 {
		t.Errorf("after the wait: %d were dropped, want 1", n)
	}
}
