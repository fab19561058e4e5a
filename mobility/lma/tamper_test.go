package lma

import (
	"bytes"
	"maps"
	"reflect"
	"testing"
	"time"
	"unique"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/scenario"
	"mooring/mobility/wire"
)

// Where a key is configured, a request in which any bit was changed on the way leaves everything as it is, and is counted. The checksum is not
// protected and right: whoever changes a message can change that too.
func TestTamperedRequestsChangeNothing(t *testing.T) {
	r := newRefresher(t, 3, "secret")
	r.cfg.MaxBindings = 10
	requests := map[string]func() []byte{
		"a new node": func() []byte { return r.encode(t, 7, wire.HandoffUnknown) },
		"a refresh":  func() []byte { return r.encode(t, 1, wire.HandoffUnchanged) },
		"the end": func() []byte {
			r.encode(t, 2, wire.HandoffUnknown)
			r.update.Lifetime = 0
			r.sent.Reset()
			if err := r.sent.Message(r.from(), r.to, &r.update, r.sign, 0); err != nil {
				t.Fatal(err)
			}
			return r.sent.Send[0].Octets
		},
	}
	for name, request := range requests {
		r.now = r.now.Add(time.Millisecond)
		octets := bytes.Clone(request())
		before := r.picture()
		for bit := range len(octets) * 8 {
			changed := bytes.Clone(octets)
			changed[bit/8] ^= 1 << (bit % 8)
			if bit/8 == 4 || bit/8 == 5 { // the checksum itself
				continue
			}
			wire.SetChecksum(r.from().Addr.Addr(), r.to.Addr.Addr(), changed)
			in, err := scenario.Arrival{From: r.from().Addr, To: r.to.Addr, Raw: changed}.Inbound()
			if err != nil {
				t.Fatal(err)
			}
			counted := r.refusals()
			r.out.Reset()
			r.Receive(r.now, in, &r.out)
			if after := r.picture(); !reflect.DeepEqual(after, before) || len(r.out.Sessions) > 0 {
				t.Fatalf("%s, bit %d: %v changed %+v to %+v", name, bit, in, before, after)
			}
			if n := r.refusals() - counted; n != 1 {
				t.Fatalf("%s, bit %d: %v is counted %d times", name, bit, in, n)
			}
		}
		in, err := scenario.Arrival{From: r.from().Addr, To: r.to.Addr, Raw: octets}.Inbound()
		if err != nil {
			t.Fatal(err)
		}
		r.Receive(r.now, in, &r.out)
		if reflect.DeepEqual(r.picture(), before) {
			t.Errorf("%s changes nothing when it was left alone", name)
		}
	}
}

// picture is all that a request can change.
func (r *refresher) picture() any {
	rows := map[dataplane.SessionID]mobility.Binding{}
	for b := range r.table.All() {
		rows[b.ID] = *b
	}
	return []any{rows, r.networks[unique.Make(mobility.Tenancy{Network: "net1"})].pools.Usage(), len(r.own.peers), maps.Clone(r.waiting.byNode), r.lastID, len(r.unsent)}
}

// refusals counts what was dropped, or answered with 146.
func (r *refresher) refusals() (n uint64) {
	for i := range r.stats.Dropped {
		n += r.stats.Dropped[i].Load()
	}
	return n + r.stats.PBASent.Load(wire.StatusAuthFail)
}
