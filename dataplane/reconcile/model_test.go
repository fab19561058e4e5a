package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mooring/dataplane"
	"mooring/dataplane/fake"
	"mooring/dataplane/reconcile"
)

// model is the naive truth: every session in the order of its last change, expanded afresh each time it is asked.
type model struct {
	sessions []*dataplane.Session
	config   dataplane.Config
}

func (m *model) set(c dataplane.Change) {
	m.sessions = slices.DeleteFunc(m.sessions, func(s *dataplane.Session) bool { return s.ID == c.ID })
	if c.Session != nil {
		m.sessions = append(m.sessions, c.Session)
	}
}

func (m *model) picture() string {
	objects := map[any]dataplane.Object{}
	put := func(o dataplane.Object) { objects[o.Key()] = o }
	for _, pool := range m.config.Blackholes {
		put(dataplane.Route{VRFPrefix: pool.VRFPrefix, Standing: pool.Standing, Via: dataplane.Target{Blackhole: true}})
	}
	for _, link := range m.config.Links {
		put(link)
	}
	for _, vrf := range m.config.VRFs {
		put(vrf)
	}
	for _, s := range m.sessions {
		if !s.Blocked {
			tunnel := dataplane.Tunnel{ID: s.Path.Tunnel, MTU: s.MTU}
			if other, ok := objects[tunnel.ID].(dataplane.Tunnel); ok && other.MTU != 0 && (tunnel.MTU == 0 || other.MTU < tunnel.MTU) {
				tunnel = other // the smallest that anybody asks for
			}
			put(tunnel)
		}
		for _, prefix := range s.Prefixes {
			route := dataplane.Route{VRFPrefix: dataplane.VRFPrefix{VRF: s.VRF, Prefix: prefix}, Standing: s.Standing}
			switch {
			case s.Blocked:
				route.Via.Blackhole = true
			case s.Side == dataplane.Anchor:
				route.Via.Path = s.Path
			default:
				route.Via.Link = s.Link
				put(dataplane.SourceRoute{Link: s.Link, Source: prefix, Path: s.Path})
				if prefix.Addr().Is4() {
					put(dataplane.Neighbour{Link: s.Link, Addr: prefix.Addr(), MAC: s.LinkAddr})
				}
			}
			put(route)
		}
	}
	var lines []string
	for _, o := range objects {
		lines = append(lines, fmt.Sprintln(o))
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// expectCounted has traffic go by every route: it is counted for the newest session that wants the route, where it is one of an anchor and
// this is asked for, and for nobody else.
func (m *model) expectCounted(t *testing.T, plane *fake.Plane) {
	t.Helper()
	want := map[dataplane.VRFPrefix]dataplane.SessionID{}
	for _, s := range m.sessions {
		for _, prefix := range s.Prefixes {
			at := dataplane.VRFPrefix{VRF: s.VRF, Prefix: prefix}
			if want[at] = 0; m.config.Meter && s.Side == dataplane.Anchor {
				want[at] = s.ID
			}
		}
	}
	for at, id := range want {
		before := map[dataplane.SessionID]dataplane.Counters{}
		for _, s := range m.sessions {
			before[s.ID], _ = plane.SessionUsage(s.ID)
		}
		plane.Carry(at, dataplane.Counters{TxPackets: 1})
		for _, s := range m.sessions {
			after, _ := plane.SessionUsage(s.ID)
			if counted := after != before[s.ID]; counted != (id == s.ID) {
				t.Errorf("traffic of %s is counted for session %d: %t", at, s.ID, counted)
			}
		}
	}
}

// randomChange makes sessions that share tunnels, prefixes and links, and move between them.
func randomChange(rng *rand.Rand) dataplane.Change {
	id := dataplane.SessionID(1 + rng.IntN(12))
	if rng.IntN(4) == 0 {
		return gone(id)
	}
	tunnel := []dataplane.TunnelID{tunnel1, tunnel2}[rng.IntN(2)]
	prefixes := []string{fmt.Sprintf("10.0.0.%d/32", rng.IntN(10))}
	if rng.IntN(2) == 0 {
		prefixes = append(prefixes, fmt.Sprintf("2001:db8:%x::/64", rng.IntN(10)))
	}
	c := anchor(id, tunnel, prefixes...)
	if rng.IntN(2) == 0 {
		c = access(id, tunnel, []string{"eth1", "eth2"}[rng.IntN(2)], prefixes...)
	}
	c.Session.VRF = []string{"", "red"}[rng.IntN(2)]
	c.Session.Blocked = rng.IntN(8) == 0
	c.Session.MTU = []int{0, 1360}[rng.IntN(2)]
	c.Session.Standing = randomStanding(rng)
	return c
}

// randomStanding is one that the host may keep a route apart for.
func randomStanding(rng *rand.Rand) dataplane.Standing {
	return dataplane.Standing{Told: rng.IntN(2) == 0, Distance: uint8(rng.IntN(2))}
}

func randomConfig(rng *rand.Rand) dataplane.Config {
	c := dataplane.Config{Meter: rng.IntN(2) == 0, VRFs: []dataplane.VRF{{Name: "red"}}, Links: []dataplane.Link{{Name: "eth1"}, {Name: "eth2"}}}
	for i := range rng.IntN(3) {
		pool := dataplane.VRFPrefix{Prefix: netip.MustParsePrefix(fmt.Sprintf("10.0.0.%d/32", i))}
		c.Blackholes = append(c.Blackholes, dataplane.Blackhole{VRFPrefix: pool, Standing: randomStanding(rng)})
	}
	return c
}

// Whatever happens to sessions, configuration and host, also while the host is being compared, in the end the host holds what the naive model says,
// every session was told so, and without faults not one operation was refused, and no comparison has missed anything.
func TestAgainstModel(t *testing.T) {
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 0))
			faults := seed%2 == 1
			plane := fake.New("eth1", "eth2")
			plane.SlowDump(time.Duration(rng.IntN(30)) * time.Millisecond)
			r := start(t, plane, reconcile.Options{Batch: 1 + rng.IntN(5), Compare: time.Duration(1+rng.IntN(5)) * time.Second})
			m := &model{}
			reconfigure := func() { m.config = randomConfig(rng); r.Configure(m.config) }
			reconfigure()
			for range 300 {
				switch n := rng.IntN(40); {
				case n == 0:
					reconfigure()
				case faults && n < 3:
					plane.FailNext(rng.IntN(6))
				case faults && n == 3:
					plane.Slow(time.Duration(rng.IntN(50)) * time.Millisecond)
				case faults && n < 6:
					loseOne(t.Context(), plane, rng)
				case faults && n == 6:
					plane.RemoveLink("eth2")
					plane.AddLink("eth2", dataplane.MAC{2})
				}
				change := randomChange(rng)
				m.set(change)
				r.Want([]dataplane.Change{change})
				if rng.IntN(3) == 0 {
					time.Sleep(time.Duration(rng.IntN(1000)) * time.Millisecond)
				}
				if status := r.Status(); !faults && status.Failed > 0 {
					t.Fatalf("seed %d: refused without a fault: %+v", seed, status.Failures)
				}
				if pending, installed, failed := r.Counts(); min(pending, installed, failed) < 0 {
					t.Fatalf("seed %d: %d objects pending, %d installed, %d failed", seed, pending, installed, failed)
				}
			}
			m.config.Meter = !m.config.Meter // which changes nothing else
			r.Configure(m.config)
			plane.Slow(0)
			plane.FailNext(0)
			time.Sleep(10 * time.Minute) // a full comparison, and every retry
			r.expect(strings.Split(strings.TrimSuffix(m.picture(), "\n"), "\n")...)
			m.expectCounted(t, plane)
			if _, repaired := r.Repairs(); !faults && repaired > 0 {
				t.Errorf("seed %d: %d objects were repaired, and nobody had touched them", seed, repaired)
			}
			if status := r.Status(); status.Failed+status.Pending > 0 || status.Sessions != len(m.sessions) {
				t.Errorf("seed %d: status %+v", seed, status)
			} else if _, installed, _ := r.Counts(); installed != status.Objects {
				t.Errorf("seed %d: %d of %d objects are counted as installed", seed, installed, status.Objects)
			}
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		})
	}
}

