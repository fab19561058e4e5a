package reconcile

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"mooring/dataplane"
	"mooring/dataplane/fake"
)

// A host that takes an hour to say what it has keeps nobody waiting: sessions that come and go meanwhile are installed and removed at once, and are
// not judged by what was read. What somebody had taken away before is made again all the same.
func TestNobodyWaitsForAComparison(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := fake.New()
		r := New(host, Options{Compare: 2 * time.Hour})
		go r.Run(t.Context())
		const sessions = 3600
		for n := range sessions {
			r.Want([]dataplane.Change{{ID: dataplane.SessionID(n + 1), Session: customerSession(n)}})
		}
		r.Configure(dataplane.Config{})
		time.Sleep(time.Minute)
		synctest.Wait()
		host.Applied()
		host.SlowDump(time.Second)
		silent := dataplane.RouteKey{Prefix: customerSession(7).Prefixes[0]}
		host.LoseSilently(silent)
		host.Send(dataplane.Event{Kind: dataplane.Overrun})
		time.Sleep(10 * time.Minute)
		for n := range 10 {
			other := customerSession(sessions + n)
			for _, change := range []dataplane.Change{{ID: other.ID, Session: other}, {ID: dataplane.SessionID(n + 100)}} {
				r.Want([]dataplane.Change{change})
				synctest.Wait() // no time passes
				prefix := customerSession(int(change.ID) - 1).Prefixes[0]
				if ops := host.Applied(); !slices.ContainsFunc(ops, func(op dataplane.Op) bool {
					return op.Object.Key() == dataplane.RouteKey{Prefix: prefix} && op.Delete == (change.Session == nil)
				}) {
					t.Errorf("in the same moment, %v was done, and nothing about %v", ops, prefix)
				}
			}
			time.Sleep(time.Minute)
		}
		if said, _ := r.Repairs(); len(said) > 0 {
			t.Errorf("before the host was read, %v was repaired", said)
		}
		time.Sleep(5 * time.Hour) // another one, too: what was removed had the first leave something out
		if said, n := r.Repairs(); n != 1 || said[0].Object != dataplane.Object(customerRoute(7)) || said[0].Found != Compared {
			t.Errorf("%d objects were repaired: %v", n, said)
		}
	})
}

func customerRoute(n int) dataplane.Route {
	s := customerSession(n)
	return dataplane.Route{VRFPrefix: dataplane.VRFPrefix{Prefix: s.Prefixes[0]}, Via: dataplane.Target{Path: s.Path}}
}

// installed is a plan whose sessions are all installed, and what the host has then.
func installed(sessions int) (*plan, []dataplane.Object) {
	p := newPlan()
	for n := range sessions {
		p.set(dataplane.Change{ID: dataplane.SessionID(n + 1), Session: customerSession(n)})
	}
	var host []dataplane.Object
	for batch := p.next(256); len(batch) > 0; batch = p.next(256) {
		for _, it := range batch {
			host = append(host, it.object())
			p.done(it, nil, time.Unix(1, 0), backoff)
		}
	}
	return p, host
}

// A comparison is turns that are bounded, however much the host has, and takes nothing from the heap for what is as it should be.
func TestComparisonIsSliced(t *testing.T) {
	const sessions, atOnce = 10_000, 1024
	p, objects := installed(sessions)
	host := fake.New()
	for _, o := range objects {
		host.Put(o)
	}
	c := &comparison{found: make(chan part), done: make(chan struct{})}
	go c.read(t.Context(), host, atOnce)
	p.beginComparison()
	turns := 0
	for last := false; !last; turns++ {
		some := <-c.found
		if len(some.objects) > atOnce || some.err != nil {
			t.Errorf("a turn of %d objects: %v", len(some.objects), some.err)
		}
		for _, o := range some.objects {
			p.found(o)
		}
		last = some.last
	}
	if want := len(objects)/atOnce + 1; turns != want {
		t.Errorf("%d objects take %d turns, want %d", len(objects), turns, want)
	}
	turns = 1
	for ; !p.check(8 * atOnce); turns++ {
	}
	if want := (p.routes.Slots() + 8*atOnce - 1) / (8 * atOnce); turns != want || p.compared.differ > 0 {
		t.Errorf("to find nothing missing took %d turns, want %d; %d differ", turns, want, p.compared.differ)
	}
	route := objects[len(objects)-1]
	if n := testing.AllocsPerRun(100, func() { p.found(route) }); n > 0 {
		t.Errorf("to compare a route takes %v allocations", n)
	}
}

// What comes, goes and changes while the host is read is not judged by what was read before.
func TestWhatIsNewerThanAListIsLeftAlone(t *testing.T) {
	const sessions = 100
	p, host := installed(sessions)
	carryOut := func() {
		for batch := p.next(256); len(batch) > 0; batch = p.next(256) {
			for _, it := range batch {
				p.done(it, nil, time.Unix(2, 0), backoff)
			}
		}
	}
	p.beginComparison()
	moved := customerSession(1)
	moved.Path.Tunnel.Peer = netip.MustParseAddr("172.16.1.1")
	p.set(dataplane.Change{ID: moved.ID, Session: moved})
	fresh := customerSession(sessions)
	p.set(dataplane.Change{ID: fresh.ID, Session: fresh})
	p.lost(dataplane.RouteKey{Prefix: customerSession(2).Prefixes[0]}, time.Unix(2, 0), backoff)
	carryOut()
	repaired := len(p.repaired)
	for _, o := range host {
		p.found(o)
	}
	for !p.check(1) {
	}
	if p.compared.differ > 0 || len(p.compared.absent) > 0 || len(p.next(256)) > 0 || len(p.repaired) != repaired {
		t.Errorf("%d differ, %d are missing", p.compared.differ, len(p.compared.absent))
	}
}

// Of a host that was changed while it was read, two lists have to agree on what is missing; of one that was left alone, one is enough.
func TestMissingInAListThatWasDisturbed(t *testing.T) {
	for _, disturbed := range []bool{false, true} {
		p, host := installed(100)
		gone := customerRoute(3)
		host = slices.DeleteFunc(host, func(o dataplane.Object) bool { return o.Key() == gone.Key() })
		for round := range 2 {
			p.beginComparison()
			for i, o := range host {
				if round == 0 && i == 50 && disturbed {
					continue // the list lacks one that is there
				}
				p.found(o)
			}
			if disturbed {
				other := customerSession(1000 + round)
				p.set(dataplane.Change{ID: other.ID, Session: other})
				for _, it := range p.next(256) {
					host = append(host, it.object())
					p.done(it, nil, time.Unix(2, 0), backoff)
				}
			}
			p.compared.reading = false
			for !p.check(10) {
			}
			again := p.next(256)
			if want := round; disturbed && (len(again) != want || want == 1 && again[0].object() != dataplane.Object(gone)) {
				t.Errorf("disturbed: after list %d, %d are made again", round+1, len(again))
			}
			if !disturbed {
				if len(again) != 1 || again[0].object() != dataplane.Object(gone) {
					t.Errorf("%d are made again", len(again))
				}
				break
			}
		}
	}
}

// A reconciler that ends lets go of a host that is being read.
func TestEndWhileComparing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := fake.New()
		host.Put(customerRoute(1))
		host.SlowDump(time.Hour)
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		r := New(host, Options{})
		r.Configure(dataplane.Config{})
		if err := r.Run(ctx); err != nil {
			t.Error(err)
		}
	})
}
