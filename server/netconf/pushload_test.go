package netconf

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"mooring/dataplane"
)

// A subscriber who does not read delays neither commits nor rows, and keeps no queue: it is told what has become of everything.
func TestSlowReceiver(t *testing.T) {
	d := startDomain(t, `{`+anchorConfig+`}`)
	slow, c := d.dial(admin), d.dial(admin)
	rows := slow.established(pushOf("operational", ofBindings("<mn-id/><sequence/>"), onChange("<sync-on-start>false</sync-on-start>")))
	config := slow.established(pushOf("running", selectingSubtree(top("")), onChange("<sync-on-start>false</sync-on-start>")))
	f := followers{slow, map[int]*receiver{rows: {t: t, data: &dom{}}, config: {t: t, data: &dom{}}}}
	const bindings, rounds = 20_000, 10 // beyond what sockets buffer
	for round := range rounds {
		for id := range bindings {
			d.table.Put(bound(id+1, uint16(round)))
		}
		c.must(edit(top(fmt.Sprintf("<name>%d</name>", round))), commit)
	}
	for id := range bindings - 1 {
		d.table.Delete(dataplane.SessionID(id + 2))
	}
	x := d.server.session(slow.id)
	if n := x.count.notifications.Load(); n > 2*rounds {
		t.Errorf("%d updates were sent: the test proves nothing", n)
	}
	done := func() bool {
		b := f.byID[rows].data.in("pmipv6", "lma", "bindings")
		return len(b.kids) == 1 && b.in("binding", "sequence").text == fmt.Sprint(rounds-1) && f.byID[config].data.in("top", "name").text == fmt.Sprint(rounds-1)
	}
	for !done() {
		f.update()
	}
}

// A client that reads slowly misses updates of a periodic subscription, and is told so (RFC 8641 section 3.11.1).
func TestSlowReceiverOfPeriods(t *testing.T) {
	f := start(t, "", Limits{})
	slow, c := f.dial(admin), f.dial(admin)
	c.must(edit(top(items(20_000))), commit)
	id := slow.established(pushOf("running", periodic(10)))
	x := f.server.session(slow.id)
	slow.told()
	f.until("it is stuck", func() bool {
		before := x.count.notifications.Load()
		time.Sleep(500 * time.Millisecond)
		return x.count.notifications.Load() == before
	})
	c.must(edit(top("<name>a</name>")), commit)
	missed := 0
	for {
		text := slow.told()
		if strings.HasPrefix(text, "<push-update") {
			if strings.Contains(text, "<name>a</name>") {
				break // it is of now
			}
			continue
		}
		if want := about("subscription-suspended", id, `<reason xmlns:sn="urn:ietf:params:xml:ns:yang:ietf-subscribed-notifications">sn:unsupportable-volume</reason>`); text != want {
			t.Fatalf("told %s", text)
		}
		slow.tells(about("subscription-resumed", id, ""))
		missed++
	}
	if missed == 0 {
		t.Error("it is not told that updates are missing")
	}
}

// pushed measures what n changes of single bindings cost the whole process, client included, among so many that are subscribed to.
func pushed(t testing.TB, bindings, n int) (allocations, octets uint64) {
	d := startDomain(t, `{`+anchorConfig+`}`)
	for id := range bindings {
		d.table.Put(bound(id+1, 0))
	}
	c := d.dial(admin)
	id := c.established(pushOf("operational", ofBindings(""), onChange("<sync-on-start>false</sync-on-start>")))
	change := func(i int) {
		d.table.Put(bound(i%bindings+1, uint16(i+1)))
		if got := c.read(); !strings.Contains(got, fmt.Sprintf("<id>%d</id>", id)) || strings.Count(got, "<edit>") != 1 {
			t.Fatalf("told %s", got)
		}
	}
	for i := range 100 {
		change(i)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range n {
		change(100 + i)
	}
	runtime.ReadMemStats(&after)
	return (after.Mallocs - before.Mallocs) / uint64(n), (after.TotalAlloc - before.TotalAlloc) / uint64(n)
}

// A change costs the change: as much among 100,000 bindings as among 100.
func TestPushCostsTheChange(t *testing.T) {
	few, fewOctets := pushed(t, 100, 500)
	many, manyOctets := pushed(t, 100_000, 500)
	t.Logf("a change of one leaf of one binding: %d allocations and %d octets of 100, %d and %d of 100,000", few, fewOctets, many, manyOctets)
	if many > few+few/2+50 || manyOctets > 2*fewOctets+4096 {
		t.Errorf("a change costs %d allocations and %d octets among 100,000 bindings, %d and %d among 100", many, manyOctets, few, fewOctets)
	}
}

// BenchmarkPush measures how soon a change of one binding is told, and of one leaf of the configuration.
func BenchmarkPush(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		b.Run(fmt.Sprintf("binding/%d", n), func(b *testing.B) {
			d := startDomain(b, `{`+anchorConfig+`}`)
			for id := range n {
				d.table.Put(bound(id+1, 0))
			}
			c := d.dial(admin)
			c.established(pushOf("operational", ofBindings(""), onChange("<sync-on-start>false</sync-on-start>")))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				d.table.Put(bound(i%n+1, uint16(i+1)))
				c.read()
			}
		})
	}
}