func loseOne(ctx context.Context, plane *fake.Plane, rng *rand.Rand) {
	for object := range plane.Dump(ctx) {
		if _, ok := object.(dataplane.Tunnel); ok {
			continue // its routes would have to go along
		}
		if rng.IntN(2) == 0 {
			plane.Lose(object.Key())
		} else {
			plane.LoseSilently(object.Key())
		}
		return
	}
}

// refusing is a plane that refuses everything and notes when it was asked.
type refusing struct{ asked []time.Time }

func (p *refusing) Apply(_ context.Context, batch []dataplane.Op) []error {
	p.asked = append(p.asked, time.Now())
	errs := make([]error, len(batch))
	for i := range errs {
		errs[i] = errors.New("no")
	}
	return errs
}

func (p *refusing) Dump(context.Context) iter.Seq2[dataplane.Object, error] {
	return func(func(dataplane.Object, error) bool) {}
}

func (p *refusing) Watch(ctx context.Context) iter.Seq2[dataplane.Event, error] {
	return func(func(dataplane.Event, error) bool) { <-ctx.Done() }
}

func (p *refusing) Tunnels() (map[dataplane.TunnelID]dataplane.TunnelState, dataplane.Drops) {
	return nil, dataplane.Drops{}
}

// Retries start at a tenth of a second, double, and stay at half a minute, each less up to a half.
func TestRetriesBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plane := &refusing{}
		r := reconcile.New(plane, reconcile.Options{})
		ctx, stop := context.WithTimeout(t.Context(), 10*time.Minute)
		defer stop()
		blocked := anchor(1, tunnel1, "10.0.0.1/32")
		blocked.Session.Blocked = true // a single object
		r.Want([]dataplane.Change{blocked})
		r.Run(ctx)
		full := 100 * time.Millisecond
		for i := 1; i < len(plane.asked); i++ {
			if gap := plane.asked[i].Sub(plane.asked[i-1]); gap < full/2 || gap > full {
				t.Errorf("retry %d after %v, want between %v and %v", i, gap, full/2, full)
			}
			full = min(2*full, 30*time.Second)
		}
		if len(plane.asked) < 20 {
			t.Errorf("asked %d times in ten minutes", len(plane.asked))
		}
	})
}

// BenchmarkReconcile brings 128,000 sessions with two prefixes each behind 1,000 peers to a fake host.
func BenchmarkReconcile(b *testing.B) {
	changes := make([]dataplane.Change, 128_000)
	for i := range changes {
		tunnel := tunnel1
		tunnel.Peer = netip.AddrFrom4([4]byte{172, 16, byte(i % 1000 >> 8), byte(i % 1000)})
		changes[i] = anchor(dataplane.SessionID(i), tunnel,
			netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}).String()+"/32", fmt.Sprintf("2001:db8:%x:%x::/64", i>>16, i&0xffff))
	}
	for b.Loop() {
		ctx, stop := context.WithCancel(b.Context())
		left := len(changes)
		r := reconcile.New(fake.New(), reconcile.Options{Results: func(results []dataplane.Result) {
			if left -= len(results); left == 0 {
				stop()
			}
		}})
		r.Want(changes)
		r.Run(ctx)
	}
	b.ReportMetric(float64(len(changes)*b.N)/b.Elapsed().Seconds(), "sessions/s")
}
