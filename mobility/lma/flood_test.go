package lma

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"mooring/mobility"
	"mooring/mobility/wire"
)

// What strangers send costs an anchor no memory that stays, no row, and no more work than one verification and, where an answer is due, its signature:
// a request without authentication is dropped without an allocation or an event, one with a wrong authenticator gets one answer (RFC 4285 section
// 5.1.1), one with an unknown security association none.
func TestFloodOfStrangersCostsLittle(t *testing.T) {
	for name, c := range map[string]struct {
		sign        mobility.Signature
		allocations float64
		answers     int
	}{
		"without authentication":           {mobility.Signature{}, 0, 0},
		"of an unknown association":        {mobility.Signature{By: wire.NewAuthenticator(999, []byte("secret"))}, 0, 0},
		"with a key that is not the right": {mobility.Signature{By: wire.NewAuthenticator(256, []byte("wrong"))}, 2, 1},
	} {
		r := newRefresher(t, 3, "secret")
		before := r.picture()
		r.sign = c.sign
		octets := bytes.Clone(r.encode(t, 7, wire.HandoffUnknown))
		flood := func() {
			r.out.Reset()
			r.in = mobility.Inbound{From: r.from(), To: r.to, Octets: octets}
			r.in.Message, r.in.Err = r.decoder.Decode(octets)
			r.Receive(r.now, &r.in, &r.out)
		}
		allocations := testing.AllocsPerRun(refusalsAtOnce-1, flood)
		if allocations > c.allocations {
			t.Errorf("%s: %v allocations, at most %v are allowed", name, allocations, c.allocations)
		}
		if len(r.out.Send) != c.answers || len(r.out.Events) != c.answers || len(r.out.Store)+len(r.out.Sessions) > 0 {
			t.Errorf("%s: %d answers, %d events, %d changes", name, len(r.out.Send), len(r.out.Events), len(r.out.Store)+len(r.out.Sessions))
		}
		if n := r.refusals(); n < refusalsAtOnce {
			t.Errorf("%s: %d refusals are counted", name, n)
		}
		if after := r.picture(); !reflect.DeepEqual(before, after) {
			t.Errorf("%s: %+v became %+v", name, before, after)
		}
		r.use("secret")
		r.now = r.now.Add(time.Millisecond)
		if m, err := r.answer.Decode(r.answerTo(r.encode(t, 1, wire.HandoffUnchanged))); err != nil || !m.(*wire.BindingAck).Status.Accepted() {
			t.Errorf("%s: whoever is known is not served any more: %v, %v", name, m, err)
		}
	}
}

// Nobody gets more than some refusals a second out of an anchor: what comes beyond is dropped for less than an answer costs, and counted.
func TestRefusalsOfForgedRequestsAreLimited(t *testing.T) {
	r := newRefresher(t, 3, "secret")
	r.sign = mobility.Signature{By: wire.NewAuthenticator(256, []byte("wrong"))}
	octets := bytes.Clone(r.encode(t, 7, wire.HandoffUnknown))
	forge := func() {
		r.out.Reset()
		r.in = mobility.Inbound{From: r.from(), To: r.to, Octets: octets}
		r.in.Message, r.in.Err = r.decoder.Decode(octets)
		r.Receive(r.now, &r.in, &r.out)
	}
	for second, want := range []uint64{refusalsAtOnce, refusalsPerSecond, refusalsPerSecond} {
		answered, dropped := r.stats.PBASent.Load(wire.StatusAuthFail), r.stats.Dropped[mobility.DropUnauthenticated].Load()
		for range 3000 {
			forge()
		}
		if n := r.stats.PBASent.Load(wire.StatusAuthFail) - answered; n != want {
			t.Errorf("second %d: %d answers, want %d", second, n, want)
		}
		if n := r.stats.Dropped[mobility.DropUnauthenticated].Load() - dropped; n != 3000-want {
			t.Errorf("second %d: %d dropped, want %d", second, n, 3000-want)
		}
		if n := testing.AllocsPerRun(100, forge); n > 0 || len(r.out.Send)+len(r.out.Events) > 0 {
			t.Errorf("second %d: beyond the limit %v allocations, %d answers, %d events", second, n, len(r.out.Send), len(r.out.Events))
		}
		r.now = r.now.Add(time.Second)
	}
	r.use("secret")
	if m, err := r.answer.Decode(r.answerTo(r.encode(t, 1, wire.HandoffUnchanged))); err != nil || !m.(*wire.BindingAck).Status.Accepted() {
		t.Errorf("whoever is known is not served any more: %v, %v", m, err)
	}
}
