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
// a request without authentication is dropped without an allocation or an event, one with a wrong authenticator gets one answer (RFC 4285 section 5),
// one with an unknown security association none.
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
		allocations := testing.AllocsPerRun(1000, flood)
		if allocations > c.allocations {
			t.Errorf("%s: %v allocations, at most %v are allowed", name, allocations, c.allocations)
		}
		if len(r.out.Send) != c.answers || len(r.out.Events) != c.answers || len(r.out.Store)+len(r.out.Sessions) > 0 {
			t.Errorf("%s: %d answers, %d events, %d changes", name, len(r.out.Send), len(r.out.Events), len(r.out.Store)+len(r.out.Sessions))
		}
		if n := r.refusals(); n < 1001 {
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
