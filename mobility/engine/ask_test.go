package engine

import (
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/scenario"
	"mooring/mobility/transport"
)

// EXT-21: a node that is asked about waits, and no other does; its MAG repeats the request, and one question is put. An answer that is for an anchor that was
// closed meanwhile is not for the next one of that name.
func TestEXT21_OneWaitsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var asked []Question
		questions := func(want int) []Question {
			t.Helper()
			mu.Lock()
			defer mu.Unlock()
			if len(asked) != want {
				t.Fatalf("%d questions were put, want %d", len(asked), want)
			}
			return asked
		}
		anchor, gateway := anchorConfig("lma1", lma6), gatewayConfig("mag1", []string{lma6}, []string{"access0"}, mag16)
		anchor.Authorize = mobility.Authorize{Patience: 30 * time.Second, Pending: 10}
		known := mobility.NodeID("")
		*anchor.Domain = mobility.Domain{Name: "d1", AskForProfiles: true, Profiles: scenario.Profiles{
			"020000000102@example.com": {Name: "known", Network: "net1", Service: mobility.ServiceDual},
		}}
		memory := transport.NewMemory(transport.Conditions{Delay: oneWay}, 1)
		host := memory.Host()
		s := start(t, host, func(o *Options) {
			o.Ask = func(list []Question) {
				mu.Lock()
				asked = append(asked, list...)
				mu.Unlock()
			}
		})
		t.Cleanup(func() { host.Close() })
		s.commit(justLMA(anchor))
		mag := on(t, memory, justMAG(gateway))
		mag.attach("access0", dataplane.MAC{2, 0, 0, 0, 1, 1})
		mag.attach("access0", dataplane.MAC{2, 0, 0, 0, 1, 2})
		pass(10 * time.Second) // the gateway repeats its request meanwhile
		for b := range s.LMA("lma1").Table.All() {
			known += b.Node
		}
		q := questions(1)[0]
		if q.Machine != (Name{RoleLMA, "lma1"}) || known == "" || known == q.Node || q.Link != "\x02\x00\x00\x00\x01\x01" {
			t.Fatalf("registered is %q, the question is %+v", known, q)
		}
		s.Authorized(&q, &mobility.Authorization{Verdict: mobility.Granted, Network: "net1"})
		pass(time.Second)
		if rows := s.LMA("lma1").Table.Len(); rows != 2 {
			t.Errorf("%d nodes are registered", rows)
		}

		mag.attach("access0", dataplane.MAC{2, 0, 0, 0, 1, 3})
		pass(time.Second)
		old := questions(2)[1]
		s.commit(nil)
		s.commit(justLMA(anchor))
		for i := range byte(2) { // with the identifiers of the old ones
			mag.attach("access0", dataplane.MAC{2, 0, 0, 0, 1, 4 + i})
			pass(100 * time.Millisecond)
		}
		before := s.LMA("lma1").Table.Len()
		s.Authorized(&old, &mobility.Authorization{Verdict: mobility.Granted, Network: "net1"})
		pass(100 * time.Millisecond)
		if rows := s.LMA("lma1").Table.Len(); rows != before {
			t.Errorf("%d nodes are registered, and %d were before", rows, before)
		}
	})
}

// What is written down of an answer can be read again.
func TestAnswersAreRecorded(t *testing.T) {
	for _, a := range []*mobility.Authorization{
		{}, {Verdict: mobility.Denied},
		{Verdict: mobility.Granted, Network: "net1", Service: mobility.ServiceIPv6, Anchor: "lma1", Customer: "c", APN: "web",
			Anchors: []netip.Addr{netip.MustParseAddr(lma6)}, Prefixes: []netip.Prefix{netip.MustParsePrefix("2001:db8:a::/64")},
			Home: netip.MustParsePrefix("10.1.0.2/16"), Router: netip.MustParseAddr("10.1.0.1"), Networks: []netip.Prefix{netip.MustParsePrefix("10.7.0.0/24")}},
	} {
		id, again, err := scenario.ParseAuthorization(strings.Fields(answerText(7, a)))
		if id != 7 || err != nil || !reflect.DeepEqual(again, a) {
			t.Errorf("%s is read as %d %+v, %v", answerText(7, a), id, again, err)
		}
	}
}
