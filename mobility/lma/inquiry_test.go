package lma

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"
	"unique"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/binding"
	"mooring/mobility/scenario"
	"mooring/mobility/wire"
)

// EXT-12, EXT-21, RAD-08: whatever servers answer, and when, the table, the pools, the peers and what the dataplane was told agree. Nothing is remembered of
// what was answered, and no node is registered that no server has granted anything.
func TestEXT21_Invariants(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := newWorld(t, 1000+seed)
			domain := *w.cfg.Domain
			domain.AskForProfiles, domain.Profiles = true, scenario.Profiles{}
			w.cfg.Domain, w.cfg.DefaultProfile = &domain, ""
			w.cfg.Authorize = mobility.Authorize{Networks: seed%2 == 0, Refreshes: seed%3 == 0, Patience: 5 * time.Second, Pending: 6}
			verdicts := [3]int{}
			for range 3000 {
				w.step()
				if len(w.asked) > 0 && w.rnd.IntN(2) == 0 {
					verdicts[w.answerOne()]++
				}
				w.check()
				w.checkInquiries()
			}
			for status, least := range map[wire.Status]int{wire.StatusProxyRegNotEnabled: 10, wire.StatusNotAuthorizedForHNP: 10, wire.StatusInsufficientResources: 10} {
				if n := w.stats.PBASent.Load(status); n < uint64(least) {
					t.Errorf("the history is dull: %d requests were refused with %v", n, status)
				}
			}
			if slices.Min(verdicts[:]) < 20 || w.stats.Initial.Load() < 30 || w.stats.Handover.Load() == 0 {
				t.Errorf("the history is dull: %v answers, %d new, %d moved", verdicts, w.stats.Initial.Load(), w.stats.Handover.Load())
			}
		})
	}
}

// answerOne answers any of the questions.
func (w *world) answerOne() mobility.Verdict {
	i := w.rnd.IntN(len(w.asked))
	q := w.asked[i]
	w.asked = slices.Delete(w.asked, i, i+1)
	a := &mobility.Authorization{Verdict: mobility.Verdict(min(2, w.rnd.IntN(6))), Network: "net1"}
	if w.rnd.IntN(3) == 0 {
		a.Prefixes = []netip.Prefix{netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 7: byte(w.rnd.IntN(18))}), 64)}
	}
	if w.rnd.IntN(3) == 0 {
		a.Home = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(w.rnd.IntN(12))}), 8)
	}
	for n := range byte(w.rnd.IntN(8)) {
		a.Networks = append(a.Networks, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 200, 0, 2 * n}), 31), netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb9, 7: n}), 64))
	}
	var out mobility.Effects
	w.Authorized(w.now, q.ID, a, &out)
	w.checkSent(&out)
	w.install(&out)
	return a.Verdict
}

// checkInquiries makes sure that what waits is found in each way, and is no more than there is room for.
func (w *world) checkInquiries() {
	w.t.Helper()
	q, n, queued := &w.inquiries, 0, 0
	for node, list := range q.byNode {
		n += len(list)
		for _, i := range list {
			if i.node != node || i.taken || q.byID[i.id] != i {
				w.t.Fatalf("%+v waits as %v", i, node)
			}
		}
	}
	for _, i := range q.queue {
		if i != nil && !i.taken {
			queued++
		}
	}
	if n != len(q.byID) || queued != n || n > w.cfg.Authorize.Pending {
		w.t.Fatalf("%d wait, %d by node, %d in the queue", len(q.byID), n, queued)
	}
}

// EXT-21: what a session was granted outlasts a restart: its node prolongs it and moves with it, and nobody is asked. A session more is asked about.
func TestEXT21_RestoredBindingAsksNobody(t *testing.T) {
	cfg, err := parseConfig([]string{"ask profiles", "pool net1 2001:db8:a::/48", "pool net1 10.1.0.2/16 10.1.0.1", "ignore-timestamps"})
	if err != nil {
		t.Fatal(err)
	}
	m, now, mag := New(scenario.Start, cfg, binding.New(), 0), scenario.Start, netip.MustParseAddr("2001:db8:1::1")
	say := func(line ...string) (asked int, status []wire.Status) {
		t.Helper()
		now = now.Add(time.Second)
		arrival, err := scenario.ParseArrival(now, netip.AddrPortFrom(cfg.Addresses[0], 0), append([]string{"from=" + mag.String(), "pbu"}, line...))
		if err != nil {
			t.Fatal(err)
		}
		in, err := arrival.Inbound()
		if err != nil {
			t.Fatal(err)
		}
		var out mobility.Effects
		m.Receive(now, in, &out)
		for _, d := range out.Send {
			if msg, err := wire.Parse(d.Octets); err == nil {
				if ack, ok := msg.(*wire.BindingAck); ok {
					status = append(status, ack.Status)
				}
			}
		}
		return len(out.Ask), status
	}
	first := []string{"life=3600s", "id=mn1@example.com", "hi=1", "att=4", "ll=02:00:00:00:00:01", "hnp=::/0", "hoa=0.0.0.0/0", "seq=1"}
	if asked, status := say(first...); asked != 1 || len(status) != 0 {
		t.Fatalf("%d questions, answered %v", asked, status)
	}
	var out mobility.Effects
	m.Authorized(now, 1, &mobility.Authorization{Verdict: mobility.Granted, Network: "net1"}, &out)
	if len(out.Store) != 1 {
		t.Fatalf("stored is %v", out.Store)
	}
	m = New(now, cfg, binding.New(), 1)
	m.Restore(now, []*mobility.Binding{out.Store[0].New}, 1, new(mobility.Effects))
	if b := m.table.Get(dataplane.SessionID(1)); b == nil || b.Source != mobility.ProfileAAA || b.Tenancy != unique.Make(mobility.Tenancy{Network: "net1"}) {
		t.Fatalf("restored is %+v", b)
	}
	for i, at := range []netip.Addr{mag, netip.MustParseAddr("2001:db8:2::1")} {
		mag = at
		line := []string{"life=3600s", "id=mn1@example.com", "hi=3", "att=4", "ll=02:00:00:00:00:01", "hnp=2001:db8:a::/64", "hoa=10.1.0.2/16", fmt.Sprint("seq=", 2+i)}
		if asked, status := say(line...); asked != 0 || !slices.Equal(status, []wire.Status{wire.StatusAccepted}) {
			t.Errorf("%d questions, answered %v", asked, status)
		}
	}
	second := []string{"life=3600s", "id=mn1@example.com", "hi=1", "att=5", "ll=02:00:00:00:00:02", "hnp=::/0", "seq=9"}
	if asked, status := say(second...); asked != 1 || len(status) != 0 {
		t.Errorf("a second interface: %d questions, answered %v", asked, status)
	}
}
