package reconcile

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync/atomic"
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

// What is planned of a commit is what is done, be it that other carriers are to have tunnels, or some of them at least, that sessions change and use
// other tunnels, or others use theirs, and that the configuration changes, all at once, and however long one waits for the other. None of it is a
// repair, also when the host is being compared at the time.
func TestCommitIsWhatIsPlanned(t *testing.T) {
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			host := fake.New("red0", "blue0", "eth0", "eth1", "tunnel-ip97")
			host.SlowDump(time.Millisecond)
			r := New(host, Options{Batch: 1 + random.IntN([]int{4, 300}[random.IntN(2)])})
			before, after := someConfig(random), someConfig(random)
			before.Links, after.Links = []dataplane.Link{{Name: "eth0"}}, []dataplane.Link{{Name: "eth0"}}
			for id := range dataplane.SessionID(20) {
				r.Want([]dataplane.Change{someSession(random, id+1), entering(random, id+101)})
			}
			r.Configure(before)
			go r.Run(t.Context())
			time.Sleep(compareDelay) // as long as it takes until a comparison is under way
			time.Sleep(time.Duration(random.IntN(20)) * time.Millisecond)
			synctest.Wait()
			peers := random.Perm(2)[:random.IntN(3)]
			moves := func(id dataplane.TunnelID) bool { return slices.Contains(peers, int(id.Peer.As4()[3])-2) }
			changes := someChanges(random)
			foretold(t, seed, r, host, func() []Step { return r.Preview(after, changes, moves) }, func() {
				r.Move(moves, func() { host.Take(moves) })
				for part := range slices.Chunk(changes, 1+random.IntN(len(changes))) {
					maybeWait(random)
					r.Want(part)
				}
				maybeWait(random)
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

// someChanges are of sessions of which there are twenty each: some go, some come, some have another tunnel, or another MTU.
func someChanges(random *rand.Rand) (changes []dataplane.Change) {
	for range 1 + random.IntN(30) {
		id := dataplane.SessionID(1 + random.IntN(22))
		session, access := someSession(random, id), entering(random, id+100)
		for _, c := range []dataplane.Change{session, access} {
			c.Session.Path.Tunnel.Peer = someEnds[random.IntN(len(someEnds))].Peer[0]
		}
		gone := dataplane.Change{ID: id + dataplane.SessionID(100*random.IntN(2))}
		changes = append(changes, []dataplane.Change{session, access, gone}[random.IntN(3)])
	}
	return changes
}

// maybeWait lets everybody do what they can, or not.
func maybeWait(random *rand.Rand) {
	if random.IntN(2) == 0 {
		synctest.Wait()
	}
}

// Run waits for the Configure that follows a Move, takes up what has been told meanwhile, and is not done with what it was to do at first before that.
func TestMoveWaitsForConfigure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var settled atomic.Int32
		host := fake.New()
		r := New(host, Options{Settled: func() { settled.Add(1) }})
		none := func(dataplane.TunnelID) bool { return false }
		r.Move(none, func() {})
		s := session1()
		r.Want([]dataplane.Change{{ID: s.ID, Session: s}})
		go r.Run(t.Context())
		synctest.Wait()
		if done := host.Applied(); len(done) != 2 {
			t.Errorf("before the first configuration, done is %v", done)
		}
		host.Slow(time.Second)
		r.Configure(dataplane.Config{VRFs: []dataplane.VRF{{Name: "red"}}})
		synctest.Wait() // the host is at it
		r.Move(none, func() {})
		r.Want([]dataplane.Change{{ID: s.ID}})
		time.Sleep(time.Hour)
		if done := host.Applied(); len(done) != 1 || settled.Load() > 0 {
			t.Errorf("without a configuration, done is %v, and settled %d", done, settled.Load())
		}
		r.Configure(dataplane.Config{})
		time.Sleep(time.Minute)
		if done := host.Applied(); len(done) != 3 || settled.Load() != 1 {
			t.Errorf("with the configuration, done is %v, and settled %d", done, settled.Load())
		}
	})
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
	p.steps(new(inbox), 1, map[*item]bool{})
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
