package reconcile

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"mooring/dataplane"
	"mooring/dataplane/fake"
)

// entering is a session of an access side, whose prefix no other wants.
func entering(r *rand.Rand, id dataplane.SessionID) dataplane.Change {
	c := someSession(r, id)
	c.Session.Side, c.Session.Link = dataplane.Access, "eth0"
	c.Session.Prefixes = []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 1, 0, byte(id)}), 32)}
	return c
}

// What is planned of a change of carriers is what is done: tunnels, what leads into them, adoptions of them, and what the configuration changes
// besides. None of it is a repair, also when the host is being compared at the time.
func TestMoveIsWhatIsPlanned(t *testing.T) {
	for seed := range uint64(100) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			host := fake.New("eth0", "tunnel-ip97")
			host.SlowDump(time.Millisecond)
			r := New(host, Options{Batch: 1 + random.IntN(300)})
			some := func() dataplane.Config {
				c := dataplane.Config{Links: []dataplane.Link{{Name: "eth0"}}, Meter: random.IntN(2) == 0}
				if random.IntN(2) == 0 {
					c.Adoptions = append(c.Adoptions, dataplane.Adoption{Device: "tunnel-ip97", Ends: someEnds[random.IntN(len(someEnds))]})
				}
				return c
			}
			before, after := some(), some()
			for id := range dataplane.SessionID(6) {
				r.Want([]dataplane.Change{someSession(random, id+1), entering(random, id+11)})
			}
			r.Configure(before)
			go r.Run(t.Context())
			time.Sleep(compareDelay) // as long as it takes until a comparison is under way
			time.Sleep(time.Duration(random.IntN(20)) * time.Millisecond)
			synctest.Wait()
			peers := random.Perm(2)[:1+random.IntN(2)]
			moves := func(id dataplane.TunnelID) bool { return slices.Contains(peers, int(id.Peer.As4()[3])-2) }
			foretold(t, seed, r, host, func() []Step { return r.Preview(after, nil, moves) }, func() {
				r.Move(moves, func() { host.Take(moves) })
				r.Configure(after)
			})
			time.Sleep(2 * r.Compare)
			if latest, _ := r.Repairs(); len(latest) > 0 {
				t.Errorf("seed %d: repaired are %v", seed, latest)
			}
			if pending, _, failed := r.Counts(); pending+failed > 0 {
				t.Errorf("seed %d: %d pending, %d failed", seed, pending, failed)
			}
		})
	}
}

// What somebody took away before tunnels went to another carrier is still told of.
func TestMoveKeepsWhatIsMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := fake.New()
		var o Options
		said := repairsOf(&o)
		r := New(host, o)
		s := session1()
		r.Want([]dataplane.Change{{ID: s.ID, Session: s}})
		r.Configure(dataplane.Config{})
		go r.Run(t.Context())
		time.Sleep(time.Second)
		host.Slow(time.Second)
		host.Lose(dataplane.RouteKey{Prefix: s.Prefixes[0]})
		synctest.Wait() // the host is at it
		all := func(dataplane.TunnelID) bool { return true }
		r.Move(all, func() { host.Take(all) })
		r.Configure(dataplane.Config{})
		time.Sleep(time.Minute)
		synctest.Wait()
		if want := []string{"1 route 10.0.0.1/32: ip invalid IP > invalid IP 1 notified"}; !slices.Equal(*said, want) {
			t.Errorf("told %q, want %q", *said, want)
		}
	})
}

// What the host was read to have before tunnels went to another carrier is not judged: an access interface has another way to user space then.
func TestMoveEndsAComparison(t *testing.T) {
	p, link := newPlan(), dataplane.Link{Name: "eth0"}
	p.configure(dataplane.Config{Links: []dataplane.Link{link}})
	p.steps(1, map[*item]bool{})
	p.beginComparison()
	p.move(func(dataplane.TunnelID) bool { return true })
	p.found(dataplane.Link{Name: "eth0", MAC: dataplane.MAC{2}})
	for !p.check(10) {
	}
	if p.beginComparison(); len(p.next(1)) > 0 {
		t.Error("the interface is made again")
	}
	p.found(dataplane.Link{Name: "eth0", MAC: dataplane.MAC{2}})
	if len(p.next(1)) != 1 {
		t.Error("the next comparison finds nothing")
	}
}
