package engine

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/transport"
)

// A node is watched through its life at an anchor and its gateway: what is told of it stands in the order in which it happens, of other nodes
// nothing is told, and after the end nothing at all.
func TestWatchedNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var told []Record
		host := transport.NewMemory(transport.Conditions{Delay: oneWay}, 1).Host()
		s := start(t, host, func(o *Options) {
			o.Records = func(list []Record) {
				mu.Lock()
				defer mu.Unlock()
				told = append(told, list...)
			}
		})
		t.Cleanup(func() { host.Close() })
		anchor, gateway := anchorConfig("lma1", lma6), gatewayConfig("mag1", []string{lma6}, []string{"access0"}, mag16)
		beat := mobility.Heartbeat{Interval: time.Minute, Timeout: 3 * time.Second, Retries: 2}
		anchor.Heartbeat, gateway.Heartbeat = beat, beat
		both := justLMA(anchor)
		both.MAGs = justMAG(gateway).MAGs
		s.commit(both)

		mac, node := dataplane.MAC{2, 0, 0, 0, 1, 1}, mobility.NAI("020000000101@example.com")
		watching := map[Name]*Watching{}
		for _, machine := range []Name{{RoleLMA, "lma1"}, {RoleMAG, "mag1"}} {
			w, ok, err := s.Watch(t.Context(), machine, node)
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			watching[machine] = w
		}
		if _, ok, err := s.Watch(t.Context(), Name{RoleLMA, "other"}, node); ok || err != nil {
			t.Errorf("a machine that is not there: %v, %v", ok, err)
		}
		s.attach("access0", dataplane.MAC{2, 0, 0, 0, 1, 2})
		pass(time.Second)
		if len(told) != 0 {
			t.Errorf("another node is told of: %v", told)
		}
		s.attach("access0", mac)
		pass(time.Second)
		s.install()
		pass(2 * time.Minute)
		s.detach("access0", mac)
		pass(time.Minute)
		for role, want := range map[Role][]string{
			RoleLMA: {"received from " + mag16 + ": PBU ", "forwarding session 2: forward ", "sent to " + mag16 + ": PBA ", "event binding-created", "binding binding 2: active, ",
				"forwarding installed 2", "sent to " + mag16 + ": HB request", "received from " + mag16 + ": HB response", "received from " + mag16 + ": PBU ", "forwarding session 2: discard ",
				"event binding-deregistered", "binding binding 2: delete-pending after active", "forwarding session 2: forward no more", "event binding-deleted: de-registered", "binding binding 2: gone"},
			RoleMAG: {"access attach access0 02:00:00:00:01:01", "sent to " + lma6 + ": PBU ", "binding binding 2: init, no addresses", "received from " + lma6 + ": PBA ", "access offered on access0: 2001:db8:a:",
				"event binding-created", "binding binding 2: active after init", "access detach access0 02:00:00:00:01:01", "event binding-deleted", "binding binding 2: gone"},
		} {
			rest := told
			for _, text := range want {
				i := 0
				for i < len(rest) && (rest[i].Machine.Role != role || !strings.HasPrefix(strings.ToLower(fmt.Sprint(rest[i].Kind, " ", rest[i].Text)), strings.ToLower(text))) {
					i++
				}
				if i == len(rest) {
					t.Fatalf("%v: after what was found there is no %q in\n%s", role, text, texts(told))
				}
				rest = rest[i+1:]
			}
		}
		for machine, w := range watching {
			must(t, s.Unwatch(t.Context(), machine, node, w))
		}
		before := len(told)
		s.attach("access0", mac)
		pass(time.Minute)
		if len(told) != before {
			t.Errorf("told after the end:\n%s", texts(told[before:]))
		}
	})
}

func texts(list []Record) string {
	var text strings.Builder
	for _, r := range list {
		fmt.Fprintf(&text, "%s %s %s %s\n", r.At.Format(time.TimeOnly), r.Machine, r.Kind, r.Text)
	}
	return text.String()
}

// Who takes records slowly misses some, and is told how many; the machines wait for nobody.
func TestSlowWatcher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := transport.NewMemory(transport.Conditions{Delay: oneWay}, 1).Host()
		hold, taken := make(chan struct{}), 0
		s := start(t, host, func(o *Options) {
			o.Records = func(list []Record) {
				<-hold
				taken += len(list)
			}
		})
		t.Cleanup(func() { host.Close() })
		s.commit(justLMA(anchorConfig("lma1", lma6)))
		name, node := Name{RoleLMA, "lma1"}, mobility.NAI("n@example.com")
		w, ok, err := s.Watch(t.Context(), name, node)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		const extra = 5
		must(t, s.Do(t.Context(), func() {
			u := s.element.named(name)
			s.tell(time.Now(), u, u.watched[node], Happened, "first")
		}))
		synctest.Wait() // the sink holds it
		must(t, s.Do(t.Context(), func() {
			u := s.element.named(name)
			for range maxRecords + extra {
				s.tell(time.Now(), u, u.watched[node], Happened, "more")
			}
		}))
		if lost := w.Lost.Load(); lost != extra {
			t.Errorf("%d are lost, want %d", lost, extra)
		}
		close(hold)
		s.stop()
		if taken != 1+maxRecords {
			t.Errorf("%d were taken", taken)
		}
	})
}
